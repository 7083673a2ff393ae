//! The definition of staleness, tried out on every pair of versions. It shares nothing with the checker but the
//! history's types, and it is slow.

use std::collections::BTreeSet;

use interregnum_checker::history::{Function, History, Operation, Outcome, Value};

/// What one read lacks: how many versions, and the first of them for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lag {
    pub(crate) versions: u64,
    pub(crate) time_ns: u64,
}

/// A simulation's times are its ranks, so that one number does for both; before all of them is 0.
fn begin(operation: &Operation) -> u64 {
    operation.invoked.time_ns.expect("a simulation has times") + 1
}

fn end(operation: &Operation) -> Option<u64> {
    operation.completed.map(|completed| completed.time_ns.expect("a simulation has times") + 1)
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
    let newer = register.values().into_iter().filter(|value| register.is_newer(value, &read.output));
    lag(newer.filter_map(|value| register.known(&value)), read)
}

struct Register<'a>(&'a [Operation]);

impl Register<'_> {
    fn values(&self) -> BTreeSet<Value> {
        let told = |operation: &Operation| [seen(operation), made(operation)].into_iter().flatten();
        self.0.iter().flat_map(told).collect()
    }

    /// The value and all that chains of cas lead to from it.
    fn made_from(&self, value: &Value) -> BTreeSet<Value> {
        let mut reached = BTreeSet::from([value.clone()]);
        loop {
            let before = reached.len();
            for operation in self.0 {
                if let (Some(seen), Some(made)) = (seen(operation), made(operation))
                    && reached.contains(&seen)
                {
                    reached.insert(made);
                }
            }
            if reached.len() == before {
                return reached;
            }
        }
    }

    fn known(&self, value: &Value) -> Option<u64> {
        let reached = self.made_from(value);
        let tells = |operation: &&Operation| {
            [seen(operation), made(operation)].into_iter().flatten().any(|value| reached.contains(&value))
        };
        let initial = (*value == Value::Nil).then_some(0);
        self.0.iter().filter(tells).filter_map(end).chain(initial).min()
    }

    fn begun(&self, value: &Value) -> u64 {
        let leads_to_it =
            |operation: &&Operation| made(operation).is_some_and(|made| self.made_from(&made).contains(value));
        self.0.iter().filter(leads_to_it).map(begin).max().unwrap_or(0)
    }

    fn is_newer(&self, value: &Value, than: &Value) -> bool {
        let is_begun_after = self.known(than).is_some_and(|known| known < self.begun(value));
        value != than && (is_begun_after || self.made_from(than).contains(value))
    }
}

/// What was there when the operation took effect, if it tells.
fn seen(operation: &Operation) -> Option<Value> {
    match (&operation.function, operation.outcome, &operation.input) {
        (Function::Read, Outcome::Ok, _) => Some(operation.output.clone()),
        (Function::Cas, Outcome::Fail, _) => operation.seen.clone(),
        (Function::Cas, _, Value::List(pair)) => Some(pair[0].clone()),
        _ => None,
    }
}

/// What it left there, or may have.
fn made(operation: &Operation) -> Option<Value> {
    match (&operation.function, operation.outcome, &operation.input) {
        (_, Outcome::Fail, _) | (Function::Read, _, _) => None,
        (Function::Cas, _, Value::List(pair)) => Some(pair[1].clone()),
        (_, _, value) => Some(value.clone()),
    }
}
