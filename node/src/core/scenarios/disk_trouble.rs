//! What a node says and does when its disk takes no writes.

use super::*;
use crate::core::disk_trouble::{Ailment, DiskTrouble};

fn set() -> Operation {
    Operation::Set { key: "k".into(), value: "v".into(), if_equals: None }
}

fn get() -> Operation {
    Operation::Get { key: "k".into() }
}

fn fail(node: &mut Node, ailment: Ailment) {
    node.disk_is_stuck = true;
    node.core.disk_failed(DiskTrouble { ailment, why: "cannot write".to_owned() });
    node.settle();
}

#[test]
fn a_leader_whose_disk_fails_gives_leadership_up_and_says_why_it_takes_no_writes() {
    for ailment in [Ailment::Full, Ailment::Failed] {
        let mut node = Node::leader(settings(""));
        node.request(1, set(), ReadMode::Leader);
        fail(&mut node, ailment);
        assert_eq!(node.core.status().role, "follower");
        assert_eq!(node.answers[0].1.outcome, Err(Refusal::Uncertain), "the write may be on its way to others");
        node.request(2, set(), ReadMode::Leader);
        assert_eq!(node.answers[1].1.outcome, Err(Refusal::Disk(ailment)));
        node.request(3, get(), ReadMode::Follower);
        assert_eq!(node.answers[2].1.outcome, Ok(Reply::String("v".into())), "a read that asks for no promise");
        assert_eq!(node.core.status().disk_trouble.map(|trouble| trouble.ailment), Some(ailment));
    }
}

#[test]
fn a_node_whose_disk_fails_confirms_nothing_votes_for_nobody_and_never_campaigns() {
    for flags in ["", "--election timeout"] {
        let mut node = Node::new(settings(flags), HardState { epoch: 1, ..HardState::default() }, &[record(1, 1, A)]);
        fail(&mut node, Ailment::Full);
        node.sent.clear();
        let hard = node.hard;
        let log = LogEnd { epoch: 9, lsn: 9 };
        node.hear(B, 2, Body::PreVote { log });
        node.hear(B, 3, Body::Vote { log, handed_over: true });
        node.hear(A, 3, append(Some((1, 1, A)), &[record(2, 3, A)], 1));
        (0..1000).for_each(|_| node.sleep(10));
        assert!(node.sent.is_empty(), "{:?}", node.sent);
        assert_eq!((node.hard, node.core.status().role, node.core.status().last_lsn), (hard, "follower", 1));
    }
}

#[test]
fn who_asks_a_node_whose_disk_fails_is_sent_to_the_leader_as_long_as_one_is_heard() {
    let mut node = Node::leader(settings(""));
    fail(&mut node, Ailment::Failed);
    node.hear(A, 3, append(Some((2, 2, ME)), &[], 1));
    node.request(1, set(), ReadMode::Leader);
    assert_eq!(node.answers[0].1.outcome, Err(Refusal::Redirect(address())));
    (0..1000).for_each(|_| node.sleep(10));
    node.request(2, set(), ReadMode::Leader);
    assert_eq!(node.answers[1].1.outcome, Err(Refusal::Disk(Ailment::Failed)));
}
