//! What faults have done to a cluster and not undone yet: after the last undoing there must be none.

use super::{Cluster, Running};
use crate::process::is_stopped;
use crate::system::Skew;

impl Cluster {
    /// A line for everything that a fault keeps from being as it was when the cluster was started.
    pub(crate) fn disturbed(&self) -> Vec<String> {
        let mut lines = self.network.disturbed();
        for (node, running) in &self.nodes {
            let Running { pauses, downs, is_upgraded, skew, .. } = running;
            let stopped = self.threads(*node).into_iter().filter(|thread| thread.state().is_some_and(is_stopped));
            let stopped: Vec<_> = stopped.map(|thread| thread.name).collect();
            let told = [
                (*pauses > 0, format!("{pauses} pauses")),
                (*downs > 0, format!("kept down by {downs} faults")),
                (*is_upgraded, "runs the other version".to_owned()),
                (*skew != Skew::default(), format!("its clock is wrong by {} ppm and {} ms", skew.ppm, skew.jump_ms)),
                (!stopped.is_empty(), format!("threads are stopped: {}", stopped.join(", "))),
            ];
            lines.extend(told.into_iter().filter(|(is_so, _)| *is_so).map(|(_, what)| format!("{node}: {what}")));
        }
        lines
    }
}
