//! Numbers for values: what is compared and indexed often is compared and indexed as a number. It knows no history.

use rustc_hash::FxHashMap;

use crate::history::Value;

/// A value by its number; equal values have equal numbers.
pub(crate) type ValueId = u32;

/// Values, numbered from 0 in order of first mention.
#[derive(Default)]
pub(crate) struct Numbers<'a> {
    numbers: FxHashMap<&'a Value, ValueId>,
    values: Vec<&'a Value>,
}

impl<'a> Numbers<'a> {
    /// The value's number, a new one if it was not mentioned before.
    pub(crate) fn number(&mut self, value: &'a Value) -> ValueId {
        let next = self.values.len() as ValueId;
        let number = *self.numbers.entry(value).or_insert(next);
        if number == next {
            self.values.push(value);
        }
        number
    }

    /// The number of a value that was mentioned.
    pub(crate) fn of(&self, value: &Value) -> ValueId {
        self.numbers[value]
    }

    /// The values by their numbers.
    pub(crate) fn into_values(self) -> Vec<&'a Value> {
        self.values
    }

    /// Several values as a list, for people.
    pub(crate) fn shown(&self, numbers: impl Iterator<Item = ValueId>) -> String {
        Value::List(numbers.map(|number| self.values[number as usize].clone()).collect()).to_string()
    }
}
