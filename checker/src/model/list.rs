//! A list that is appended to and read as a whole, whatever its elements. Lists of unique elements need no search, see
//! `linearizability/append_list.rs`.

use super::{Effect, Model, Told, unknown};
use crate::history::{Function, Operation, Outcome};
use crate::linearizability::collections::elements;
use crate::numbers::{Numbers, ValueId};

/// What is done to a list.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    /// It held these, in this order.
    Read(Vec<ValueId>),
    /// This is behind all others from now on.
    Append(ValueId),
}

/// The specification, for the elements that some operations name.
pub(crate) struct List<'a>(Numbers<'a>);

impl<'a> List<'a> {
    /// An error says what is no list.
    pub(crate) fn of(operations: impl Iterator<Item = &'a Operation>) -> Result<Self, String> {
        let mut numbers = Numbers::default();
        for operation in operations {
            match (&operation.function, operation.outcome) {
                (Function::Append, _) => drop(numbers.number(&operation.input)),
                (Function::Read, Outcome::Ok) => {
                    for element in elements(&operation.output)? {
                        numbers.number(element);
                    }
                }
                _ => {}
            }
        }
        Ok(Self(numbers))
    }

    pub(crate) fn told(&self, operation: &Operation) -> Told<Action> {
        match (&operation.function, operation.outcome) {
            (Function::Append, Outcome::Fail) | (Function::Read, Outcome::Fail | Outcome::Info) => Ok(None),
            (Function::Append, _) => Ok(Some(Action::Append(self.0.of(&operation.input)))),
            (Function::Read, Outcome::Ok) => {
                let shown = elements(&operation.output)?;
                Ok(Some(Action::Read(shown.iter().map(|element| self.0.of(element)).collect())))
            }
            _ => unknown(operation, "a list knows `append` and `read`"),
        }
    }
}

impl Model for List<'_> {
    type State = Vec<ValueId>;
    type Action = Action;

    fn initial(&self) -> Vec<ValueId> {
        Vec::new()
    }

    fn step(&self, state: &Vec<ValueId>, action: &Action) -> Option<Vec<ValueId>> {
        match action {
            Action::Read(shown) => (state == shown).then(|| state.clone()),
            Action::Append(element) => Some([state.as_slice(), &[*element]].concat()),
        }
    }

    fn accepts(&self, state: &Vec<ValueId>, action: &Action) -> bool {
        !matches!(action, Action::Read(shown) if shown != state)
    }

    fn effect(&self, action: &Action) -> Effect {
        match action {
            Action::Read(_) => Effect::Reads,
            Action::Append(_) => Effect::Always,
        }
    }

    fn show(&self, state: &Vec<ValueId>) -> String {
        self.0.shown(state.iter().copied())
    }

    fn size_bytes(&self, state: &Vec<ValueId>) -> usize {
        size_of_val(state) + size_of_val(state.as_slice())
    }
}
