//! The history: what clients asked and what they were told, and when. It knows no model and judges nothing.
//!
//! A history is written as *events* (an invocation, later its completion) and checked as *operations* (the two joined).

pub mod edn;
mod entry;
pub mod jepsen_log;
pub mod jsonl;
mod lines;
mod names;
mod pairing;
mod reading;
mod value;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use entry::{Content, Entry, NemesisEvent};
pub use pairing::{HistoryError, Problem};
pub use reading::{Format, Read, ReadError, entries, read};
pub use value::{Function, Value};

/// The kind of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventType {
    /// The operation began.
    Invoke,
    /// It happened.
    Ok,
    /// It certainly did not happen.
    Fail,
    /// Nobody knows whether it happened, or will yet.
    Info,
}

/// One line of a history. Field names on disk are Jepsen's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Nanoseconds since the run began. Absent in histories whose order alone is the time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<u64>,
    /// The logically single-threaded client.
    pub process: u64,
    /// Invocation or completion.
    #[serde(rename = "type")]
    pub event_type: EventType,
    /// What is done.
    #[serde(rename = "f")]
    pub function: Function,
    /// To which object. Absent where the history is about one object only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Arc<str>>,
    /// The argument, or what a read returned.
    #[serde(default)]
    pub value: Value,
    /// The node that answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<Arc<str>>,
    /// The leadership number under which it answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u64>,
    /// The operation's position in the replication log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lsn: Option<u64>,
    /// What a failed compare found. `Some(Value::Nil)` (JSON `null`) says that the key was absent.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub seen: Option<Value>,
    /// Why it failed, or why nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Arc<str>>,
}

impl Event {
    /// The bare beginning of an operation: without time, key, value or what a completion tells.
    #[must_use]
    pub fn invoke(process: u64, function: Function) -> Self {
        Self {
            time: None,
            process,
            event_type: EventType::Invoke,
            function,
            key: None,
            value: Value::Nil,
            node: None,
            epoch: None,
            lsn: None,
            seen: None,
            error: None,
        }
    }
}

/// A field that is there is `Some`, also when it is `null`.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It happened: *acknowledged*.
    Ok,
    /// It certainly did not happen.
    Fail,
    /// Unknown: an `info` completion, or none at all. It may take effect at any later moment.
    Info,
}

/// An invocation joined with its completion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The logically single-threaded client.
    pub process: u64,
    /// What was done.
    pub function: Function,
    /// To which object.
    pub key: Option<Arc<str>>,
    /// The argument of the invocation.
    pub input: Value,
    /// What the completion told; for a read that is `ok`, the value read.
    pub output: Value,
    /// How it ended.
    pub outcome: Outcome,
    /// When it began.
    pub invoked: Moment,
    /// When it ended. `None` unless the outcome is `Ok` or `Fail`: an unknown outcome never ends.
    pub completed: Option<Moment>,
    /// When its client stopped waiting: the `info` completion, if one was recorded. The operation itself goes on.
    pub gave_up: Option<Moment>,
    /// The node that answered.
    pub node: Option<Arc<str>>,
    /// The leadership number under which it answered.
    pub epoch: Option<u64>,
    /// Its position in the replication log.
    pub lsn: Option<u64>,
    /// What a failed compare found. Boxed, because few operations have one and all would pay for its room.
    pub seen: Option<Box<Value>>,
    /// Why it failed, or why nobody knows.
    pub error: Option<Arc<str>>,
}

/// A point in a history: comparable by `order` alone, told to people by `time_ns`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment {
    /// Rank in real time. Of two operations, one precedes the other iff it completed at a lower rank than the other
    /// was invoked at; events of equal time have equal rank.
    pub order: u64,
    /// Nanoseconds since the run began, where the history has times.
    pub time_ns: Option<u64>,
}

/// A complete history, its operations in order of invocation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    operations: Vec<Operation>,
}

impl History {
    /// Joins each invocation with its process's next event, its completion.
    ///
    /// Events are given as they happened. Where every event has a time, the times rank them, and equal times are
    /// concurrent, even if they are one process's; otherwise their order does. An operation whose completion is missing has outcome [`Outcome::Info`].
    ///
    /// # Errors
    /// The first event that no single-threaded client could have recorded, by its number, counted from 1.
    ///
    /// ```
    /// use interregnum_checker::history::{History, Outcome, jsonl};
    ///
    /// let file = br#"{"process":0,"type":"invoke","f":"write","value":1}
    /// {"process":0,"type":"info","f":"write","value":1,"error":"timed out"}
    /// "#;
    /// let history = jsonl::read(&file[..], "example").unwrap().history;
    /// assert_eq!(history.operations()[0].outcome, Outcome::Info);
    /// ```
    pub fn from_events(events: impl IntoIterator<Item = Event>) -> Result<Self, HistoryError> {
        let mut pairing = pairing::Pairing::by_time();
        for event in events {
            pairing.push(event)?;
        }
        Ok(pairing.finish())
    }

    /// The operations, in order of invocation.
    #[must_use]
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The indices of each key's operations, in order of invocation; operations without a key form one of their own.
    #[must_use]
    pub fn by_key(&self) -> BTreeMap<Option<&str>, Vec<usize>> {
        let mut keys: BTreeMap<Option<&str>, Vec<usize>> = BTreeMap::new();
        for (index, operation) in self.operations.iter().enumerate() {
            keys.entry(operation.key.as_deref()).or_default().push(index);
        }
        keys
    }
}
