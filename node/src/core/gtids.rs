//! Positions in the log by GTIDs: which writes it holds, and up to where it holds nothing but those of a set.
//!
//! Not here: the notation (`gtid_set`).

use super::Core;
use crate::gtid_set::GtidSet;
use crate::record::{Gtid, Lsn};

impl<T> Core<T> {
    /// The writes of this node's log, those included that it could still have to give up. Exact, but for what was written before
    /// the last ten thousand changes of leader, of which only the last of each origin is remembered.
    pub(crate) fn gtid_executed(&self) -> GtidSet {
        let (history, mut set) = (self.journal.history(), GtidSet::default());
        for (origin, range) in history.long_ago() {
            set.add(self.settings.id(origin), range);
        }
        for (reign, range) in history.reigns() {
            set.add(self.settings.id(reign.lineage.origin), range);
        }
        set
    }

    /// The last LSN up to which the log holds only writes of this set.
    pub(crate) fn lsn_of(&self, set: &GtidSet) -> Lsn {
        let history = self.journal.history();
        let holds = |origin, first| set.range_around(self.settings.id(origin), first);
        for (origin, range) in history.long_ago() {
            if holds(origin, *range.start()).is_none_or(|held| held.end() < range.end()) {
                return 0;
            }
        }
        for (reign, range) in history.reigns() {
            match holds(reign.lineage.origin, *range.start()) {
                None => return reign.first_lsn - 1,
                Some(held) if held.end() < range.end() => return reign.first_lsn + (held.end() - range.start()),
                Some(_) => {}
            }
        }
        history.last_lsn()
    }

    /// The GTID of a record; `None` where there is none, or it is too long ago.
    pub(crate) fn gtid_at(&self, lsn: Lsn) -> Option<Gtid> {
        let reign = self.journal.reign(lsn)?;
        Some(Gtid { origin: reign.lineage.origin, sequence: reign.first_sequence + (lsn - reign.first_lsn) })
    }
}
