//! Sets of GTIDs in the usual notation: `n1:1-7:9,n2:1-3` holds the writes 1 to 7 and 9 of n1, and 1 to 3 of n2.
//!
//! Not here: which GTIDs a log holds (`core::history`).

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// Writes by the ids of their origins. Sequences count from 1, and may skip.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct GtidSet {
    /// Of each origin, in order, none of them empty, and no two that touch.
    ranges: BTreeMap<String, Vec<RangeInclusive<u64>>>,
}

/// A text that is no set; each part of it is named as it was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadGtidSet {
    #[error("`{0}` is no part of a GTID set: write `id:first-last`, as in `n1:1-7:9,n2:1-3`")]
    Part(String),
    #[error("`{0}` is no range of sequences: they count from 1, and the first is not greater than the last")]
    Range(String),
}

impl GtidSet {
    /// Adds the writes of an origin with these sequences.
    pub(crate) fn add(&mut self, origin: &str, range: RangeInclusive<u64>) {
        if range.is_empty() {
            return;
        }
        let ranges = self.ranges.entry(origin.to_owned()).or_default();
        let (mut first, mut last) = range.into_inner();
        // Those that overlap or touch become one with it.
        let begin = ranges.partition_point(|held| held.end().saturating_add(1) < first);
        let end = ranges.partition_point(|held| *held.start() <= last.saturating_add(1));
        if begin < end {
            first = first.min(*ranges[begin].start());
            last = last.max(*ranges[end - 1].end());
        }
        ranges.splice(begin..end.max(begin), [first..=last]);
    }

    /// What is in either.
    #[cfg(test)]
    pub(crate) fn union(&self, other: &GtidSet) -> GtidSet {
        let mut union = self.clone();
        other.all().for_each(|(origin, range)| union.add(origin, range));
        union
    }

    /// What is in this one only.
    pub(crate) fn subtract(&self, other: &GtidSet) -> GtidSet {
        let mut left = GtidSet::default();
        for (origin, range) in self.all() {
            let (first, last) = range.into_inner();
            let mut next = Some(first);
            for taken in other.of(origin).iter().filter(|taken| *taken.end() >= first && *taken.start() <= last) {
                if let Some(first) = next {
                    left.add(origin, first..=taken.start() - 1);
                }
                next = taken.end().checked_add(1);
            }
            if let Some(first) = next {
                left.add(origin, first..=last);
            }
        }
        left
    }

    #[cfg(test)]
    pub(crate) fn contains(&self, origin: &str, sequence: u64) -> bool {
        self.range_around(origin, sequence).is_some()
    }

    /// The range in which a write is, if it is in the set.
    pub(crate) fn range_around(&self, origin: &str, sequence: u64) -> Option<RangeInclusive<u64>> {
        let ranges = self.of(origin);
        let index = ranges.partition_point(|range| *range.end() < sequence);
        ranges.get(index).filter(|range| range.contains(&sequence)).cloned()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    fn of(&self, origin: &str) -> &[RangeInclusive<u64>] {
        self.ranges.get(origin).map_or(&[], Vec::as_slice)
    }

    fn all(&self) -> impl Iterator<Item = (&str, RangeInclusive<u64>)> {
        self.ranges.iter().flat_map(|(origin, ranges)| ranges.iter().map(move |range| (origin.as_str(), range.clone())))
    }
}

impl fmt::Display for GtidSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (origin, ranges)) in self.ranges.iter().enumerate() {
            write!(f, "{}{origin}", if index > 0 { "," } else { "" })?;
            for range in ranges {
                match (range.start(), range.end()) {
                    (first, last) if first == last => write!(f, ":{first}")?,
                    (first, last) => write!(f, ":{first}-{last}")?,
                }
            }
        }
        Ok(())
    }
}

impl FromStr for GtidSet {
    type Err = BadGtidSet;

    fn from_str(text: &str) -> Result<Self, BadGtidSet> {
        let mut set = GtidSet::default();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let bad = || BadGtidSet::Part(part.to_owned());
            let (origin, ranges) = part.split_once(':').ok_or_else(bad)?;
            let origin = crate::config::parse_id(origin).map_err(|_| bad())?;
            for range in ranges.split(':') {
                let (first, last) = range.split_once('-').unwrap_or((range, range));
                match (first.parse(), last.parse()) {
                    (Ok(first), Ok(last)) if 0 < first && first <= last => set.add(&origin, first..=last),
                    _ => return Err(BadGtidSet::Range(range.to_owned())),
                }
            }
        }
        Ok(set)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// Every write of a set, as itself.
    fn members(set: &GtidSet) -> BTreeSet<(String, u64)> {
        set.all().flat_map(|(origin, range)| range.map(|sequence| (origin.to_owned(), sequence))).collect()
    }

    fn set() -> impl Strategy<Value = GtidSet> {
        proptest::collection::vec((1..4_u8, 1..30_u64, 0..6_u64), 0..8).prop_map(|ranges| {
            let mut set = GtidSet::default();
            for (origin, first, more) in ranges {
                set.add(&format!("n{origin}"), first..=first + more);
            }
            set
        })
    }

    proptest! {
        #[test]
        fn sets_are_sets(a in set(), b in set(), sequence in 1..40_u64) {
            let (in_a, in_b) = (members(&a), members(&b));
            prop_assert_eq!(members(&a.union(&b)), &in_a | &in_b);
            prop_assert_eq!(members(&a.subtract(&b)), &in_a - &in_b);
            prop_assert_eq!(a.contains("n1", sequence), in_a.contains(&("n1".to_owned(), sequence)));
            prop_assert_eq!(a.is_empty(), in_a.is_empty());
            prop_assert_eq!(a.union(&b), b.union(&a), "one set has one form");
        }

        #[test]
        fn a_set_is_written_as_it_is_read(a in set()) {
            prop_assert_eq!(a.to_string().parse(), Ok(a));
        }
    }

    #[test]
    fn ranges_that_touch_become_one() {
        for (text, expected) in [
            ("n1:1-7:9,n2:1-3", "n1:1-7:9,n2:1-3"),
            ("n2:3, n1:4-6:1-3,n1:7", "n1:1-7,n2:3"),
            ("n1:1:3:2", "n1:1-3"),
            ("n1:18446744073709551615", "n1:18446744073709551615"),
            ("", ""),
        ] {
            assert_eq!(text.parse::<GtidSet>().map(|set| set.to_string()), Ok(expected.to_owned()), "{text}");
        }
        let all: GtidSet = "n1:1-18446744073709551615,n2:1".parse().unwrap();
        assert_eq!(all.subtract(&"n1:1-18446744073709551615".parse().unwrap()).to_string(), "n2:1");
    }

    #[test]
    fn what_is_no_set_is_named() {
        for (text, named) in [
            ("n1", "`n1`"),
            ("n1:1,:2", "`:2`"),
            ("n1:0", "`0`"),
            ("n1:7-1", "`7-1`"),
            ("n1:1-", "`1-`"),
            ("n1:x", "`x`"),
        ] {
            let error = text.parse::<GtidSet>().expect_err(text).to_string();
            assert!(error.contains(named), "{text}: {error}");
        }
    }
}
