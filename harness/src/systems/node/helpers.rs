//! The processes beside a cluster of reference nodes: the supervisor that makes its leaders, or the etcd that grants their lease.
//!
//! Not here: starting and ending them (`cluster`).

use std::ffi::OsString;
use std::io;
use std::net::{IpAddr, SocketAddr};

use interregnum_node::{Election, Failover};

use crate::process::CommandLine;
use crate::reentry;
use crate::system::Place;

/// etcd's own ports, at the address that the cluster has claimed for itself.
const ETCD_CLIENTS_PORT: u16 = 2379;
const ETCD_PEERS_PORT: u16 = 2380;

/// What must run beside nodes in these modes.
pub(super) fn commands(failover: &Failover, places: &[&Place]) -> io::Result<Vec<CommandLine>> {
    match (failover.election, places.first()) {
        (Election::Supervisor, _) => Ok(vec![supervisor(failover, places)]),
        (Election::Coordinator, Some(place)) => Ok(vec![etcd(place.clients.ip())?]),
        _ => Ok(Vec::new()),
    }
}

/// Where the cluster's etcd grants leases, as nodes are told.
pub(super) fn coordinator(place: &Place) -> String {
    format!("etcd=http://{}", SocketAddr::new(place.clients.ip(), ETCD_CLIENTS_PORT))
}

fn supervisor(failover: &Failover, places: &[&Place]) -> CommandLine {
    // It takes a leader for dead as soon as followers in other elections do, and faults may follow one another.
    let mut words: Vec<String> = [reentry::NODE, "supervise", "--recovery-period-ms", "0"].map(str::to_owned).to_vec();
    words.extend(["--interval-ms".to_owned(), failover.heartbeat_ms.to_string()]);
    words.extend(["--misses".to_owned(), failover.missed_heartbeats.to_string()]);
    for place in places {
        words.extend(["--node".to_owned(), format!("{}={}", place.node, place.clients)]);
    }
    if let Some(command) = &failover.stonith_command {
        words.extend(["--stonith-command".to_owned(), command.clone()]);
    }
    CommandLine {
        program: reentry::PROGRAM.into(),
        name: Some("interregnum".into()),
        arguments: words.into_iter().map(OsString::from).collect(),
        environment: vec![(reentry::ROLE_VARIABLE.into(), reentry::NODE.into())],
    }
}

/// An etcd of one member, whose data lie beside the nodes' and go with them.
fn etcd(ip: IpAddr) -> io::Result<CommandLine> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if !std::env::split_paths(&path).any(|directory| directory.join("etcd").is_file()) {
        let missing = "--election coordinator needs an etcd to run beside the cluster, and there is none: install Debian's \
                       etcd-server, or choose another election";
        return Err(io::Error::new(io::ErrorKind::NotFound, missing));
    }
    let [clients, peers] =
        [ETCD_CLIENTS_PORT, ETCD_PEERS_PORT].map(|port| format!("http://{}", SocketAddr::new(ip, port)));
    let words = [
        ("--name", "coordinator"),
        ("--data-dir", "etcd"),
        ("--listen-client-urls", &clients),
        ("--advertise-client-urls", &clients),
        ("--listen-peer-urls", &peers),
        ("--initial-advertise-peer-urls", &peers),
        ("--initial-cluster", &format!("coordinator={peers}")),
        // Leases are granted in multiples of its election time-out.
        ("--heartbeat-interval", "50"),
        ("--election-timeout", "500"),
    ];
    Ok(CommandLine {
        program: "etcd".into(),
        name: None,
        arguments: words.into_iter().flat_map(|(flag, value)| [flag.into(), value.into()]).collect(),
        environment: Vec::new(),
    })
}
