//! The keys and values: the fold of the log, and a pure function from an operation to the change it asks for.
//!
//! Not here: whether a change may be made (`core`), or its durability (`log`).

use bytes::Bytes;
use rows::Rows;

use crate::record::{Change, End, List, Value, element_size};

pub(crate) mod rows;

/// Most bytes a value may have. It bounds a record, which carries images of values: see [`MAX_RECORD_BYTES`].
pub(crate) const MAX_VALUE_BYTES: usize = 16 << 20;
/// Most bytes a record may have: the images before and after, and some room for the rest.
pub(crate) const MAX_RECORD_BYTES: usize = MAX_VALUE_BYTES + (2 << 20);

const WRONG_TYPE: &str = "WRONGTYPE Operation against a key holding the wrong kind of value";
const NOT_AN_INTEGER: &str = "ERR value is not an integer or out of range";
const OVERFLOW: &str = "ERR increment or decrement would overflow";
const TOO_LARGE: &str = "ERR the list would exceed 16 MiB; not executed";
const TOO_MANY: &str = "ERR the deleted values exceed 18 MiB together; delete fewer keys at once; not executed";

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
}

/// What an operation comes to on the present state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Plan {
    /// It only looks. A failed comparison and a refusal look too: they tell what the state is.
    Read(Reply),
    /// It changes this, and then answers that.
    Write(Change, Reply),
}

/// The state of all keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Store {
    rows: Rows,
}

impl Store {
    /// What `operation` would do and answer now. Changes nothing.
    pub(crate) fn plan(&self, operation: Operation) -> Plan {
        match operation {
            Operation::Get { key } => Plan::Read(match self.rows.get(&key) {
                None => Reply::Nil,
                Some(Value::String(value)) => Reply::String(value.clone()),
                Some(Value::List(_)) => Reply::Error(WRONG_TYPE),
            }),
            Operation::Range { key, start, stop } => Plan::Read(match self.rows.get(&key) {
                None => Reply::List(Vec::new()),
                Some(Value::List(list)) => Reply::List(list.range(clamp(start, stop, list.len())).cloned().collect()),
                Some(Value::String(_)) => Reply::Error(WRONG_TYPE),
            }),
            Operation::Set { key, value, if_equals } => self.plan_set(key, value, if_equals.as_ref()),
            Operation::Delete { keys } => self.plan_delete(keys),
            Operation::Increment { key } => self.plan_increment(key),
            Operation::Push { key, end, elements } => self.plan_push(key, end, elements),
        }
    }

    fn plan_set(&self, key: Bytes, after: Bytes, if_equals: Option<&Bytes>) -> Plan {
        let before = self.rows.get(&key);
        if let Some(expected) = if_equals {
            match before {
                Some(Value::String(current)) if current == expected => {}
                Some(Value::String(current)) => return Plan::Read(Reply::String(current.clone())),
                Some(Value::List(_)) => return Plan::Read(Reply::Error(WRONG_TYPE)),
                None => return Plan::Read(Reply::Nil),
            }
        }
        Plan::Write(Change::Set { key, before: before.cloned(), after }, Reply::Ok)
    }

    fn plan_delete(&self, keys: Vec<Bytes>) -> Plan {
        let mut rows: Vec<(Bytes, Value)> = Vec::new();
        for key in keys {
            if let Some(value) = self.rows.get(&key)
                && !rows.iter().any(|(seen, _)| *seen == key)
            {
                rows.push((key, value.clone()));
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

    fn plan_increment(&self, key: Bytes) -> Plan {
        let before = self.rows.get(&key);
        let current = match before {
            None => 0,
            Some(Value::List(_)) => return Plan::Read(Reply::Error(WRONG_TYPE)),
            Some(Value::String(string)) => match std::str::from_utf8(string).ok().and_then(|text| text.parse().ok()) {
                Some(number) => number,
                None => return Plan::Read(Reply::Error(NOT_AN_INTEGER)),
            },
        };
        let Some(next) = i64::checked_add(current, 1) else { return Plan::Read(Reply::Error(OVERFLOW)) };
        Plan::Write(Change::Set { key, before: before.cloned(), after: next.to_string().into() }, Reply::Integer(next))
    }

    fn plan_push(&self, key: Bytes, end: End, elements: Vec<Bytes>) -> Plan {
        let (length, size) = match self.rows.get(&key) {
            None => (0, 0),
            Some(Value::List(list)) => (list.len(), list.size()),
            Some(Value::String(_)) => return Plan::Read(Reply::Error(WRONG_TYPE)),
        };
        if size + elements.iter().map(element_size).sum::<usize>() > MAX_VALUE_BYTES {
            return Plan::Read(Reply::Error(TOO_LARGE));
        }
        let length = (length + elements.len()) as u64;
        Plan::Write(Change::Push { key, end, elements }, Reply::Integer(length.cast_signed()))
    }

    /// Makes a change that was planned on exactly this state, here or on another node.
    pub(crate) fn apply(&mut self, change: Change) {
        match change {
            Change::Noop => {}
            Change::Set { key, after, .. } => {
                self.rows.insert(key, Value::String(after));
            }
            Change::Delete { rows } => rows.iter().for_each(|(key, _)| {
                self.rows.remove(key);
            }),
            Change::Push { key, end, elements } => match self.rows.get_mut(&key) {
                Some(Value::List(list)) => elements.into_iter().for_each(|element| list.push(end, element)),
                Some(Value::String(_)) => panic!("a record pushes to a string: the log does not fit the store"),
                None => {
                    let mut list = List::default();
                    for element in elements {
                        list.push(end, element);
                    }
                    self.rows.insert(key, Value::List(list));
                }
            },
        }
    }

    /// Takes back the change that was applied last.
    pub(crate) fn undo(&mut self, change: Change) {
        match change {
            Change::Noop => {}
            Change::Set { key, before, .. } => {
                match before {
                    Some(value) => self.rows.insert(key, value),
                    None => self.rows.remove(&key),
                };
            }
            Change::Delete { rows } => self.rows.extend(rows),
            Change::Push { key, end, elements } => {
                let Some(Value::List(list)) = self.rows.get_mut(&key) else {
                    panic!("a record to undo pushed to a list that is not there: the log does not fit the store")
                };
                for _ in elements {
                    list.pop(end);
                }
                if list.is_empty() {
                    self.rows.remove(&key);
                }
            }
        }
    }

    /// All rows as they are now, whatever is changed afterwards.
    pub(crate) fn rows(&self) -> &Rows {
        &self.rows
    }

    /// A store that holds these rows.
    pub(crate) fn with(rows: Rows) -> Self {
        Store { rows }
    }

    /// How many keys there are.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }
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
    use proptest::prelude::*;

    use super::*;
    use crate::record::{Gtid, Member, Record, Stamp};

    fn bytes(text: &str) -> Bytes {
        Bytes::copy_from_slice(text.as_bytes())
    }

    fn run(store: &mut Store, operation: Operation) -> Reply {
        match store.plan(operation) {
            Plan::Read(reply) => reply,
            Plan::Write(change, reply) => {
                store.apply(change);
                reply
            }
        }
    }

    fn operations() -> impl Strategy<Value = Operation> {
        let key = || prop_oneof!["a", "b", "c"].prop_map(|key| bytes(&key));
        let text = || prop_oneof!["", "7", "9223372036854775807", "x"].prop_map(|text| bytes(&text));
        prop_oneof![
            (key(), text(), proptest::option::of(text())).prop_map(|(key, value, if_equals)| Operation::Set {
                key,
                value,
                if_equals
            }),
            proptest::collection::vec(key(), 1..4).prop_map(|keys| Operation::Delete { keys }),
            key().prop_map(|key| Operation::Increment { key }),
            (key(), prop_oneof![Just(End::Front), Just(End::Back)], proptest::collection::vec(text(), 1..4))
                .prop_map(|(key, end, elements)| Operation::Push { key, end, elements }),
        ]
    }

    proptest! {
        #[test]
        fn undoing_everything_in_reverse_restores_every_state_on_the_way(
            operations in proptest::collection::vec(operations(), 0..40),
        ) {
            let mut store = Store::default();
            let mut history = Vec::new();
            for operation in operations {
                if let Plan::Write(change, _) = store.plan(operation) {
                    let stamp = Stamp { lsn: 1, epoch: 1, gtid: Gtid { origin: Member(0), sequence: 1 } };
                    let record = Record { stamp, change, request: None };
                    let decoded = Record::decode(&record.encode()).expect("what was encoded decodes");
                    prop_assert_eq!(&decoded, &record);
                    history.push((store.clone(), decoded.change));
                    store.apply(record.change);
                }
            }
            while let Some((before, change)) = history.pop() {
                store.undo(change);
                prop_assert_eq!(&store, &before);
            }
        }
    }

    #[test]
    fn a_failed_comparison_tells_what_it_found() {
        let mut store = Store::default();
        let set = |value: &str, old: Option<&str>| Operation::Set {
            key: bytes("k"),
            value: bytes(value),
            if_equals: old.map(bytes),
        };
        assert_eq!(run(&mut store, set("1", Some("0"))), Reply::Nil);
        assert_eq!(run(&mut store, set("1", None)), Reply::Ok);
        assert_eq!(run(&mut store, set("2", Some("1"))), Reply::Ok);
        assert_eq!(run(&mut store, set("3", Some("1"))), Reply::String(bytes("2")));
    }

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

    #[test]
    fn a_list_that_would_outgrow_a_record_is_refused() {
        let mut store = Store::default();
        let push =
            || Operation::Push { key: bytes("l"), end: End::Back, elements: vec![Bytes::from(vec![0; 1 << 20])] };
        for length in 1..16 {
            assert_eq!(run(&mut store, push()), Reply::Integer(length));
        }
        assert_eq!(run(&mut store, push()), Reply::Error(TOO_LARGE));
        assert_eq!(run(&mut store, Operation::Delete { keys: vec![bytes("l")] }), Reply::Integer(1));
    }
}
