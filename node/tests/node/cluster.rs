//! Three processes: redirects, failover, and what becomes of a write that nobody else got.

use std::fs;

use crate::support::{Cluster, eventually, files, request, signal};

fn others(leader: u16) -> Vec<u16> {
    (1..=3).filter(|&number| number != leader).collect()
}

#[test]
fn followers_send_clients_to_the_leader_and_answer_stale_reads() {
    let cluster = Cluster::start(3, "");
    let leader = cluster.leader();
    assert_eq!(cluster.client(leader).ask("SET k 1"), "+OK");
    for follower in others(leader) {
        let mut client = cluster.client(follower);
        let redirect = format!("-REDIRECT {}", cluster.address(leader));
        eventually("the follower knows the leader", || (client.ask("GET k") == redirect).then_some(()));
        assert_eq!(client.ask("SET k 2"), redirect);
        assert_eq!(client.ask("CLIENT READ leader-local"), "+OK");
        assert_eq!(client.ask("GET k"), redirect);
        assert_eq!(client.ask("CLIENT READ follower"), "+OK");
        eventually("the record arrives", || (client.ask("GET k") == "\"1\"").then_some(()));
        assert!(client.ask("ROLE").starts_with("[\"slave\", "));
    }
}

#[test]
fn acknowledged_writes_survive_the_leader_and_then_everyone() {
    let mut cluster = Cluster::start(3, "");
    let mut expected = Vec::new();
    for round in 0..3 {
        let leader = cluster.leader();
        for number in 0..20 {
            assert!(cluster.client(leader).ask(&format!("RPUSH l {round}-{number}")).starts_with(':'));
            expected.push(format!("\"{round}-{number}\""));
        }
        cluster.kill(leader);
        let successor = cluster.leader();
        assert_ne!(successor, leader);
        cluster.start_node(leader);
    }
    (1..=3).for_each(|number| cluster.kill(number));
    (1..=3).for_each(|number| cluster.start_node(number));
    let leader = cluster.leader();
    assert_eq!(cluster.client(leader).ask("LRANGE l 0 -1"), format!("[{}]", expected.join(", ")));
}

#[test]
fn a_write_that_only_a_superseded_leader_has_is_uncertain_and_put_aside() {
    // Unfenced, so that the leader does not step down as soon as it is alone.
    let mut cluster = Cluster::start(3, "--fencing none --demote-after-ms 100");
    let leader = cluster.leader();
    for follower in others(leader) {
        cluster.kill(follower);
    }
    let mut client = cluster.client(leader);
    client.send(request("SET k lost").as_bytes());
    eventually("the write is in the leader's log", || {
        let logged = files(&cluster.data(leader).join("log")).iter().any(|file| contains(file, b"lost"));
        logged.then_some(())
    });
    signal("STOP", cluster.pid(leader));
    for follower in others(leader) {
        cluster.start_node(follower);
    }
    eventually("another leader acknowledges a write", || {
        let acknowledges = |&number: &u16| cluster.client(number).ask("SET k kept") == "+OK";
        others(leader).into_iter().find(acknowledges)
    });
    signal("CONT", cluster.pid(leader));

    assert!(client.reply().starts_with("-UNCERTAIN"));
    let file = eventually("the record is put aside", || files(&cluster.data(leader).join("rewound")).pop());
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains(r#""set":{"after":"lost","before":null,"key":"k"}"#), "{text}");
    client.ask("CLIENT READ follower");
    eventually("the survivor's write arrives", || (client.ask("GET k") == "\"kept\"").then_some(()));
}

fn contains(file: &std::path::Path, needle: &[u8]) -> bool {
    fs::read(file).is_ok_and(|bytes| bytes.windows(needle.len()).any(|window| window == needle))
}
