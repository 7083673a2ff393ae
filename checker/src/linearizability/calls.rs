//! The operations of a key as calls of a model: values become numbers, and what says nothing is left out.
//! It decides nothing, but refuses what the model does not know.

use rustc_hash::FxHashMap;

use crate::history::{Function, History, Operation, Outcome, Value};
use crate::linearizability::{FailedCas, Options};
use crate::model::Told;
use crate::model::multi_register::Step;
use crate::model::register::{Action, INITIAL};
use crate::numbers::{Numbers, ValueId};

/// The end of a call that may take effect at any later moment, or never.
pub(crate) const NEVER: u64 = u64::MAX;

/// A call: an action and the interval in which it took effect.
#[derive(Clone, Debug)]
pub(crate) struct Call<A> {
    /// The index of its operation in the history.
    pub(crate) operation: usize,
    /// The rank of its invocation, from 1; rank 0 is before the history.
    pub(crate) start: u64,
    /// The rank of its completion, or [`NEVER`] if the outcome is unknown.
    pub(crate) end: u64,
    /// What it did, or may have done.
    pub(crate) action: A,
}

impl<A> Call<A> {
    /// The calls that operations tell of.
    pub(super) fn all(
        history: &History,
        operations: &[usize],
        told: impl Fn(&Operation) -> Told<A>,
    ) -> Result<Vec<Self>, String> {
        let call = |&index: &usize| {
            let operation = &history.operations()[index];
            told(operation).map(|action| action.map(|action| Self::new(index, operation, action))).transpose()
        };
        operations.iter().filter_map(call).collect()
    }

    pub(super) fn new(index: usize, operation: &Operation, action: A) -> Self {
        let (start, end) = interval(operation);
        Self { operation: index, start, end, action }
    }

    /// The call if no more is known than that it was attempted: it takes effect at any time, as this action, or never.
    pub(super) fn forgotten(&self, action: A) -> Self {
        Self { operation: self.operation, start: 0, end: NEVER, action }
    }

    /// Whether it is known to have taken effect.
    pub(crate) fn is_certain(&self) -> bool {
        self.end != NEVER
    }
}

/// The call of an operation, of calls in order of invocation.
pub(super) fn of_operation<A>(calls: &[Call<A>], operation: usize) -> Option<usize> {
    calls.binary_search_by_key(&operation, |call| call.operation).ok()
}

/// When the last of these operations ended, or began if it has no end.
pub(super) fn end<A>(calls: &[Call<A>], operations: &[usize]) -> u64 {
    let end = |call: &Call<A>| if call.is_certain() { call.end } else { call.start };
    let found = operations.iter().filter_map(|&operation| of_operation(calls, operation));
    found.map(|call| end(&calls[call])).max().unwrap_or(0)
}

/// Ranks of invocation and completion, from 1; the latter [`NEVER`] if the outcome is unknown.
pub(crate) fn interval(operation: &Operation) -> (u64, u64) {
    (operation.invoked.order + 1, operation.completed.map_or(NEVER, |completed| completed.order + 1))
}

/// Numbers for a register's values, of which the initial one is [`INITIAL`].
fn numbers(initial: &Value) -> Numbers<'_> {
    let mut numbers = Numbers::default();
    assert_eq!(numbers.number(initial), INITIAL);
    numbers
}

/// The calls of one register.
pub(crate) struct RegisterCalls<'a> {
    /// In order of invocation.
    pub(crate) calls: Vec<Call<Action>>,
    /// The distinct values by their numbers.
    pub(crate) values: Vec<&'a Value>,
    /// For values whose write was refused, the last such operation.
    pub(crate) refused: FxHashMap<ValueId, usize>,
}

/// What the operations did to a register; an error says which of them is none of a register's.
pub(crate) fn of_register<'a>(
    history: &'a History,
    operations: &[usize],
    options: &'a Options,
) -> Result<RegisterCalls<'a>, String> {
    let mut values = numbers(&options.initial);
    let mut refused = FxHashMap::default();
    let mut calls = Vec::with_capacity(operations.len());
    for &index in operations {
        let operation = &history.operations()[index];
        let action = match (&operation.function, operation.outcome) {
            (Function::Read, Outcome::Ok) => Some(Action::Read(values.number(&operation.output))),
            (Function::Read, _) | (Function::Delete, Outcome::Fail) => None,
            (Function::Write, outcome) => {
                let value = values.number(&operation.input);
                if outcome == Outcome::Fail {
                    refused.insert(value, index);
                }
                (outcome != Outcome::Fail).then_some(Action::Write(value))
            }
            (Function::Delete, _) => Some(Action::Write(values.number(&Value::Nil))),
            (Function::Cas, outcome) => {
                let (expected, value) = cas_arguments(operation)?;
                let (expected, value) = (values.number(expected), values.number(value));
                if outcome == Outcome::Fail {
                    refused.insert(value, index);
                    failed_cas(operation, expected, &mut values, options.failed_cas)
                } else {
                    Some(Action::Cas(expected, value))
                }
            }
            (other, _) => {
                return Err(format!(
                    "the function `{other}` is unknown here; a register knows `read`, `write`, `delete` and `cas`"
                ));
            }
        };
        calls.extend(action.map(|action| Call::new(index, operation, action)));
    }
    Ok(RegisterCalls { calls, values: values.into_values(), refused })
}

/// A failed compare is a read of what it saw; one that does not tell says what the options make of it.
fn failed_cas<'a>(
    operation: &'a Operation,
    expected: ValueId,
    values: &mut Numbers<'a>,
    reading: FailedCas,
) -> Option<Action> {
    match (&operation.seen, reading) {
        (Some(seen), _) => Some(Action::Read(values.number(seen))),
        (None, FailedCas::SawAnotherValue) => Some(Action::ReadOtherThan(expected)),
        (None, FailedCas::DidNotHappen) => None,
    }
}

fn cas_arguments(operation: &Operation) -> Result<(&Value, &Value), String> {
    match &operation.input {
        Value::List(pair) if pair.len() == 2 => Ok((&pair[0], &pair[1])),
        other => Err(format!("a cas has the value {other}; expected the two values [expected, new]")),
    }
}

/// Transactions on several registers.
pub(super) struct Transactions<'a> {
    /// In order of invocation.
    pub(super) calls: Vec<Call<Vec<Step>>>,
    /// The registers that they name, and the distinct values, by their numbers.
    pub(super) registers: Vec<&'a Value>,
    pub(super) values: Vec<&'a Value>,
}

/// What the operations did to several registers; an error says which of them is no transaction.
pub(super) fn of_multi_register<'a>(history: &'a History, options: &'a Options) -> Result<Transactions<'a>, String> {
    let mut values = numbers(&options.initial);
    let mut registers = Numbers::default();
    let mut calls = Vec::new();
    for (index, operation) in history.operations().iter().enumerate() {
        if operation.function.name() != "txn" {
            return Err(format!("the function `{}` is unknown here; several registers know `txn`", operation.function));
        }
        // What a transaction of unknown outcome read is unknown too, but what it would write is in its invocation.
        let told = if operation.outcome == Outcome::Ok { &operation.output } else { &operation.input };
        let mut action = Vec::new();
        for step in steps(told)? {
            let (name, register_name, value) = step_parts(step)?;
            let register = registers.number(register_name) as usize;
            match (name, operation.outcome) {
                (_, Outcome::Fail) | ("read", Outcome::Info) => {}
                ("read", Outcome::Ok) => action.push(Step::Read(register, values.number(value))),
                _ => action.push(Step::Write(register, values.number(value))),
            }
        }
        if !action.is_empty() {
            calls.push(Call::new(index, operation, action));
        }
    }
    Ok(Transactions { calls, registers: registers.into_values(), values: values.into_values() })
}

fn steps(transaction: &Value) -> Result<&[Value], String> {
    match transaction {
        Value::List(steps) => Ok(steps),
        other => Err(format!("a txn has the value {other}; expected a list of steps [read x nil] or [write x 1]")),
    }
}

fn step_parts(step: &Value) -> Result<(&str, &Value, &Value), String> {
    if let Value::List(parts) = step
        && let [Value::Text(name), register, value] = parts.as_slice()
        && ["read", "write", "r", "w"].contains(&&**name)
    {
        return Ok((if name.starts_with('r') { "read" } else { "write" }, register, value));
    }
    Err(format!("a txn has the step {step}; expected [read x nil] or [write x 1]"))
}
