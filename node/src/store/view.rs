//! All rows of one moment, whatever is changed afterwards, to be read at leisure and on any thread: what snapshots are made of, and
//! checksums. To take one costs no walk through the rows.
//!
//! Not here: how an engine keeps its rows.

use std::fmt;
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;

use super::rows::Rows;
use crate::record::Value;

/// The rows of an engine at one moment.
#[derive(Debug, Clone)]
pub(crate) enum View {
    /// In pages that are shared with the engine until it changes them.
    Pages(Rows),
    /// In a file that still has what it had then. If it cannot be read, rows are missing, and the engine has failed.
    File(Arc<dyn FileView>),
}

/// What an engine that keeps its rows in a file has to offer.
pub(crate) trait FileView: fmt::Debug + Send + Sync {
    fn len(&self) -> usize;

    /// Shows the rows from that key on, in order, for as long as `visit` wants more.
    fn scan(&self, from: &Bytes, visit: &mut dyn FnMut(&Bytes, &Value) -> bool);
}

impl View {
    pub(crate) fn len(&self) -> usize {
        match self {
            View::Pages(rows) => rows.len(),
            View::File(file) => file.len(),
        }
    }

    /// Shows the rows from that key on, in order, for as long as `visit` wants more.
    pub(crate) fn scan(&self, from: &Bytes, visit: &mut dyn FnMut(&Bytes, &Value) -> bool) {
        match self {
            View::Pages(rows) => drop(rows.from(Bound::Included(from)).all(|(key, value)| visit(key, value))),
            View::File(file) => file.scan(from, visit),
        }
    }

    /// Shows all rows, in order.
    pub(crate) fn each(&self, mut visit: impl FnMut(&Bytes, &Value)) {
        self.scan(&Bytes::new(), &mut |key, value| {
            visit(key, value);
            true
        });
    }

    /// The rows in memory; of a file they are all read.
    pub(crate) fn to_rows(&self) -> Rows {
        match self {
            View::Pages(rows) => rows.clone(),
            View::File(_) => {
                let mut rows = Rows::default();
                self.each(|key, value| drop(rows.insert(key.clone(), value.clone())));
                rows
            }
        }
    }
}

impl Default for View {
    fn default() -> Self {
        View::Pages(Rows::default())
    }
}

impl From<Rows> for View {
    fn from(rows: Rows) -> Self {
        View::Pages(rows)
    }
}

impl PartialEq for View {
    /// By what they hold, wherever that is.
    fn eq(&self, other: &Self) -> bool {
        self.to_rows() == other.to_rows()
    }
}

impl Eq for View {}
