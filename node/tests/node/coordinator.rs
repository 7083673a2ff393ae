//! Elections by a lease in a real etcd (Debian's package `etcd-server`). Where it is not installed these tests are skipped, and say so.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use tempfile::TempDir;

use crate::support::{Cluster, eventually, signal};

/// etcd grants leases of a second and more, if its own elections are quick.
const QUICK: &str = "--heartbeat-interval 20 --election-timeout 200";

/// An etcd of one member, killed at the end of the test.
struct Etcd {
    dir: TempDir,
    address: SocketAddr,
    child: Option<Child>,
}

impl Etcd {
    /// `None`, and says so, where etcd is not installed.
    fn start() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        // The listeners hold free ports; etcd takes them in a moment.
        let free = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut etcd = Etcd { dir, address: free(), child: None };
        if etcd.launch().is_none() {
            eprintln!("SKIPPED: there is no etcd here; install etcd-server to run this test");
            return None;
        }
        Some(etcd)
    }

    fn launch(&mut self) -> Option<()> {
        let peer = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let (client, peer) = (format!("http://{}", self.address), format!("http://{peer}"));
        let data = self.dir.path().join("etcd");
        let urls = ["--listen-client-urls", &client, "--advertise-client-urls", &client, "--listen-peer-urls", &peer];
        let child = Command::new("etcd")
            .arg("--data-dir")
            .arg(data)
            .args(urls)
            .args(QUICK.split(' '))
            .stdout(Stdio::null())
            .stderr(File::create(self.dir.path().join("etcd.err")).unwrap())
            .spawn()
            .ok()?;
        self.child = Some(child);
        eventually("etcd listens", || TcpStream::connect(self.address).ok());
        Some(())
    }

    fn kill(&mut self) {
        let mut child = self.child.take().expect("etcd runs");
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        if self.child.is_some() {
            self.kill();
        }
    }
}

/// Passes connections on, until it is cut.
struct Gate {
    address: SocketAddr,
    open: Arc<AtomicBool>,
}

impl Gate {
    fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, open) = (listener.local_addr().unwrap(), Arc::new(AtomicBool::new(true)));
        let gate = Arc::clone(&open);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (Ok(here), Ok(there)) = (stream, TcpStream::connect(target)) else { continue };
                for (from, to) in [(&here, &there), (&there, &here)] {
                    let (mut from, mut to, open) =
                        (from.try_clone().unwrap(), to.try_clone().unwrap(), Arc::clone(&gate));
                    thread::spawn(move || {
                        let mut chunk = [0; 4096];
                        while let Ok(length @ 1..) = from.read(&mut chunk) {
                            if !open.load(Ordering::SeqCst) || to.write_all(&chunk[..length]).is_err() {
                                break;
                            }
                        }
                        let _ = to.shutdown(Shutdown::Both);
                        let _ = from.shutdown(Shutdown::Both);
                    });
                }
            }
        });
        Gate { address, open }
    }

    fn cut(&self) {
        self.open.store(false, Ordering::SeqCst);
    }
}

fn flags(etcd: SocketAddr) -> String {
    format!("--election coordinator --coordinator etcd=http://{etcd} --lease-ttl-ms 1000")
}

fn epoch(cluster: &Cluster, node: u16) -> u64 {
    let info = cluster.client(node).ask("INFO replication");
    info.lines().find_map(|line| line.strip_prefix("epoch:")).expect("INFO tells the epoch").parse().unwrap()
}

fn role(cluster: &Cluster, node: u16) -> String {
    let info = cluster.client(node).ask("INFO replication");
    info.lines()
        .find_map(|line| line.strip_prefix("\"# Replication\r\nrole:").or(line.strip_prefix("role:")))
        .unwrap()
        .to_owned()
}

/// The others of three nodes.
fn others(leader: u16) -> [u16; 2] {
    [leader % 3 + 1, (leader + 1) % 3 + 1]
}

/// Waits until one of these leads in a later epoch.
fn successor(cluster: &Cluster, among: [u16; 2], after: u64) -> u16 {
    eventually("a successor leads in a greater epoch", || {
        among.into_iter().find(|&node| role(cluster, node) == "leader" && epoch(cluster, node) > after)
    })
}

#[test]
fn one_node_leads_and_when_it_is_killed_another_does_in_a_greater_epoch() {
    let Some(etcd) = Etcd::start() else { return };
    let mut cluster = Cluster::start(3, &flags(etcd.address));
    let first = cluster.leader();
    let before = epoch(&cluster, first);
    assert_eq!(others(first).map(|node| role(&cluster, node)), ["follower", "follower"]);
    assert_eq!(cluster.client(first).ask("SET k 1"), "+OK");
    cluster.kill(first);
    let second = successor(&cluster, others(first), before);
    assert_eq!(cluster.client(second).ask("GET k"), "\"1\"");
    cluster.start_node(first);
    eventually("the old leader follows", || {
        (epoch(&cluster, first) > before && role(&cluster, first) == "follower").then_some(())
    });
}

#[test]
fn a_leader_that_stood_still_past_its_lease_is_deposed() {
    let Some(etcd) = Etcd::start() else { return };
    let cluster = Cluster::start(3, &flags(etcd.address));
    let first = cluster.leader();
    let before = epoch(&cluster, first);
    signal("STOP", cluster.pid(first));
    let second = successor(&cluster, others(first), before);
    eventually("the successor acknowledges", || (cluster.client(second).ask("SET k new") == "+OK").then_some(()));
    let mut client = cluster.client(first);
    client.send(b"SET k old\r\n");
    signal("CONT", cluster.pid(first));
    let told = client.reply();
    assert!(told.starts_with("-NOLEADER") || told.starts_with("-REDIRECT"), "a deposed leader took a write: {told}");
    assert_eq!(cluster.client(second).ask("GET k"), "\"new\"");
}

#[test]
fn without_etcd_nobody_leads_and_with_it_somebody_does_again() {
    let Some(mut etcd) = Etcd::start() else { return };
    let cluster = Cluster::start(3, &flags(etcd.address));
    let first = cluster.leader();
    assert_eq!(cluster.client(first).ask("SET k 1"), "+OK");
    etcd.kill();
    eventually("the leader steps down", || (role(&cluster, first) == "follower").then_some(()));
    assert!(cluster.log(first).contains("the lease may run out"));
    assert!(cluster.client(first).ask("SET k 2").starts_with("-NOLEADER"));
    etcd.launch().unwrap();
    let next = cluster.leader();
    assert_eq!(cluster.client(next).ask("GET k"), "\"1\"");
}

#[test]
fn a_leader_that_is_cut_off_from_etcd_stops_before_another_begins() {
    let Some(etcd) = Etcd::start() else { return };
    let gates = [(); 3].map(|()| Gate::to(etcd.address));
    let flags = gates.each_ref().map(|gate| flags(gate.address));
    let cluster = Cluster::start_each(&flags.each_ref().map(String::as_str));
    let first = cluster.leader();
    let before = epoch(&cluster, first);
    gates[usize::from(first) - 1].cut();
    let second = successor(&cluster, others(first), before);
    let told = cluster.client(first).ask("SET k 1");
    assert!(told.starts_with("-NOLEADER") || told.starts_with("-REDIRECT"), "{told}");
    eventually("the successor acknowledges", || (cluster.client(second).ask("SET k 2") == "+OK").then_some(()));
}

#[test]
fn a_leader_that_is_asked_to_end_gives_its_lease_up() {
    let Some(etcd) = Etcd::start() else { return };
    let ten_minutes = flags(etcd.address).replace("1000", "600000");
    let mut cluster = Cluster::start(3, &ten_minutes);
    let first = cluster.leader();
    let before = epoch(&cluster, first);
    signal("TERM", cluster.pid(first));
    assert!(cluster.wait(first).success());
    successor(&cluster, others(first), before);
}
