//! Whose reign each LSN of a log belongs to, and which writes it holds: what remains to be known of records that are gone.
//!
//! Not here: the records themselves (`journal`).

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::plausible::is_number;
use crate::record::{Gtid, Lineage, Lsn, Member, Stamp};

/// Reigns told one by one; of older ones only what they wrote is remembered. Ten thousand elections, at a few dozen bytes each.
const MAX_REIGNS: usize = 10_000;

/// The records that one leader made in one epoch. Their LSNs and their sequences count up side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reign {
    pub(crate) first_lsn: Lsn,
    pub(crate) lineage: Lineage,
    pub(crate) first_sequence: u64,
}

/// The reigns of a log from its beginning to `last_lsn`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct History {
    last_lsn: Lsn,
    reigns: Vec<Reign>,
    /// The last sequence of each origin before the first of these reigns.
    before: BTreeMap<Member, u64>,
}

impl History {
    pub(crate) fn last_lsn(&self) -> Lsn {
        self.last_lsn
    }

    /// Whether a history that came from elsewhere can be one: reigns in order, and numbers that can be added up.
    pub(crate) fn is_sound(&self) -> bool {
        let firsts = || self.reigns.iter().map(|reign| reign.first_lsn);
        let sequences = self.reigns.iter().map(|reign| reign.first_sequence).chain(self.before.values().copied());
        is_number(self.last_lsn)
            && self.reigns.len() <= MAX_REIGNS
            && firsts().all(|lsn| (1..=self.last_lsn).contains(&lsn))
            && firsts().zip(firsts().skip(1)).all(|(before, after)| before < after)
            && sequences.into_iter().all(is_number)
    }

    pub(crate) fn push(&mut self, stamp: &Stamp) {
        self.last_lsn = stamp.lsn;
        if self.reigns.last().is_some_and(|last| last.lineage == stamp.lineage()) {
            return;
        }
        self.reigns.push(Reign { first_lsn: stamp.lsn, lineage: stamp.lineage(), first_sequence: stamp.gtid.sequence });
        if self.reigns.len() > MAX_REIGNS {
            let oldest = self.reigns.remove(0);
            let records = self.reigns[0].first_lsn - oldest.first_lsn;
            self.before.insert(oldest.lineage.origin, oldest.first_sequence + records - 1);
        }
    }

    /// What it was when the log ended at `lsn`.
    #[cfg(test)]
    pub(crate) fn until(&self, lsn: Lsn) -> History {
        let mut history = self.clone();
        history.truncate(lsn);
        history
    }

    /// Forgets everything behind `lsn`.
    pub(crate) fn truncate(&mut self, lsn: Lsn) {
        self.last_lsn = self.last_lsn.min(lsn);
        while self.reigns.pop_if(|last| last.first_lsn > lsn).is_some() {}
    }

    /// The reign to which a record belongs; `None` where there is none or it is too long ago.
    pub(crate) fn reign(&self, lsn: Lsn) -> Option<Reign> {
        if lsn > self.last_lsn {
            return None;
        }
        let after = self.reigns.partition_point(|reign| reign.first_lsn <= lsn);
        after.checked_sub(1).map(|index| self.reigns[index])
    }

    pub(crate) fn lineage(&self, lsn: Lsn) -> Option<Lineage> {
        self.reign(lsn).map(|reign| reign.lineage)
    }

    /// The GTID of a record; `None` where there is none or it is too long ago.
    pub(crate) fn gtid(&self, lsn: Lsn) -> Option<Gtid> {
        let Reign { first_lsn, lineage, first_sequence } = self.reign(lsn)?;
        Some(Gtid { origin: lineage.origin, sequence: first_sequence + (lsn - first_lsn) })
    }

    /// The greatest sequence of each origin up to `last_lsn`: the log's position as a GTID set, each origin's from 1 on.
    pub(crate) fn gtids(&self) -> BTreeMap<Member, u64> {
        let mut gtids = self.before.clone();
        let ends = self.reigns.iter().skip(1).map(|next| next.first_lsn - 1).chain([self.last_lsn]);
        for (reign, end) in self.reigns.iter().zip(ends) {
            gtids.insert(reign.lineage.origin, reign.first_sequence + (end - reign.first_lsn));
        }
        gtids
    }

    /// The writes of the log that are behind the reigns told one by one: of each origin, up to its last. Sequences may skip, so not
    /// every one of these needs to be there.
    pub(crate) fn long_ago(&self) -> impl Iterator<Item = (Member, RangeInclusive<u64>)> {
        self.before.iter().map(|(&origin, &last)| (origin, 1..=last))
    }

    /// The reigns in their order, and the sequences of the records of each, exactly.
    pub(crate) fn reigns(&self) -> impl Iterator<Item = (Reign, RangeInclusive<u64>)> {
        let ends = self.reigns.iter().skip(1).map(|next| next.first_lsn - 1).chain([self.last_lsn]);
        self.reigns
            .iter()
            .zip(ends)
            .map(|(&reign, end)| (reign, reign.first_sequence..=reign.first_sequence + (end - reign.first_lsn)))
    }

    /// Up to where two logs are the same. Logs that have one lineage at one LSN agree up to it.
    pub(crate) fn agrees_until(&self, other: &History) -> Lsn {
        let end = |history: &History, index: usize| {
            history.reigns.get(index + 1).map_or(history.last_lsn, |next| next.first_lsn - 1)
        };
        let shared = self.reigns.iter().enumerate().rev().find_map(|(index, reign)| {
            let theirs = other.reigns.iter().rposition(|theirs| theirs == reign)?;
            Some(end(self, index).min(end(other, theirs)))
        });
        shared.unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Gtid;

    /// A history of these reigns: epoch, origin, how many records.
    fn history(reigns: &[(u64, u8, u64)]) -> History {
        let mut history = History::default();
        for &(epoch, origin, records) in reigns {
            for sequence in 1..=records {
                let gtid = Gtid { origin: Member(origin), sequence: epoch * 100 + sequence };
                history.push(&Stamp { lsn: history.last_lsn() + 1, epoch, gtid });
            }
        }
        history
    }

    #[test]
    fn two_logs_agree_up_to_the_end_of_what_they_share() {
        let ours = [(1, 0, 5), (2, 1, 3), (4, 0, 2)];
        for (theirs, expected) in [
            (&ours[..], 10),
            (&[(1, 0, 3)], 3),
            (&[(1, 0, 5), (2, 1, 7)], 8),
            (&[(1, 0, 5), (3, 2, 9)], 5),
            (&[(1, 0, 5), (2, 2, 9)], 5),
            (&[(1, 2, 5)], 0),
            (&[], 0),
        ] {
            assert_eq!(history(&ours).agrees_until(&history(theirs)), expected, "{theirs:?}");
            assert_eq!(history(theirs).agrees_until(&history(&ours)), expected, "{theirs:?}");
        }
    }

    #[test]
    fn the_position_of_each_origin_is_known_at_every_lsn() {
        let history = history(&[(1, 0, 5), (2, 1, 3), (4, 0, 2)]);
        let gtids = |lsn| history.until(lsn).gtids().into_iter().map(|(origin, last)| (origin.0, last)).collect();
        let expected: [(u64, Vec<(u8, u64)>); 4] =
            [(0, vec![]), (3, vec![(0, 103)]), (8, vec![(0, 105), (1, 203)]), (10, vec![(0, 402), (1, 203)])];
        for (lsn, expected) in expected {
            let found: Vec<(u8, u64)> = gtids(lsn);
            assert_eq!(found, expected, "at LSN {lsn}");
        }
    }

    #[test]
    fn the_sequences_of_each_reign_are_known_exactly() {
        let history = history(&[(1, 0, 5), (2, 1, 3), (4, 0, 2)]);
        let told: Vec<_> =
            history.reigns().map(|(reign, range)| (reign.first_lsn, reign.lineage.origin.0, range)).collect();
        assert_eq!(told, [(1, 0, 101..=105), (6, 1, 201..=203), (9, 0, 401..=402)]);
        assert_eq!(history.long_ago().count(), 0);
    }

    #[test]
    fn reigns_of_long_ago_are_known_by_what_they_wrote() {
        let reigns: Vec<(u64, u8, u64)> =
            (1..=MAX_REIGNS as u64 + 2).map(|epoch| (epoch, (epoch % 2) as u8, 2)).collect();
        let history = history(&reigns);
        assert_eq!((history.reigns.len(), history.before.len()), (MAX_REIGNS, 2));
        assert_eq!(history.lineage(4), None);
        assert_eq!(history.lineage(5).map(|lineage| lineage.epoch), Some(3));
        assert_eq!(history.until(4).gtids(), [(Member(1), 102), (Member(0), 202)].into_iter().collect());
    }
}
