//! The sizes of a run, which a smaller one has less of.

use std::time::Duration;

use super::{RunFlags, WorkloadName};
use crate::shrink::Sizes;

/// How many keys a workload has unless it is told, see [`interregnum_workloads`].
const USUAL_REGISTERS: u16 = 5;
const USUAL_LISTS: u16 = 3;

impl RunFlags {
    pub(in crate::cli) fn sizes(&self) -> Sizes {
        let usual_keys = match self.workload {
            WorkloadName::Register => USUAL_REGISTERS,
            WorkloadName::Append => USUAL_LISTS,
        };
        Sizes {
            nodes: self.nodes.into(),
            clients: self.clients.into(),
            keys: self.keys.unwrap_or(usual_keys).into(),
            time_ms: self.time.as_millis() as u64,
        }
    }

    /// The same run, as large as this. Sizes are only ever lowered, so they fit.
    pub(in crate::cli) fn sized(self, sizes: Sizes) -> Self {
        let Sizes { nodes, clients, keys, time_ms } = sizes;
        let time = Duration::from_millis(time_ms);
        Self { nodes: nodes as u8, clients: clients as u16, keys: Some(keys as u16), time, ..self }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use interregnum_workloads::append::Append;
    use interregnum_workloads::register::Register;

    use super::super::Command;
    use super::*;

    #[test]
    fn a_run_has_the_sizes_that_it_is_given() {
        let flags = Command::try_parse_from(["run", "--nodes", "5", "--time", "7s"]).unwrap().flags;
        let sizes = flags.sizes();
        assert_eq!(sizes, Sizes { nodes: 5, clients: 8, keys: 5, time_ms: 7000 });
        let smaller = Sizes { nodes: 2, clients: 1, keys: 3, time_ms: 500 };
        assert_eq!(flags.clone().sized(smaller).sizes(), smaller);
        let again = Command::try_parse_from(flags.sized(smaller).arguments(1)).unwrap().flags;
        assert_eq!(again.sizes(), smaller, "its arguments say so");
    }

    #[test]
    fn the_usual_numbers_of_keys_are_the_workloads() {
        assert_eq!(Register::default(), Register::keys(USUAL_REGISTERS.into()));
        assert_eq!(Append::default(), Append::keys(USUAL_LISTS.into()));
    }
}
