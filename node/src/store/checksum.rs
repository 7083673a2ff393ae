//! Checksums of rows: the same for the same rows, on whatever engine and machine.
//!
//! Not here: when rows are compared and with whose (`core::verification`).

use bytes::Bytes;
use crc32fast::Hasher;
use serde::{Deserialize, Serialize};

use super::Store;
use crate::key_range::KeyRange;
use crate::record::Value;

/// What rows come to: how many they are, and the CRC-32 of them all in order. `pt-table-checksum` compares the same two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sum {
    pub(crate) rows: u64,
    pub(crate) checksum: u32,
}

/// A sum to which rows are added, in order.
#[derive(Debug, Default)]
pub(crate) struct Summing {
    rows: u64,
    hasher: Hasher,
}

impl Summing {
    pub(crate) fn add(&mut self, key: &Bytes, value: &Value) {
        self.rows += 1;
        self.add_bytes(key);
        match value {
            Value::String(string) => {
                self.hasher.update(&[0]);
                self.add_bytes(string);
            }
            Value::List(list) => {
                self.hasher.update(&[1]);
                self.hasher.update(&(list.len() as u64).to_le_bytes());
                list.range(0..list.len()).for_each(|element| self.add_bytes(element));
            }
        }
    }

    /// With the length before them, so that no two sequences of them are the same bytes.
    fn add_bytes(&mut self, bytes: &Bytes) {
        self.hasher.update(&(bytes.len() as u64).to_le_bytes());
        self.hasher.update(bytes);
    }

    pub(crate) fn end(self) -> Sum {
        Sum { rows: self.rows, checksum: self.hasher.finalize() }
    }
}

impl Sum {
    pub(crate) fn of<'a>(rows: impl IntoIterator<Item = &'a (Bytes, Value)>) -> Sum {
        let mut summing = Summing::default();
        rows.into_iter().for_each(|(key, value)| summing.add(key, value));
        summing.end()
    }
}

/// The most that is looked at in one go: rows, and bytes of them unless the first row has more.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SliceBounds {
    pub(crate) rows: usize,
    pub(crate) bytes: usize,
}

impl Store {
    /// What the rows of that range come to.
    pub(crate) fn sum(&self, range: &KeyRange) -> Sum {
        let mut summing = Summing::default();
        self.engine.scan(&range.from, &mut |key, value| {
            let is_inside = range.contains(key);
            if is_inside {
                summing.add(key, value);
            }
            is_inside
        });
        summing.end()
    }

    /// The first rows of that range, and the part of it that they and only they are in.
    pub(crate) fn slice(&self, range: &KeyRange, most: SliceBounds) -> (KeyRange, Vec<(Bytes, Value)>) {
        let (mut rows, mut bytes, mut slice) = (Vec::new(), 0, range.clone());
        self.engine.scan(&range.from, &mut |key, value| {
            if !range.contains(key) {
                return false;
            }
            bytes += key.len() + value.size();
            if rows.len() >= most.rows || (bytes > most.bytes && !rows.is_empty()) {
                slice.to = Some(key.clone());
                return false;
            }
            rows.push((key.clone(), value.clone()));
            true
        });
        (slice, rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::List;

    fn list(elements: &[&'static str]) -> Value {
        Value::List(elements.iter().map(|&element| Bytes::from(element)).collect::<List>())
    }

    fn string(text: &'static str) -> Value {
        Value::String(text.into())
    }

    #[test]
    fn different_rows_have_different_sums_however_alike_their_bytes_are() {
        let row = |key: &'static str, value: Value| (Bytes::from(key), value);
        let states = [
            vec![],
            vec![row("a", string(""))],
            vec![row("", string("a"))],
            vec![row("ab", string("c"))],
            vec![row("a", string("bc"))],
            vec![row("a", list(&["bc"]))],
            vec![row("a", list(&["b", "c"]))],
            vec![row("a", list(&["c", "b"]))],
            vec![row("a", list(&["", "bc"]))],
            vec![row("a", string("b")), row("c", string("d"))],
            vec![row("a", string("d")), row("c", string("b"))],
        ];
        for (index, state) in states.iter().enumerate() {
            assert_eq!(Sum::of(state), Sum::of(&state.clone()));
            assert_eq!(Sum::of(state).rows, state.len() as u64);
            for other in &states[..index] {
                assert_ne!(Sum::of(state), Sum::of(other), "{state:?} {other:?}");
            }
        }
    }

    /// Nodes of other versions compute the same: never change this.
    #[test]
    fn a_sum_is_the_same_for_ever() {
        let rows = [("k".into(), string("v")), ("l".into(), list(&["x", "y"]))];
        assert_eq!(Sum::of(&rows), Sum { rows: 2, checksum: 3_686_062_149 });
    }
}
