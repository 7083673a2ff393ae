//! The engine that keeps nothing: rows in memory, made anew from the last snapshot and the log at each start.

use std::borrow::Cow;
use std::ops::Bound;

use bytes::Bytes;

use super::Engine;
use super::rows::Rows;
use super::view::View;
use crate::record::{Position, Value};

#[derive(Debug, Default)]
pub(crate) struct Memory {
    rows: Rows,
}

impl Engine for Memory {
    fn get(&self, key: &Bytes) -> Option<Cow<'_, Value>> {
        self.rows.get(key).map(Cow::Borrowed)
    }

    fn update(&mut self, key: Bytes, change: &mut dyn FnMut(&mut Option<Value>)) {
        let place = self.rows.get_mut(&key);
        let existed = place.is_some();
        let mut row = None;
        match place {
            Some(value) => {
                row = Some(std::mem::replace(value, Value::String(Bytes::new())));
                change(&mut row);
                if let Some(after) = row.take() {
                    *value = after;
                    return;
                }
            }
            None => change(&mut row),
        }
        match row {
            Some(after) => drop(self.rows.insert(key, after)),
            None if existed => drop(self.rows.remove(&key)),
            None => {}
        }
    }

    fn len(&self) -> usize {
        self.rows.len()
    }

    fn scan(&self, from: &Bytes, visit: &mut dyn FnMut(&Bytes, &Value) -> bool) {
        let _ = self.rows.from(Bound::Included(from)).all(|(key, value)| visit(key, value));
    }

    fn view(&self) -> View {
        self.rows.clone().into()
    }

    fn replace(&mut self, rows: &View, _: Position) {
        self.rows = rows.to_rows();
    }
}
