//! A set: elements are added and removed, and all of it is read at once, in any order.

use super::{Effect, Model, Told, unknown};
use crate::history::{Function, Operation, Outcome, Value};
use crate::numbers::{Numbers, ValueId};

/// Elements, a bit each. Trailing words are never 0, so that equal sets are equal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Bits(Vec<u64>);

impl Bits {
    fn insert(&mut self, element: ValueId) {
        let word = element as usize / 64;
        self.0.resize(self.0.len().max(word + 1), 0);
        self.0[word] |= 1 << (element % 64);
    }

    fn remove(&mut self, element: ValueId) {
        if let Some(word) = self.0.get_mut(element as usize / 64) {
            *word &= !(1 << (element % 64));
        }
        self.0.truncate(self.0.iter().rposition(|&word| word != 0).map_or(0, |last| last + 1));
    }

    fn iter(&self) -> impl Iterator<Item = ValueId> {
        let bits = |(index, &word): (ValueId, &u64)| {
            (0..64).filter(move |bit| word & (1 << bit) != 0).map(move |bit| index * 64 + bit)
        };
        (0..).zip(&self.0).flat_map(bits)
    }
}

/// What is done to a set.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    /// It held these.
    Read(Bits),
    /// It holds this too from now on.
    Add(ValueId),
    /// It no longer holds this.
    Remove(ValueId),
}

/// The specification, for the elements that some operations name.
pub(crate) struct Set<'a>(Numbers<'a>);

impl<'a> Set<'a> {
    pub(crate) fn of(operations: impl Iterator<Item = &'a Operation>) -> Self {
        let mut elements = Numbers::default();
        for operation in operations {
            match (&operation.function, &operation.output) {
                (Function::Read, Value::List(shown)) => {
                    for element in shown {
                        elements.number(element);
                    }
                }
                (Function::Read, _) => {}
                _ => drop(elements.number(&operation.input)),
            }
        }
        Self(elements)
    }

    pub(crate) fn told(&self, operation: &Operation) -> Told<Action> {
        let change: fn(ValueId) -> Action = match &operation.function {
            Function::Read => return self.told_by_read(operation),
            Function::Other(name) if &**name == "add" => Action::Add,
            Function::Other(name) if &**name == "remove" => Action::Remove,
            _ => return unknown(operation, "a set knows `read`, `add` and `remove`"),
        };
        Ok((operation.outcome != Outcome::Fail).then(|| change(self.0.of(&operation.input))))
    }

    fn told_by_read(&self, operation: &Operation) -> Told<Action> {
        match (operation.outcome, &operation.output) {
            (Outcome::Ok, Value::Nil) => Ok(Some(Action::Read(Bits::default()))),
            (Outcome::Ok, Value::List(elements)) => {
                let mut bits = Bits::default();
                for element in elements {
                    bits.insert(self.0.of(element));
                }
                Ok(Some(Action::Read(bits)))
            }
            (Outcome::Ok, other) => Err(format!("a read returned {other}; expected the elements of a set")),
            _ => Ok(None),
        }
    }
}

impl Model for Set<'_> {
    type State = Bits;
    type Action = Action;

    fn initial(&self) -> Bits {
        Bits::default()
    }

    fn step(&self, state: &Bits, action: &Action) -> Option<Bits> {
        let mut next = state.clone();
        match action {
            Action::Read(elements) => return (state == elements).then_some(next),
            Action::Add(element) => next.insert(*element),
            Action::Remove(element) => next.remove(*element),
        }
        Some(next)
    }

    fn accepts(&self, state: &Bits, action: &Action) -> bool {
        !matches!(action, Action::Read(elements) if elements != state)
    }

    fn effect(&self, action: &Action) -> Effect {
        match action {
            Action::Read(_) => Effect::Reads,
            Action::Add(_) | Action::Remove(_) => Effect::Always,
        }
    }

    fn show(&self, state: &Bits) -> String {
        self.0.shown(state.iter())
    }

    fn size_bytes(&self, state: &Bits) -> usize {
        size_of_val(state) + size_of_val(state.0.as_slice())
    }
}
