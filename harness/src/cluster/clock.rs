//! The nodes' clocks, made wrong and right again. What several faults make of one clock adds up, and outlives the node's processes, as
//! what is wrong with a host's clock does.

use std::time::Duration;

use anyhow::Context;
use tokio::time::Instant;

use super::Cluster;
use crate::node_id::NodeId;
use crate::system::{Clocks, Reading, Skew};

/// A reading of a node's clock beside ours.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Compared {
    pub reading: Reading,
    /// Which start of the node it is about.
    start: u64,
    asked: Instant,
    answered: Instant,
}

impl Cluster {
    fn clocks(&self) -> &dyn Clocks {
        self.system.clocks().expect("who has no clocks to skew has an obstacle")
    }

    /// Makes a node's clock wrong by this much more.
    pub(crate) fn skew_clock(&mut self, node: NodeId, by: Skew) -> anyhow::Result<()> {
        let skew = self.running(node).skew + by;
        self.clocks().skew(&self.running(node).place, skew).with_context(|| format!("skewing the clock of {node}"))?;
        self.running_mut(node).skew = skew;
        Ok(())
    }

    /// How wrong it is made to be.
    pub(crate) fn skew_of(&self, node: NodeId) -> Skew {
        self.running(node).skew
    }

    /// Reads a node's clock, several times, and keeps the reading that took least; `None` if the node does not answer.
    pub(crate) async fn read_clock(&self, node: NodeId) -> Option<Compared> {
        let mut best: Option<Compared> = None;
        for _ in 0..3 {
            let (running, asked) = (self.running(node), Instant::now());
            let reading = self.clocks().read(&running.place).await.ok()?;
            let compared = Compared { reading, start: running.starts, asked, answered: Instant::now() };
            if best.is_none_or(|best| compared.took() < best.took()) {
                best = Some(compared);
            }
        }
        best
    }
}

impl Compared {
    fn took(&self) -> Duration {
        self.answered - self.asked
    }

    /// What passed on the node's clock from this reading to a later one, and the least and the most that can have passed on ours, in
    /// microseconds; `None` if the node was started anew in between.
    pub(crate) fn passed_us(&self, later: &Self) -> Option<(u64, [u64; 2])> {
        let on_ours = [later.asked - self.answered, later.answered - self.asked].map(|time| time.as_micros() as u64);
        let on_its = later.reading.shown_us.checked_sub(self.reading.shown_us)?;
        (self.start == later.start).then_some((on_its, on_ours))
    }
}
