//! A register: it holds one value, which can be read, overwritten, and compared and set.

use super::Model;

/// Values by number; equal values have equal numbers.
pub(crate) type ValueId = u32;

/// The number of the value that the register holds at first.
pub(crate) const INITIAL: ValueId = 0;

/// What is done to a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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

/// The specification.
pub(crate) struct Register;

impl Model for Register {
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

    fn is_read(&self, action: &Action) -> bool {
        match action {
            Action::Read(_) | Action::ReadOtherThan(_) => true,
            Action::Cas(expected, value) => expected == value,
            Action::Write(_) => false,
        }
    }
}
