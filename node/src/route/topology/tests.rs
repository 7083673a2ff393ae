//! Nodes' reports, and what the router makes of them.

use super::*;

const NONE: [usize; 0] = [];

fn topology() -> Topology {
    let node = |number: u16| (format!("n{number}"), SocketAddr::from(([127, 0, 0, 1], number)));
    Topology::new((1..=3).map(node), 2)
}

fn leader(id: &str, epoch: u64, last_lsn: u64, followers: &[(&str, u64)]) -> Report {
    let followers = followers.iter().map(|&(id, match_lsn)| (id.to_owned(), (match_lsn, true))).collect();
    Report { leads: true, epoch, leader_id: id.to_owned(), leader_address: None, last_lsn, followers }
}

fn follower(of: &str, epoch: u64) -> Report {
    Report { epoch, leader_id: of.to_owned(), ..Report::default() }
}

fn within(max_lag_ms: u64) -> Freshness {
    Freshness { max_lag_ms, max_lag_records: None, after: None }
}

#[test]
fn a_report_is_read_from_what_a_node_tells() {
    let info = "# Replication\r\nrole:leader\r\nid:n1\r\nepoch:3\r\nleader_id:n1\r\nleader_address:127.0.0.1:7001\r\n\
                last_lsn:9\r\nfuture:field\r\nfollower0:id=n2,state=online,match_lsn=7,lag_records=2\r\n\
                follower1:id=n3,state=offline,match_lsn=0,lag_records=9\r\nfollower2:nonsense\r\n";
    let report = Report::parse(info).unwrap();
    assert_eq!((report.leads, report.epoch, report.last_lsn), (true, 3, 9));
    assert_eq!(report.followers["n2"], (7, true));
    assert_eq!(report.followers["n3"], (0, false));
    for broken in ["", "role:leader\r\nepoch:1\r\n", "role:leader\r\nepoch:x\r\nlast_lsn:1\r\n"] {
        assert_eq!(Report::parse(broken), None, "{broken}");
    }
}

#[test]
fn the_leader_is_who_says_so_in_the_greatest_epoch_that_has_one() {
    let mut topology = topology();
    assert_eq!(topology.leader, None);
    topology.hear(0, leader("n1", 1, 5, &[]), 0);
    assert_eq!(topology.leader, Some(0));
    topology.hear(1, Report { epoch: 2, ..Report::default() }, 10);
    assert_eq!(topology.leader, Some(0), "a candidate's epoch has no leader yet");
    topology.hear(1, follower("n3", 2), 20);
    assert_eq!(topology.leader, None, "deposed, though neither it nor its successor says so");
    topology.hear(2, leader("n3", 2, 6, &[]), 30);
    assert_eq!(topology.leader, Some(2));
    topology.miss(2);
    assert_eq!(topology.leader, Some(2), "one miss is nothing");
    topology.miss(2);
    assert_eq!(topology.leader, None);
    topology.hear(2, leader("n3", 2, 6, &[]), 60);
    assert_eq!(topology.leader, Some(2));
}

#[test]
fn of_two_leaders_of_one_epoch_the_greater_id_wins_as_among_the_nodes() {
    let mut topology = topology();
    topology.hear(0, leader("n1", 2, 5, &[]), 0);
    topology.hear(1, leader("n2", 2, 5, &[]), 0);
    assert_eq!(topology.leader, Some(1));
}

#[test]
fn lag_counts_from_when_a_follower_was_last_complete() {
    let mut topology = topology();
    topology.hear(1, follower("n1", 1), 0);
    topology.hear(2, follower("n1", 1), 0);
    assert_eq!(topology.fresh(0, within(1000)), NONE, "nothing is known yet");
    topology.hear(0, leader("n1", 1, 10, &[("n2", 10), ("n3", 4)]), 0);
    assert_eq!(topology.fresh(0, within(1000)), [1], "n3 was never seen to be complete");
    topology.hear(0, leader("n1", 1, 20, &[("n2", 15), ("n3", 20)]), 100);
    assert_eq!(topology.backends[1].lag_ms(150), Some(150), "it lacks what came after the first look");
    assert_eq!(topology.backends[1].lag_records, Some(5));
    assert_eq!(topology.fresh(150, within(100)), [2]);
    assert_eq!(topology.fresh(150, Freshness { max_lag_records: Some(4), ..within(1000) }), [2]);
    (0..2).for_each(|_| topology.miss(0));
    assert_eq!(topology.fresh(150, within(1000)), [1, 2], "what is known stays true while there is no leader …");
    assert_eq!(topology.fresh(1101, within(1000)), NONE, "… and grows old");
}

#[test]
fn a_client_that_wrote_reads_only_where_its_write_is() {
    let mut topology = topology();
    topology.hear(1, follower("n1", 1), 0);
    topology.hear(2, follower("n1", 1), 0);
    topology.hear(0, leader("n1", 1, 10, &[("n2", 10), ("n3", 9)]), 0);
    topology.hear(0, leader("n1", 1, 10, &[("n2", 10), ("n3", 9)]), 1);
    let after = |epoch, lsn| Freshness { after: Some((epoch, lsn)), ..within(1000) };
    assert_eq!(topology.fresh(1, after(1, 10)), [1]);
    assert_eq!(topology.fresh(1, after(2, 5)), NONE, "what this leader says is no answer about a later reign");
}

#[test]
fn an_address_in_a_redirect_is_a_nodes_own_or_the_one_it_advertises() {
    let mut topology = topology();
    let advertised = SocketAddr::from(([10, 0, 0, 1], 7));
    topology.hear(1, Report { leader_address: Some(advertised), ..follower("n3", 1) }, 0);
    assert_eq!(topology.at(SocketAddr::from(([127, 0, 0, 1], 2))), Some(1));
    assert_eq!(topology.at(advertised), Some(2));
    assert_eq!(topology.at(SocketAddr::from(([10, 0, 0, 1], 8))), None);
}
