//! The keys and values: the fold of the log. What an operation comes to, making its change and taking it back, over an [`Engine`]
//! that holds the rows.
//!
//! Not here: whether a change may be made (`core`), or the log's durability (`log`).

use std::path::Path;

use bytes::Bytes;

use crate::key_range::KeyRange;
use crate::record::{Change, End, List, Lsn, Position, Stamp, Value};
use durable::Durable;
pub(crate) use engine::{Engine, StoreError};
use memory::Memory;
use physical::Physical;
use view::View;

pub(crate) mod checksum;
mod durable;
mod engine;
mod layers;
mod memory;
pub(crate) mod physical;
mod plan;
pub(crate) mod rows;
#[cfg(test)]
mod tests;
pub(crate) mod view;

/// Most bytes a value may have. It bounds a record, which carries images of values: see [`MAX_RECORD_BYTES`].
pub(crate) const MAX_VALUE_BYTES: usize = 16 << 20;
/// Most bytes a record may have: the images before and after, and some room for the rest.
pub(crate) const MAX_RECORD_BYTES: usize = MAX_VALUE_BYTES + (2 << 20);

/// What a client asks of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Operation {
    Get { key: Bytes },
    Range { key: Bytes, start: i64, stop: i64 },
    Set { key: Bytes, value: Bytes, if_equals: Option<Bytes> },
    Delete { keys: Vec<Bytes> },
    Increment { key: Bytes },
    Push { key: Bytes, end: End, elements: Vec<Bytes> },
}

impl Operation {
    /// Whether the operation never changes anything.
    pub(crate) fn is_read(&self) -> bool {
        matches!(self, Operation::Get { .. } | Operation::Range { .. })
    }
}

/// What the store answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reply {
    Ok,
    Nil,
    Integer(i64),
    String(Bytes),
    List(Vec<Bytes>),
    /// Refused for what the store holds, in Redis' words.
    Error(&'static str),
    /// Refused for what an operator asked, or told again to a client that asked again, in words that begin with those of an error.
    Failure(String),
    /// What came of an operator's wish.
    Told(String),
}

/// What an operation comes to on the present state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Plan {
    /// It only looks. A failed comparison and a refusal look too: they tell what the state is.
    Read(Reply),
    /// It changes this, and then answers that.
    Write(Change, Reply),
}

/// The state of all keys, and up to which record of the log it is the fold.
#[derive(Debug)]
pub(crate) struct Store {
    engine: Box<dyn Engine>,
    applied: Position,
    /// The bytes of the next record are in the storage file already, because they were made there.
    is_made: bool,
}

impl Default for Store {
    fn default() -> Self {
        Store::new(Box::new(Memory::default()))
    }
}

impl Store {
    /// The state that an engine has kept; of one in memory, that before the first record.
    pub(crate) fn new(engine: Box<dyn Engine>) -> Self {
        Store { applied: engine.kept(), engine, is_made: false }
    }

    /// The state in a file, which is created if there is none; a checkpoint is made about every `checkpoint_bytes` of changes.
    pub(crate) fn open(path: &Path, checkpoint_bytes: u64) -> Result<Self, StoreError> {
        Ok(Store::new(Box::new(Durable::open(path, checkpoint_bytes as usize)?)))
    }

    /// The state in a storage file whose bytes the log carries, in a directory of its own.
    pub(crate) fn open_physical(dir: &Path, checkpoint_bytes: u64) -> Result<Self, StoreError> {
        Ok(Store::new(Box::new(Physical::open(dir, checkpoint_bytes as usize)?)))
    }

    /// The last record whose change is made.
    pub(crate) fn applied(&self) -> Position {
        self.applied
    }

    /// What `operation` would do and answer now. Changes nothing.
    pub(crate) fn plan(&self, operation: Operation) -> Plan {
        plan::plan(&*self.engine, operation)
    }

    /// What the log is to carry for a change that was planned on exactly this state. [`Store::apply`] must follow; `None` if the change
    /// is too large for a record, and nothing has happened.
    pub(crate) fn make(&mut self, change: Change) -> Option<Change> {
        let made = self.engine.make(change)?;
        self.is_made = matches!(made, Change::Bytes(_));
        Some(made)
    }

    /// Whether a change that came from elsewhere can be made at all.
    pub(crate) fn fits(&self, change: &Change) -> bool {
        match change {
            Change::Push { key, .. } => !matches!(self.engine.get(key).as_deref(), Some(Value::String(_))),
            Change::Repair { range, rows } => rows.iter().all(|(key, _)| range.contains(key)),
            _ => true,
        }
    }

    /// Makes the change of the next record, which was planned on exactly this state, here or on another node.
    pub(crate) fn apply(&mut self, stamp: &Stamp, change: Change) {
        let bytes = change.size();
        match change {
            Change::Noop | Change::Members { .. } | Change::Check { .. } => {}
            Change::Repair { range, rows } => self.engine.replace_range(&range, &rows),
            Change::Bytes(_) if std::mem::take(&mut self.is_made) => {}
            Change::Bytes(delta) => self.engine.apply_bytes(&delta),
            Change::Set { key, after, .. } => {
                self.engine.update(key, &mut |row| *row = Some(Value::String(after.clone())));
            }
            Change::Delete { rows } => {
                for (key, _) in rows {
                    self.engine.update(key, &mut |row| *row = None);
                }
            }
            Change::Push { key, end, elements } => {
                self.engine.update(key, &mut |row| match row.get_or_insert_with(|| Value::List(List::default())) {
                    Value::List(list) => elements.iter().for_each(|element| list.push(end, element.clone())),
                    Value::String(_) => panic!("a record pushes to a string: the log does not fit the store"),
                });
            }
        }
        self.applied = stamp.position();
        self.engine.applied(self.applied, bytes);
    }

    /// Takes back the change that was applied last. [`Store::rewound`] must follow the last of them.
    pub(crate) fn undo(&mut self, change: Change) {
        match change {
            Change::Noop | Change::Members { .. } | Change::Check { .. } | Change::Repair { .. } => {}
            Change::Bytes(delta) => self.engine.undo_bytes(&delta),
            Change::Set { key, before, .. } => self.engine.update(key, &mut |row| row.clone_from(&before)),
            Change::Delete { rows } => {
                for (key, value) in rows {
                    self.engine.update(key, &mut |row| *row = Some(value.clone()));
                }
            }
            Change::Push { key, end, elements } => self.engine.update(key, &mut |row| {
                let Some(Value::List(list)) = row else { return }; // an image that a peer made up put something else there
                for _ in &elements {
                    list.pop(end);
                }
                if list.is_empty() {
                    *row = None;
                }
            }),
        }
    }

    /// For tests: puts a row in its place, or nothing, as a fault of the machine would.
    pub(crate) fn corrupt(&mut self, key: Bytes, value: Option<Bytes>) {
        let only = KeyRange::only(key.clone());
        let rows: Vec<_> = value.map(|value| (key, Value::String(value))).into_iter().collect();
        self.engine.replace_range(&only, &rows);
    }

    /// All rows as they are now, whatever is changed afterwards.
    pub(crate) fn view(&self) -> View {
        self.engine.view()
    }

    /// Holds these rows and nothing else: the state that the records up to `position` make.
    pub(crate) fn install(&mut self, rows: &View, position: Position) {
        self.applied = position;
        self.engine.replace(rows, position);
    }

    /// The log is durable up to `lsn`: what was applied up to there may be kept on the disk.
    pub(crate) fn log_is_durable(&mut self, lsn: Lsn) {
        self.engine.log_is_durable(lsn);
    }

    /// The records behind `left` were undone and are about to be cut off the log: none of them may be in what is kept.
    pub(crate) fn rewound(&mut self, left: Position) {
        self.applied = left;
        self.engine.rewound(left);
    }

    /// Keeps everything that was applied; the log is durable as far.
    pub(crate) fn keep(&mut self) -> Result<(), StoreError> {
        self.engine.keep(self.applied);
        self.failure().map_or(Ok(()), Err)
    }

    /// Why the store cannot go on, if it cannot. What it said since is not to be told to anybody.
    pub(crate) fn failure(&mut self) -> Option<StoreError> {
        self.engine.failure()
    }

    /// How many keys there are.
    pub(crate) fn len(&self) -> usize {
        self.engine.len()
    }
}
