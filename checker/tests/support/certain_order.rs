//! The order of a register's versions by its definition, tried out on every pair. It shares nothing with the checker
//! but the history's types, and it is slow.

use std::collections::BTreeSet;

use interregnum_checker::history::{Function, Operation, Outcome, Value};

/// A simulation's times are its ranks, so that one number does for both; before all of them is 0.
pub(crate) fn begin(operation: &Operation) -> u64 {
    operation.invoked.time_ns.expect("a simulation has times") + 1
}

pub(crate) fn end(operation: &Operation) -> Option<u64> {
    operation.completed.map(|completed| completed.time_ns.expect("a simulation has times") + 1)
}

/// The operations on one register.
pub(crate) struct Register<'a>(pub(crate) &'a [Operation]);

impl Register<'_> {
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

    pub(crate) fn known(&self, value: &Value) -> Option<u64> {
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

    pub(crate) fn is_newer(&self, value: &Value, than: &Value) -> bool {
        let is_begun_after = self.known(than).is_some_and(|known| known < self.begun(value));
        value != than && (is_begun_after || self.made_from(than).contains(value))
    }
}

/// What was there when the operation took effect, if it tells.
pub(crate) fn seen(operation: &Operation) -> Option<Value> {
    match (&operation.function, operation.outcome, &operation.input) {
        (Function::Read, Outcome::Ok, _) => Some(operation.output.clone()),
        (Function::Cas, Outcome::Fail, _) => operation.seen.as_deref().cloned(),
        (Function::Cas, _, Value::List(pair)) => Some(pair[0].clone()),
        _ => None,
    }
}

/// What it left there, or may have.
pub(crate) fn made(operation: &Operation) -> Option<Value> {
    match (&operation.function, operation.outcome, &operation.input) {
        (_, Outcome::Fail, _) | (Function::Read, _, _) => None,
        (Function::Cas, _, Value::List(pair)) => Some(pair[1].clone()),
        (_, _, value) => Some(value.clone()),
    }
}
