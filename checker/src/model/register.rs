//! A register: it holds one value, which can be read, overwritten, and compared and set.

use super::{Effect, Model};
use crate::history::Value;
use crate::numbers::ValueId;

/// The number of the value that the register holds at first.
pub(crate) const INITIAL: ValueId = 0;

/// What is done to a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    /// It held this.
    Read(ValueId),
    /// It held something else.
    ReadOtherThan(ValueId),
    /// It holds this from now on.
    Write(ValueId),
    /// It held the first and holds the second from now on.
    Cas(ValueId, ValueId),
}

/// The value that it tells was there.
pub(crate) fn observed(action: Action) -> Option<ValueId> {
    match action {
        Action::Read(value) | Action::Cas(value, _) => Some(value),
        Action::Write(_) | Action::ReadOtherThan(_) => None,
    }
}

/// The value that it leaves there.
pub(crate) fn written(action: Action) -> Option<ValueId> {
    match action {
        Action::Write(value) | Action::Cas(_, value) => Some(value),
        Action::Read(_) | Action::ReadOtherThan(_) => None,
    }
}

/// The specification.
pub(crate) struct Register<'a> {
    /// The values by their numbers.
    pub(crate) values: &'a [&'a Value],
}

impl Model for Register<'_> {
    type State = ValueId;
    type Action = Action;

    fn initial(&self) -> ValueId {
        INITIAL
    }

    fn step(&self, &state: &ValueId, action: &Action) -> Option<ValueId> {
        match *action {
            Action::Read(value) => (state == value).then_some(state),
            Action::ReadOtherThan(value) => (state != value).then_some(state),
            Action::Write(value) => Some(value),
            Action::Cas(expected, value) => (state == expected).then_some(value),
        }
    }

    fn effect(&self, action: &Action) -> Effect {
        match action {
            Action::Read(_) | Action::ReadOtherThan(_) => Effect::Reads,
            Action::Cas(expected, value) if expected == value => Effect::Reads,
            Action::Cas(..) => Effect::Depends,
            Action::Write(_) => Effect::Overwrites,
        }
    }

    fn show(&self, &state: &ValueId) -> String {
        self.values[state as usize].to_string()
    }
}
