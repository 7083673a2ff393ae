//! The log as the core sees it: the encodings of the records behind a base, in memory, and the history of the whole log.
//!
//! Not here: the disk, and how long records are kept (`retention`). Memory: a record costs its encoding (key, images and about
//! ten bytes) and 40 bytes.

use std::collections::VecDeque;

use bytes::Bytes;

use super::history::{History, Reign};
use crate::record::{Epoch, Lineage, Lsn, Record, Stamp};

/// Most records let go at once: a fifth of a millisecond, so that no write waits for a whole log to be freed.
const TRIM_MOST: usize = 2_000;

/// The records behind `base_lsn`, dense.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    base_lsn: Lsn,
    /// Each with the sum of its bytes and those of all records before it that this journal ever held.
    records: VecDeque<(Bytes, u64)>,
    /// The same sum at the base.
    base_bytes: u64,
    history: History,
}

impl Journal {
    /// An empty journal behind a base whose history is this.
    pub(crate) fn behind(history: History) -> Self {
        Journal { base_lsn: history.last_lsn(), history, ..Journal::default() }
    }

    /// Takes in a record at or before the end of the history, before any other was pushed: it is known, but somebody may still need it.
    pub(crate) fn push_known(&mut self, lsn: Lsn, encoded: Bytes) {
        if self.records.is_empty() {
            self.base_lsn = lsn - 1;
        }
        self.push_encoded(encoded);
    }

    /// Records up to here are not held any more.
    pub(crate) fn base_lsn(&self) -> Lsn {
        self.base_lsn
    }

    pub(crate) fn last_lsn(&self) -> Lsn {
        self.history.last_lsn()
    }

    pub(crate) fn history(&self) -> &History {
        &self.history
    }

    /// Appends the encoding of the next record.
    pub(crate) fn push(&mut self, stamp: &Stamp, encoded: Bytes) {
        self.history.push(stamp);
        self.push_encoded(encoded);
    }

    fn push_encoded(&mut self, encoded: Bytes) {
        let bytes = self.end_bytes() + encoded.len() as u64;
        self.records.push_back((encoded, bytes));
    }

    /// The lineage of a record, held or not; `None` where there is no record.
    pub(crate) fn lineage(&self, lsn: Lsn) -> Option<Lineage> {
        self.history.lineage(lsn)
    }

    /// The epoch of a record; 0 where there is none.
    pub(crate) fn epoch(&self, lsn: Lsn) -> Epoch {
        self.lineage(lsn).map_or(0, |lineage| lineage.epoch)
    }

    /// The reign to which a record belongs.
    pub(crate) fn reign(&self, lsn: Lsn) -> Option<Reign> {
        self.history.reign(lsn)
    }

    /// The encodings of the records behind `lsn`, which is not before the base.
    pub(crate) fn after(&self, lsn: Lsn) -> impl Iterator<Item = &Bytes> {
        self.records.range(self.index(lsn)..).map(|(encoded, _)| encoded)
    }

    /// How many records held are at or before `lsn`.
    fn index(&self, lsn: Lsn) -> usize {
        let index = lsn.checked_sub(self.base_lsn).expect("records before the base are gone") as usize;
        index.min(self.records.len())
    }

    fn end_bytes(&self) -> u64 {
        self.records.back().map_or(self.base_bytes, |&(_, bytes)| bytes)
    }

    /// Bytes of the records behind `lsn`; of those that are held, if it is before the base.
    pub(crate) fn bytes_after(&self, lsn: Lsn) -> u64 {
        let until = match self.index(lsn.max(self.base_lsn)) {
            0 => self.base_bytes,
            index => self.records[index - 1].1,
        };
        self.end_bytes() - until
    }

    /// Bytes of the records that were let go.
    pub(crate) fn trimmed_bytes(&self) -> u64 {
        self.base_bytes
    }

    /// The last LSN behind which there are at least so many bytes, if there is one that is held.
    pub(crate) fn lsn_before_last(&self, bytes: u64) -> Option<Lsn> {
        let until = self.end_bytes().checked_sub(bytes)?;
        let count = self.records.partition_point(|&(_, end)| end <= until);
        (until >= self.base_bytes).then_some(self.base_lsn + count as Lsn)
    }

    /// Removes the last record and decodes it; `None` at the base.
    pub(crate) fn pop(&mut self) -> Option<Record> {
        let (encoded, _) = self.records.pop_back()?;
        self.history.truncate(self.last_lsn() - 1);
        Some(Record::decode(&encoded).expect("the journal holds encoded records"))
    }

    /// Lets records up to `lsn` go, some at a time.
    pub(crate) fn trim(&mut self, lsn: Lsn) {
        let count = lsn.saturating_sub(self.base_lsn).min(TRIM_MOST as u64);
        for _ in 0..count {
            let Some((_, bytes)) = self.records.pop_front() else { return };
            self.base_bytes = bytes;
            self.base_lsn += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Change, Gtid, Member};

    fn record(lsn: Lsn, epoch: Epoch, origin: u8) -> Record {
        let gtid = Gtid { origin: Member(origin), sequence: lsn };
        Record { stamp: Stamp { lsn, epoch, gtid }, change: Change::Noop, request: None }
    }

    fn journal() -> Journal {
        let mut journal = Journal::default();
        for (lsn, epoch, origin) in [(1, 1, 0), (2, 1, 0), (3, 1, 1), (4, 5, 0)] {
            let record = record(lsn, epoch, origin);
            journal.push(&record.stamp, record.encode());
        }
        journal
    }

    #[test]
    fn reigns_follow_the_records_in_and_out() {
        let mut journal = journal();
        let reign = |journal: &Journal, lsn| {
            journal.reign(lsn).map(|reign| (reign.first_lsn, reign.lineage.epoch, reign.lineage.origin.0))
        };
        assert_eq!(reign(&journal, 0), None);
        assert_eq!(reign(&journal, 2), Some((1, 1, 0)));
        assert_eq!(reign(&journal, 3), Some((3, 1, 1)));
        assert_eq!(reign(&journal, 4), Some((4, 5, 0)));
        assert_eq!(reign(&journal, 5), None);
        assert_eq!(journal.after(3).count(), 1);

        assert_eq!(journal.pop().map(|record| record.stamp.lsn), Some(4));
        assert_eq!(journal.pop().map(|record| record.stamp.lsn), Some(3));
        assert_eq!(reign(&journal, 3), None);
        assert_eq!((journal.last_lsn(), journal.epoch(2)), (2, 1));
    }

    #[test]
    fn a_trimmed_journal_still_knows_whose_its_records_were() {
        let mut journal = journal();
        let all = journal.bytes_after(0);
        journal.trim(2);
        assert_eq!((journal.base_lsn(), journal.last_lsn(), journal.after(2).count()), (2, 4, 2));
        assert_eq!(journal.epoch(1), 1);
        assert_eq!(journal.bytes_after(2), all / 2, "all four are of one size");
        assert_eq!(journal.bytes_after(0), all / 2, "the others are not held");
        assert_eq!(journal.lsn_before_last(all / 4), Some(3));
        assert_eq!(journal.lsn_before_last(all), None);
        journal.pop();
        journal.pop();
        assert!(journal.pop().is_none(), "what is at the base is gone");
        assert_eq!((journal.last_lsn(), journal.epoch(2)), (2, 1));
    }

    #[test]
    fn a_journal_begins_behind_a_history_or_before_its_end() {
        let history = journal().history().until(3);
        let mut behind = Journal::behind(history.clone());
        behind.push(&record(4, 5, 0).stamp, record(4, 5, 0).encode());
        assert_eq!((behind.base_lsn(), behind.after(3).count()), (3, 1));

        let mut known = Journal::behind(history);
        known.push_known(2, record(2, 1, 0).encode());
        known.push_known(3, record(3, 1, 1).encode());
        known.push(&record(4, 5, 0).stamp, record(4, 5, 0).encode());
        assert_eq!((known.base_lsn(), known.last_lsn(), known.after(1).count()), (1, 4, 3));
    }
}
