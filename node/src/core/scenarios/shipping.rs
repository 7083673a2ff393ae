//! Base snapshots whose parts do not arrive as they were sent.

use super::*;
use crate::core::message::Part;
use crate::core::snapshot::Snapshot;

/// Found by the simulation: what overtook an earlier part was thrown away, and the whole snapshot sent again, for ever.
#[test]
fn parts_that_overtake_one_another_make_the_snapshot_all_the_same() {
    let mut snapshot = Snapshot::default();
    (1..=3).for_each(|lsn| snapshot.history.push(&record(lsn, 1, A).stamp));
    (snapshot.members, snapshot.rows) = (settings("").members, Store::default().view());
    let (lsn, lineage) = (snapshot.lsn(), snapshot.lineage());
    let parts: Vec<Bytes> = snapshot.into_parts().collect();
    assert!(parts.len() > 1);
    let mut node = Node::new(settings(""), HardState::default(), &[]);
    for (number, bytes) in (0..).zip(parts).collect::<Vec<_>>().into_iter().rev() {
        assert_eq!(node.core.status().last_lsn, 0);
        node.hear(A, 1, Body::Part(Part { address: address(), lsn, lineage, number, bytes }));
    }
    node.sleep(1);
    assert_eq!(node.core.status().last_lsn, 3);
}
