//! The router between clients and a real cluster.

use std::fs::File;
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::thread;

use crate::support::{Client, Cluster, eventually, request, signal, spawn};

/// A failover that takes a second, so that a test can see it.
const SLOW_FAILOVER: &str = "--missed-heartbeats 40";

/// A router, killed at the end of the test.
struct Router {
    child: Child,
    address: SocketAddr,
    log: PathBuf,
}

impl Router {
    fn start(cluster: &Cluster, size: u16, flags: &str) -> Self {
        let nodes = (1..=size).map(|number| (number, cluster.address(number)));
        Self::over(nodes, SocketAddr::new(cluster.address(1).ip(), 7100), cluster.dir.path(), flags)
    }

    fn over(nodes: impl Iterator<Item = (u16, SocketAddr)>, address: SocketAddr, dir: &Path, flags: &str) -> Self {
        let nodes: Vec<String> = nodes.map(|(number, node)| format!("--node n{number}={node}")).collect();
        let nodes = nodes.join(" ");
        let log = dir.join("route.err");
        let stderr = File::create(&log).unwrap();
        Router { child: spawn(&format!("route --listen {address} {nodes} {flags}"), stderr), address, log }
    }

    fn client(&self) -> Client {
        Client::connect(self.address)
    }

    /// A field of `INFO route`.
    fn tells(&self, field: &str) -> String {
        let info = self.client().ask("INFO route");
        let line = info.lines().find_map(|line| line.strip_prefix(&format!("{field}:")));
        line.unwrap_or_else(|| panic!("no {field} in {info}")).to_owned()
    }

    /// What the router tells of a node.
    fn backend(&self, number: u16, field: &str) -> String {
        let line = self.tells(&format!("backend{}", number - 1));
        let value = line.split(',').find_map(|part| part.strip_prefix(&format!("{field}=")));
        value.unwrap_or_else(|| panic!("no {field} in {line}")).to_owned()
    }

    /// Waits until the router knows the leader, and that all the others are fresh.
    fn await_all(&self, size: u16) {
        eventually("the router knows all nodes", || {
            let known = (1..=size).all(|number| self.backend(number, "lag_records") == "0");
            known.then_some(())
        });
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("--- router\n{}", std::fs::read_to_string(&self.log).unwrap_or_default());
        }
    }
}

fn start(flags: &str, route: &str) -> (Cluster, Router, u16) {
    let cluster = Cluster::start(3, flags);
    let leader = cluster.leader();
    let router = Router::start(&cluster, 3, route);
    router.await_all(3);
    (cluster, router, leader)
}

fn others(leader: u16) -> [u16; 2] {
    [leader % 3 + 1, (leader + 1) % 3 + 1]
}

#[test]
fn writes_reach_the_leader_and_reads_are_spread_over_the_followers() {
    for balance in ["round-robin", "least-loaded"] {
        let (_cluster, router, leader) = start("", &format!("--balance {balance}"));
        let mut client = router.client();
        assert_eq!(client.ask("SET k 1"), "+OK");
        assert_eq!(client.ask("INCR k"), ":2");
        eventually("the followers have it", || (0..10).all(|_| client.ask("GET k") == "\"2\"").then_some(()));
        assert_eq!(router.tells("leader_id"), format!("n{leader}"));
        assert_eq!(router.backend(leader, "reads"), "0");
        for follower in others(leader) {
            assert_eq!(router.backend(follower, "writes"), "0");
            assert!(router.backend(follower, "reads").parse::<u64>().unwrap() >= 4, "{balance}");
        }
    }
}

#[test]
fn a_sticky_client_stays_with_one_follower() {
    let (_cluster, router, leader) = start("", "--sticky");
    let mut client = router.client();
    (0..10).for_each(|_| assert_eq!(client.ask("GET nothing"), "nil"));
    let mut reads = others(leader).map(|follower| router.backend(follower, "reads"));
    reads.sort();
    assert_eq!(reads, ["0", "10"]);
}

#[test]
fn a_follower_that_lags_gets_no_reads() {
    let (cluster, router, leader) = start("", "--misses 1000 --max-lag-ms 300");
    let [lagging, other] = others(leader);
    signal("STOP", cluster.pid(lagging));
    let mut client = router.client();
    assert_eq!(client.ask("SET k 1"), "+OK");
    eventually("it lags", || (router.backend(lagging, "lag_ms").parse::<u64>().unwrap() > 300).then_some(()));
    let reads = router.backend(lagging, "reads");
    for _ in 0..10 {
        client.ask("GET k");
    }
    assert_eq!((router.backend(lagging, "reads"), router.backend(lagging, "lag_records").as_str()), (reads, "1"));
    signal("STOP", cluster.pid(other));
    eventually("it lags too", || (router.backend(other, "lag_ms").parse::<u64>().unwrap() > 300).then_some(()));
    signal("CONT", cluster.pid(other));
}

#[test]
fn without_a_fresh_follower_the_leader_answers_or_nobody() {
    for (flags, answer) in [("--lagging leader", "nil"), ("--lagging refuse", "-LAGGING")] {
        let cluster = Cluster::start(1, "");
        cluster.leader();
        let router = Router::start(&cluster, 1, flags);
        router.await_all(1);
        let told = router.client().ask("GET nothing");
        assert!(told.starts_with(answer), "{flags}: {told}");
    }
}

#[test]
fn writes_wait_for_the_next_leader_and_are_executed_once() {
    let (mut cluster, router, leader) = start(SLOW_FAILOVER, "");
    let mut clients: Vec<Client> = (0..4).map(|_| router.client()).collect();
    for client in &mut clients {
        assert!(client.ask("RPUSH l early").starts_with(':'));
    }
    cluster.kill(leader);
    eventually("the router sees it", || router.tells("leader_id").is_empty().then_some(()));
    let held = |mut client: Client, name: usize| thread::spawn(move || client.ask(&format!("RPUSH l held{name}")));
    let held: Vec<_> = clients.into_iter().enumerate().map(|(name, client)| held(client, name)).collect();
    eventually("they are held", || (router.tells("held_operations") == "4").then_some(()));
    let replies: Vec<String> = held.into_iter().map(|client| client.join().unwrap()).collect();
    assert!(replies.iter().all(|reply| reply.starts_with(':')), "{replies:?}");
    let mut client = router.client();
    assert_eq!(client.ask("CLIENT READ leader"), "+OK");
    let list = client.ask("LRANGE l 0 -1");
    (0..4).for_each(|name| assert_eq!(list.matches(&format!("held{name}")).count(), 1, "{list}"));
    assert_eq!(router.tells("held_operations"), "0");
}

#[test]
fn a_stream_of_writes_through_a_failover_has_no_duplicates_and_loses_nothing_acknowledged() {
    let (mut cluster, router, leader) = start("", "");
    let mut client = router.client();
    let (mut acknowledged, mut uncertain) = (Vec::new(), 0);
    for number in 0..200 {
        if number == 100 {
            cluster.kill(leader);
        }
        match client.ask(&format!("RPUSH l w{number}w")) {
            reply if reply.starts_with(':') => acknowledged.push(number),
            reply if reply.starts_with("-UNCERTAIN") => uncertain += 1,
            reply => panic!("{number}: {reply}"),
        }
    }
    assert!(uncertain <= 1, "only what was under way when the leader died is uncertain, not {uncertain} writes");
    assert_eq!(client.ask("CLIENT READ leader"), "+OK");
    let list = client.ask("LRANGE l 0 -1");
    for number in 0..200 {
        let count = list.matches(&format!("w{number}w")).count();
        assert!(count <= 1 && (count == 1 || !acknowledged.contains(&number)), "{number} is there {count} times");
    }
}

#[test]
fn what_is_held_too_long_is_refused_and_was_not_executed() {
    let mut cluster = Cluster::start(1, "");
    cluster.leader();
    let router = Router::start(&cluster, 1, "--hold-ms 100");
    router.await_all(1);
    cluster.kill(1);
    eventually("the router sees it", || router.tells("leader_id").is_empty().then_some(()));
    let told = router.client().ask("INCR k");
    assert!(told.starts_with("-NOLEADER") && told.contains("certainly not executed"), "{told}");
    cluster.start_node(1);
    eventually("it is back", || (router.client().ask("INCR k") == ":1").then_some(()));
}

#[test]
fn a_write_that_was_sent_to_a_leader_that_hangs_has_an_unknown_outcome() {
    let (cluster, router, leader) = start("", "");
    let mut client = router.client();
    assert_eq!(client.ask("SET k 1"), "+OK");
    signal("STOP", cluster.pid(leader));
    let told = client.ask("SET k 2");
    assert!(told.starts_with("-UNCERTAIN") || told == "+OK", "{told}"); // the other may have been found in time
    assert_eq!(client.ask("SET k 3"), "+OK");
    signal("CONT", cluster.pid(leader));
}

#[test]
fn what_a_client_chooses_for_its_connection_holds_at_every_node() {
    let (_cluster, router, leader) = start("", "");
    let mut client = router.client();
    client.send([request("CLIENT POSITION ON"), request("SET k 1"), request("GET k")].concat().as_bytes());
    assert_eq!(client.reply(), "+OK");
    assert!(client.reply().starts_with("[+OK, :1, "));
    assert!(client.reply().ends_with(']'));
    assert_eq!(client.ask("CLIENT POSITION OFF"), "+OK");
    assert_eq!(client.ask("INCR k"), ":2");
    let before = router.backend(leader, "writes");
    assert_eq!(client.ask("CLIENT READ leader"), "+OK");
    assert_eq!(client.ask("GET k"), "\"2\"");
    assert_ne!(router.backend(leader, "writes"), before, "this read went to the leader");
    assert!(client.ask("CLIENT READ nonsense").starts_with("-ERR `nonsense` is no read mode"));
    assert!(client.ask("CLIENT NOSUCH").starts_with("-ERR unknown subcommand"));
    assert_eq!(client.ask("GET k"), "\"2\"", "a refused option changes nothing");
    for (line, told) in [("PING", "+PONG"), ("CLIENT SETNAME me", "+OK"), ("CLIENT GETNAME", "\"me\""), ("QUIT", "+OK")]
    {
        assert_eq!(client.ask(line), told);
    }
    assert_eq!(client.reply(), "closed");
}

#[test]
fn a_numbered_request_is_repeated_through_a_failover_and_executed_once() {
    let (mut cluster, router, leader) = start("", "");
    let mut client = router.client();
    assert!(client.ask("CLIENT IDENTITY me").starts_with(':'));
    for number in 1..=100 {
        if number == 50 {
            cluster.kill(leader);
        }
        assert_eq!(client.ask(&format!("REQUEST {number} INCR counter")), format!(":{number}"));
    }
}

#[test]
fn a_client_that_asked_to_reads_its_own_writes_from_followers() {
    let (_cluster, router, leader) = start("", "--read-your-writes");
    let mut client = router.client();
    for number in 0..300 {
        client.send([request(&format!("SET k {number}")), request("GET k")].concat().as_bytes());
        assert_eq!([client.reply(), client.reply()], ["+OK".to_owned(), format!("\"{number}\"")]);
    }
    eventually("followers that have it answer again", || {
        client.ask("GET k");
        others(leader).iter().any(|&follower| router.backend(follower, "reads") != "0").then_some(())
    });
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let (_cluster, router, _) = start("", "--read leader");
    let mut client = router.client();
    let count = 3000; // more than may be pending at once
    let batch: String = (1..=count).map(|_| request("INCR k") + &request("GET k")).collect();
    let mut writer = client.another_handle();
    thread::spawn(move || writer.send(batch.as_bytes()));
    for number in 1..=count {
        assert_eq!(client.reply(), format!(":{number}"));
        assert_eq!(client.reply(), format!("\"{number}\""));
    }
}

#[test]
fn bytes_that_are_no_request_end_only_their_connection() {
    let (_cluster, router, _) = start("", "");
    let mut client = router.client();
    client.send(b"PING\r\n*1\r\n:1\r\n");
    let told = [client.reply(), client.reply(), client.reply()];
    assert_eq!(told, ["+PONG", "-ERR Protocol error: expected '$', got ':'", "closed"]);
    assert_eq!(router.client().ask("SET k 1"), "+OK");
}

#[test]
fn a_node_that_talks_nonsense_is_taken_for_dead() {
    let dir = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let node = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = stream.unwrap().write_all(b"nonsense\r\n");
        }
    });
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let router = Router::over([(1, node)].into_iter(), free, dir.path(), "--hold-ms 50");
    let told = router.client().ask("SET k 1");
    assert!(told.starts_with("-NOLEADER"), "{told}");
    assert_eq!(router.backend(1, "state"), "down");
}

#[test]
fn a_client_too_many_is_told_so() {
    let cluster = Cluster::start(1, "");
    cluster.leader();
    let router = Router::start(&cluster, 1, "--max-clients 1");
    let mut client = router.client();
    assert_eq!(client.ask("PING"), "+PONG");
    assert!(router.client().reply().starts_with("-ERR max number of clients"));
    assert_eq!(client.ask("PING"), "+PONG");
}
