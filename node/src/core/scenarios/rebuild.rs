//! A node that lost its log: what it may have forgotten must not count.

use super::defects::check;
use super::*;
use crate::core::leadership::LeadershipAsk;
use crate::defect::Defect;

fn rebuilding() -> HardState {
    HardState { epoch: 2, life: 1, rebuilding: true, ..HardState::default() }
}

impl Node {
    /// Hears a leader that knows this many lives of this node, and has committed this much.
    fn hear_commit(&mut self, epoch: Epoch, known_life: u64, records: &[Record], commit_lsn: Lsn) {
        let Body::Append(mut append) = append(None, records, 1) else { unreachable!() };
        append.commit_lsn = commit_lsn;
        let message = Message { addressee_life: known_life, ..Message::new(epoch, Body::Append(append)) };
        self.core.receive(A, message);
        self.settle();
        self.core.settle();
    }

    fn votes(&mut self) -> bool {
        (0..40).for_each(|_| self.sleep(10));
        self.said(B);
        self.hear(B, 9, Body::Vote { log: LogEnd { epoch: 8, lsn: 99 }, handed_over: false });
        self.said(B).contains(&Body::VoteReply { granted: true })
    }
}

#[test]
fn a_node_that_is_rebuilt_votes_when_it_holds_all_that_it_may_have_confirmed() {
    check(Defect::RebuildInHaste, |settings| waits_for_all_that_it_may_have_confirmed(&settings));
}

fn waits_for_all_that_it_may_have_confirmed(settings: &Settings) {
    let log = [record(1, 1, A), record(2, 2, A), record(3, 2, A)];
    for (known_life, commit_lsn, votes, why) in [
        (1, 3, true, "it holds all that is committed"),
        (0, 3, false, "the leader may still count what was said in the earlier life"),
        (1, 1, false, "that commit says nothing about those of earlier leaders"),
        (1, 4, false, "there is more"),
    ] {
        let mut node = Node::new(settings.clone(), rebuilding(), &[]);
        node.hear_commit(2, known_life, &log, commit_lsn);
        assert_eq!(node.votes(), votes, "{why}");
        assert_eq!(node.hard.rebuilding, !votes, "{why}");
    }
}

#[test]
fn a_node_that_is_rebuilt_does_not_campaign() {
    let mut node = Node::new(settings(""), rebuilding(), &[]);
    (0..100).for_each(|_| node.sleep(10));
    assert_eq!((node.core.status().role, node.sent.len()), ("follower", 0));
}

#[test]
fn a_leader_counts_nothing_that_was_said_in_an_earlier_life() {
    check(Defect::TrustEarlierLife, counts_nothing_of_an_earlier_life);
}

fn counts_nothing_of_an_earlier_life(settings: Settings) {
    let mut node = Node::leader(settings);
    node.request(1, set("1"), ReadMode::Leader);
    let appended = |life, lsn| {
        let body = appended(1, lsn, lsn);
        Message { life, ..Message::new(2, body) }
    };
    node.core.receive(A, appended(1, 1));
    node.core.receive(A, appended(0, 3)); // on its way since before it lost its log
    node.settle();
    assert_eq!(node.outcomes(), []);
    node.core.receive(A, appended(1, 3));
    node.settle();
    assert_eq!(node.outcomes(), [(1, Ok(Reply::Ok))]);
}

#[test]
fn a_node_that_is_rebuilt_does_not_tell_a_bidder_for_the_lease_that_it_has_nothing() {
    for (hard, answers) in [(rebuilding(), 0), (HardState { epoch: 2, ..HardState::default() }, 1)] {
        let mut node = Node::new(settings("--election coordinator"), hard, &[]);
        node.hear(A, 2, Body::Whereabouts);
        assert_eq!(node.said(A).len(), answers, "{hard:?}");
    }
}

#[test]
fn a_node_that_is_rebuilt_can_be_fenced_but_does_not_count_as_such() {
    for (hard, counts) in [(rebuilding(), false), (HardState { epoch: 2, ..HardState::default() }, true)] {
        let mut node = Node::new(settings("--election supervisor"), hard, &[]);
        node.core.ask_leadership(1, LeadershipAsk::Fence { epoch: 9 });
        node.settle();
        let told = node.outcomes();
        assert_eq!(matches!(told[..], [(1, Ok(Reply::Told(_)))]), counts, "{told:?}");
        assert_eq!(node.hard.epoch, 9);
    }
}

/// Found by the simulation: what it gave after its last start was in its log only.
#[test]
fn a_rebuilt_node_gives_no_name_that_it_gave_before() {
    let starts = (0..1000).fold(0, |sequence, _| {
        let own = Record {
            stamp: Stamp { gtid: Gtid { origin: ME, sequence }, ..record(1, 1, ME).stamp },
            ..record(1, 1, ME)
        };
        Node::new(settings(""), HardState::default(), &[own]).core.sequence
    });
    let rebuilt = Node::new(settings(""), HardState::default().in_next_life(), &[]).core.sequence;
    assert!(rebuilt > starts, "{rebuilt} after {starts}");
}
