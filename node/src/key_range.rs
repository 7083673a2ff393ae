//! Ranges of keys, and sets of them.
//!
//! Not here: what lies in a range (`store`).

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// Most ranges of a set, and most bytes of their bounds: a set goes into one message, and people read it. Where there would be more,
/// neighbours are joined, with what lies between them.
const MAX_RANGES: usize = 64;
const MAX_BYTES: usize = 64 << 10;

/// The keys from one on and before another, as bytes are compared.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct KeyRange {
    /// The first; no key is less than the empty one.
    pub(crate) from: Bytes,
    /// The first that is not meant any more; `None` where there is no end.
    pub(crate) to: Option<Bytes>,
}

impl KeyRange {
    pub(crate) fn all() -> Self {
        KeyRange::default()
    }

    pub(crate) fn only(key: Bytes) -> Self {
        let next = [&key[..], b"\0"].concat();
        KeyRange { from: key, to: Some(next.into()) }
    }

    pub(crate) fn contains(&self, key: &Bytes) -> bool {
        self.from <= *key && !self.ends_before(key)
    }

    /// Whether the keys of this range are all less than `key`.
    pub(crate) fn ends_before(&self, key: &Bytes) -> bool {
        self.to.as_ref().is_some_and(|to| to <= key)
    }

    /// Whether no key can be in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.ends_before(&self.from)
    }

    /// What tells ends apart: no end is the greatest.
    fn end(&self) -> (bool, Option<&Bytes>) {
        (self.to.is_none(), self.to.as_ref())
    }

    /// Whether the two have keys in common or stand side by side.
    fn touches(&self, other: &KeyRange) -> bool {
        let reaches = |a: &KeyRange, b: &KeyRange| a.to.as_ref().is_none_or(|to| *to >= b.from);
        reaches(self, other) && reaches(other, self)
    }

    /// Both, and what lies between them.
    fn joined(self, other: KeyRange) -> KeyRange {
        let to = if self.end() < other.end() { other.to } else { self.to };
        KeyRange { from: self.from.min(other.from), to }
    }

    /// What is left of it on either side of `other`.
    fn without(self, other: &KeyRange) -> impl Iterator<Item = KeyRange> {
        let before = KeyRange { from: self.from.clone(), to: Some(other.from.clone()) };
        let left = if before.end() < self.end() { before } else { self.clone() };
        let right = other.to.clone().map(|end| KeyRange { from: end.max(self.from), to: self.to });
        std::iter::once(left).chain(right).filter(|range| !range.is_empty())
    }

    pub(crate) fn bytes(&self) -> usize {
        self.from.len() + self.to.as_ref().map_or(0, Bytes::len)
    }
}

impl fmt::Display for KeyRange {
    /// `from="user:1",to="user:9"`; an empty end is no end. Bytes that are no visible ASCII are escaped as in Rust and in C.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "from=\"{}\",to=\"{}\"", self.from.escape_ascii(), self.to.as_deref().unwrap_or(b"").escape_ascii())
    }
}

/// A set of keys, as few ranges in order that do not touch. It may hold more keys than were put in, never fewer: it is bounded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct KeyRanges {
    ranges: Vec<KeyRange>,
}

impl KeyRanges {
    pub(crate) fn len(&self) -> usize {
        self.ranges.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, KeyRange> {
        self.ranges.iter()
    }

    /// Whether every key of this range is in the set.
    pub(crate) fn covers(&self, range: &KeyRange) -> bool {
        self.ranges.iter().any(|known| known.from <= range.from && range.end() <= known.end())
    }

    pub(crate) fn insert(&mut self, range: KeyRange) {
        if range.is_empty() {
            return;
        }
        let joined = self.ranges.extract_if(.., |known| known.touches(&range)).collect::<Vec<_>>();
        let joined = joined.into_iter().fold(range, KeyRange::joined);
        let at = self.ranges.partition_point(|known| known.from < joined.from);
        self.ranges.insert(at, joined);
        self.bound();
    }

    pub(crate) fn remove(&mut self, range: &KeyRange) {
        if !range.is_empty() {
            self.ranges = std::mem::take(&mut self.ranges).into_iter().flat_map(|known| known.without(range)).collect();
            self.bound();
        }
    }

    fn bound(&mut self) {
        let exceeds = |ranges: &[KeyRange]| {
            ranges.len() > MAX_RANGES || ranges.iter().map(KeyRange::bytes).sum::<usize>() > MAX_BYTES
        };
        while exceeds(&self.ranges)
            && let [.., _, _] = self.ranges[..]
            && let (Some(last), Some(next_to_last)) = (self.ranges.pop(), self.ranges.pop())
        {
            self.ranges.push(next_to_last.joined(last));
        }
    }
}

impl FromIterator<KeyRange> for KeyRanges {
    fn from_iter<I: IntoIterator<Item = KeyRange>>(ranges: I) -> Self {
        let mut set = KeyRanges::default();
        ranges.into_iter().for_each(|range| set.insert(range));
        set
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn key(number: u8) -> Bytes {
        Bytes::from(if number == 0 { vec![] } else { vec![number] })
    }

    fn range(from: u8, to: u8) -> KeyRange {
        KeyRange { from: key(from), to: (to < 30).then(|| key(to)) }
    }

    fn keys(from: u8, to: u8) -> impl Iterator<Item = u8> {
        from..if to < 30 { to } else { 40 }
    }

    proptest! {
        #[test]
        fn a_set_of_ranges_is_a_set_of_keys(
            changes in proptest::collection::vec((0..32_u8, 0..32_u8, any::<bool>()), 0..40),
            (from, to) in (0..32_u8, 0..32_u8),
        ) {
            let (mut set, mut model) = (KeyRanges::default(), BTreeSet::new());
            for (from, to, inserts) in changes {
                if inserts {
                    set.insert(range(from, to));
                    model.extend(keys(from, to));
                } else {
                    set.remove(&range(from, to));
                    keys(from, to).for_each(|key| assert!(model.remove(&key) || !model.contains(&key)));
                }
            }
            for number in 0..40 {
                prop_assert_eq!(set.iter().any(|range| range.contains(&key(number))), model.contains(&number));
            }
            for (first, second) in set.iter().zip(set.iter().skip(1)) {
                prop_assert!(!first.touches(second) && first.from < second.from, "{:?}", set);
            }
            prop_assert!(set.iter().all(|range| !range.is_empty()));
            if !range(from, to).is_empty() {
                prop_assert_eq!(set.covers(&range(from, to)), keys(from, to).all(|key| model.contains(&key)));
            }
        }
    }

    #[test]
    fn a_set_stays_small_and_loses_no_key() {
        let numbered = |number: u32| Bytes::copy_from_slice(&number.to_be_bytes());
        let apart = |number: u32| KeyRange { from: numbered(2 * number), to: Some(numbered(2 * number + 1)) };
        let set: KeyRanges = (0..1000).map(apart).collect();
        assert_eq!(set.len(), MAX_RANGES);
        assert!((0..1000).all(|number| set.covers(&apart(number))));
        let long = |number: u8| KeyRange { from: vec![number; 40_000].into(), to: Some(vec![number; 40_001].into()) };
        let set: KeyRanges = (1..9).map(long).collect();
        assert_eq!(set.iter().collect::<Vec<_>>(), [&long(1).joined(long(8))]);
    }

    #[test]
    fn a_range_is_shown_so_that_no_byte_is_in_doubt() {
        let shown = |from: &'static str, to: Option<&'static str>| {
            KeyRange { from: from.into(), to: to.map(Bytes::from) }.to_string()
        };
        assert_eq!(shown("", None), r#"from="",to="""#);
        assert_eq!(shown("a\"\n", Some("b")), r#"from="a\"\n",to="b""#);
    }
}
