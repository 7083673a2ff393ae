//! One simulated disk: what is on it, and what it was asked to do but has not done yet.

use std::collections::VecDeque;

use bytes::Bytes;
use rand::{Rng, RngExt};
use tempfile::TempDir;

use crate::config::{Engine, Fsync, LogKind, Storage};
use crate::core::HardState;
use crate::core::retention::SnapshotKey;
use crate::core::snapshot::Snapshot;
use crate::membership::Membership;
use crate::record::{Lsn, Record};
use crate::store::Store;

/// One simulated disk: what is on it, and what it was asked to do but has not done yet.
#[derive(Default)]
pub(super) struct Disk {
    pub(super) hard: HardState,
    /// Who the members were before the first record that changed them; nobody, of a node that waits to join.
    pub(super) first_members: Membership,
    /// The LSN behind which the records are.
    pub(super) base_lsn: Lsn,
    pub(super) records: Vec<Bytes>,
    /// What survives the loss of power, and when the next fsync is due.
    pub(super) synced_lsn: Lsn,
    sync_ms: Option<u64>,
    pub(super) snapshot: Option<Snapshot>,
    /// Written, but not in its place.
    pub(super) written: Option<Snapshot>,
    pub(super) generation: u64,
    pub(super) queue: VecDeque<(u64, Command)>,
    /// When a snapshot will have been written, and of what it is.
    pub(super) writing: Option<(u64, SnapshotKey)>,
    /// Where an engine that keeps a file has it: a real one, which the process's death leaves as it is.
    files: Option<TempDir>,
}

pub(super) enum Command {
    Write(Vec<Bytes>),
    Truncate { after: Lsn, generation: u64 },
    CutFront(Lsn),
    Reset { lsn: Lsn, generation: u64 },
}

impl Disk {
    /// The store as this disk has kept it.
    pub(super) fn store(&mut self, storage: &Storage) -> Store {
        if storage.storage == Engine::Memory {
            return Store::default();
        }
        let files = self.files.get_or_insert_with(|| tempfile::tempdir().unwrap()).path();
        match storage.log {
            LogKind::Logical => Store::open(&files.join("store.redb"), storage.checkpoint_bytes).unwrap(),
            LogKind::Physical => Store::open_physical(&files.join("image"), storage.checkpoint_bytes).unwrap(),
        }
    }

    pub(super) fn last_lsn(&self) -> Lsn {
        self.base_lsn + self.records.len() as Lsn
    }

    /// What recovery does with a log that a snapshot has replaced.
    pub(super) fn recover(&mut self) {
        self.written = None;
        self.synced_lsn = self.last_lsn(); // a log that is opened is written once more and forced
        let Some(snapshot) = &self.snapshot else { return };
        let at = snapshot.lsn().checked_sub(self.base_lsn + 1).and_then(|index| self.records.get(index as usize));
        let fits =
            at.is_some_and(|encoded| Some(Record::decode(encoded).unwrap().stamp.lineage()) == snapshot.lineage());
        if !fits && self.base_lsn != snapshot.lsn() {
            (self.records, self.base_lsn) = (Vec::new(), snapshot.lsn());
            self.synced_lsn = snapshot.lsn();
        }
    }

    /// Forces what was written to the medium, as often as `--fsync` says.
    pub(super) fn sync(&mut self, fsync: Fsync, now_ms: u64) {
        let is_due = match fsync {
            _ if self.synced_lsn >= self.last_lsn() => return self.sync_ms = None,
            Fsync::Always => true,
            Fsync::Interval(interval_ms) => *self.sync_ms.get_or_insert(now_ms + interval_ms) <= now_ms,
        };
        if is_due {
            (self.synced_lsn, self.sync_ms) = (self.last_lsn(), None);
        }
    }

    /// The power fails: of what was written and not forced, some is on the medium.
    pub(super) fn lose_power(&mut self, rng: &mut impl Rng) {
        assert!(self.files.is_none(), "what is not forced in real files cannot be taken back");
        let kept = rng.random_range(self.synced_lsn..=self.last_lsn().max(self.synced_lsn));
        self.records.truncate(kept.saturating_sub(self.base_lsn) as usize);
    }

    /// Everything is gone that a leader can replace, as `--rebuild` has it.
    pub(super) fn rebuild(&mut self) {
        let hard = self.hard.in_next_life();
        *self = Disk { hard, first_members: std::mem::take(&mut self.first_members), ..Disk::default() };
    }

    pub(super) fn adopt(&mut self, lsn: Lsn) {
        let written = self.written.take().expect("only what was written is adopted");
        assert_eq!(written.lsn(), lsn);
        self.snapshot = Some(written);
    }

    pub(super) fn carry_out(&mut self, command: Command) {
        match command {
            Command::Write(records) => self.records.extend(records),
            Command::Truncate { after, generation } => {
                self.records.truncate((after - self.base_lsn) as usize);
                (self.generation, self.synced_lsn) = (generation, after);
            }
            Command::CutFront(lsn) => {
                self.records.drain(..(lsn - self.base_lsn) as usize);
                self.base_lsn = lsn;
            }
            Command::Reset { lsn, generation } => {
                (self.records, self.base_lsn, self.generation) = (Vec::new(), lsn, generation);
                self.synced_lsn = lsn;
            }
        }
    }
}
