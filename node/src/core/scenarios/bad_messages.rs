//! Messages that no sound peer sends, and the node goes on.

use super::*;
use crate::record::End;

fn with(lsn: Lsn, change: Change) -> Record {
    Record { change, ..record(lsn, 1, A) }
}

#[test]
fn a_record_that_does_not_fit_the_store_asks_for_a_base_snapshot_and_crashes_nobody() {
    let mut node = Node::new(settings(""), HardState { epoch: 1, ..HardState::default() }, &[record(1, 1, A)]);
    let set = with(2, Change::Set { key: "k".into(), before: None, after: "string".into() });
    let push = with(3, Change::Push { key: "k".into(), end: End::Back, elements: vec!["x".into()] });
    node.hear(A, 1, append(Some((1, 1, A)), &[set, push], 1));
    assert_eq!(node.core.status().last_lsn, 2, "what stands before it is sound");
    assert!(node.sent.iter().any(|(_, message)| message.body == Body::Lacking { round: 1, lsn: 3 }), "{:?}", node.sent);
}
