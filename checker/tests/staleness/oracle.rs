//! The definition of staleness, tried out on every pair of versions. It shares nothing with the checker but the
//! history's types, and it is slow.

use std::collections::BTreeSet;

use interregnum_checker::history::{Function, History, Operation, Outcome, Value};

use crate::certain_order::{Register, begin, end, made, seen};

/// What one read lacks: how many versions, and the first of them for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lag {
    pub(crate) versions: u64,
    pub(crate) time_ns: u64,
}

fn lag(known: impl Iterator<Item = u64>, read: &Operation) -> Lag {
    let lacking: Vec<u64> = known.filter(|&known| known < begin(read)).collect();
    Lag { versions: lacking.len() as u64, time_ns: lacking.iter().min().map_or(0, |first| begin(read) - first) }
}

pub(crate) fn of_list(history: &History, read: usize) -> Lag {
    let elements = |operation: &Operation| match (&operation.function, &operation.output) {
        (Function::Append, _) => BTreeSet::from([operation.input.clone()]),
        (_, Value::List(elements)) => elements.iter().cloned().collect(),
        _ => BTreeSet::new(),
    };
    let told = || history.operations().iter().filter(|told| told.outcome == Outcome::Ok);
    let all: BTreeSet<Value> = told().flat_map(elements).collect();
    let read = &history.operations()[read];
    let lacking = all.difference(&elements(read)).cloned().collect::<Vec<_>>();
    let known = |element: Value| told().filter(|told| elements(told).contains(&element)).filter_map(end).min();
    lag(lacking.into_iter().filter_map(known), read)
}

pub(crate) fn of_register(history: &History, read: usize) -> Lag {
    let register = Register(history.operations());
    let read = &history.operations()[read];
    let told = |operation: &Operation| [seen(operation), made(operation)].into_iter().flatten();
    let values: BTreeSet<Value> = history.operations().iter().flat_map(told).collect();
    let newer = values.into_iter().filter(|value| register.is_newer(value, &read.output));
    lag(newer.filter_map(|value| register.known(&value)), read)
}
