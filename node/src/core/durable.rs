//! Between the journal and the log on disk: what it was given, what it reports, how far it reaches.
//!
//! Not here: a disk that takes nothing (`disk_trouble`).

use bytes::Bytes;

use super::disk_trouble::DiskTrouble;
use super::message::LogEnd;
use super::{Core, Effect};
use crate::defect::Defect;
use crate::record::Lsn;
use crate::store::Store;

impl<T> Core<T> {
    /// The log on disk is durable up to `lsn`.
    pub(crate) fn flushed(&mut self, generation: u64, lsn: Lsn) {
        if generation == self.generation && self.disk_trouble.is_none() {
            assert!(lsn <= self.written_lsn, "the log flushed LSN {lsn}, but was given {} only", self.written_lsn);
            self.flushed_lsn = self.flushed_lsn.max(lsn);
        }
    }

    /// The log on disk survives a power failure up to `lsn`. Flushed may mean less: that it survives the death of the process.
    pub(crate) fn synced(&mut self, generation: u64, lsn: Lsn) {
        if generation == self.generation && self.disk_trouble.is_none() {
            self.store.log_is_durable(lsn);
        }
    }

    /// The store, for those who start and stop the node.
    pub(crate) fn store(&mut self) -> &mut Store {
        &mut self.store
    }

    /// Why this node takes no writes, if its disk takes none.
    pub(crate) fn disk_trouble(&self) -> Option<&DiskTrouble> {
        self.disk_trouble.as_ref()
    }

    /// Gives the log what it has not got yet.
    pub(crate) fn hand_over_writes(&mut self) {
        let records: Vec<Bytes> = self.journal.after(self.written_lsn).cloned().collect();
        if !records.is_empty() {
            self.effects.push(Effect::Write { records });
            self.written_lsn = self.journal.last_lsn();
            if self.settings.has(Defect::AckBeforeFsync) {
                self.flushed_lsn = self.written_lsn;
            }
        }
    }

    /// How far this node's log reaches on its disk.
    pub(crate) fn log_end(&self) -> LogEnd {
        LogEnd { epoch: self.journal.epoch(self.flushed_lsn), lsn: self.flushed_lsn }
    }
}
