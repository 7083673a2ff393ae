//! The engine that keeps its rows in a file, on redb: after a restart only the log behind its last checkpoint is replayed.
//!
//! The write-ahead rule: the file never contains a change whose record may be missing from the log after a crash. Changes are
//! made in memory ([`Layers`]) and go to the file in one transaction of redb, together with the LSN they reach, once the log is durable
//! up to that LSN. A crash leaves the file as of one such transaction, so every later record is applied exactly once.
//! A rewind that takes back what is in the file commits the undone state before the log is cut: a crash in between finds a file that
//! is older than the log's end, as always, and never one that is newer.
//!
//! A checkpoint is written by another thread, and a view is read through a transaction of redb: either takes longer than a heartbeat.
//!
//! Not here: the physical log, which ships the bytes of such a file.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use redb::{Database, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::layers::Layers;
use super::view::View;
use super::{Engine, StoreError};
use crate::record::{Lsn, Position, Value, element_size};
use checkpoint::Checkpoint;
use read_view::ReadView;

mod checkpoint;
mod read_view;
#[cfg(test)]
mod tests;

const ROWS: TableDefinition<&[u8], &[u8]> = TableDefinition::new("rows");
/// One entry: the [`Position`] that the rows have reached, encoded.
const POSITION: TableDefinition<(), &[u8]> = TableDefinition::new("position");
/// What redb may keep of its file in memory; its own default is 1 GiB, too much for a node of a test cluster.
const CACHE_BYTES: usize = 64 << 20;
/// What replaying a record costs apart from its images, in bytes that cost as much.
const CHANGE_OVERHEAD: usize = 32;
/// Bytes of changed rows in memory that make a checkpoint due, in multiples of the bytes of changes that do. Above one, because a
/// small change to a long list has the whole list in memory.
const ROW_BYTES_FACTOR: usize = 8;
/// How much of both may gather, in multiples of what makes a checkpoint due, while one is being written; beyond that it is waited for.
const BACKLOG_FACTOR: usize = 4;

type Row = Option<Value>;

#[derive(Debug)]
pub(crate) struct Durable {
    path: PathBuf,
    database: Arc<Database>,
    /// How far the file reaches.
    kept: Position,
    /// The sealed layer on its way to the file.
    checkpoint: Option<Checkpoint>,
    applied: Position,
    synced_lsn: Lsn,
    layers: Layers<Bytes, Row>,
    len: usize,
    /// Bytes of changes, and of rows in memory, since the last layer was sealed.
    change_bytes: usize,
    row_bytes: usize,
    checkpoint_bytes: usize,
    failure: Arc<OnceLock<redb::Error>>,
}

impl Durable {
    /// Opens the file, creating it if there is none. A checkpoint is made about every `checkpoint_bytes` of changes.
    pub(crate) fn open(path: &Path, checkpoint_bytes: usize) -> Result<Self, StoreError> {
        let open = || -> Result<_, redb::Error> {
            let database = Database::builder().set_cache_size(CACHE_BYTES).create(path)?;
            let transaction = database.begin_write()?;
            let (kept, len) = {
                let position = transaction.open_table(POSITION)?;
                let kept = position.get(())?.map(|encoded| decode(encoded.value())).transpose()?;
                (kept.unwrap_or_default(), transaction.open_table(ROWS)?.len()?)
            };
            transaction.commit()?;
            Ok((database, kept, len))
        };
        let (database, kept, len): (_, Position, _) = open().map_err(|error| StoreError::failed(path, &error))?;
        Ok(Durable {
            path: path.to_owned(),
            database: Arc::new(database),
            kept,
            checkpoint: None,
            applied: kept,
            synced_lsn: kept.lsn,
            layers: Layers::default(),
            len: len as usize,
            change_bytes: 0,
            row_bytes: 0,
            checkpoint_bytes,
            failure: Arc::default(),
        })
    }

    fn load(&self, key: &Bytes) -> Row {
        load(&self.database, key).unwrap_or_else(|error| {
            let _ = self.failure.set(error); // the first failure is the one to tell
            None
        })
    }

    /// Begins to write the sealed layer down if the log is durable as far, and takes notice of one that is written.
    fn checkpoint(&mut self) {
        if self.checkpoint.as_ref().is_some_and(Checkpoint::is_over) {
            self.end_checkpoint();
        }
        if let Some(sealed) = self.layers.due(self.synced_lsn)
            && self.checkpoint.is_none()
            && self.failure.get().is_none()
        {
            self.checkpoint = Some(Checkpoint::begin(&self.database, &sealed.changed, sealed.position));
        }
    }

    /// Waits for the checkpoint that is being written, if one is.
    fn end_checkpoint(&mut self) {
        let Some(checkpoint) = self.checkpoint.take() else { return };
        match (checkpoint.end(), self.layers.written()) {
            (Ok(()), Some(position)) => {
                tracing::debug!(lsn = position.lsn, "checkpoint");
                self.kept = position;
            }
            (Ok(()), None) => unreachable!("a layer stays sealed while it is written down"),
            (Err(error), _) => drop(self.failure.set(error)),
        }
    }

    fn seal(&mut self) {
        if self.layers.seal(self.applied) {
            (self.change_bytes, self.row_bytes) = (0, 0);
        }
    }
}

fn load(database: &Database, key: &[u8]) -> Result<Row, redb::Error> {
    let rows = database.begin_read()?.open_table(ROWS)?;
    rows.get(key)?.map(|encoded| decode(encoded.value())).transpose()
}

fn decode<T: DeserializeOwned>(encoded: &[u8]) -> Result<T, redb::Error> {
    postcard::from_bytes(encoded).map_err(|_| redb::Error::Corrupted("an entry is none of this program's".to_owned()))
}

fn encode<T: Serialize>(entry: &T) -> Vec<u8> {
    postcard::to_stdvec(entry).expect("an entry has no part that cannot be serialized")
}

/// One transaction of the file: these rows and no others.
fn rewrite(database: &Database, rows: &View, position: Position) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    transaction.delete_table(ROWS)?;
    {
        let (mut table, mut written) = (transaction.open_table(ROWS)?, Ok(()));
        rows.scan(&Bytes::new(), &mut |key, value| {
            written = table.insert(&key[..], &encode(value)[..]).map(drop);
            written.is_ok()
        });
        written?;
    }
    transaction.open_table(POSITION)?.insert((), &encode(&position)[..])?;
    transaction.commit()?;
    Ok(())
}

fn size(key: &Bytes, row: &Row) -> usize {
    element_size(key) + row.as_ref().map_or(0, Value::size)
}

impl Engine for Durable {
    fn get(&self, key: &Bytes) -> Option<Cow<'_, Value>> {
        match self.layers.get(key) {
            Some(row) => row.as_ref().map(Cow::Borrowed),
            None => self.load(key).map(Cow::Owned),
        }
    }

    fn update(&mut self, key: Bytes, change: &mut dyn FnMut(&mut Row)) {
        let Durable { database, layers, failure, .. } = self;
        let row = layers.change(&key, || {
            load(database, &key).unwrap_or_else(|error| {
                let _ = failure.set(error);
                None
            })
        });
        let (existed, before) = (row.is_some(), size(&key, row));
        change(row);
        self.row_bytes = (self.row_bytes + size(&key, row)).saturating_sub(if existed { before } else { 0 });
        self.len = self.len + usize::from(row.is_some()) - usize::from(existed);
    }

    fn len(&self) -> usize {
        self.len
    }

    fn scan(&self, from: &Bytes, visit: &mut dyn FnMut(&Bytes, &Value) -> bool) {
        let rows = || -> Result<_, redb::Error> { Ok(self.database.begin_read()?.open_table(ROWS)?) };
        match rows() {
            Ok(rows) => read_view::scan(&rows, &self.layers, &self.failure, from, visit),
            Err(error) => drop(self.failure.set(error)),
        }
    }

    fn view(&self) -> View {
        match ReadView::new(&self.database, &self.layers, self.len, &self.failure) {
            Ok(view) => View::File(Arc::new(view)),
            Err(error) => {
                let _ = self.failure.set(error);
                View::default()
            }
        }
    }

    fn replace(&mut self, rows: &View, position: Position) {
        self.end_checkpoint();
        self.layers = Layers::default();
        (self.change_bytes, self.row_bytes) = (0, 0);
        (self.kept, self.applied, self.synced_lsn) = (position, position, position.lsn);
        self.len = rows.len();
        if let Err(error) = rewrite(&self.database, rows, position) {
            let _ = self.failure.set(error);
        }
    }

    fn kept(&self) -> Position {
        self.kept
    }

    fn applied(&mut self, position: Position, bytes: usize) {
        self.applied = position;
        self.change_bytes += bytes + CHANGE_OVERHEAD;
        let reach = |factor: usize| {
            let row_limit = factor * ROW_BYTES_FACTOR * self.checkpoint_bytes;
            self.change_bytes >= factor * self.checkpoint_bytes || self.row_bytes >= row_limit
        };
        let (is_due, is_late) = (reach(1), reach(BACKLOG_FACTOR));
        if is_late {
            self.end_checkpoint();
        }
        if is_due {
            self.seal();
            self.checkpoint();
        }
    }

    fn log_is_durable(&mut self, lsn: Lsn) {
        self.synced_lsn = lsn;
        self.checkpoint();
    }

    fn rewound(&mut self, left: Position) {
        self.end_checkpoint();
        self.layers.unseal();
        self.applied = left;
        self.synced_lsn = self.synced_lsn.min(left.lsn);
        if self.kept.lsn > left.lsn {
            self.keep(left); // what is in the file was durable in the log, and so is what is left of it
        }
    }

    fn keep(&mut self, position: Position) {
        self.end_checkpoint();
        self.layers.unseal();
        self.applied = position;
        self.synced_lsn = self.synced_lsn.max(position.lsn);
        self.seal();
        self.checkpoint();
        self.end_checkpoint();
    }

    fn failure(&mut self) -> Option<StoreError> {
        self.failure.get().map(|error| StoreError::failed(&self.path, error))
    }
}

impl Drop for Durable {
    /// Whoever opens the file next must not meet a transaction of this one.
    fn drop(&mut self) {
        self.end_checkpoint();
    }
}
