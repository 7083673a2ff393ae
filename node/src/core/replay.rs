//! Bringing journal and store up to what is on the disk at the start of a node, each record exactly once.
//!
//! Not here: reading the log (`log::recovery`) or keeping the store (`store`).

use bytes::Bytes;

use super::Core;
use super::journal::Journal;
use super::snapshot::Snapshot;
use crate::defect::Defect;
use crate::record::{Position, Record};
use crate::store::view::View;

impl<T> Core<T> {
    /// Takes in the newest snapshot and the log. A store that kept a later state than the snapshot goes on from that.
    pub(super) fn recover(&mut self, snapshot: Option<Snapshot>, log: impl IntoIterator<Item = (Record, Bytes)>) {
        if let Some(snapshot) = &snapshot {
            self.set_members(snapshot.members.clone());
        }
        let base = snapshot.unwrap_or_default();
        let position = base.position();
        self.retention.snapshot_lsn = position.lsn;
        self.journal = Journal::behind(base.history);
        self.sessions = base.sessions;
        let kept = self.store.applied();
        if kept.lsn <= position.lsn && kept != position {
            self.store.install(&base.rows, position);
        }
        for (record, encoded) in log {
            let stamp = record.stamp;
            if stamp.lsn <= position.lsn {
                self.journal.push_known(stamp.lsn, encoded);
                continue;
            }
            self.journal.push(&stamp, encoded);
            if stamp.lsn == kept.lsn && stamp.position() != kept {
                self.refill_store(&base.rows, position);
            }
            if !self.settings.has(Defect::ServeBeforeReplay) {
                self.apply(record);
            }
            self.store.log_is_durable(stamp.lsn); // at once, so that a long log is checkpointed on the way
        }
        if self.store.applied().lsn > self.journal.last_lsn() {
            self.refill_store(&base.rows, position);
        }
    }

    /// Makes the store anew from `base` and the journal, because it has records that the log lacks. A crash while a leader's snapshot
    /// replaced the log leaves that, and so does a log that lost its end; in either case the log is what counts.
    fn refill_store(&mut self, base: &View, position: Position) {
        let (kept_lsn, lsn) = (self.store.applied().lsn, self.journal.last_lsn());
        tracing::warn!(lsn, kept_lsn, "the store does not fit the log; made anew from the log");
        self.store.install(base, position);
        for encoded in self.journal.after(position.lsn) {
            let record = Record::decode(encoded).expect("the journal holds encoded records");
            self.store.apply(&record.stamp, record.change);
            self.store.log_is_durable(record.stamp.lsn);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};

    use super::*;
    use crate::config::Modes;
    use crate::core::{HardState, Settings};
    use crate::record::{Change, End, Epoch, Gtid, Lsn, Member, Stamp};
    use crate::store::Store;

    fn push(lsn: Lsn, epoch: Epoch) -> Record {
        let gtid = Gtid { origin: Member(0), sequence: lsn };
        let elements = vec![Bytes::from(format!("{epoch}-{lsn}"))];
        let change = Change::Push { key: "l".into(), end: End::Back, elements };
        Record { stamp: Stamp { lsn, epoch, gtid }, change, request: None }
    }

    fn fold(records: &[Record]) -> Store {
        let mut store = Store::default();
        for record in records {
            store.apply(&record.stamp, record.change.clone());
        }
        store
    }

    fn snapshot(records: &[Record]) -> Snapshot {
        let mut snapshot = Snapshot { rows: fold(records).view(), ..Snapshot::default() };
        for record in records {
            snapshot.history.push(&record.stamp);
        }
        snapshot
    }

    /// A kept store of `kept`, beside a snapshot of the first records of `log`, and all of `log` or only what is behind the snapshot.
    fn check(kept: &[Record], snapshot_lsn: usize, log: &[Record]) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store.redb");
        let mut store = Store::open(&path, 1 << 20).unwrap();
        for record in kept {
            store.apply(&record.stamp, record.change.clone());
        }
        store.keep().unwrap();
        for first in [0, snapshot_lsn] {
            drop(std::mem::take(&mut store));
            store = Store::open(&path, 1 << 20).unwrap();
            let settings = Settings {
                id: "n1".to_owned(),
                members: crate::membership::Membership::founded(["n1".to_owned()]),
                modes: Modes::default(),
                seed: 1,
                incarnation: 1,
                address: SocketAddr::from((Ipv4Addr::LOCALHOST, 1)),
            };
            let base = (snapshot_lsn > 0).then(|| snapshot(&log[..snapshot_lsn]));
            let records = log[first..].iter().map(|record| (record.clone(), record.encode()));
            let core: Core<()> = Core::new(settings, HardState::default(), store, base, records);
            assert_eq!(core.store.view(), fold(log).view(), "{snapshot_lsn} {first}");
            store = core.store;
        }
    }

    #[test]
    fn whatever_was_kept_the_store_comes_to_what_snapshot_and_log_make() {
        let reign = |lsns: std::ops::RangeInclusive<Lsn>, epoch| lsns.map(move |lsn| push(lsn, epoch));
        let log: Vec<Record> = reign(1..=4, 1).chain(reign(5..=9, 3)).collect();
        let other = |from: Lsn, to: Lsn| reign(1..=from, 1).chain(reign(from + 1..=to, 2)).collect::<Vec<_>>();
        for snapshot_lsn in [0, 3, 6, 9] {
            (0..=9).for_each(|kept| check(&log[..kept], snapshot_lsn, &log));
            check(&other(2, 4), snapshot_lsn, &log); // kept what the log gave up
            check(&other(4, 7), snapshot_lsn, &log);
            check(&other(4, 12), snapshot_lsn, &log); // and more than the log has
        }
    }
}
