//! Operations in words, for the sentences of proofs. It decides nothing.

use std::fmt::Write as _;

use crate::history::{Function, Moment, Operation, Outcome, Value};

/// Plain words that end without a full stop, so that they can be put into others.
pub(crate) type Sentence = String;

/// A moment as people read it: `3.112 s`, or `event 17` where the history has no times.
pub(crate) fn at(moment: Moment) -> String {
    moment.time_ns.map_or_else(|| format!("event {}", moment.order + 1), seconds)
}

/// Seconds to the millisecond, or to the nanosecond in the first millisecond of a run.
#[must_use]
pub fn seconds(time_ns: u64) -> String {
    let (seconds, nanos) = (time_ns / 1_000_000_000, time_ns % 1_000_000_000);
    if time_ns < 1_000_000 { format!("0.{nanos:09} s") } else { format!("{seconds}.{:03} s", nanos / 1_000_000) }
}

/// What the operation does and what came of it, without who and when: `write 57`, `read → 41`.
#[must_use]
pub fn action(operation: &Operation) -> String {
    let seen = operation.seen.as_ref().map_or_else(String::new, |seen| format!(" (saw {seen})"));
    match (&operation.function, told(operation)) {
        (Function::Read, value) if operation.outcome == Outcome::Ok => format!("read → {value}"),
        (Function::Read, _) => "read".to_owned(),
        (Function::Cas, Value::List(pair)) if pair.len() == 2 => format!("cas {} → {}{seen}", pair[0], pair[1]),
        (Function::Delete, _) => "delete".to_owned(),
        (function, value) => format!("{function} {value}{seen}"),
    }
}

/// The operation as a thing: `process 2's write of 57`.
pub(crate) fn noun(operation: &Operation) -> String {
    let process = operation.process;
    match (&operation.function, told(operation)) {
        (Function::Cas, Value::List(pair)) if pair.len() == 2 => {
            format!("process {process}'s cas from {} to {}", pair[0], pair[1])
        }
        (function, Value::Nil) if *function != Function::Read => format!("process {process}'s {function}"),
        (function, value) => format!("process {process}'s {function} of {value}"),
    }
}

/// The value that tells most: what was answered, except by operations whose answer only repeats the question.
fn told(operation: &Operation) -> &Value {
    match (&operation.function, operation.outcome) {
        (Function::Read, _) => &operation.output,
        (Function::Other(_), Outcome::Ok) if operation.output != Value::Nil => &operation.output,
        _ => &operation.input,
    }
}

/// Who read what, where and when: `process 7 read 41 from n2 at 3.112 s`.
pub(crate) fn read(operation: &Operation) -> String {
    let output = &operation.output;
    format!("process {} read {output}{}", operation.process, where_and_when(operation, "from"))
}

/// Who acknowledged it and when: `acknowledged by n1 at 3.094 s`.
pub(crate) fn acknowledged(operation: &Operation) -> String {
    format!("acknowledged{}", where_and_when(operation, "by"))
}

/// How the operation came to know what the object held.
pub(crate) fn observation(operation: &Operation) -> String {
    match (&operation.function, operation.outcome, &operation.seen) {
        (Function::Read, _, _) => read(operation),
        (_, Outcome::Fail, Some(seen)) => {
            format!("{} found {seen}{}", noun(operation), where_and_when(operation, "on"))
        }
        (_, Outcome::Info, _) => {
            format!("{}, whose outcome is unknown but whose value was seen, succeeded", noun(operation))
        }
        _ => format!("{} succeeded{}", noun(operation), where_and_when(operation, "on")),
    }
}

/// That it had ended before what is told with it.
pub(crate) fn was_over(operation: &Operation) -> String {
    let process = operation.process;
    match (&operation.function, operation.outcome) {
        (Function::Read, _) => {
            format!("process {process} had read {}{}", operation.output, where_and_when(operation, "from"))
        }
        (_, Outcome::Fail) => format!("{} had failed{}", noun(operation), where_and_when(operation, "on")),
        _ => format!("{} had been {}", noun(operation), acknowledged(operation)),
    }
}

fn where_and_when(operation: &Operation, preposition: &str) -> String {
    let mut text = String::new();
    if let Some(node) = &operation.node {
        let _ = write!(text, " {preposition} {}", node.escape_debug());
    }
    if let Some(completed) = operation.completed {
        let _ = write!(text, " at {}", at(completed));
    }
    text
}

/// The register's value that the operation tells was there.
pub(crate) fn observed(operation: &Operation) -> Option<&Value> {
    match (&operation.function, operation.outcome, &operation.input) {
        (Function::Read, _, _) => Some(&operation.output),
        (Function::Cas, Outcome::Fail, _) => operation.seen.as_deref(),
        (Function::Cas, _, Value::List(pair)) => pair.first(),
        _ => None,
    }
}

/// The register's value that the operation leaves there.
pub(crate) fn written(operation: &Operation) -> Option<&Value> {
    match (&operation.function, operation.outcome, &operation.input) {
        (_, Outcome::Fail, _) => None,
        (Function::Write, _, value) => Some(value),
        (Function::Delete, _, _) => Some(&Value::Nil),
        (Function::Cas, _, Value::List(pair)) => pair.last(),
        _ => None,
    }
}

/// `1 key`, `2 keys`: the number, and the noun with an `s` unless there is one.
pub(crate) fn count(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}
