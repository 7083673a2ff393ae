//! A client that asks again: before and after the first attempt is acknowledged, at the same leader and at the next.

use super::*;
use crate::record::End;
use crate::sessions::Numbered;

fn push(number: u64) -> (Operation, Numbered) {
    let operation = Operation::Push { key: "l".into(), end: End::Back, elements: vec!["x".into()] };
    (operation, Numbered { client: "c".into(), session: 3, number })
}

impl Node {
    /// A leader of epoch 2 that has a session, opened by LSN 3, and acknowledged.
    fn with_session() -> Self {
        let mut node = Node::leader(settings("--sessions 1"));
        node.core.open_session(0, "c".into());
        node.settle();
        node.acknowledge(3);
        assert_eq!(node.outcomes(), [(0, Ok(Reply::Integer(3)))]);
        node
    }

    fn ask_once(&mut self, token: u32, (operation, numbered): (Operation, Numbered)) {
        self.core.request_once(token, operation, numbered);
        self.settle();
    }

    fn acknowledge(&mut self, lsn: Lsn) {
        self.hear(A, 2, appended(1, lsn, lsn));
    }
}

#[test]
fn a_retry_waits_for_the_first_attempt_and_is_told_the_same() {
    let mut node = Node::with_session();
    node.ask_once(1, push(1));
    node.ask_once(2, push(1));
    assert_eq!((node.outcomes(), node.core.status().last_lsn), (vec![], 4), "executed once, acknowledged never");
    node.acknowledge(4);
    assert_eq!(node.outcomes(), [(1, Ok(Reply::Integer(1))), (2, Ok(Reply::Integer(1)))]);
    node.ask_once(3, push(1));
    let (token, answer) = node.answers.pop().unwrap();
    assert_eq!((token, answer.outcome, answer.epoch, answer.lsn), (3, Ok(Reply::Integer(1)), 2, 4));
}

#[test]
fn what_is_not_the_last_request_of_a_known_session_is_refused() {
    let mut node = Node::with_session();
    node.ask_once(1, push(2));
    node.acknowledge(4);
    node.ask_once(2, push(1));
    node.core.open_session(3, "another".into());
    node.settle();
    node.acknowledge(5);
    node.ask_once(4, push(2));
    let refused = |refusal| Err(refusal);
    assert_eq!(
        node.outcomes(),
        [
            (1, Ok(Reply::Integer(1))),
            (2, refused(Refusal::Superseded)),
            (3, Ok(Reply::Integer(5))),
            (4, refused(Refusal::NoSession)), // there is room for one
        ]
    );
    assert_eq!(node.core.status().last_lsn, 5);
}

#[test]
fn a_comparison_that_failed_uses_up_its_number() {
    let mut node = Node::with_session();
    let compare = || {
        let operation = Operation::Set { key: "k".into(), value: "2".into(), if_equals: Some("1".into()) };
        (operation, Numbered { client: "c".into(), session: 3, number: 1 })
    };
    node.ask_once(1, compare());
    node.acknowledge(4);
    node.request(2, Operation::Set { key: "k".into(), value: "1".into(), if_equals: None }, ReadMode::Leader);
    node.acknowledge(5);
    node.ask_once(3, compare());
    assert_eq!(
        node.outcomes(),
        [(1, Ok(Reply::Nil)), (2, Ok(Reply::Ok)), (3, Ok(Reply::Nil))],
        "the comparison would succeed now, but was made before"
    );
}

#[test]
fn the_next_leader_knows_what_was_executed_and_forgets_what_was_rewound() {
    let mut first = Node::with_session();
    first.ask_once(1, push(1));
    let log: Vec<Record> = first.core.journal.after(0).map(|encoded| Record::decode(encoded).unwrap()).collect();

    let mut next = Node::new(settings(""), HardState { epoch: 2, ..HardState::default() }, &log);
    next.lose_patience();
    next.hear(A, 2, Body::PreVoteReply { proposed: 3, granted: true });
    next.hear(A, 3, Body::VoteReply { granted: true });
    next.ask_once(1, push(1));
    assert_eq!((next.outcomes(), next.core.status().last_lsn), (vec![], 5), "it is there, but not acknowledged");
    next.hear(A, 3, appended(1, 5, 5));
    assert_eq!(next.outcomes(), [(1, Ok(Reply::Integer(1)))]);

    first.hear(B, 3, append(Some((3, 2, ME)), &[record(4, 3, B)], 1));
    assert_eq!(first.outcomes(), [(1, Err(Refusal::Uncertain))]);
    assert_eq!(first.core.sessions.find(&push(1).1), crate::sessions::Found::New, "rewound, so it was never executed");
}

/// Raft, figure 8: a record of an earlier reign can be overwritten although a majority holds it.
#[test]
fn a_retry_of_what_an_earlier_leader_logged_waits_for_a_record_of_this_one() {
    for flags in ["", "--ack 2", "--ack semi-sync", "--ack-durability received"] {
        let mut node = Node::leader(settings(flags));
        node.core.open_session(0, "c".into());
        node.settle();
        node.acknowledge(3);
        node.ask_once(1, push(1));
        node.hear(B, 3, Body::Fenced { leader: None });
        assert_eq!(node.outcomes(), [(0, Ok(Reply::Integer(3))), (1, Err(Refusal::Uncertain))]);
        node.lose_patience();
        node.hear(A, 3, Body::PreVoteReply { proposed: 4, granted: true });
        node.hear(A, 4, Body::VoteReply { granted: true });
        node.ask_once(2, push(1));
        node.hear(A, 4, appended(1, 4, 4));
        assert_eq!(node.outcomes(), [], "{flags}");
        node.hear(A, 4, appended(1, 5, 5));
        assert_eq!(node.outcomes(), [(2, Ok(Reply::Integer(1)))], "{flags}");
    }
}
