//! Nodes whose keys and values lie in a file: killed at any moment, beside nodes that keep them in memory, and changing from one to the other.

use crate::support::{Cluster, eventually, request, signal};

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

const PHYSICAL: &str = "--storage redb --log physical --checkpoint-bytes 100000";

#[test]
fn the_bytes_of_the_file_are_the_same_on_every_member_whoever_led() {
    let mut cluster = Cluster::start(3, PHYSICAL);
    for round in 0..3 {
        let leader = cluster.leader();
        for number in 0..30 {
            assert!(cluster.client(leader).ask(&format!("RPUSH l {round}-{number}")).starts_with(':'));
        }
        cluster.client(leader).ask("SET gone 1");
        assert_eq!(cluster.client(leader).ask("DEL gone never"), ":1");
        cluster.kill(leader);
        cluster.leader();
        cluster.start_node(leader);
    }
    let leader = cluster.leader();
    let list = cluster.client(leader).ask("LRANGE l 0 -1");
    assert_eq!(list.split(", ").count(), 90);
    for number in 1..=3 {
        let mut client = cluster.client(number);
        client.ask("CLIENT READ follower");
        eventually("every image holds the same", || (client.ask("LRANGE l 0 -1") == list).then_some(()));
    }
    eventually("every member has the last record", || {
        let lsn = |number| {
            let info = cluster.client(number).ask("INFO replication");
            info.split("\r\n").find(|line| line.starts_with("last_lsn:")).map(ToOwned::to_owned)
        };
        (lsn(1) == lsn(2) && lsn(2) == lsn(3)).then_some(())
    });
    for number in 1..=3 {
        signal("TERM", cluster.pid(number));
        cluster.wait(number);
    }
}

#[test]
fn a_physical_node_killed_at_any_moment_has_every_acknowledged_write_once() {
    let mut cluster = Cluster::start(1, PHYSICAL);
    cluster.leader();
    let mut least = 0;
    for round in 0..4 {
        let mut client = cluster.client(1);
        (0..200).for_each(|_| client.send(request("RPUSH l x").as_bytes()));
        (0..=40 * round).for_each(|_| assert!(client.reply().starts_with(':')));
        cluster.kill(1);
        cluster.start_node(1);
        cluster.leader();
        let length = cluster.client(1).ask("LRANGE l 0 -1").split(", ").count();
        assert!((least + 40 * round + 1..=least + 200).contains(&length), "{length} behind {least}");
        least = length;
    }
}

#[test]
fn a_log_of_one_kind_is_not_gone_on_with_in_the_other() {
    for (before, after) in [("", PHYSICAL), (REDB, PHYSICAL), (PHYSICAL, "")] {
        let mut cluster = Cluster::start(1, before);
        cluster.leader();
        cluster.kill(1);
        cluster.change_flags(1, after);
        cluster.start_node(1);
        assert!(!cluster.wait(1).success());
        eventually("the reason is logged", || cluster.log(1).contains("has a log of kind `").then_some(()));
    }
}

#[test]
fn members_whose_logs_differ_in_kind_refuse_each_other_and_say_why() {
    let cluster = Cluster::start_each(&[REDB, PHYSICAL]);
    let says = |number, what| eventually("the reason is logged", || cluster.log(number).contains(what).then_some(()));
    says(1, "n2: its log is `physical`, this node's is `logical`");
    says(2, "n1: its log is `logical`, this node's is `physical`");
}
