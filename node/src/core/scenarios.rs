//! Rare moments that a random simulation seldom meets, played by hand: one core, and the messages of its peers.

use std::net::{Ipv4Addr, SocketAddr};

use bytes::Bytes;

use super::freshness::Moment;
use super::message::{Append, Body, LogEnd, Message};
use super::{Answer, Core, Effect, HardState, Refusal, Settings};
use crate::config::{Modes, ReadMode};
use crate::membership::Membership;
use crate::record::{Change, Epoch, Gtid, Lineage, Lsn, Member, Record, Stamp};
use crate::store::{Operation, Reply, Store};

mod acknowledgement;
mod bad_messages;
mod changes;
mod coordinated;
mod defects;
mod disk_trouble;
mod drift;
mod exactly_once;
mod freshness;
mod lease;
mod members;
mod rebuild;
mod shipping;
mod status;
mod throttle;
mod tokens;

mod handover;
mod promotion;

const ME: Member = Member(0);
const A: Member = Member(1);
const B: Member = Member(2);

/// A core with its disk, which is as fast as it is asked.
struct Node {
    core: Core<u32>,
    hard: HardState,
    now_ms: u64,
    sent: Vec<(Member, Message)>,
    answers: Vec<(u32, Answer)>,
    put_aside: Vec<Lsn>,
    /// Whose death was asked for.
    condemned: Vec<Member>,
    wished: Vec<super::coordinated::LeaseWish>,
    disk_is_stuck: bool,
}

/// The default modes but for these flags.
fn settings(flags: &str) -> Settings {
    Settings {
        id: "n1".to_owned(),
        members: Membership::founded(["n1", "n2", "n3"].map(String::from)),
        modes: Modes::default().with(flags).unwrap(),
        seed: 1,
        incarnation: 1,
        address: address(),
    }
}

fn address() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 7001))
}

fn record(lsn: Lsn, epoch: Epoch, origin: Member) -> Record {
    let stamp = Stamp { lsn, epoch, gtid: Gtid { origin, sequence: lsn } };
    Record { stamp, change: Change::Noop, request: None }
}

/// A leader's message with these records behind `prev`.
fn append(prev: Option<(Lsn, Epoch, Member)>, records: &[Record], round: u64) -> Body {
    Body::Append(Append {
        address: address(),
        prev_lsn: prev.map_or(0, |(lsn, ..)| lsn),
        prev: prev.map(|(_, epoch, origin)| Lineage { epoch, origin }),
        records: records.iter().map(Record::encode).collect(),
        commit_lsn: 0,
        last_lsn: 0,
        round,
        complete: None,
    })
}

/// A follower's answer that it held and had on its disk so much, sent when its clock began.
fn appended(round: u64, held_lsn: Lsn, durable_lsn: Lsn) -> Body {
    Body::Appended { round, held_lsn, durable_lsn, sent: Moment::of(1, 0) }
}

impl Node {
    fn new(settings: Settings, hard: HardState, log: &[Record]) -> Self {
        let log: Vec<(Record, Bytes)> = log.iter().map(|record| (record.clone(), record.encode())).collect();
        let mut core = Core::new(settings, hard, Store::default(), None, log);
        core.link(A, true);
        core.link(B, true);
        let (sent, answers, put_aside, condemned) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let wished = Vec::new();
        Node { core, hard, now_ms: 0, sent, answers, put_aside, condemned, wished, disk_is_stuck: false }
    }

    /// A leader of epoch 2 with one record of epoch 1 and its own first record behind it.
    fn leader(settings: Settings) -> Self {
        let mut node = Node::new(settings, HardState { epoch: 1, ..HardState::default() }, &[record(1, 1, A)]);
        node.lose_patience();
        node.hear(A, 1, Body::PreVoteReply { proposed: 2, granted: true });
        node.hear(A, 2, Body::VoteReply { granted: true });
        assert_eq!((node.core.status().role, node.core.status().last_lsn), ("leader", 2));
        node
    }

    /// Waits for a leader in vain.
    fn lose_patience(&mut self) {
        let lost = (0..100).any(|_| {
            self.sleep(10);
            self.core.status().role == "candidate"
        });
        assert!(lost, "it should have become a candidate, not a {}", self.core.status().role);
    }

    /// Waits until this node may vote, though it may have answered a leader before.
    fn outlive_pledge(&mut self) {
        (0..17).for_each(|_| self.sleep(10));
        self.sent.clear();
    }

    fn settle(&mut self) {
        for effect in self.core.settle() {
            match effect {
                Effect::Save(hard) => self.hard = hard,
                Effect::Rewind { records, .. } => self.put_aside.extend(records.iter().map(|record| record.stamp.lsn)),
                Effect::Write { .. }
                | Effect::AdoptSnapshot { .. }
                | Effect::SaveSlots(_)
                | Effect::Members(_)
                | Effect::CutFront { .. } => {}
                Effect::WriteSnapshot(snapshot) => {
                    self.core.snapshot_written((snapshot.lsn(), snapshot.lineage()), true);
                }
                Effect::InstallSnapshot { records, .. } => {
                    self.put_aside.extend(records.iter().map(|record| record.stamp.lsn));
                }
                Effect::Send { to, message } => {
                    if matches!(message.body, Body::VoteReply { granted: true }) {
                        assert_eq!(self.hard.voted_for, Some(to), "the vote is told before it is durable");
                    }
                    self.sent.push((to, message));
                }
                Effect::Stonith { member } => self.condemned.push(member),
                Effect::Lease(wish) => self.wished.push(wish),
                Effect::Answer { token, answer } => self.answers.push((token, answer)),
            }
        }
        if !self.disk_is_stuck {
            let status = self.core.status();
            if status.flushed_lsn < status.last_lsn {
                self.core.flushed(self.core.generation, status.last_lsn);
                self.settle();
            }
        }
    }

    fn hear(&mut self, from: Member, epoch: Epoch, body: Body) {
        self.core.receive(from, Message::new(epoch, body));
        self.settle();
    }

    fn sleep(&mut self, ms: u64) {
        self.now_ms += ms;
        self.core.advance(self.now_ms);
        self.core.tick();
        self.settle();
    }

    fn request(&mut self, token: u32, operation: Operation, read: ReadMode) {
        self.core.request(token, operation, read);
        self.settle();
    }

    /// What was said to somebody since the last time.
    fn said(&mut self, to: Member) -> Vec<Body> {
        self.sent.extract_if(.., |(receiver, _)| *receiver == to).map(|(_, message)| message.body).collect()
    }

    fn outcomes(&mut self) -> Vec<(u32, Result<Reply, Refusal>)> {
        self.answers.drain(..).map(|(token, answer)| (token, answer.outcome)).collect()
    }
}

fn get() -> Operation {
    Operation::Get { key: "k".into() }
}

fn set(value: &'static str) -> Operation {
    Operation::Set { key: "k".into(), value: value.into(), if_equals: None }
}

#[test]
fn a_record_of_an_earlier_epoch_is_committed_only_with_one_of_the_present() {
    let mut node = Node::leader(settings(""));
    node.hear(A, 2, appended(1, 1, 1));
    assert_eq!(
        node.core.status().commit_lsn,
        0,
        "a majority holds LSN 1, but it can still be overwritten (Raft, figure 8)"
    );
    node.hear(A, 2, appended(1, 2, 2));
    assert_eq!(node.core.status().commit_lsn, 2);
}

#[test]
fn a_vote_is_given_once_per_epoch_even_across_a_restart() {
    let log = LogEnd { epoch: 0, lsn: 0 };
    let mut node = Node::new(settings(""), HardState::default(), &[]);
    node.hear(A, 5, Body::Vote { log, handed_over: false });
    assert_eq!(node.said(A), [Body::VoteReply { granted: true }]);
    node.hear(B, 5, Body::Vote { log, handed_over: false });
    assert_eq!(node.said(B), [Body::VoteReply { granted: false }]);
    let mut restarted = Node::new(settings(""), node.hard, &[]);
    restarted.outlive_pledge();
    restarted.hear(B, 5, Body::Vote { log, handed_over: false });
    assert_eq!(restarted.said(B), [Body::VoteReply { granted: false }]);
    restarted.hear(A, 5, Body::Vote { log, handed_over: false });
    assert_eq!(restarted.said(A), [Body::VoteReply { granted: true }], "the same vote again does no harm");
}

#[test]
fn a_candidate_ahead_of_the_others_can_still_win_them() {
    let mut node = Node::new(settings(""), HardState { epoch: 7, ..HardState::default() }, &[]);
    node.lose_patience();
    node.hear(A, 6, Body::PreVoteReply { proposed: 8, granted: true });
    assert_eq!(node.core.status().epoch, 8);
    node.hear(A, 8, Body::VoteReply { granted: true });
    assert_eq!(node.core.status().role, "leader");
}

#[test]
fn a_vote_of_an_earlier_epoch_counts_for_nothing() {
    let mut node = Node::new(settings(""), HardState { epoch: 1, ..HardState::default() }, &[]);
    node.lose_patience();
    node.hear(A, 1, Body::PreVoteReply { proposed: 2, granted: true });
    (0..40).for_each(|_| node.sleep(10)); // no vote comes, so it asks anew
    node.hear(A, 2, Body::PreVoteReply { proposed: 3, granted: true });
    assert_eq!((node.core.status().role, node.core.status().epoch), ("candidate", 3));
    node.hear(A, 2, Body::VoteReply { granted: true });
    assert_eq!(node.core.status().role, "candidate");
}

#[test]
fn a_leader_that_nothing_fences_gives_no_vote_while_it_leads() {
    let mut node = Node::leader(settings("--fencing none"));
    node.said(B);
    node.hear(B, 9, Body::Vote { log: LogEnd { epoch: 8, lsn: 99 }, handed_over: false });
    assert_eq!((node.core.status().role, node.hard.voted_for, node.said(B)), ("leader", Some(ME), vec![]));
}

#[test]
fn the_identity_of_a_rewound_write_is_not_given_again() {
    let mut node = Node::leader(settings(""));
    let given = node.core.sequence;
    node.hear(B, 3, append(Some((1, 1, A)), &[record(2, 3, B)], 1));
    assert_eq!(node.put_aside, [2]);
    let restarted = Node::new(settings(""), node.hard, &[record(1, 1, A), record(2, 3, B)]);
    assert!(restarted.core.sequence > given, "{} after {given}", restarted.core.sequence);
}

/// Found by the simulation: a leader sends records out, dies before its disk has one, and leads again.
#[test]
fn an_identity_that_only_others_saw_is_not_given_again() {
    let log = [record(1, 1, A)];
    let mut hard = HardState { epoch: 1, ..HardState::default() };
    let mut given = Vec::new();
    for epoch in 1..4 {
        let mut node = Node::new(settings(""), hard, &log);
        node.disk_is_stuck = true;
        node.lose_patience();
        node.hear(A, epoch, Body::PreVoteReply { proposed: epoch + 1, granted: true });
        node.hear(A, epoch + 1, Body::VoteReply { granted: true });
        assert_eq!(node.core.status().role, "leader");
        given.push(node.core.sequence);
        hard = node.hard;
    }
    assert!(given.is_sorted_by(|before, after| before < after), "{given:?}");
}

#[test]
fn an_answer_about_what_was_never_sent_is_ignored() {
    let mut node = Node::leader(settings(""));
    node.hear(A, 2, appended(1, 99, 99));
    node.hear(A, 2, Body::Mismatch { round: 1, rejected_lsn: 99, hint_lsn: 98 });
    node.hear(A, 2, appended(99, 1, 1));
    node.request(1, get(), ReadMode::Leader);
    assert_eq!((node.core.status().commit_lsn, node.outcomes()), (0, vec![]));
}

#[test]
fn who_lacks_a_durable_record_gets_no_vote() {
    for (candidate, granted) in [((2, 1), true), ((1, 9), false), ((1, 2), false), ((2, 2), true), ((3, 1), true)] {
        let log = [record(1, 1, A), record(2, 2, A)];
        let mut node = Node::new(settings(""), HardState { epoch: 2, ..HardState::default() }, &log[..]);
        node.core.flushed_lsn = 2;
        node.outlive_pledge();
        let log = LogEnd { epoch: candidate.0, lsn: candidate.1 + u64::from(candidate.0 >= 2) };
        node.hear(A, 4, Body::Vote { log, handed_over: false });
        assert_eq!(node.said(A), [Body::VoteReply { granted }], "{log:?}");
    }
}

#[test]
fn a_follower_with_a_live_leader_neither_votes_nor_moves_on() {
    let mut node = Node::new(settings(""), HardState::default(), &[]);
    node.hear(A, 1, append(None, &[record(1, 1, A)], 1));
    node.said(A);
    node.hear(B, 9, Body::Vote { log: LogEnd { epoch: 8, lsn: 99 }, handed_over: false });
    assert_eq!((node.core.status().epoch, node.said(B)), (1, vec![]));
}

#[test]
fn a_leader_counts_its_own_record_only_when_its_disk_has_it() {
    let mut node = Node::leader(settings(""));
    node.disk_is_stuck = true;
    node.request(1, set("1"), ReadMode::Leader);
    node.hear(A, 2, appended(1, 3, 3));
    assert_eq!(node.outcomes(), []);
    node.core.flushed(0, 3);
    node.settle();
    assert_eq!(node.outcomes(), [(1, Ok(Reply::Ok))]);
}

#[test]
fn a_follower_confirms_only_what_is_durable_and_agrees_with_its_leader() {
    let mut node =
        Node::new(settings(""), HardState { epoch: 1, ..HardState::default() }, &[record(1, 1, B), record(2, 1, B)]);
    node.hear(A, 2, append(Some((1, 1, B)), &[], 1));
    assert_eq!(node.said(A), [appended(1, 1, 1)], "of LSN 2 nothing is known");
    node.disk_is_stuck = true;
    node.hear(A, 2, append(Some((1, 1, B)), &[record(2, 2, A), record(3, 2, A)], 1));
    assert_eq!(node.put_aside, [2]);
    assert_eq!(node.said(A), [], "nothing new is durable");
    node.core.flushed(0, 2);
    node.settle();
    assert_eq!(node.said(A), [], "that was the record that is gone");
    node.core.flushed(1, 3);
    node.settle();
    assert_eq!(node.said(A), [appended(1, 3, 3)]);
}

#[test]
fn a_read_waits_for_a_round_begun_after_it_and_for_what_it_saw() {
    let mut node = Node::leader(settings(""));
    node.request(1, set("1"), ReadMode::Leader);
    node.request(2, get(), ReadMode::Leader);
    node.hear(A, 2, appended(1, 3, 3));
    assert_eq!(node.outcomes(), [(1, Ok(Reply::Ok))], "round 1 had begun before the read");
    node.hear(A, 2, appended(2, 3, 3));
    assert_eq!(node.outcomes(), [(2, Ok(Reply::String("1".into())))]);

    node.request(3, set("2"), ReadMode::Leader);
    node.request(4, get(), ReadMode::Leader);
    node.hear(A, 2, appended(3, 3, 3));
    assert_eq!(node.outcomes(), [], "the value that the read saw is not acknowledged yet");
    node.hear(A, 2, appended(3, 4, 4));
    assert_eq!(node.outcomes(), [(3, Ok(Reply::Ok)), (4, Ok(Reply::String("2".into())))]);
}

#[test]
fn a_failed_comparison_is_answered_like_a_read_whatever_the_connection_reads() {
    let mut node = Node::leader(settings(""));
    node.hear(A, 2, appended(1, 2, 2));
    let compare = Operation::Set { key: "k".into(), value: "2".into(), if_equals: Some("1".into()) };
    node.request(1, compare, ReadMode::Follower);
    assert_eq!(node.outcomes(), []);
    node.hear(A, 2, appended(2, 2, 2));
    assert_eq!(node.outcomes(), [(1, Ok(Reply::Nil))]);
}

#[test]
fn a_leader_that_steps_down_is_uncertain_of_writes_and_certain_of_reads() {
    let mut node = Node::leader(settings(""));
    node.request(1, set("1"), ReadMode::Leader);
    node.request(2, get(), ReadMode::Leader);
    node.hear(B, 3, append(None, &[], 1));
    let redirect = Refusal::Redirect(address());
    assert_eq!(node.outcomes(), [(1, Err(Refusal::Uncertain)), (2, Err(redirect))]);
}

#[test]
fn a_leader_without_a_majority_steps_down_if_fenced_and_goes_on_if_not() {
    for (fencing, role) in [("--fencing epoch", "follower"), ("--fencing none", "leader")] {
        let mut node = Node::leader(settings(fencing));
        (0..16).for_each(|_| node.sleep(10));
        assert_eq!(node.core.status().role, role, "{fencing}");
    }
}

#[test]
fn an_unfenced_leader_goes_on_for_a_while_after_it_heard_of_its_successor() {
    let mut node = Node::leader(settings("--fencing none --ack async --demote-after-ms 1000"));
    node.hear(B, 3, append(None, &[], 1));
    (0..99).for_each(|_| node.sleep(10));
    node.request(1, set("1"), ReadMode::Leader);
    assert_eq!(node.outcomes(), [(1, Ok(Reply::Ok))]);
    (0..2).for_each(|_| node.sleep(10));
    assert_eq!((node.core.status().role, node.core.status().epoch), ("follower", 3));
}

#[test]
fn after_standing_still_nobody_campaigns_before_listening() {
    let mut node = Node::new(settings(""), HardState { epoch: 1, ..HardState::default() }, &[]);
    node.sleep(5_000);
    assert_eq!((node.core.status().role, node.sent.len()), ("follower", 0));
}

#[test]
fn of_two_leaders_of_one_epoch_the_greater_id_wins() {
    let timeout = settings("--election timeout --ack async");
    let mut node = Node::new(timeout, HardState { epoch: 1, ..HardState::default() }, &[]);
    node.hear(A, 2, append(None, &[record(1, 2, A)], 1));
    node.hear(B, 2, append(None, &[record(1, 2, B)], 1));
    assert_eq!(node.put_aside, [1], "one LSN, one epoch, but not the same record");
    node.said(A);
    node.hear(A, 2, append(None, &[record(1, 2, A)], 2));
    assert_eq!(node.said(A), [Body::Fenced { leader: Some(B) }]);
}
