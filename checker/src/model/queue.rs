//! A first-in, first-out queue, empty at first: `enqueue` puts an element behind all others, `dequeue` takes the first.
//!
//! A `dequeue` that answers nil found the queue empty; one that failed says nothing; one of unknown outcome may have taken
//! whatever was first.

use std::collections::VecDeque;

use super::{Effect, Model, Told, unknown};
use crate::history::{Operation, Outcome, Value};
use crate::numbers::{Numbers, ValueId};

/// What is done to a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    /// This is behind all others from now on.
    Enqueue(ValueId),
    /// This was the first and is gone.
    Dequeue(ValueId),
    /// The first, if there was one, is gone.
    DequeueAny,
    /// It was empty.
    FindEmpty,
}

/// The specification, for the elements that some operations name.
pub(crate) struct Queue<'a>(Numbers<'a>);

impl<'a> Queue<'a> {
    pub(crate) fn of(operations: impl Iterator<Item = &'a Operation>) -> Self {
        let mut elements = Numbers::default();
        for element in operations.flat_map(|operation| [&operation.input, &operation.output]) {
            elements.number(element);
        }
        Self(elements)
    }

    pub(crate) fn told(&self, operation: &Operation) -> Told<Action> {
        Ok(match (operation.function.name(), operation.outcome, &operation.output) {
            ("enqueue" | "dequeue", Outcome::Fail, _) => None,
            ("enqueue", _, _) => Some(Action::Enqueue(self.0.of(&operation.input))),
            ("dequeue", Outcome::Info, _) => Some(Action::DequeueAny),
            ("dequeue", Outcome::Ok, Value::Nil) => Some(Action::FindEmpty),
            ("dequeue", Outcome::Ok, element) => Some(Action::Dequeue(self.0.of(element))),
            _ => return refused(operation),
        })
    }
}

fn refused(operation: &Operation) -> Told<Action> {
    unknown(operation, "a queue knows `enqueue` and `dequeue`")
}

impl Model for Queue<'_> {
    type State = VecDeque<ValueId>;
    type Action = Action;

    fn initial(&self) -> VecDeque<ValueId> {
        VecDeque::new()
    }

    fn step(&self, state: &VecDeque<ValueId>, action: &Action) -> Option<VecDeque<ValueId>> {
        if !self.accepts(state, action) {
            return None;
        }
        let mut state = state.clone();
        match *action {
            Action::Enqueue(element) => state.push_back(element),
            Action::Dequeue(_) | Action::DequeueAny => drop(state.pop_front()),
            Action::FindEmpty => {}
        }
        Some(state)
    }

    fn accepts(&self, state: &VecDeque<ValueId>, action: &Action) -> bool {
        match action {
            Action::Enqueue(_) | Action::DequeueAny => true,
            Action::Dequeue(element) => state.front() == Some(element),
            Action::FindEmpty => state.is_empty(),
        }
    }

    fn effect(&self, action: &Action) -> Effect {
        match action {
            Action::Enqueue(_) | Action::DequeueAny => Effect::Always,
            Action::Dequeue(_) => Effect::Depends,
            Action::FindEmpty => Effect::Reads,
        }
    }

    fn forget(&self, action: &Action) -> Action {
        match *action {
            Action::Dequeue(_) | Action::FindEmpty => Action::DequeueAny,
            other => other,
        }
    }

    fn show(&self, state: &VecDeque<ValueId>) -> String {
        self.0.shown(state.iter().copied())
    }

    fn size_bytes(&self, state: &VecDeque<ValueId>) -> usize {
        size_of_val(state) + state.capacity() * size_of::<ValueId>()
    }
}
