//! Planted defects that need a moment too rare for a few seeds of the simulation, each in the story that it breaks.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;
use crate::defect::Defect;
use crate::sessions::{Found, Numbered, Sessions};

/// The story holds, and does not with this defect.
pub(super) fn check(defect: Defect, story: fn(Settings)) {
    story(settings(""));
    let broken = catch_unwind(AssertUnwindSafe(|| story(settings(&format!("--defect {defect}")))));
    assert!(broken.is_err(), "{defect}: {} Its story holds all the same.", defect.about().sentence);
}

/// Starts a node again with what was on its disk.
fn restart(settings: Settings, node: &Node) -> Node {
    let log: Vec<Record> = node.core.journal.after(0).map(|encoded| Record::decode(encoded).unwrap()).collect();
    Node::new(settings, node.hard, &log)
}

#[test]
fn figure_8() {
    check(Defect::CommitOlderEpoch, |settings| {
        let mut node = Node::new(settings, HardState { epoch: 1, ..HardState::default() }, &[record(1, 1, ME)]);
        node.lose_patience();
        node.hear(A, 1, Body::PreVoteReply { proposed: 4, granted: false });
        node.hear(A, 1, Body::PreVoteReply { proposed: 2, granted: true });
        node.hear(A, 2, Body::VoteReply { granted: true });
        node.hear(A, 2, appended(1, 1, 1));
        assert_eq!(
            node.core.status().commit_lsn,
            0,
            "a leader of epoch 3 that was elected by B may still overwrite LSN 1"
        );
    });
}

#[test]
fn a_restart_forgets_neither_vote_nor_epoch() {
    let story = |settings: Settings| {
        let log = LogEnd { epoch: 0, lsn: 0 };
        let mut node = Node::new(settings.clone(), HardState::default(), &[]);
        node.hear(A, 5, Body::Vote { log, handed_over: false });
        assert_eq!(node.said(A), [Body::VoteReply { granted: true }]);
        let mut node = restart(settings, &node);
        node.outlive_pledge();
        node.hear(B, 5, Body::Vote { log, handed_over: false });
        assert_eq!(node.said(B), [Body::VoteReply { granted: false }]);
    };
    check(Defect::ForgetVote, story);
    check(Defect::ForgetEpoch, story);
}

#[test]
fn what_is_in_memory_only_is_not_confirmed() {
    let story = |settings: Settings| {
        let mut node = Node::new(settings, HardState::default(), &[]);
        node.disk_is_stuck = true;
        node.hear(A, 1, append(None, &[record(1, 1, A)], 1));
        let durable = |body: &Body| matches!(body, Body::Appended { durable_lsn, .. } if *durable_lsn > 0);
        node.hear(A, 1, append(Some((1, 1, A)), &[], 2));
        assert!(!node.said(A).iter().any(durable));
    };
    check(Defect::AckReceiptAsDurable, story);
    check(Defect::AckBeforeFsync, story);
}

#[test]
fn a_lease_ends_before_others_may_elect_another() {
    check(Defect::LeaseTooLong, |settings| {
        let mut node = Node::leader(settings);
        node.hear(A, 2, appended(1, 2, 2));
        assert!(node.core.has_lease());
        // Not so long that it steps down.
        let timeout_ms = node.core.settings.modes.failover.election_timeout_ms();
        node.core.advance(node.now_ms + timeout_ms);
        assert!(!node.core.has_lease(), "A may elect B now");
    });
}

#[test]
fn what_was_asked_is_known_to_followers_and_in_snapshots() {
    let story = |settings: Settings| {
        let mut node = Node::leader(settings.clone());
        node.core.open_session(0, "c".into());
        node.settle();
        let numbered = Numbered { client: "c".into(), session: 3, number: 1 };
        node.core.request_once(1, set("1"), numbered.clone());
        node.settle();
        let is_known = |sessions: &Sessions| matches!(sessions.find(&numbered), Found::Repeated(_));
        assert!(is_known(&node.core.sessions));
        assert!(is_known(&node.core.snapshot().sessions));
        assert!(is_known(&restart(settings, &node).core.sessions));
    };
    check(Defect::RequestsNotReplicated, story);
    check(Defect::SnapshotWithoutRequests, story);
}
