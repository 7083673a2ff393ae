//! Leadership that passes on as planned, by hand, at the end of a process, and after the old leader's certain death.

use crate::support::{Cluster, eventually, signal};

/// Waits until some other node than `not` leads, and tells which.
fn successor_of(cluster: &Cluster, not: u16) -> u16 {
    eventually("somebody else leads", || {
        let leads = |&number: &u16| cluster.client(number).ask("INFO replication").contains("role:leader");
        (1..=3).filter(|&number| number != not && cluster.is_running(number)).find(leads)
    })
}

#[test]
fn leadership_is_handed_over_as_planned_and_nothing_is_lost() {
    for flags in ["", "--ack async --election manual --fencing none", "--ack async --election timeout"] {
        let cluster = Cluster::start(3, flags);
        let leader = cluster.leader();
        let to = leader % 3 + 1;
        let mut client = cluster.client(leader);
        for value in 0..50 {
            assert_eq!(client.ask(&format!("RPUSH l {value}")), format!(":{}", value + 1));
        }
        let told = client.ask(&format!("FAILOVER TO n{to}"));
        assert!(told.starts_with(&format!("+n{to} leads epoch ")), "{flags}: {told}");
        assert!(client.ask("SET k 1").starts_with("-REDIRECT"), "{flags}");
        assert_eq!(cluster.client(to).ask("RPUSH l 50"), ":51", "{flags}");
    }
}

#[test]
fn a_follower_has_nothing_to_hand_over() {
    let cluster = Cluster::start(3, "");
    let follower = cluster.leader() % 3 + 1;
    assert!(cluster.client(follower).ask("FAILOVER").contains("does not lead"));
    assert!(cluster.client(follower).ask("PROMOTE").contains("elected here"));
}

#[test]
fn a_leader_that_is_told_to_end_hands_over_first() {
    let mut cluster = Cluster::start(3, "");
    let leader = cluster.leader();
    assert_eq!(cluster.client(leader).ask("SET k 1"), "+OK");
    signal("TERM", cluster.pid(leader));
    assert!(cluster.wait(leader).success());
    assert!(cluster.log(leader).contains("handed over"), "{}", cluster.log(leader));
    let successor = successor_of(&cluster, leader);
    assert_eq!(cluster.client(successor).ask("GET k"), "\"1\"");
}

#[test]
fn people_promote_where_nobody_promotes_itself() {
    let mut cluster = Cluster::start(3, "--election manual --ack async");
    assert_eq!(cluster.leader(), 1, "the lowest id leads a new cluster");
    cluster.all_follow(1);
    cluster.kill(1);
    let mut client = cluster.client(2);
    assert!(client.ask("SET k 1").starts_with("-REDIRECT"), "it waits for n1, or for a person");
    eventually("it is promoted, once its leader is silent", || {
        client.ask("PROMOTE").starts_with("+leads epoch 2").then_some(())
    });
    assert_eq!(client.ask("SET k 1"), "+OK");
    cluster.start_node(1);
    eventually("the old leader follows", || {
        let mut old = cluster.client(1);
        (old.ask("CLIENT READ follower") == "+OK" && old.ask("GET k") == "\"1\"").then_some(())
    });
}

#[test]
fn a_successor_waits_for_the_old_leaders_certain_death() {
    let dir = tempfile::tempdir().unwrap();
    let told = dir.path().join("told");
    // The first command fails, so the killer is asked again.
    let script = dir.path().join("kill");
    let text = format!("echo $1 >>{0}; test $(wc -l <{0}) -ge 2", told.display());
    std::fs::write(&script, text).unwrap();
    let command = format!("sh^{}^{{id}}", script.display());
    let mut cluster =
        Cluster::start(2, &format!("--election timeout --ack async --fencing stonith --stonith-command {command}"));
    let leader = cluster.leader();
    let follows = format!("leader_id:n{leader}");
    eventually("the other knows whom to have killed", || {
        cluster.client(3 - leader).ask("INFO replication").contains(&follows).then_some(())
    });
    cluster.kill(leader);
    successor_of(&cluster, leader);
    let told = std::fs::read_to_string(told).unwrap();
    assert_eq!(told, format!("n{leader}\nn{leader}\n"));
}
