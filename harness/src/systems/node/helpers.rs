//! The processes beside a cluster of reference nodes: the supervisor that makes its leaders, the etcd that grants their lease, the
//! router that clients go through.
//!
//! Not here: starting and ending them (`cluster`).

use std::ffi::OsString;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use interregnum_node::{Election, Failover, Fencing, Modes};

use crate::fencing;
use crate::process::CommandLine;
use crate::reentry;
use crate::system::{Place, Reach};

/// etcd's own ports, at the address that the cluster has claimed for itself.
const ETCD_CLIENTS_PORT: u16 = 2379;
const ETCD_PEERS_PORT: u16 = 2380;
/// The router's, likewise.
const ROUTER_PORT: u16 = 2381;

/// How long a router holds an operation while nobody leads: longer than any election takes, several in a row included.
pub(super) const ROUTER_HOLD: Duration = Duration::from_secs(5);

/// What must run beside nodes in these modes.
pub(super) fn commands(failover: &Failover, places: &[&Place]) -> io::Result<Vec<CommandLine>> {
    match (failover.election, places.first()) {
        (Election::Supervisor, _) => Ok(vec![supervisor(failover, places)]),
        (Election::Coordinator, Some(place)) => Ok(vec![etcd(place.clients.ip())?]),
        _ => Ok(Vec::new()),
    }
}

/// Whether nodes in these modes have the cluster's fence device kill an old leader, because no other command is to.
pub(super) fn is_fenced_by_device(failover: &Failover) -> bool {
    failover.fencing == Fencing::Stonith && failover.stonith_command.is_none()
}

/// Where the cluster's etcd grants leases, as nodes are told.
pub(super) fn coordinator(place: &Place) -> String {
    format!("etcd=http://{}", SocketAddr::new(place.clients.ip(), ETCD_CLIENTS_PORT))
}

/// Where clients find the router, beside nodes that are reached like this.
pub(super) fn router_address(reaches: &[Reach]) -> SocketAddr {
    SocketAddr::new(reaches[0].advertised.ip(), ROUTER_PORT)
}

/// A router that reaches the nodes through the network under test, as clients do without it.
pub(super) fn router(modes: &Modes, reaches: &[Reach]) -> CommandLine {
    let Failover { heartbeat_ms, missed_heartbeats, .. } = modes.failover;
    let read = if modes.reads.read.is_anywhere() { "follower" } else { "leader" };
    let mut flags = vec![
        ("--listen", router_address(reaches).to_string()),
        ("--read", read.to_owned()),
        ("--hold-ms", ROUTER_HOLD.as_millis().to_string()),
        // It takes a leader for dead as soon as followers do.
        ("--watch-ms", heartbeat_ms.to_string()),
        ("--misses", missed_heartbeats.to_string()),
    ];
    flags.extend(reaches.iter().map(|reach| ("--node", format!("{}={}", reach.node, reach.through))));
    let words = flags.into_iter().flat_map(|(flag, value)| [flag.to_owned(), value]);
    our_own([reentry::NODE, "route"].map(str::to_owned).into_iter().chain(words))
}

fn supervisor(failover: &Failover, places: &[&Place]) -> CommandLine {
    // It takes a leader for dead as soon as followers in other elections do, and faults may follow one another.
    let mut words: Vec<String> = [reentry::NODE, "supervise", "--recovery-period-ms", "0"].map(str::to_owned).to_vec();
    words.extend(["--interval-ms".to_owned(), failover.heartbeat_ms.to_string()]);
    words.extend(["--misses".to_owned(), failover.missed_heartbeats.to_string()]);
    for place in places {
        words.extend(["--node".to_owned(), format!("{}={}", place.node, place.clients)]);
    }
    let by_device = || fencing::command(fencing::device_beside(places[0].clients.ip()), "supervisor");
    let stonith = failover.stonith_command.clone().or_else(|| is_fenced_by_device(failover).then(by_device));
    words.extend(stonith.into_iter().flat_map(|command| ["--stonith-command".to_owned(), command]));
    our_own(words)
}

/// A tool of this program.
fn our_own(words: impl IntoIterator<Item = String>) -> CommandLine {
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
