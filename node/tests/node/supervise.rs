//! A real supervisor beside a real cluster whose nodes never promote themselves.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Child;

use crate::support::{Cluster, eventually, signal, spawn};

/// Looks often, and allows failovers in a row.
const EAGER: &str = "--interval-ms 100 --misses 5 --recovery-period-ms 0";

/// A supervisor of a cluster of three, killed at the end of the test.
struct Supervisor {
    child: Child,
    log: PathBuf,
}

impl Supervisor {
    fn start(cluster: &Cluster, flags: &str) -> Self {
        let nodes: Vec<String> =
            (1..=3).map(|number| format!("--node n{number}={}", cluster.address(number))).collect();
        let log = cluster.dir.path().join("supervise.err");
        let stderr = File::options().create(true).append(true).open(&log).unwrap();
        Supervisor { child: spawn(&format!("supervise {} {flags}", nodes.join(" ")), stderr), log }
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- supervisor\n{}", self.log());
        }
    }
}

/// Waits until some other node than `not` leads and acknowledges a write.
fn successor_of(cluster: &Cluster, not: u16) -> u16 {
    eventually("somebody else leads", || {
        let leads = |&number: &u16| cluster.client(number).ask("SET k 1") == "+OK";
        (1..=3).filter(|&number| number != not && cluster.is_running(number)).find(leads)
    })
}

#[test]
fn a_dead_leader_is_succeeded_and_follows_when_it_is_back_even_if_the_supervisor_was_away() {
    let mut cluster = Cluster::start(3, "--election supervisor");
    let supervisor = Supervisor::start(&cluster, EAGER);
    let first = cluster.leader();
    assert_eq!(cluster.client(first).ask("RPUSH l 1"), ":1");
    cluster.kill(first);
    let second = successor_of(&cluster, first);
    assert_eq!(cluster.client(second).ask("RPUSH l 2"), ":2");
    let log = supervisor.log();
    for told in ["suspected", "failover: the leader is taken for dead", "fenced", "promoted"] {
        assert!(log.contains(told), "{told}: {log}");
    }
    drop(supervisor);
    cluster.start_node(first);
    let back = format!("id=n{first},state=online");
    eventually("the old leader is back", || {
        cluster.client(second).ask("INFO replication").contains(&back).then_some(())
    });
    cluster.kill(second);
    let _supervisor = Supervisor::start(&cluster, EAGER);
    let third = successor_of(&cluster, second);
    assert_eq!(cluster.client(third).ask("RPUSH l 3"), ":3");
}

#[test]
fn a_hung_leader_is_killed_before_another_is_promoted() {
    let script = tempfile::tempdir().unwrap();
    let (kill, pids) = (script.path().join("kill"), script.path().join("pids"));
    fs::write(&kill, format!("kill -KILL $(sed -n \"s/^$1 //p\" {})", pids.display())).unwrap();
    let command = format!("sh^{}^{{id}}", kill.display());
    let mut cluster =
        Cluster::start(3, &format!("--election supervisor --fencing stonith --stonith-command {command}"));
    let lines: Vec<String> = (1..=3).map(|number| format!("n{number} {}\n", cluster.pid(number))).collect();
    fs::write(pids, lines.concat()).unwrap();
    let leader = cluster.leader();
    cluster.all_follow(leader);
    let supervisor = Supervisor::start(&cluster, &format!("{EAGER} --stonith-command {command}"));
    eventually("the supervisor knows the leader", || supervisor.log().contains("a leader answers").then_some(()));
    signal("STOP", cluster.pid(leader));
    let ended = cluster.wait(leader);
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&ended), Some(9));
    successor_of(&cluster, leader);
    assert!(supervisor.log().contains("fenced: killed"));
}

#[test]
fn an_unfenced_leader_that_comes_back_is_told_that_it_leads_no_longer() {
    let cluster = Cluster::start(3, "--election supervisor --fencing none --ack async");
    let leader = cluster.leader();
    cluster.all_follow(leader);
    let _supervisor = Supervisor::start(&cluster, EAGER);
    signal("STOP", cluster.pid(leader));
    let successor = successor_of(&cluster, leader);
    signal("CONT", cluster.pid(leader));
    let follows = format!("leader_id:n{successor}");
    eventually("the old leader follows", || {
        let told = cluster.client(leader).ask("INFO replication");
        (told.contains("role:follower") && told.contains(&follows)).then_some(())
    });
}
