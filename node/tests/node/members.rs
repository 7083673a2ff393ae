//! Members that come and go while the cluster runs.

use crate::support::{Cluster, eventually};

/// Has a change of members made by whoever leads, until it is. `already` is how a leader says that it was made: an answer may be lost.
fn change(cluster: &Cluster, command: &str, already: &str) {
    eventually(command, || {
        let reply = cluster.client(cluster.leader()).ask(command);
        (reply == "+OK" || reply.contains(already)).then_some(())
    });
}

/// Adds a node that waits to join, and makes it a voter.
fn add_voter(cluster: &Cluster, number: u16) {
    let address = cluster.peer_address(number);
    change(cluster, &format!("MEMBER ADD n{number} {address}"), "already");
    change(cluster, &format!("MEMBER PROMOTE n{number}"), "voter already");
}

fn remove(cluster: &Cluster, number: u16) {
    change(cluster, &format!("MEMBER REMOVE n{number}"), "is no member");
}

#[test]
fn a_new_node_becomes_a_voter_and_outlives_the_founders() {
    let mut cluster = Cluster::start(3, "--snapshot-bytes 8192 --keep-log-bytes 0 --segment-bytes 4096");
    let mut client = cluster.client(cluster.leader());
    for number in 0..1000 {
        client.ask(&format!("SET k{number} {number}"));
    }
    cluster.leader();
    let fourth = cluster.start_joining("");
    assert_eq!(cluster.client(fourth).ask("GET k1"), "-NOLEADER no leader is known; retry");
    add_voter(&cluster, fourth);
    let fifth = cluster.start_joining("");
    add_voter(&cluster, fifth);
    assert!(cluster.log(fifth).contains("base snapshot installed"), "the log alone did not reach back that far");
    let leader = cluster.leader();
    let list = cluster.client(leader).ask("MEMBER LIST");
    assert!(list.contains(&format!("id=n{fifth},index=4,standing=voter,address=")), "{list}");

    // Two of five may die; three would be too many, were the new ones not counted.
    let dead = (1..=3).filter(|&number| number != leader).collect::<Vec<_>>();
    for &founder in &dead {
        cluster.kill(founder);
    }
    remove(&cluster, dead[0]);
    for newcomer in [fourth, fifth] {
        cluster.kill(newcomer);
        cluster.start_node(newcomer);
        cluster.leader();
    }
    assert_eq!(cluster.client(cluster.leader()).ask("SET after 1"), "+OK");
}

#[test]
fn a_removed_member_hears_of_it_and_may_come_back() {
    let mut cluster = Cluster::start(3, "");
    let leader = cluster.leader();
    assert!(
        cluster.client(leader).ask(&format!("MEMBER REMOVE n{leader}")).starts_with('-'),
        "who leads is not removed"
    );
    let removed = leader % 3 + 1;
    remove(&cluster, removed);
    cluster.kill(removed);
    cluster.start_node(removed);
    let refused = |number: u16| cluster.log(number).contains(&format!("n{removed} was removed from the cluster"));
    eventually("it is refused", || (1..=3).any(refused).then_some(()));
    cluster.leader(); // two are the majority of two
    add_voter(&cluster, removed);
}

#[test]
fn a_follower_sends_operators_to_the_leader() {
    let cluster = Cluster::start(2, "");
    eventually("the follower knows the leader", || {
        let leader = cluster.leader();
        let mut client = cluster.client(3 - leader);
        let list = client.ask("MEMBER LIST");
        assert!(list.contains("id=n1,index=0,standing=voter"), "{list}");
        (client.ask("MEMBER REMOVE n1") == format!("-REDIRECT {}", cluster.address(leader))).then_some(())
    });
}
