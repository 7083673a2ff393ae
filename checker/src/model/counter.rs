//! A counter: it holds a whole number, 0 at first, to which is added.
//!
//! `add` and `increment` add their argument, or 1 without one; `decrement` takes it away. Where they answer a number, it is
//! what the counter held afterwards.

use super::{Effect, Model, Told, unknown};
use crate::history::{Function, Operation, Outcome, Value};

/// What is done to a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    /// It held this.
    Read(i64),
    /// It holds so much more from now on.
    Add(i64),
    /// It holds so much more from now on, which is this.
    AddTo(i64, i64),
}

/// The specification.
pub(crate) struct Counter;

impl Counter {
    pub(crate) fn told(operation: &Operation) -> Told<Action> {
        let sign = match &operation.function {
            Function::Read => return read(operation),
            Function::Other(name) if ["add", "increment", "incr", "inc"].contains(&&**name) => 1,
            Function::Other(name) if ["decrement", "decr", "dec"].contains(&&**name) => -1,
            _ => return unknown(operation, "a counter knows `read`, `add`, `increment` and `decrement`"),
        };
        let by = match operation.input {
            Value::Nil => Some(sign),
            Value::Int(by) => by.checked_mul(sign),
            _ => None,
        };
        let Some(by) = by else {
            return Err(format!("{} has the value {}; expected a whole number", operation.function, operation.input));
        };
        Ok(match (operation.outcome, &operation.output) {
            (Outcome::Fail, _) => None,
            // Many systems answer an addition by repeating it, which does not tell the sum.
            (Outcome::Ok, &Value::Int(sum)) if operation.output != operation.input => Some(Action::AddTo(by, sum)),
            _ => Some(Action::Add(by)),
        })
    }
}

fn read(operation: &Operation) -> Told<Action> {
    match (operation.outcome, &operation.output) {
        (Outcome::Ok, &Value::Int(value)) => Ok(Some(Action::Read(value))),
        (Outcome::Ok, Value::Nil) => Ok(Some(Action::Read(0))),
        (Outcome::Ok, other) => Err(format!("a read returned {other}; expected a whole number")),
        _ => Ok(None),
    }
}

impl Model for Counter {
    /// Wider than what is added, so that no sum of a history overflows.
    type State = i128;
    type Action = Action;

    fn initial(&self) -> i128 {
        0
    }

    fn step(&self, &state: &i128, action: &Action) -> Option<i128> {
        match *action {
            Action::Read(value) => (state == value.into()).then_some(state),
            Action::Add(by) => Some(state + i128::from(by)),
            Action::AddTo(by, sum) => (state + i128::from(by) == sum.into()).then_some(sum.into()),
        }
    }

    fn effect(&self, action: &Action) -> Effect {
        match action {
            Action::Read(_) | Action::Add(0) | Action::AddTo(0, _) => Effect::Reads,
            Action::Add(_) => Effect::Always,
            Action::AddTo(..) => Effect::Depends,
        }
    }

    fn forget(&self, action: &Action) -> Action {
        match *action {
            Action::AddTo(by, _) => Action::Add(by),
            other => other,
        }
    }

    fn show(&self, state: &i128) -> String {
        state.to_string()
    }
}
