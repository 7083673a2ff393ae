//! A first-in, first-out queue, empty at first: `enqueue` puts an element behind all others, `dequeue` takes the first.
//!
//! A `dequeue` that answers nil found the queue empty; one that failed says nothing; one of unknown outcome may have taken
//! whatever was first.

use std::collections::{HashMap, VecDeque};

use super::{Effect, Model, Told, unknown};
use crate::history::{Operation, Outcome, Value};

/// An element by its number; equal elements have equal numbers.
type ElementId = u32;

/// What is done to a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    /// This is behind all others from now on.
    Enqueue(ElementId),
    /// This was the first and is gone.
    Dequeue(ElementId),
    /// The first, if there was one, is gone.
    DequeueAny,
    /// It was empty.
    FindEmpty,
}

/// The specification, for the elements that some operations name.
pub(crate) struct Queue<'a> {
    elements: Vec<&'a Value>,
    numbers: HashMap<&'a Value, ElementId>,
}

impl<'a> Queue<'a> {
    pub(crate) fn of(operations: impl Iterator<Item = &'a Operation>) -> Self {
        let mut queue = Self { elements: Vec::new(), numbers: HashMap::new() };
        for element in operations.flat_map(|operation| [&operation.input, &operation.output]) {
            let next = queue.elements.len() as ElementId;
            if *queue.numbers.entry(element).or_insert(next) == next {
                queue.elements.push(element);
            }
        }
        queue
    }

    pub(crate) fn told(&self, operation: &Operation) -> Told<Action> {
        Ok(match (operation.function.name(), operation.outcome, &operation.output) {
            ("enqueue" | "dequeue", Outcome::Fail, _) => None,
            ("enqueue", _, _) => Some(Action::Enqueue(self.numbers[&operation.input])),
            ("dequeue", Outcome::Info, _) => Some(Action::DequeueAny),
            ("dequeue", Outcome::Ok, Value::Nil) => Some(Action::FindEmpty),
            ("dequeue", Outcome::Ok, element) => Some(Action::Dequeue(self.numbers[element])),
            _ => return refused(operation),
        })
    }
}

fn refused(operation: &Operation) -> Told<Action> {
    unknown(operation, "a queue knows `enqueue` and `dequeue`")
}

impl Model for Queue<'_> {
    type State = VecDeque<ElementId>;
    type Action = Action;

    fn initial(&self) -> VecDeque<ElementId> {
        VecDeque::new()
    }

    fn step(&self, state: &VecDeque<ElementId>, action: &Action) -> Option<VecDeque<ElementId>> {
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

    fn accepts(&self, state: &VecDeque<ElementId>, action: &Action) -> bool {
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

    fn show(&self, state: &VecDeque<ElementId>) -> String {
        Value::List(state.iter().map(|&element| self.elements[element as usize].clone()).collect()).to_string()
    }

    fn size_bytes(&self, state: &VecDeque<ElementId>) -> usize {
        size_of_val(state) + state.capacity() * size_of::<ElementId>()
    }
}
