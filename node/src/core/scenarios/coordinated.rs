//! A lease that comes, is renewed, runs out, and is bid for by those who may.

use super::*;
use crate::core::coordinated::{Holder, Lease, LeaseWish};

const PLAIN: &str = "--election coordinator";

/// A follower of epoch 1 with these records, that has asked the others because the lease is vacant.
fn bidder(flags: &str, lsn: Lsn, published: Option<Lsn>) -> Node {
    let log: Vec<Record> = (1..=lsn).map(|lsn| record(lsn, 1, A)).collect();
    let mut node = Node::new(settings(flags), HardState { epoch: 1, ..HardState::default() }, &log);
    let holder = published.map(|lsn| Holder { epoch: 1, log: LogEnd { epoch: 1, lsn } });
    node.lease(Lease::Vacant { holder, version: 7 });
    assert_eq!(node.said(A), [Body::Whereabouts]);
    node
}

fn here(lsn: Lsn) -> Body {
    Body::Here { log: LogEnd { epoch: 1, lsn } }
}

fn bid(epoch: Epoch, lsn: Lsn) -> LeaseWish {
    LeaseWish::Bid { holder: Holder { epoch, log: LogEnd { epoch: 1, lsn } }, version: 7 }
}

/// A leader by a lease until 1000 ms.
fn leader(flags: &str) -> Node {
    let mut node = bidder(flags, 1, None);
    node.hear(A, 1, here(1));
    node.hear(B, 1, here(1));
    assert_eq!(node.wishes(), [bid(2, 1)]);
    node.lease(Lease::Granted { epoch: 2, until_ms: 1000 });
    assert_eq!((node.core.status().role, node.hard.epoch), ("leader", 2));
    node
}

impl Node {
    fn lease(&mut self, lease: Lease) {
        self.core.lease(lease);
        self.settle();
    }

    fn wishes(&mut self) -> Vec<LeaseWish> {
        std::mem::take(&mut self.wished)
    }
}

#[test]
fn a_bidder_leaves_the_lease_to_whoever_is_ahead() {
    let mut node = bidder(PLAIN, 2, None);
    node.hear(A, 1, here(3));
    node.hear(B, 1, here(1));
    assert_eq!(node.wishes(), []);
    node.lease(Lease::Vacant { holder: None, version: 7 });
    node.hear(A, 1, here(2));
    node.hear(B, 1, here(1));
    assert_eq!(node.wishes(), [bid(2, 2)], "asked again, it is not behind any more");
}

#[test]
fn the_epoch_is_greater_than_all_that_the_store_or_a_member_knows() {
    let mut node = bidder(PLAIN, 1, Some(1));
    node.hear(A, 5, here(1));
    node.hear(B, 1, here(1));
    assert_eq!(node.wishes(), [bid(6, 1)]);
}

#[test]
fn who_waits_for_majorities_needs_one_to_bid_and_who_does_not_goes_on_alone() {
    for (flags, expected) in [
        ("--ack majority", vec![]),
        ("--ack all", vec![]),
        ("--ack async", vec![bid(2, 1)]),
        ("--ack semi-sync", vec![bid(2, 1)]),
    ] {
        let mut node = bidder(&format!("{PLAIN} {flags}"), 1, Some(9));
        node.sleep(59);
        assert_eq!(node.wishes(), [], "{flags}: somebody may still answer");
        node.sleep(1);
        assert_eq!(node.wishes(), expected, "{flags}");
    }
}

#[test]
fn who_is_further_behind_than_allowed_does_not_bid() {
    for (published, expected) in [(6, vec![bid(2, 1)]), (7, vec![])] {
        let mut node = bidder(&format!("{PLAIN} --ack async --max-lag-on-failover 5"), 1, Some(published));
        node.sleep(60);
        assert_eq!(node.wishes(), expected, "the leader had {published} records");
    }
}

#[test]
fn a_lease_that_comes_too_late_is_given_back() {
    let mut node = bidder(PLAIN, 1, None);
    node.sleep(100);
    node.lease(Lease::Granted { epoch: 2, until_ms: 100 });
    assert_eq!((node.core.status().role, node.wishes()), ("follower", vec![LeaseWish::Release]));
    node.hear(B, 3, append(None, &[record(1, 1, A)], 1));
    node.lease(Lease::Granted { epoch: 3, until_ms: 1000 });
    assert_eq!(node.core.status().role, "follower", "it knows that epoch already");
}

#[test]
fn a_leader_stops_before_its_lease_runs_out() {
    let mut node = leader(PLAIN);
    node.request(1, set("x"), ReadMode::Leader);
    node.sleep(900);
    node.lease(Lease::Renewed { until_ms: 1500 });
    node.sleep(500);
    assert_eq!(node.core.status().role, "leader", "it needs no other member for that");
    // What would have been acknowledged arrives in the same moment, and is too late.
    node.core.advance(1500);
    node.core.receive(A, Message::new(2, appended(1, 3, 3)));
    node.sleep(1);
    assert_eq!(node.core.status().role, "follower");
    assert_eq!(node.outcomes(), [(1, Err(Refusal::Uncertain))]);
    assert_eq!(node.wishes(), [LeaseWish::Release]);
}

#[test]
fn a_leader_that_stood_still_does_not_excuse_itself() {
    let mut node = leader(PLAIN);
    node.sleep(100_000);
    assert_eq!(node.core.status().role, "follower");
}

#[test]
fn a_leader_that_nothing_fences_leads_on_without_its_lease() {
    let mut node = leader(&format!("{PLAIN} --fencing none --ack async"));
    node.sleep(5000);
    node.lease(Lease::Lost);
    assert_eq!(node.core.status().role, "leader");
}

#[test]
fn a_leader_that_lost_its_lease_or_its_epoch_steps_down() {
    let mut node = leader(PLAIN);
    node.lease(Lease::Lost);
    assert_eq!(node.core.status().role, "follower");
    let mut node = leader(PLAIN);
    node.hear(A, 3, Body::Fenced { leader: None });
    assert_eq!((node.core.status().role, node.wishes()), ("follower", vec![LeaseWish::Release]));
}
