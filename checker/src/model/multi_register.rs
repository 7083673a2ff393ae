//! Several registers, of which one operation may read and write any number at once.

use super::Model;
use super::register::{INITIAL, ValueId};

/// One step of a transaction: on which register, and what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    /// The register held this.
    Read(usize, ValueId),
    /// The register holds this from now on.
    Write(usize, ValueId),
}

/// The specification: so many registers, numbered from 0, each with [`INITIAL`] in it.
pub(crate) struct MultiRegister {
    /// How many.
    pub(crate) registers: usize,
}

impl Model for MultiRegister {
    type State = Vec<ValueId>;
    type Action = Vec<Step>;

    fn initial(&self) -> Vec<ValueId> {
        vec![INITIAL; self.registers]
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

    fn is_read(&self, action: &Vec<Step>) -> bool {
        action.iter().all(|step| matches!(step, Step::Read(..)))
    }
}
