//! The seam between the store and what holds its rows.
//!
//! Not here: what an operation means (`plan`), or how a change is made of row updates ([`super::Store`]).

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::rows::Rows;
use crate::record::{Lsn, Position, Value};

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

/// What holds the rows. It answers always: after a failure it answers anything, and [`Engine::failure`] says so before anybody is told.
pub(crate) trait Engine: fmt::Debug + Send {
    fn get(&self, key: &Bytes) -> Option<Cow<'_, Value>>;

    /// Lets `change` see and replace one row.
    fn update(&mut self, key: Bytes, change: &mut dyn FnMut(&mut Option<Value>));

    fn len(&self) -> usize;

    /// All rows in the order of their keys, as they are now.
    fn rows(&self) -> Rows;

    /// Holds these rows, the fold of the log up to `position`, and nothing else; they are kept when this returns.
    fn replace(&mut self, rows: &Rows, position: Position);

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

    /// The first failure, once.
    fn failure(&mut self) -> Option<StoreError> {
        None
    }
}
