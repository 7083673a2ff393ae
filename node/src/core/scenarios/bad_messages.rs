//! Messages that no sound peer sends: each is refused and counted, and the node goes on.

use super::*;
use crate::core::message::Part;
use crate::membership::Membership;
use crate::record::End;

fn following() -> Node {
    let mut node = Node::new(settings(""), HardState { epoch: 1, ..HardState::default() }, &[record(1, 1, A)]);
    node.hear(A, 1, append(Some((1, 1, A)), &[record(2, 1, A)], 1));
    assert_eq!(node.core.status().last_lsn, 2);
    node.sent.clear();
    node
}

fn with(lsn: Lsn, change: Change) -> Record {
    Record { change, ..record(lsn, 1, A) }
}

#[test]
fn no_message_uses_up_the_epochs() {
    for body in [
        append(None, &[], 1),
        Body::PreVote { log: LogEnd { epoch: u64::MAX, lsn: u64::MAX } },
        Body::Vote { log: LogEnd { epoch: u64::MAX, lsn: u64::MAX }, handed_over: true },
        Body::TakeOver,
        Body::Fenced { leader: Some(B) },
        Body::VoteReply { granted: true },
    ] {
        for mut node in [following(), Node::leader(settings(""))] {
            let epoch = node.core.status().epoch;
            node.hear(B, u64::MAX, body.clone());
            let status = node.core.status();
            assert_eq!((status.epoch, status.refused_messages), (epoch, 1), "{body:?}");
        }
    }
}

#[test]
fn records_that_cannot_be_are_refused_whole() {
    let sequence = |sequence| {
        let mut bad = record(3, 1, A);
        bad.stamp.gtid.sequence = sequence;
        bad
    };
    let mut after = Membership::default();
    after.changed_lsn = 99;
    let members = Change::Members { before: Box::default(), after: Box::new(after) };
    for bad in [record(4, 1, A), record(3, 2, A), sequence(u64::MAX), with(3, members)] {
        let mut node = following();
        node.hear(A, 1, append(Some((2, 1, A)), std::slice::from_ref(&bad), 2));
        let status = node.core.status();
        assert_eq!((status.last_lsn, status.refused_messages), (2, 1), "{bad:?}");
    }
}

#[test]
fn a_record_that_does_not_fit_the_store_asks_for_a_base_snapshot_and_crashes_nobody() {
    let mut node = following();
    let set = with(3, Change::Set { key: "k".into(), before: None, after: "string".into() });
    let push = with(4, Change::Push { key: "k".into(), end: End::Back, elements: vec!["x".into()] });
    node.hear(A, 1, append(Some((2, 1, A)), &[set, push], 2));
    let status = node.core.status();
    assert_eq!((status.last_lsn, status.refused_messages), (3, 1), "what stands before it is sound");
    assert!(node.sent.iter().any(|(_, message)| message.body == Body::Lacking { round: 2, lsn: 4 }), "{:?}", node.sent);
}

#[test]
fn absurd_positions_are_survived_in_any_role() {
    let far = u64::MAX;
    let address = address();
    for body in [
        append(Some((far, far, A)), &[], far),
        appended(far, far, far),
        appended(0, 0, 2),
        Body::Mismatch { round: 0, rejected_lsn: far, hint_lsn: far },
        Body::Mismatch { round: 0, rejected_lsn: 0, hint_lsn: far },
        Body::Lacking { round: far, lsn: far },
        Body::Part(Part { address, lsn: far, lineage: None, number: far, bytes: Bytes::new() }),
        Body::PartTaken { lsn: far, lineage: None, next: far },
        Body::PreVoteReply { proposed: far, granted: true },
        Body::VoteReply { granted: true },
    ] {
        for mut node in [following(), Node::leader(settings(""))] {
            let before = node.core.status().last_lsn;
            let epoch = node.core.status().epoch;
            node.hear(B, epoch, body.clone());
            node.sleep(10);
            assert_eq!(node.core.status().last_lsn, before, "{body:?}");
            assert!(node.core.status().commit_lsn <= before, "{body:?}");
        }
    }
}

#[test]
fn a_second_leader_of_an_epoch_and_one_that_would_undo_what_is_committed_are_refused() {
    let mut leader = Node::leader(settings(""));
    leader.hear(B, 2, append(Some((1, 1, A)), &[record(2, 2, B)], 1));
    assert_eq!((leader.core.status().role, leader.core.status().refused_messages), ("leader", 1));

    let mut node = following();
    let mut committed = append(Some((2, 1, A)), &[], 2);
    if let Body::Append(append) = &mut committed {
        append.commit_lsn = 2;
    }
    node.hear(A, 1, committed);
    node.hear(B, 2, append(Some((1, 1, A)), &[record(2, 2, B)], 1));
    let status = node.core.status();
    assert_eq!((status.last_lsn, status.refused_messages), (2, 1));
    assert!(node.put_aside.is_empty());
}
