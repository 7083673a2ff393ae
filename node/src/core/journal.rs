//! The log as the core sees it: every record's encoding in memory, and whose reign each LSN belongs to.
//!
//! Not here: the disk. Memory: a record costs its encoding (key, images and about ten bytes) and 32 bytes; a minute of
//! 20,000 small writes a second is about 120 MB. There are no snapshots, so the log only grows.

use bytes::Bytes;

use crate::record::{Epoch, Lineage, Lsn, Record};

/// The records from LSN 1, dense.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    records: Vec<Bytes>,
    /// Where each lineage begins, in order: one entry per reign, not per record.
    reigns: Vec<(Lsn, Lineage)>,
}

impl Journal {
    pub(crate) fn last_lsn(&self) -> Lsn {
        self.records.len() as Lsn
    }

    /// Appends the encoding of the next record.
    pub(crate) fn push(&mut self, lineage: Lineage, encoded: Bytes) {
        self.records.push(encoded);
        if self.reigns.last().is_none_or(|&(_, last)| last != lineage) {
            self.reigns.push((self.last_lsn(), lineage));
        }
    }

    /// The lineage of a record; `None` where there is no record.
    pub(crate) fn lineage(&self, lsn: Lsn) -> Option<Lineage> {
        self.reign(lsn).map(|(_, lineage)| lineage)
    }

    /// The epoch of a record; 0 where there is none.
    pub(crate) fn epoch(&self, lsn: Lsn) -> Epoch {
        self.lineage(lsn).map_or(0, |lineage| lineage.epoch)
    }

    /// The first LSN and the lineage of the reign to which a record belongs.
    pub(crate) fn reign(&self, lsn: Lsn) -> Option<(Lsn, Lineage)> {
        if lsn == 0 || lsn > self.last_lsn() {
            return None;
        }
        let after = self.reigns.partition_point(|&(first, _)| first <= lsn);
        Some(self.reigns[after - 1])
    }

    /// The encodings of the records behind `lsn`.
    pub(crate) fn after(&self, lsn: Lsn) -> &[Bytes] {
        &self.records[lsn as usize..]
    }

    /// Removes the last record and decodes it.
    pub(crate) fn pop(&mut self) -> Option<Record> {
        let encoded = self.records.pop()?;
        if self.reigns.last().is_some_and(|&(first, _)| first > self.last_lsn()) {
            self.reigns.pop();
        }
        Some(Record::decode(&encoded).expect("the journal holds encoded records"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Change, Gtid, Member, Stamp};

    #[test]
    fn reigns_follow_the_records_in_and_out() {
        let mut journal = Journal::default();
        for (lsn, epoch, origin) in [(1, 1, 0), (2, 1, 0), (3, 1, 1), (4, 5, 0)] {
            let gtid = Gtid { origin: Member(origin), sequence: lsn };
            let record = Record { stamp: Stamp { lsn, epoch, gtid }, change: Change::Noop };
            journal.push(record.stamp.lineage(), record.encode());
        }
        let reign = |journal: &Journal, lsn| journal.reign(lsn).map(|(first, at)| (first, at.epoch, at.origin.0));
        assert_eq!(reign(&journal, 0), None);
        assert_eq!(reign(&journal, 2), Some((1, 1, 0)));
        assert_eq!(reign(&journal, 3), Some((3, 1, 1)));
        assert_eq!(reign(&journal, 4), Some((4, 5, 0)));
        assert_eq!(reign(&journal, 5), None);
        assert_eq!(journal.after(3).len(), 1);

        assert_eq!(journal.pop().map(|record| record.stamp.lsn), Some(4));
        assert_eq!(journal.pop().map(|record| record.stamp.lsn), Some(3));
        assert_eq!(reign(&journal, 3), None);
        assert_eq!((journal.last_lsn(), journal.epoch(2)), (2, 1));
    }
}
