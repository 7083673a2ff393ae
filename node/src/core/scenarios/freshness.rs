//! Reads with a bound on how old their data are.

use super::*;
use crate::core::freshness::Complete;
use crate::terms::Terms;

impl Node {
    /// What comes of a read that may see data of that age.
    fn read_within(&mut self, read: ReadMode, max_lag_ms: u64) -> Result<Reply, Refusal> {
        self.core.request(1, get(), Terms { max_lag_ms: Some(max_lag_ms), ..read.into() });
        self.settle();
        let [(1, outcome)] = &self.outcomes()[..] else { panic!("answered at once, whatever the answer is") };
        outcome.clone()
    }

    /// Hears its leader's next heartbeat.
    fn hear_complete(&mut self, round: u64, records: &[Record], complete: Option<Complete>) {
        let (prev, address, last_lsn) = (self.core.log_end(), address(), 0);
        let prev_lineage = (prev.lsn > 0).then_some(Lineage { epoch: 1, origin: A });
        let records = records.iter().map(Record::encode).collect();
        let append = Append {
            address,
            prev_lsn: prev.lsn,
            prev: prev_lineage,
            records,
            commit_lsn: 0,
            last_lsn,
            round,
            complete,
        };
        self.hear(A, 1, Body::Append(append));
    }
}

#[test]
fn a_follower_answers_while_it_had_everything_not_long_ago() {
    let mut node = Node::new(settings(""), HardState::default(), &[]);
    node.hear_complete(1, &[record(1, 1, A)], None);
    assert_eq!(node.read_within(ReadMode::Follower, 1_000_000), Err(Refusal::Lagging), "nothing is known of it yet");
    node.sleep(100);
    node.hear_complete(2, &[], Some((Moment::of(1, 60), 1)));
    assert_eq!(node.read_within(ReadMode::Follower, 41), Ok(Reply::Nil), "40 ms old, and one for the rounding");
    assert_eq!(node.read_within(ReadMode::Follower, 40), Err(Refusal::Lagging));
    assert_eq!(node.core.status().age_ms, Some(41));
}

#[test]
fn a_record_that_was_there_at_that_moment_must_be_here() {
    let mut node = Node::new(settings(""), HardState::default(), &[]);
    node.sleep(50);
    node.hear_complete(1, &[record(1, 1, A)], Some((Moment::of(1, 40), 2)));
    assert_eq!(node.read_within(ReadMode::Nearest, 1000), Err(Refusal::Lagging));
    node.hear_complete(2, &[record(2, 1, A)], None);
    assert_eq!(node.read_within(ReadMode::Nearest, 11), Ok(Reply::Nil));
}

#[test]
fn what_was_said_to_the_node_before_its_restart_says_nothing() {
    let mut node = Node::new(settings(""), HardState::default(), &[]);
    node.sleep(50);
    for stale in [Moment::of(7, 40), Moment::of(1, 60)] {
        node.hear_complete(1, &[], Some((stale, 0)));
        assert_eq!(node.read_within(ReadMode::Follower, 1000), Err(Refusal::Lagging), "{stale:?}");
    }
}

#[test]
fn another_leader_has_to_say_it_anew() {
    let mut node = Node::new(settings(""), HardState::default(), &[]);
    node.sleep(50);
    node.hear_complete(1, &[], Some((Moment::of(1, 40), 0)));
    assert_eq!(node.read_within(ReadMode::Follower, 1000), Ok(Reply::Nil));
    node.hear(B, 2, append(None, &[], 1));
    assert_eq!(node.read_within(ReadMode::Follower, 1000), Err(Refusal::Lagging));
}

#[test]
fn a_leader_says_what_there_was_once_a_later_round_was_answered() {
    let mut node = Node::leader(settings(""));
    let answer = |round, held_lsn, clock_ms| Body::Appended {
        round,
        held_lsn,
        durable_lsn: held_lsn,
        sent: Moment::of(9, clock_ms),
    };
    let told = |node: &mut Node| -> Vec<Complete> {
        let complete = |body| if let Body::Append(append) = body { append.complete } else { None };
        node.said(A).into_iter().filter_map(complete).collect()
    };
    node.hear(A, 2, answer(1, 2, 500));
    (0..4).for_each(|_| node.sleep(10));
    assert_eq!(told(&mut node), [], "round 1 had begun before");
    node.hear(A, 2, answer(2, 2, 530));
    (0..4).for_each(|_| node.sleep(10));
    assert_eq!(told(&mut node), [(Moment::of(9, 500), 2)]);
}

#[test]
fn a_leaders_own_data_are_as_old_as_the_last_round_that_was_answered() {
    let mut node = Node::leader(settings("--fencing none"));
    assert_eq!(node.read_within(ReadMode::LeaderLocal, 1000), Err(Refusal::Lagging));
    node.hear(A, 2, appended(1, 2, 2));
    (0..100).for_each(|_| node.sleep(10));
    assert_eq!(node.read_within(ReadMode::Follower, 1001), Ok(Reply::Nil));
    assert_eq!(node.read_within(ReadMode::LeaderLocal, 1000), Err(Refusal::Lagging));
}
