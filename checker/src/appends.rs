//! The operations on one append list, with its elements as numbers, for checkers that follow each of them. It judges
//! nothing.

use std::collections::BTreeSet;

use crate::history::{Function, History, Outcome, Value};
use crate::linearizability::collections::elements;
use crate::numbers::Numbers;

/// An element by its number, in order of first mention.
pub(crate) type Element = usize;

/// An append that happened or may have, or an acknowledged read.
pub(crate) enum Step {
    Append { operation: usize, element: Element },
    Read { operation: usize, shown: Vec<Element> },
}

/// What was done to one list.
pub(crate) struct List<'a> {
    /// In order of invocation.
    pub(crate) steps: Vec<Step>,
    /// The elements themselves.
    pub(crate) values: Vec<&'a Value>,
}

impl<'a> List<'a> {
    /// Fails, saying why, on operations that are none of a list's, and on elements that are not unique.
    pub(crate) fn gather(history: &'a History, operations: &[usize]) -> Result<Self, String> {
        let mut numbers = Numbers::default();
        let mut number = |value: &'a Value| numbers.number(value) as Element;
        let mut is_appended = BTreeSet::new();
        let mut steps = Vec::new();
        for &index in operations {
            let operation = &history.operations()[index];
            match (&operation.function, operation.outcome) {
                (Function::Append, Outcome::Fail) => {}
                (Function::Append, _) => {
                    let element = number(&operation.input);
                    if !is_appended.insert(element) {
                        let value = &operation.input;
                        return Err(format!("{value} was appended twice; append lists need elements that are unique"));
                    }
                    steps.push(Step::Append { operation: index, element });
                }
                (Function::Read, Outcome::Ok) => {
                    let shown = elements(&operation.output)?.iter().map(&mut number).collect();
                    steps.push(Step::Read { operation: index, shown });
                }
                (Function::Read, _) => {}
                (other, _) => {
                    return Err(format!("the function `{other}` is unknown here; a list knows `append` and `read`"));
                }
            }
        }
        Ok(Self { steps, values: numbers.into_values() })
    }
}

/// A set of elements that is emptied at once.
pub(crate) struct Marks {
    marked_in: Vec<u64>,
    round: u64,
}

impl Marks {
    pub(crate) fn new(elements: usize) -> Self {
        Self { marked_in: vec![0; elements], round: 1 }
    }

    pub(crate) fn clear(&mut self) {
        self.round += 1;
    }

    /// Whether it was not marked before.
    pub(crate) fn mark(&mut self, element: Element) -> bool {
        std::mem::replace(&mut self.marked_in[element], self.round) != self.round
    }

    pub(crate) fn has(&self, element: Element) -> bool {
        self.marked_in[element] == self.round
    }
}
