//! Writing changed rows to the file, on a thread of its own.
//!
//! Not here: what is written when (`durable`).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use bytes::Bytes;
use redb::Database;

use super::{POSITION, ROWS, Row, encode};
use crate::record::Position;

/// One that is being written.
#[derive(Debug)]
pub(super) struct Checkpoint(JoinHandle<Result<(), redb::Error>>);

impl Checkpoint {
    pub(super) fn begin(database: &Arc<Database>, changed: &Arc<BTreeMap<Bytes, Row>>, position: Position) -> Self {
        let (database, changed) = (Arc::clone(database), Arc::clone(changed));
        Checkpoint(thread::spawn(move || write(&database, &changed, position)))
    }

    /// Whether waiting for its end would take no time.
    pub(super) fn is_over(&self) -> bool {
        self.0.is_finished()
    }

    /// Waits for its end.
    pub(super) fn end(self) -> Result<(), redb::Error> {
        self.0.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

/// One transaction of the file: all these rows, and the position that they reach.
fn write(database: &Database, changed: &BTreeMap<Bytes, Row>, position: Position) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    {
        let mut rows = transaction.open_table(ROWS)?;
        for (key, row) in changed {
            match row {
                Some(value) => drop(rows.insert(&key[..], &encode(value)[..])?),
                None => drop(rows.remove(&key[..])?),
            }
        }
    }
    transaction.open_table(POSITION)?.insert((), &encode(&position)[..])?;
    transaction.commit()?;
    Ok(())
}
