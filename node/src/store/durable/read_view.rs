//! The rows of one moment: a read transaction of redb, and above it what had not been written down by then.
//!
//! redb keeps the pages that a read transaction sees, so the file grows for as long as there is one. Not here: who looks at it (`View`).

use std::fmt;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use redb::{Database, ReadOnlyTable, ReadableDatabase};

use super::{ROWS, Row, decode};
use crate::record::Value;
use crate::store::layers::Layers;
use crate::store::view::FileView;

pub(super) struct ReadView {
    rows: ReadOnlyTable<&'static [u8], &'static [u8]>,
    layers: Layers<Bytes, Row>,
    len: usize,
    /// The engine's own: with a row that cannot be read it cannot go on.
    failure: Arc<OnceLock<redb::Error>>,
}

impl ReadView {
    pub(super) fn new(
        database: &Database,
        layers: &Layers<Bytes, Row>,
        len: usize,
        failure: &Arc<OnceLock<redb::Error>>,
    ) -> Result<Self, redb::Error> {
        let rows = database.begin_read()?.open_table(ROWS)?;
        Ok(ReadView { rows, layers: layers.clone(), len, failure: Arc::clone(failure) })
    }
}

impl FileView for ReadView {
    fn len(&self) -> usize {
        self.len
    }

    fn scan(&self, from: &Bytes, visit: &mut dyn FnMut(&Bytes, &Value) -> bool) {
        scan(&self.rows, &self.layers, &self.failure, from, visit);
    }
}

impl fmt::Debug for ReadView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadView").field("len", &self.len).finish_non_exhaustive()
    }
}

/// Shows the rows of the file with what was changed in their place. The first row that cannot be read is the last; the failure tells why.
pub(super) fn scan(
    rows: &ReadOnlyTable<&'static [u8], &'static [u8]>,
    layers: &Layers<Bytes, Row>,
    failure: &OnceLock<redb::Error>,
    from: &Bytes,
    visit: &mut dyn FnMut(&Bytes, &Value) -> bool,
) {
    let kept = rows.range(&from[..]..).map_err(|error| drop(failure.set(error.into()))).ok().into_iter().flatten();
    let kept = kept.map_while(|entry| {
        let decoded = entry
            .map_err(redb::Error::from)
            .and_then(|(key, row)| Ok((Bytes::copy_from_slice(key.value()), Some(decode(row.value())?))));
        decoded.map_err(|error| drop(failure.set(error))).ok()
    });
    for (key, row) in layers.above(kept, from) {
        if let Some(value) = row
            && !visit(&key, &value)
        {
            return;
        }
    }
}
