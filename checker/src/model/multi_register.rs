//! Several registers, of which one operation may read and write any number at once.

use super::register::INITIAL;
use super::{Effect, Model};
use crate::history::Value;
use crate::numbers::ValueId;

/// One step of a transaction: on which register, and what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    /// The register held this.
    Read(usize, ValueId),
    /// The register holds this from now on.
    Write(usize, ValueId),
}

/// The specification: registers, numbered from 0, each with [`INITIAL`] in it.
pub(crate) struct MultiRegister<'a> {
    /// Their names.
    pub(crate) registers: &'a [&'a Value],
    /// The values by their numbers.
    pub(crate) values: &'a [&'a Value],
}

impl Model for MultiRegister<'_> {
    type State = Vec<ValueId>;
    type Action = Vec<Step>;

    fn initial(&self) -> Vec<ValueId> {
        vec![INITIAL; self.registers.len()]
    }

    fn step(&self, state: &Vec<ValueId>, action: &Vec<Step>) -> Option<Vec<ValueId>> {
        let mut state = state.clone();
        for &step in action {
            match step {
                Step::Read(register, value) if state[register] != value => return None,
                Step::Read(..) => {}
                Step::Write(register, value) => state[register] = value,
            }
        }
        Some(state)
    }

    fn effect(&self, action: &Vec<Step>) -> Effect {
        let is_read = |step: &Step| matches!(step, Step::Read(..));
        match action.iter().filter(|step| is_read(step)).count() {
            reads if reads == action.len() => Effect::Reads,
            0 => Effect::Always,
            _ => Effect::Depends,
        }
    }

    fn forget(&self, action: &Vec<Step>) -> Vec<Step> {
        action.iter().filter(|step| matches!(step, Step::Write(..))).copied().collect()
    }

    fn show(&self, state: &Vec<ValueId>) -> String {
        let shown = self.registers.iter().zip(state);
        let shown: Vec<String> =
            shown.map(|(register, &value)| format!("{register} = {}", self.values[value as usize])).collect();
        format!("({})", shown.join(", "))
    }

    fn size_bytes(&self, state: &Vec<ValueId>) -> usize {
        size_of_val(state) + size_of_val(state.as_slice())
    }
}
