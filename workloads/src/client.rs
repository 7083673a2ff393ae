//! One client of a system under test: runs an operation and tells how it ended. How it reaches the system is its own.

use std::fmt;

use futures::future::BoxFuture;
use interregnum_checker::history::{Function, Outcome, Value};

/// What kind of thing a key holds. A history does not tell (a read is a read), but a client has to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Object {
    /// One value, overwritten.
    Register,
    /// A list, appended to.
    List,
}

/// An operation to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    /// What to do.
    pub function: Function,
    /// To what kind of thing.
    pub object: Object,
    /// Which one.
    pub key: String,
    /// The argument; [`Value::Nil`] for a read.
    pub value: Value,
}

impl Invocation {
    /// A read of `key`.
    pub fn read(object: Object, key: impl Into<String>) -> Self {
        Self { function: Function::Read, object, key: key.into(), value: Value::Nil }
    }
}

/// How an operation ended, and what its answer told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// Happened, certainly did not happen, or unknown.
    pub outcome: Outcome,
    /// What was read. `None`: the answer tells no value, so the invocation's stands.
    pub value: Option<Value>,
    /// The node that answered.
    pub node: Option<String>,
    /// The leadership number it answered under.
    pub epoch: Option<u64>,
    /// The operation's position in the replication log.
    pub lsn: Option<u64>,
    /// What a failed compare found; `Some(Value::Nil)` when the key was absent.
    pub seen: Option<Value>,
    /// For `fail`, why it certainly did not happen; for `info`, why nobody knows.
    pub error: Option<String>,
}

impl Completion {
    /// It happened. A read's `value` is what was read.
    #[must_use]
    pub fn ok(value: Option<Value>) -> Self {
        Self { outcome: Outcome::Ok, value, node: None, epoch: None, lsn: None, seen: None, error: None }
    }

    /// It certainly did not happen, for this `reason`.
    pub fn fail(reason: impl fmt::Display) -> Self {
        Self { outcome: Outcome::Fail, error: Some(reason.to_string()), ..Self::ok(None) }
    }

    /// Nobody knows whether it happened, for this `reason`.
    pub fn info(reason: impl fmt::Display) -> Self {
        Self { outcome: Outcome::Info, error: Some(reason.to_string()), ..Self::ok(None) }
    }

    /// A compare-and-set that found `seen` instead of what it expected, and so changed nothing.
    #[must_use]
    pub fn compare_failed(seen: Value) -> Self {
        Self { seen: Some(seen), ..Self::fail("the compare found another value") }
    }

    /// The same, answered by `node`.
    #[must_use]
    pub fn by(mut self, node: &str) -> Self {
        self.node = Some(node.to_owned());
        self
    }

    /// The same, at this epoch and log position.
    #[must_use]
    pub fn at(mut self, epoch: u64, lsn: u64) -> Self {
        self.epoch = Some(epoch);
        self.lsn = Some(lsn);
        self
    }
}

/// Runs operations against one system, one at a time.
///
/// An implementation bounds the time of an operation itself, because only it knows whether the request had been sent
/// when the time was over. The rule for errors: `fail` only with a reason why the operation certainly did not happen
/// and never will; everything else is `info`.
pub trait Client: Send {
    /// Runs `invocation` to its end.
    fn execute<'a>(&'a mut self, invocation: &'a Invocation) -> BoxFuture<'a, Completion>;
}
