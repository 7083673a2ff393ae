//! The history: what clients asked and what they were told, and when. It knows no model and judges nothing.
//!
//! A history is written as *events* (an invocation, later its completion) and checked as *operations* (the two joined).

use serde::{Deserialize, Serialize};

/// A datum of a history: what was written, read or compared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// Nothing: an absent key, or no argument.
    #[default]
    Nil,
    /// A whole number.
    Int(i64),
    /// Text.
    Text(String),
    /// Several, in order: the two arguments of a compare-and-set, or the elements of a list.
    List(Vec<Value>),
}

/// What an operation does. The names are Jepsen's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Function {
    /// Reads a register or a whole list.
    Read,
    /// Overwrites a register.
    Write,
    /// Compare-and-set: writes the second value if the register holds the first.
    Cas,
    /// Appends one element to a list.
    Append,
    /// Anything else, by its name.
    #[serde(untagged)]
    Other(String),
}

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
    pub key: Option<String>,
    /// The argument, or what a read returned.
    #[serde(default)]
    pub value: Value,
    /// The node that answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
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
    pub error: Option<String>,
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
    pub key: Option<String>,
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
    /// The node that answered.
    pub node: Option<String>,
    /// The leadership number under which it answered.
    pub epoch: Option<u64>,
    /// Its position in the replication log.
    pub lsn: Option<u64>,
    /// What a failed compare found.
    pub seen: Option<Value>,
    /// Why it failed, or why nobody knows.
    pub error: Option<String>,
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
#[derive(Clone, Debug, Default)]
pub struct History {
    operations: Vec<Operation>,
}

impl History {
    /// The operations, in order of invocation.
    #[must_use]
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }
}
