//! All rows in order, in pages that copies share: a copy costs an `Arc` per page, and a page is copied when it is next changed.
//! So a snapshot is taken between two writes, at once, and read by another thread while writes go on.
//!
//! Not here: what the rows mean (`store`). Why not a persistent tree from a crate: those share single nodes, which makes every
//! write, snapshot or not, several times dearer than in a `BTreeMap`; pages cost a write one more look-up.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;

use crate::record::Value;

/// Most rows of a page. What a write pays that meets a shared page, some twenty microseconds, grows with it; what a copy pays,
/// some five nanoseconds a page, falls with it.
const PAGE_ROWS: usize = 256;

type Page = BTreeMap<Bytes, Value>;

/// An ordered map whose clones are cheap.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rows {
    /// By a key that is not greater than any of the page's and greater than all of the page before it. No page is empty.
    pages: BTreeMap<Bytes, Arc<Page>>,
    len: usize,
}

impl Rows {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn get(&self, key: &Bytes) -> Option<&Value> {
        let (_, page) = self.pages.range::<Bytes, _>(..=key).next_back()?;
        page.get(key)
    }

    pub(crate) fn get_mut(&mut self, key: &Bytes) -> Option<&mut Value> {
        let (_, page) = self.pages.range_mut::<Bytes, _>(..=key).next_back()?;
        if page.contains_key(key) { Arc::make_mut(page).get_mut(key) } else { None }
    }

    pub(crate) fn insert(&mut self, key: Bytes, value: Value) -> Option<Value> {
        let page = match self.pages.range_mut::<Bytes, _>(..=&key).next_back() {
            Some((_, page)) => page,
            None => self.first_page(&key),
        };
        let page = Arc::make_mut(page);
        let before = page.insert(key, value);
        if page.len() > PAGE_ROWS {
            let middle = page.keys().nth(PAGE_ROWS / 2).expect("the page is full").clone();
            let upper = page.split_off(&middle);
            self.pages.insert(middle, Arc::new(upper));
        }
        self.len += usize::from(before.is_none());
        before
    }

    /// The page for a key that is less than all: the first one, under that key from now on.
    fn first_page(&mut self, key: &Bytes) -> &mut Arc<Page> {
        let first = self.pages.pop_first().map(|(_, page)| page).unwrap_or_default();
        self.pages.entry(key.clone()).or_insert(first)
    }

    pub(crate) fn remove(&mut self, key: &Bytes) -> Option<Value> {
        let (first_key, page) = self.pages.range_mut::<Bytes, _>(..=key).next_back()?;
        if !page.contains_key(key) {
            return None;
        }
        let page = Arc::make_mut(page);
        let removed = page.remove(key);
        if page.is_empty() {
            let first_key = first_key.clone();
            self.pages.remove(&first_key);
        }
        self.len -= 1;
        removed
    }

    /// The rows from that bound on, in order.
    pub(crate) fn from(&self, start: Bound<&Bytes>) -> impl Iterator<Item = (&Bytes, &Value)> {
        let first = match start {
            Bound::Included(key) | Bound::Excluded(key) => {
                self.pages.range::<Bytes, _>(..=key).next_back().map(|(first, _)| first)
            }
            Bound::Unbounded => None,
        };
        let from = first.map_or(Bound::Unbounded, Bound::Included);
        let pages = self.pages.range::<Bytes, _>((from, Bound::Unbounded));
        pages.flat_map(move |(_, page)| page.range::<Bytes, _>((start, Bound::Unbounded)))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Bytes, &Value)> {
        self.from(Bound::Unbounded)
    }
}

impl PartialEq for Rows {
    /// By what they hold, however it is paged.
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.iter().eq(other.iter())
    }
}

impl Eq for Rows {}

impl Extend<(Bytes, Value)> for Rows {
    fn extend<I: IntoIterator<Item = (Bytes, Value)>>(&mut self, rows: I) {
        rows.into_iter().for_each(|(key, value)| {
            self.insert(key, value);
        });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(number: u16) -> Bytes {
        Bytes::copy_from_slice(&number.to_be_bytes())
    }

    fn value(number: u16) -> Value {
        Value::String(key(number))
    }

    fn check(rows: &Rows, expected: &BTreeMap<Bytes, Value>) {
        assert!(rows.iter().eq(expected.iter()));
        assert_eq!(rows.len(), expected.len());
        assert!(rows.pages.values().all(|page| (1..=PAGE_ROWS).contains(&page.len())));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn rows_are_a_map_and_a_copy_keeps_what_it_had(
            before in proptest::collection::vec((0..2000_u16, any::<bool>()), 0..3000),
            after in proptest::collection::vec((0..2000_u16, any::<bool>()), 0..500),
            start in 0..2000_u16,
        ) {
            let (mut rows, mut model) = (Rows::default(), BTreeMap::new());
            let change = |rows: &mut Rows, model: &mut BTreeMap<_, _>, number, insert| {
                if insert {
                    assert_eq!(rows.insert(key(number), value(number)), model.insert(key(number), value(number)));
                } else {
                    assert_eq!(rows.remove(&key(number)), model.remove(&key(number)));
                }
                assert_eq!(rows.get(&key(number)), model.get(&key(number)));
                assert_eq!(rows.get_mut(&key(number)), model.get_mut(&key(number)));
            };
            for (number, removes) in before {
                change(&mut rows, &mut model, number, !removes || number % 3 > 0);
            }
            let (copy, copied) = (rows.clone(), model.clone());
            for (number, inserts) in after {
                change(&mut rows, &mut model, number, inserts);
            }
            check(&copy, &copied);
            check(&rows, &model);
            for bound in [Bound::Included(&key(start)), Bound::Excluded(&key(start))] {
                prop_assert!(rows.from(bound).eq(model.range::<Bytes, _>((bound, Bound::Unbounded))));
            }
        }
    }
}
