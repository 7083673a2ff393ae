//! The operations of a key as calls of a model: values become numbers, and what says nothing is left out.
//! It decides nothing, but refuses what the model does not know.

use std::collections::HashMap;

use crate::history::{Function, History, Operation, Outcome, Value};
use crate::linearizability::{FailedCas, Options};
use crate::model::multi_register::Step;
use crate::model::register::{Action, INITIAL, ValueId};

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
    pub(super) fn new(index: usize, operation: &Operation, action: A) -> Self {
        let (start, end) = interval(operation);
        Self { operation: index, start, end, action }
    }

    /// Whether it is known to have taken effect.
    pub(crate) fn is_certain(&self) -> bool {
        self.end != NEVER
    }
}

/// Ranks of invocation and completion, from 1; the latter [`NEVER`] if the outcome is unknown.
pub(crate) fn interval(operation: &Operation) -> (u64, u64) {
    (operation.invoked.order + 1, operation.completed.map_or(NEVER, |completed| completed.order + 1))
}

/// Numbers for values. Equal values have equal numbers.
pub(super) struct Values<'a>(HashMap<&'a Value, ValueId>);

impl<'a> Values<'a> {
    fn new(initial: &'a Value) -> Self {
        Self(HashMap::from([(initial, INITIAL)]))
    }

    fn id(&mut self, value: &'a Value) -> ValueId {
        let next = self.0.len() as ValueId;
        *self.0.entry(value).or_insert(next)
    }
}

/// The calls of one register.
pub(crate) struct RegisterCalls {
    /// In order of invocation.
    pub(crate) calls: Vec<Call<Action>>,
    /// How many distinct values there are; their numbers are below this.
    pub(crate) values: usize,
    /// For values whose write was refused, the last such operation.
    pub(crate) refused: HashMap<ValueId, usize>,
}

/// What the operations did to a register; an error says which of them is none of a register's.
pub(crate) fn of_register(history: &History, operations: &[usize], options: &Options) -> Result<RegisterCalls, String> {
    let mut values = Values::new(&options.initial);
    let mut refused = HashMap::new();
    let mut calls = Vec::with_capacity(operations.len());
    for &index in operations {
        let operation = &history.operations()[index];
        let action = match (&operation.function, operation.outcome) {
            (Function::Read, Outcome::Ok) => Some(Action::Read(values.id(&operation.output))),
            (Function::Read, _) => None,
            (Function::Write, outcome) => {
                let value = values.id(&operation.input);
                if outcome == Outcome::Fail {
                    refused.insert(value, index);
                }
                (outcome != Outcome::Fail).then_some(Action::Write(value))
            }
            (Function::Cas, outcome) => {
                let (expected, value) = cas_arguments(operation)?;
                let (expected, value) = (values.id(expected), values.id(value));
                if outcome == Outcome::Fail {
                    refused.insert(value, index);
                    failed_cas(operation, expected, &mut values, options.failed_cas)
                } else {
                    Some(Action::Cas(expected, value))
                }
            }
            (other, _) => {
                return Err(format!(
                    "the function `{other}` is unknown here; a register knows `read`, `write` and `cas`"
                ));
            }
        };
        calls.extend(action.map(|action| Call::new(index, operation, action)));
    }
    Ok(RegisterCalls { calls, values: values.0.len(), refused })
}

/// A failed compare is a read of what it saw; one that does not tell says what the options make of it.
fn failed_cas<'a>(
    operation: &'a Operation,
    expected: ValueId,
    values: &mut Values<'a>,
    reading: FailedCas,
) -> Option<Action> {
    match (&operation.seen, reading) {
        (Some(seen), _) => Some(Action::Read(values.id(seen))),
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
pub(super) struct Transactions {
    /// In order of invocation.
    pub(super) calls: Vec<Call<Vec<Step>>>,
    /// How many registers they name.
    pub(super) registers: usize,
}

/// What the operations did to several registers; an error says which of them is no transaction.
pub(super) fn of_multi_register(history: &History, options: &Options) -> Result<Transactions, String> {
    let mut values = Values::new(&options.initial);
    let mut registers: HashMap<&Value, usize> = HashMap::new();
    let mut calls = Vec::new();
    for (index, operation) in history.operations().iter().enumerate() {
        if operation.function.name() != "txn" {
            return Err(format!("the function `{}` is unknown here; several registers know `txn`", operation.function));
        }
        // What a transaction of unknown outcome read is unknown too, but what it would write is in its invocation.
        let told = if operation.outcome == Outcome::Ok { &operation.output } else { &operation.input };
        let mut action = Vec::new();
        for step in steps(told)? {
            let (name, register, value) = step_parts(step)?;
            let next = registers.len();
            let register = *registers.entry(register).or_insert(next);
            match (name, operation.outcome) {
                (_, Outcome::Fail) | ("read", Outcome::Info) => {}
                ("read", Outcome::Ok) => action.push(Step::Read(register, values.id(value))),
                _ => action.push(Step::Write(register, values.id(value))),
            }
        }
        if !action.is_empty() {
            calls.push(Call::new(index, operation, action));
        }
    }
    Ok(Transactions { calls, registers: registers.len() })
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
