//! What is written beside the log: records that are given up, and snapshots, which another thread writes.
//!
//! Not here: when (`core`), and in which format (`rewound`, `snapshot_file`).

use anyhow::Context;

use super::Node;
use crate::core::snapshot::Snapshot;
use crate::disk::Disk;
use crate::record::{Epoch, Lsn, Record};
use crate::rewound::put_aside;

impl Node {
    /// Keeps records that are given up, and says behind which one they stood.
    pub(super) fn put_aside(&self, epoch: Epoch, records: &[Record]) -> anyhow::Result<Lsn> {
        let file = put_aside(&Disk::default(), self.data.path(), &self.core.members().ids(), epoch, records)
            .context("cannot put rewound records aside, so they are not cut off")?;
        let after = records.first().map_or(0, |record| record.stamp.lsn - 1);
        tracing::info!(epoch, lsn = after, records = records.len(), file = %file.display(), "put aside");
        Ok(after)
    }

    pub(super) fn write_snapshot(&mut self, snapshot: Snapshot) {
        self.snapshots_under_way += 1;
        let (snapshots, reporter) = (self.snapshots.clone(), self.snapshot_reporter.clone());
        let key = (snapshot.lsn(), snapshot.lineage());
        tokio::task::spawn_blocking(move || {
            let written = snapshots.write(snapshot);
            if let Err(error) = &written {
                tracing::warn!(lsn = key.0, %error, "cannot write a snapshot; the log is kept instead");
            }
            let _ = reporter.send((key, written.is_ok())); // an error means that the node is stopping anyway
        });
    }
}
