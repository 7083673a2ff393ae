//! What became of every write, told by the final read of each key. Whether reads on the way there were right is not asked.
//!
//! The *final read* of a key is its last acknowledged read, if that was invoked after every write to the key had ended or
//! its client had given up. A key without one is *undetermined*.
//!
//! Of a **list** (`append`) or a **set** (`add`) the final read tells each write's fate by itself: an acknowledged one is
//! `present` or `lost`; one of unknown outcome is present or absent; a refused one that is there is a `ghost`; an element
//! that is there more often than it was appended, or in a set more than once, is `duplicated`, and one that nobody ever
//! tried to write is a `phantom`.
//!
//! Of a **register** it tells the last value. An acknowledged write of another value is `lost` iff every operation that may
//! have written the final value had ended before that write began (the initial value, nil, was written before all): then the
//! write, and whatever may have overwritten it, is gone. Otherwise it was perhaps `overwritten`. This never blames a system
//! that lost nothing, but a loss that a later write has covered up is not seen: lists and sets see them all.
//!
//! Positions in the replication log are told as *evidence* of a loss, not counted as one: when a later epoch's leader wrote
//! at or below the position of an acknowledged write, no log can hold both writes, but which one the system gave up in the
//! end (the older leader may have come back) only the final read tells.

mod evidence;
mod list;
mod register;
mod telling;

use serde::{Deserialize, Serialize};

use self::evidence::Evidence;
use crate::collection::Collection;
use crate::history::{Function, History, Operation, Outcome, Value};

/// A stretch of the run during which a fault was active, both ends included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultWindow {
    /// The fault, as reports name it.
    pub name: String,
    /// When it began, in nanoseconds since the run began.
    pub start_ns: u64,
    /// When it was undone, in nanoseconds since the run began.
    pub end_ns: u64,
}

/// How many writes met which fate.
///
/// Every write is in one of `present`, `overwritten`, `lost`, `unacknowledged_present`, `unacknowledged_absent`, `refused`,
/// `ghost` and `undetermined`. `duplicated` and `phantom` count elements or values that were read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Acknowledged, and there at the end.
    pub present: u64,
    /// Acknowledged, and perhaps overwritten. Registers only.
    pub overwritten: u64,
    /// Acknowledged, not there, and nothing explains it.
    pub lost: u64,
    /// Of unknown outcome, and there at the end.
    pub unacknowledged_present: u64,
    /// Of unknown outcome, and not there.
    pub unacknowledged_absent: u64,
    /// Refused, and not there, as it should be.
    pub refused: u64,
    /// Refused, yet there.
    pub ghost: u64,
    /// There more often than it was appended, or more than once in a set.
    pub duplicated: u64,
    /// There, though nobody ever tried to write it.
    pub phantom: u64,
    /// To a key without a final read.
    pub undetermined: u64,
    /// Keys with writes and a final read.
    pub determined_keys: u64,
    /// Keys with writes and no final read, or with writes that no single list, set or register takes.
    pub undetermined_keys: u64,
}

/// An acknowledged write that is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// What was written.
    pub value: Value,
    /// To which key.
    pub key: Option<String>,
    /// By which client.
    pub process: u64,
    /// When the client saw `ok`, in nanoseconds since the run began.
    pub acknowledged_at_ns: Option<u64>,
    /// The node that acknowledged it.
    pub node: Option<String>,
    /// The epoch under which it was acknowledged.
    pub epoch: Option<u64>,
    /// Its position in the replication log of that epoch.
    pub lsn: Option<u64>,
    /// The faults active when it was acknowledged.
    pub faults: Vec<String>,
    /// The write of a later epoch that took its place in the replication log, if one that was acknowledged did.
    pub replaced_by: Option<Replacement>,
    /// The write's index in [`History::operations`].
    pub operation: usize,
    /// The index of the final read that does not show it.
    pub final_read: usize,
}

/// A write of a later epoch at a position that a lost write had, or just below it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replacement {
    /// The node that acknowledged it.
    pub node: Option<String>,
    /// The epoch under which it was acknowledged.
    pub epoch: u64,
    /// Its position in the replication log.
    pub lsn: u64,
}

/// What else can be wrong with a final read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AnomalyKind {
    /// It shows a write that was refused.
    Ghost,
    /// It shows an element more often than it was appended, or more than once in a set.
    Duplicated,
    /// It shows what nobody ever tried to write.
    Phantom,
}

/// Something in a final read that should not be there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anomaly {
    /// What is wrong.
    pub kind: AnomalyKind,
    /// The element or value.
    pub value: Value,
    /// The key.
    pub key: Option<String>,
    /// The index of the operation that tried to write it, if any did.
    pub operation: Option<usize>,
    /// The index of the final read that shows it.
    pub final_read: usize,
}

/// What became of the writes of a history.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LostWrites {
    /// How many met which fate.
    pub counts: Counts,
    /// The losses in order of invocation, by key; the first 1,000 of `counts.lost`.
    pub losses: Vec<Loss>,
    /// What final reads show that should not be there, by key; the first 1,000.
    pub anomalies: Vec<Anomaly>,
}

/// The most losses, and the most anomalies, that are told one by one: enough for any report, and small in memory when a
/// system lost everything.
const MOST_TOLD: usize = 1_000;

/// Classifies every write of the history.
#[must_use]
pub fn check(history: &History, faults: &[FaultWindow]) -> LostWrites {
    let mut audit = Audit { history, evidence: Evidence::gather(history, faults), found: LostWrites::default() };
    for (key, operations) in history.by_key() {
        audit.check_key(key, &operations);
    }
    audit.found
}

/// The writes to one key, with its final read.
struct Key<'a> {
    name: Option<&'a str>,
    writes: Vec<usize>,
    final_read: usize,
}

/// A check in the middle of it.
struct Audit<'a> {
    history: &'a History,
    evidence: Evidence<'a>,
    found: LostWrites,
}

impl<'a> Audit<'a> {
    fn operation(&self, index: usize) -> &'a Operation {
        &self.history.operations()[index]
    }

    fn check_key(&mut self, name: Option<&'a str>, operations: &[usize]) {
        let is_write = |&index: &usize| self.operation(index).function.is_write();
        let writes: Vec<usize> = operations.iter().copied().filter(is_write).collect();
        if writes.is_empty() {
            return;
        }
        let told = || writes.iter().map(|&index| self.operation(index));
        let collection = Collection::of_writes(told());
        let is_mixed = collection.is_none() && told().any(|write| Collection::of_function(&write.function).is_some());
        // A counter has the same `add` as a set, but no read of it shows elements.
        let fits =
            |&read: &usize| collection.is_none() || matches!(self.operation(read).output, Value::Nil | Value::List(_));
        let Some(final_read) = self.final_read(operations, &writes).filter(|_| !is_mixed).filter(fits) else {
            self.found.counts.undetermined_keys += 1;
            self.found.counts.undetermined += writes.len() as u64;
            return;
        };
        self.found.counts.determined_keys += 1;
        let key = Key { name, writes, final_read };
        match collection {
            Some(collection) => list::check(self, &key, collection),
            None => register::check(self, &key),
        }
    }

    /// The last acknowledged read, if it was invoked after every write had ended or been given up.
    fn final_read(&self, operations: &[usize], writes: &[usize]) -> Option<usize> {
        let is_read = |index: usize| {
            let operation = self.operation(index);
            operation.function == Function::Read && operation.outcome == Outcome::Ok
        };
        let last = operations.iter().copied().rev().find(|&index| is_read(index))?;
        let begun = self.operation(last).invoked.order;
        let settled =
            |operation: &Operation| operation.completed.or(operation.gave_up).unwrap_or(operation.invoked).order;
        writes.iter().all(|&index| settled(self.operation(index)) < begun).then_some(last)
    }

    fn lost(&mut self, key: &Key<'_>, index: usize) {
        self.found.counts.lost += 1;
        if self.found.losses.len() < MOST_TOLD {
            let operation = self.operation(index);
            self.found.losses.push(Loss {
                value: written(operation).clone(),
                key: key.name.map(str::to_owned),
                process: operation.process,
                acknowledged_at_ns: operation.completed.and_then(|completed| completed.time_ns),
                node: operation.node.as_deref().map(str::to_owned),
                epoch: operation.epoch,
                lsn: operation.lsn,
                faults: self.evidence.faults_at(operation.completed),
                replaced_by: self.evidence.replacement_of(operation),
                operation: index,
                final_read: key.final_read,
            });
        }
    }

    fn anomaly(&mut self, key: &Key<'_>, kind: AnomalyKind, value: &Value, operation: Option<usize>) {
        let counts = &mut self.found.counts;
        *match kind {
            AnomalyKind::Ghost => &mut counts.ghost,
            AnomalyKind::Duplicated => &mut counts.duplicated,
            AnomalyKind::Phantom => &mut counts.phantom,
        } += 1;
        if self.found.anomalies.len() < MOST_TOLD {
            let (value, key_name) = (value.clone(), key.name.map(str::to_owned));
            self.found.anomalies.push(Anomaly { kind, value, key: key_name, operation, final_read: key.final_read });
        }
    }
}

/// What a write would leave there.
fn written(operation: &Operation) -> &Value {
    match (&operation.function, &operation.input) {
        (Function::Cas, Value::List(pair)) => pair.last().unwrap_or(&Value::Nil),
        (_, value) => value,
    }
}
