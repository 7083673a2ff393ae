//! When a snapshot is taken, and how long records are kept: until a durable snapshot covers them and nobody needs them any more.
//!
//! Not here: what a snapshot is (`snapshot`), bringing it to a follower (`shipping`).

use super::snapshot::Snapshot;
use super::{Core, Effect, Role};
use crate::defect::Defect;
use crate::record::{Lineage, Lsn};

/// After a snapshot could not be written, the next is tried so much later: disks are full for minutes, not for moments.
const RETRY_MS: u64 = 10_000;

/// A snapshot by what it is of.
pub(crate) type SnapshotKey = (Lsn, Option<Lineage>);

/// What is known of this node's snapshots, and of the front of its log.
#[derive(Debug, Default)]
pub(crate) struct Retention {
    /// The newest durable snapshot covers the log up to here. Nothing before this can be undone.
    pub(crate) snapshot_lsn: Lsn,
    /// Taken, but not to be written before a majority and the own disk have all that it covers: it could not be undone.
    pub(crate) taken: Option<Snapshot>,
    /// Being written, by another thread.
    pub(crate) writing: Option<SnapshotKey>,
    pub(crate) not_before_ms: u64,
    /// How much of the journal was let go when the log on disk was last told so.
    pub(crate) cut_bytes: u64,
}

impl<T> Core<T> {
    /// The state of now.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let (history, members) = (self.journal.history().clone(), self.settings.members.clone());
        let sessions = if self.settings.has(Defect::SnapshotWithoutRequests) {
            self.sessions.without_requests()
        } else {
            self.sessions.clone()
        };
        Snapshot { history, members, rows: self.store.view(), sessions }
    }

    /// Takes a snapshot when enough was logged since the last, and lets go what need not be kept.
    pub(crate) fn retain(&mut self) {
        let due = self.journal.bytes_after(self.retention.snapshot_lsn) >= self.settings.modes.storage.snapshot_bytes;
        let idle = self.retention.taken.is_none() && self.retention.writing.is_none();
        if due && idle && self.now_ms >= self.retention.not_before_ms {
            self.retention.taken = Some(self.snapshot());
        }
        let safe_lsn = self.commit_lsn.min(self.flushed_lsn);
        if let Some(snapshot) = self.retention.taken.take_if(|taken| taken.lsn() <= safe_lsn) {
            self.write_snapshot(snapshot);
        }
        self.let_go();
    }

    pub(crate) fn write_snapshot(&mut self, snapshot: Snapshot) {
        self.retention.writing = Some((snapshot.lsn(), snapshot.lineage()));
        self.effects.push(Effect::WriteSnapshot(snapshot));
    }

    /// A snapshot is on the disk, though not in its place yet; or it could not be written.
    pub(crate) fn snapshot_written(&mut self, key: SnapshotKey, written: bool) {
        if self.retention.writing.take_if(|writing| *writing == key).is_none() || self.disk_trouble.is_some() {
            return;
        }
        let (lsn, lineage) = key;
        let shipped = self.take_shipped(key);
        if !written {
            self.retention.not_before_ms = self.now_ms + RETRY_MS;
        } else if self.journal.lineage(lsn) == lineage {
            // Its own; or a leader's, but the records came the other way meanwhile.
            if lsn > self.retention.snapshot_lsn && lsn <= self.flushed_lsn {
                self.retention.snapshot_lsn = lsn;
                self.effects.push(Effect::AdoptSnapshot { lsn });
            }
        } else if let Some(snapshot) = shipped {
            self.install(snapshot);
        }
    }

    /// Lets records go that the snapshot covers, but for the last so many bytes and those that somebody still needs.
    fn let_go(&mut self) {
        self.lose_slots();
        let needed_lsn = self.followers_need_lsn().min(self.slots_need_lsn());
        let storage = &self.settings.modes.storage;
        let Some(spare_lsn) = self.journal.lsn_before_last(storage.keep_log_bytes) else { return };
        let until = self.retention.snapshot_lsn.min(spare_lsn).min(needed_lsn);
        self.journal.trim(until);
        // On the disk the log goes by whole segments.
        let gone_bytes = self.journal.trimmed_bytes() - self.retention.cut_bytes;
        if gone_bytes >= storage.segment_bytes {
            self.retention.cut_bytes += gone_bytes;
            self.effects.push(Effect::CutFront { lsn: self.journal.base_lsn() });
        }
    }

    /// What is behind this, a follower still needs; unless it would keep more of the log than `--max-slot-size`.
    fn followers_need_lsn(&mut self) -> Lsn {
        let Role::Leader(leader) = &mut self.role else { return Lsn::MAX };
        let most_bytes = self.settings.modes.storage.max_slot_size;
        let mut needed_lsn = Lsn::MAX;
        for (&member, follower) in &mut leader.followers {
            let lsn = follower.needed_lsn();
            let bytes = self.journal.bytes_after(lsn);
            let was_lost = std::mem::replace(&mut follower.is_lost, bytes > most_bytes);
            if !follower.is_lost {
                needed_lsn = needed_lsn.min(lsn);
            } else if !was_lost {
                let (epoch, id) = (self.hard.epoch, self.settings.id(member));
                tracing::warn!(epoch, lsn, id, bytes, most_bytes, "slot lost: a follower fell too far behind");
            }
        }
        needed_lsn
    }
}
