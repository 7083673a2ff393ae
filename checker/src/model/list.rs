//! A list that is appended to and read as a whole, whatever its elements. Lists of unique elements need no search, see
//! `linearizability/append_list.rs`.

use std::collections::HashMap;

use super::{Effect, Model, Told, unknown};
use crate::history::{Function, Operation, Outcome, Value};
use crate::linearizability::collections::elements;

/// An element by its number; equal elements have equal numbers.
type ElementId = u32;

/// What is done to a list.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    /// It held these, in this order.
    Read(Vec<ElementId>),
    /// This is behind all others from now on.
    Append(ElementId),
}

/// The specification, for the elements that some operations name.
pub(crate) struct List<'a> {
    elements: Vec<&'a Value>,
    numbers: HashMap<&'a Value, ElementId>,
}

impl<'a> List<'a> {
    /// An error says what is no list.
    pub(crate) fn of(operations: impl Iterator<Item = &'a Operation>) -> Result<Self, String> {
        let mut list = Self { elements: Vec::new(), numbers: HashMap::new() };
        for operation in operations {
            match (&operation.function, operation.outcome) {
                (Function::Append, _) => list.number(&operation.input),
                (Function::Read, Outcome::Ok) => {
                    elements(&operation.output)?.iter().for_each(|element| list.number(element));
                }
                _ => {}
            }
        }
        Ok(list)
    }

    fn number(&mut self, element: &'a Value) {
        let next = self.elements.len() as ElementId;
        if *self.numbers.entry(element).or_insert(next) == next {
            self.elements.push(element);
        }
    }

    pub(crate) fn told(&self, operation: &Operation) -> Told<Action> {
        match (&operation.function, operation.outcome) {
            (Function::Append, Outcome::Fail) | (Function::Read, Outcome::Fail | Outcome::Info) => Ok(None),
            (Function::Append, _) => Ok(Some(Action::Append(self.numbers[&operation.input]))),
            (Function::Read, Outcome::Ok) => {
                let shown = elements(&operation.output)?;
                Ok(Some(Action::Read(shown.iter().map(|element| self.numbers[element]).collect())))
            }
            _ => unknown(operation, "a list knows `append` and `read`"),
        }
    }
}

impl Model for List<'_> {
    type State = Vec<ElementId>;
    type Action = Action;

    fn initial(&self) -> Vec<ElementId> {
        Vec::new()
    }

    fn step(&self, state: &Vec<ElementId>, action: &Action) -> Option<Vec<ElementId>> {
        match action {
            Action::Read(shown) => (state == shown).then(|| state.clone()),
            Action::Append(element) => Some([state.as_slice(), &[*element]].concat()),
        }
    }

    fn accepts(&self, state: &Vec<ElementId>, action: &Action) -> bool {
        !matches!(action, Action::Read(shown) if shown != state)
    }

    fn effect(&self, action: &Action) -> Effect {
        match action {
            Action::Read(_) => Effect::Reads,
            Action::Append(_) => Effect::Always,
        }
    }

    fn show(&self, state: &Vec<ElementId>) -> String {
        Value::List(state.iter().map(|&element| self.elements[element as usize].clone()).collect()).to_string()
    }

    fn size_bytes(&self, state: &Vec<ElementId>) -> usize {
        size_of_val(state) + size_of_val(state.as_slice())
    }
}
