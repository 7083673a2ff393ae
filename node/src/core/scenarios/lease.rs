//! Reads under a leader's lease, and the pledges of its voters that make it one.

use super::*;
use crate::core::admin::Admin;
use crate::core::leadership::LeadershipAsk;

/// A leader whose newest round A answered.
fn confirmed_leader(flags: &str) -> Node {
    let mut node = Node::leader(settings(flags));
    node.answer_round();
    node
}

impl Node {
    /// A has everything, and answers the newest round of which it was told.
    fn answer_round(&mut self) {
        let rounds = self.said(A).into_iter().filter_map(|body| match body {
            Body::Append(append) => Some(append.round),
            _ => None,
        });
        let round = rounds.max().expect("the leader said something");
        let lsn = self.core.status().last_lsn;
        self.hear(A, 2, appended(round, lsn, lsn));
    }

    fn is_answered(&mut self, read: ReadMode) -> bool {
        self.request(1, get(), read);
        !self.outcomes().is_empty()
    }
}

fn vote(epoch: Epoch) -> Body {
    Body::Vote { log: LogEnd { epoch: epoch - 1, lsn: 99 }, handed_over: false }
}

#[test]
fn a_leader_answers_at_once_while_it_has_a_lease_and_asks_when_it_has_none() {
    let mut node = confirmed_leader("");
    (0..14).for_each(|_| node.sleep(10));
    assert!(node.is_answered(ReadMode::LeaderLease), "at 140 of 145 ms");
    assert!(!node.is_answered(ReadMode::Leader), "that one asks whatever the clock says");
    node.sleep(5);
    assert!(!node.is_answered(ReadMode::LeaderLease), "another may have been elected");
    node.answer_round(); // that began before they were asked
    node.answer_round();
    assert_eq!(node.outcomes().len(), 2);
    assert!(node.is_answered(ReadMode::LeaderLease), "the answer is a new lease");
}

#[test]
fn a_lease_is_no_promise_about_writes_that_are_not_acknowledged() {
    let mut node = confirmed_leader("");
    node.request(1, set("1"), ReadMode::LeaderLease);
    assert!(!node.is_answered(ReadMode::LeaderLease));
    node.hear(A, 2, appended(1, 3, 3));
    assert_eq!(node.outcomes(), [(1, Ok(Reply::Ok)), (1, Ok(Reply::String("1".into())))]);
}

#[test]
fn a_clock_that_may_be_far_off_makes_a_short_lease() {
    let mut node = confirmed_leader("--max-clock-drift-ppm 500000");
    (0..4).for_each(|_| node.sleep(10));
    assert!(node.is_answered(ReadMode::LeaderLease), "at 40 of 48 ms");
    node.sleep(8);
    assert!(!node.is_answered(ReadMode::LeaderLease));
}

#[test]
fn where_nobody_holds_votes_back_there_is_no_lease() {
    for flags in ["--election timeout", "--election manual", "--election supervisor"] {
        let mut node = Node::new(settings(flags), HardState { epoch: 1, ..HardState::default() }, &[record(1, 1, A)]);
        node.core.promote();
        node.settle();
        node.answer_round();
        assert!(!node.is_answered(ReadMode::LeaderLease), "{flags}");
    }
}

#[test]
fn a_successor_that_was_told_to_take_over_ends_the_lease_for_good() {
    let mut node = confirmed_leader("");
    node.core.admin(9, Admin::Leadership(LeadershipAsk::HandOver { to: Some("n3".into()), timeout_ms: 20 }));
    node.hear(B, 2, appended(1, 2, 2));
    node.sleep(1);
    assert!(node.said(B).contains(&Body::TakeOver));
    node.sleep(30);
    node.answer_round();
    assert!(node.outcomes().iter().any(|(token, _)| *token == 9), "it is given up, but B may yet hear of it");
    assert!(!node.is_answered(ReadMode::LeaderLease));
    node.answer_round();
    assert_eq!(node.outcomes().len(), 1, "a round confirms it as ever");
}

#[test]
fn a_voter_keeps_its_pledge_when_it_hears_of_a_later_epoch() {
    let mut node = Node::new(settings(""), HardState::default(), &[]);
    node.hear(A, 1, append(None, &[record(1, 1, A)], 1));
    node.hear(B, 2, Body::VoteReply { granted: false }); // it belongs to no question of this node's, but tells the epoch
    node.said(B);
    node.hear(B, 2, vote(2));
    assert_eq!(node.said(B), [], "A heard its answer and may rely on it");
    node.outlive_pledge();
    node.hear(B, 2, vote(2));
    assert_eq!(node.said(B), [Body::VoteReply { granted: true }]);
}

#[test]
fn a_voter_that_restarts_is_pledged_to_whom_it_may_have_answered() {
    let mut node = Node::new(settings(""), HardState { epoch: 1, ..HardState::default() }, &[record(1, 1, A)]);
    node.sleep(70);
    node.hear(B, 2, Body::PreVote { log: LogEnd { epoch: 1, lsn: 99 } });
    node.hear(B, 2, vote(2));
    assert_eq!(node.said(B), [Body::PreVoteReply { proposed: 3, granted: false }]);
    node.outlive_pledge();
    node.hear(B, 2, vote(2));
    assert_eq!(node.said(B), [Body::VoteReply { granted: true }]);
}

#[test]
fn a_core_that_takes_up_anothers_clock_counts_its_pledge_from_then() {
    let mut node = Node::new(settings(""), HardState { epoch: 1, ..HardState::default() }, &[record(1, 1, A)]);
    node.sleep(10_000);
    node.hear(B, 2, vote(2));
    assert_eq!(node.said(B), []);
}
