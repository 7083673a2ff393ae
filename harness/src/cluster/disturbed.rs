//! What faults have done to a cluster and not undone yet: after the last undoing there must be none.

use super::{Cluster, Running};
use crate::disk::Disk;
use crate::system::Skew;

impl Cluster {
    /// A line for everything that a fault keeps from being as it was when the cluster was started.
    pub(crate) fn disturbed(&self) -> Vec<String> {
        let mut lines = self.network.disturbed();
        for (node, running) in &self.nodes {
            let Running { pauses, downs, is_upgraded, skew, is_dismissed, .. } = running;
            let stopped: Vec<_> = self.stopped_threads(*node).into_iter().map(|thread| thread.name).collect();
            let ailments = self.disk(*node).map(Disk::ailments).unwrap_or_default();
            let told = [
                (*pauses > 0, format!("{pauses} pauses")),
                (*downs > 0, format!("kept down by {downs} faults")),
                (*is_upgraded, "runs the other version".to_owned()),
                (*skew != Skew::default(), format!("its clock is wrong by {} ppm and {} ms", skew.ppm, skew.jump_ms)),
                (*is_dismissed, "is no voter, as far as is known".to_owned()),
                (!stopped.is_empty(), format!("threads are stopped: {}", stopped.join(", "))),
                (!ailments.is_empty(), format!("its disk {}", ailments.join(", "))),
            ];
            lines.extend(told.into_iter().filter(|(is_so, _)| *is_so).map(|(_, what)| format!("{node}: {what}")));
        }
        lines
    }
}
