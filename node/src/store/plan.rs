//! From an operation to the change it asks for and the answer it gets: pure, given the rows that it looks up.
//!
//! Not here: where the rows lie (the engines), and making the change ([`super::Store`]).

use std::borrow::Cow;

use bytes::Bytes;

use super::engine::Shape;
use super::{Engine, MAX_RECORD_BYTES, MAX_VALUE_BYTES, Operation, Plan, Reply};
use crate::record::{Change, End, Value, element_size};

const WRONG_TYPE: &str = "WRONGTYPE Operation against a key holding the wrong kind of value";
const NOT_AN_INTEGER: &str = "ERR value is not an integer or out of range";
const OVERFLOW: &str = "ERR increment or decrement would overflow";
const TOO_LARGE: &str = "ERR the list would exceed 16 MiB; not executed";
const TOO_MANY: &str = "ERR the deleted values exceed 18 MiB together; delete fewer keys at once; not executed";

/// What `operation` would do and answer now. Changes nothing.
pub(super) fn plan(engine: &dyn Engine, operation: Operation) -> Plan {
    match operation {
        Operation::Get { key } => Plan::Read(match engine.get(&key).as_deref() {
            None => Reply::Nil,
            Some(Value::String(value)) => Reply::String(value.clone()),
            Some(Value::List(_)) => Reply::Error(WRONG_TYPE),
        }),
        Operation::Range { key, start, stop } => Plan::Read(match engine.get(&key).as_deref() {
            None => Reply::List(Vec::new()),
            Some(Value::List(list)) => Reply::List(list.range(clamp(start, stop, list.len())).cloned().collect()),
            Some(Value::String(_)) => Reply::Error(WRONG_TYPE),
        }),
        Operation::Set { key, value, if_equals } => plan_set(engine, key, value, if_equals.as_ref()),
        Operation::Delete { keys } => plan_delete(engine, keys),
        Operation::Increment { key } => plan_increment(engine, key),
        Operation::Push { key, end, elements } => plan_push(engine, key, end, elements),
    }
}

fn plan_set(engine: &dyn Engine, key: Bytes, after: Bytes, if_equals: Option<&Bytes>) -> Plan {
    let before = engine.get(&key);
    if let Some(expected) = if_equals {
        match before.as_deref() {
            Some(Value::String(current)) if current == expected => {}
            Some(Value::String(current)) => return Plan::Read(Reply::String(current.clone())),
            Some(Value::List(_)) => return Plan::Read(Reply::Error(WRONG_TYPE)),
            None => return Plan::Read(Reply::Nil),
        }
    }
    Plan::Write(Change::Set { key, before: before.map(Cow::into_owned), after }, Reply::Ok)
}

fn plan_delete(engine: &dyn Engine, keys: Vec<Bytes>) -> Plan {
    let mut rows: Vec<(Bytes, Value)> = Vec::new();
    for key in keys {
        if let Some(value) = engine.get(&key)
            && !rows.iter().any(|(seen, _)| *seen == key)
        {
            rows.push((key, value.into_owned()));
        }
    }
    match rows.iter().map(|(key, value)| element_size(key) + value.size()).sum::<usize>() {
        0 => Plan::Read(Reply::Integer(0)),
        size if size > MAX_RECORD_BYTES => Plan::Read(Reply::Error(TOO_MANY)),
        _ => {
            let count = rows.len() as u64;
            Plan::Write(Change::Delete { rows }, Reply::Integer(count.cast_signed()))
        }
    }
}

fn plan_increment(engine: &dyn Engine, key: Bytes) -> Plan {
    let before = engine.get(&key);
    let current = match before.as_deref() {
        None => 0,
        Some(Value::List(_)) => return Plan::Read(Reply::Error(WRONG_TYPE)),
        Some(Value::String(string)) => match std::str::from_utf8(string).ok().and_then(|text| text.parse().ok()) {
            Some(number) => number,
            None => return Plan::Read(Reply::Error(NOT_AN_INTEGER)),
        },
    };
    let Some(next) = i64::checked_add(current, 1) else { return Plan::Read(Reply::Error(OVERFLOW)) };
    Plan::Write(
        Change::Set { key, before: before.map(Cow::into_owned), after: next.to_string().into() },
        Reply::Integer(next),
    )
}

fn plan_push(engine: &dyn Engine, key: Bytes, end: End, elements: Vec<Bytes>) -> Plan {
    let (length, size) = match engine.shape(&key) {
        Shape::Nothing => (0, 0),
        Shape::List { length, size } => (length, size),
        Shape::String => return Plan::Read(Reply::Error(WRONG_TYPE)),
    };
    if size + elements.iter().map(element_size).sum::<usize>() > MAX_VALUE_BYTES {
        return Plan::Read(Reply::Error(TOO_LARGE));
    }
    let length = (length + elements.len()) as u64;
    Plan::Write(Change::Push { key, end, elements }, Reply::Integer(length.cast_signed()))
}

/// Redis' inclusive range with negative indexes counted from the end, as a range into a list of this length.
fn clamp(start: i64, stop: i64, length: usize) -> std::ops::Range<usize> {
    let length = i64::try_from(length).expect("a list in memory is shorter than 2^63");
    let absolute = |index: i64| if index < 0 { index.saturating_add(length) } else { index };
    let start = absolute(start).clamp(0, length);
    let end = absolute(stop).saturating_add(1).clamp(start, length);
    start.cast_unsigned() as usize..end.cast_unsigned() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_inclusive_and_count_from_either_end() {
        for (start, stop, expected) in [
            (0, -1, 0..5),
            (1, 2, 1..3),
            (-2, -1, 3..5),
            (-99, 1, 0..2),
            (3, 99, 3..5),
            (4, 1, 4..4),
            (9, 12, 5..5),
            (i64::MIN, i64::MAX, 0..5),
        ] {
            assert_eq!(clamp(start, stop, 5), expected, "{start} {stop}");
        }
    }
}
