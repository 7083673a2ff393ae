//! The seam between the store and what holds its rows.
//!
//! Not here: what an operation means (`plan`), or how a change is made of row updates ([`super::Store`]).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::rows::Rows;
use super::view::View;
use crate::delta::Delta;
use crate::key_range::KeyRange;
use crate::record::{Change, Lsn, Position, Value};

/// Why a durable engine cannot be used, or not any longer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    #[error("cannot use {}: {what}", .path.display())]
    Failed { path: PathBuf, what: String },
}

impl StoreError {
    pub(crate) fn failed(path: &Path, error: &impl fmt::Display) -> Self {
        StoreError::Failed { path: path.to_owned(), what: error.to_string() }
    }
}

/// What a key holds, seen from afar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Nothing,
    String,
    List { length: usize, size: usize },
}

/// What holds the rows. It answers always: after a failure it answers anything, and [`Engine::failure`] says so before anybody is told.
pub(crate) trait Engine: fmt::Debug + Send {
    fn get(&self, key: &Bytes) -> Option<Cow<'_, Value>>;

    /// Lets `change` see and replace one row.
    fn update(&mut self, key: Bytes, change: &mut dyn FnMut(&mut Option<Value>));

    /// What kind of value is there, without looking at it all.
    fn shape(&self, key: &Bytes) -> Shape {
        match self.get(key).as_deref() {
            None => Shape::Nothing,
            Some(Value::String(_)) => Shape::String,
            Some(Value::List(list)) => Shape::List { length: list.len(), size: list.size() },
        }
    }

    /// What the log is to carry for a change that is asked for here. An engine whose changes are bytes has made it then. `None` if
    /// that would not fit a record; then nothing has changed.
    fn make(&mut self, change: Change) -> Option<Change> {
        Some(change)
    }

    /// Makes a change of bytes that comes from the log.
    fn apply_bytes(&mut self, _delta: &Delta) {
        unreachable!(
            "a node of the logical log has no records of the physical one: `runtime` and the peers' hellos see to that"
        )
    }

    /// Takes back the last change of bytes.
    fn undo_bytes(&mut self, _delta: &Delta) {
        unreachable!("as above")
    }

    fn len(&self) -> usize;

    /// Shows the rows from that key on, in the order of their keys, for as long as `visit` wants more. Of the physical log a row is
    /// a page of the file, here and below.
    fn scan(&self, from: &Bytes, visit: &mut dyn FnMut(&Bytes, &Value) -> bool);

    /// All rows as they are now, whatever is changed afterwards. An engine that has nothing better reads them all at once.
    fn view(&self) -> View {
        let mut rows = Rows::default();
        self.scan(&Bytes::new(), &mut |key, value| {
            rows.insert(key.clone(), value.clone());
            true
        });
        rows.into()
    }

    /// What has to be put or removed so that these rows, and no others, are in that range.
    fn differences(&self, range: &KeyRange, rows: &[(Bytes, Value)]) -> BTreeMap<Bytes, Option<Value>> {
        let after = rows.iter().map(|(key, value)| (key.clone(), Some(value.clone())));
        let mut changes: BTreeMap<Bytes, Option<Value>> = after.collect();
        self.scan(&range.from, &mut |key, value| {
            let is_inside = range.contains(key);
            if is_inside && changes.get(key).is_some_and(|after| after.as_ref() == Some(value)) {
                changes.remove(key);
            } else if is_inside {
                changes.entry(key.clone()).or_insert(None);
            }
            is_inside
        });
        changes
    }

    /// Holds these rows in that range, in which they all are, and no others there.
    fn replace_range(&mut self, range: &KeyRange, rows: &[(Bytes, Value)]) {
        for (key, after) in self.differences(range, rows) {
            self.update(key, &mut |row| row.clone_from(&after));
        }
    }

    /// Holds these rows, the fold of the log up to `position`, and nothing else; they are kept when this returns.
    fn replace(&mut self, rows: &View, position: Position);

    /// The last record whose change is in what survived the last stop.
    fn kept(&self) -> Position {
        Position::default()
    }

    /// Every update so far belongs to records up to `position`, the last of which had about this many bytes.
    fn applied(&mut self, _position: Position, _bytes: usize) {}

    /// The log is durable up to `lsn`.
    fn log_is_durable(&mut self, _lsn: Lsn) {}

    /// What was undone must be gone from what is kept when this returns: `left` is the last record that was not.
    fn rewound(&mut self, _left: Position) {}

    /// Keeps everything, which is the fold of the log up to `position`. The log is durable up to there.
    fn keep(&mut self, _position: Position) {}

    /// The first failure.
    fn failure(&mut self) -> Option<StoreError> {
        None
    }
}
