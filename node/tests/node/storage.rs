//! Nodes whose keys and values lie in a file: killed at any moment, beside nodes that keep them in memory, and changing from one to the other.

use crate::support::{Cluster, eventually, request};

const REDB: &str = "--storage redb --checkpoint-bytes 2000";

#[test]
fn a_node_killed_at_any_moment_has_every_acknowledged_write_once() {
    let mut cluster = Cluster::start(1, REDB);
    cluster.leader();
    let mut expected = Vec::new();
    for round in 0..6 {
        let mut client = cluster.client(1);
        for number in 0..400 {
            client.send(request(&format!("RPUSH l {round}-{number}")).as_bytes());
        }
        let acknowledged = 40 * round + 1;
        for _ in 0..acknowledged {
            assert!(client.reply().starts_with(':'));
        }
        cluster.kill(1); // hundreds of writes are under way
        cluster.start_node(1);
        cluster.leader();
        let list = cluster.client(1).ask("LRANGE l 0 -1");
        let found: Vec<&str> = list.trim_matches(['[', ']']).split(", ").collect();
        let sent = |number: usize| format!("\"{round}-{number}\"");
        let survived = found.len() - expected.len();
        assert!((acknowledged..=400).contains(&survived), "{survived} of {acknowledged} acknowledged");
        expected.extend((0..survived).map(sent));
        assert_eq!(found, expected, "each once and in order");
    }
    let kept = |line: &str| line.split("kept_lsn=").nth(1).is_some_and(|lsn| lsn.trim() != "0");
    assert!(cluster.log(1).lines().any(kept), "no start found a checkpoint: {}", cluster.log(1));
}

#[test]
fn followers_may_run_another_engine_than_their_leader() {
    let mut cluster = Cluster::start_each(&["", REDB, REDB]);
    for round in 0..3 {
        let leader = cluster.leader();
        for number in 0..50 {
            assert!(cluster.client(leader).ask(&format!("RPUSH l {round}-{number}")).starts_with(':'));
            assert!(cluster.client(leader).ask("INCR n").starts_with(':'));
        }
        cluster.client(leader).ask("DEL l2 gone");
        cluster.client(leader).ask("SET gone 1");
        cluster.kill(leader);
        cluster.leader();
        cluster.start_node(leader);
    }
    let leader = cluster.leader();
    let list = cluster.client(leader).ask("LRANGE l 0 -1");
    assert_eq!(list.split(", ").count(), 150);
    for number in 1..=3 {
        let mut client = cluster.client(number);
        client.ask("CLIENT READ follower");
        eventually("all engines hold the same", || {
            (client.ask("LRANGE l 0 -1") == list && client.ask("GET n") == "\"150\"").then_some(())
        });
    }
}

#[test]
fn a_node_may_change_its_engine() {
    let mut cluster = Cluster::start(1, "");
    for (number, flags) in [(1, REDB), (2, ""), (3, REDB), (4, "--storage redb --checkpoint-bytes 1")] {
        cluster.leader();
        assert_eq!(cluster.client(1).ask("INCR n"), format!(":{number}"));
        cluster.kill(1);
        cluster.change_flags(1, flags);
        cluster.start_node(1);
    }
    cluster.leader();
    assert_eq!(cluster.client(1).ask("GET n"), "\"4\"");
}
