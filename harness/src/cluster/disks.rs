//! The disks of a cluster's nodes: the machine's own, or such as can fail.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use anyhow::{Context, bail};

use super::{Cluster, Running};
use crate::disk::{self, Disk, Lost};
use crate::node_id::NodeId;
use crate::process::{Process, describe_exit};

/// What disks a run wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WantedDisks {
    /// The machine's.
    Plain,
    /// Such as can fail if they can be had: a step is about them.
    Faulty,
    /// Such as can fail, or none.
    OnlyFaulty,
}

/// What disks a cluster has.
pub(super) struct Disks {
    faulty: BTreeMap<NodeId, Disk>,
    /// Why there are none that can fail.
    obstacle: String,
}

impl Disks {
    /// Puts a disk over each node's directory, if such are wanted. An error, if nothing else would do.
    pub(super) fn mount(
        wanted: WantedDisks,
        nodes: &BTreeMap<NodeId, Running>,
        scratch: &Path,
    ) -> anyhow::Result<Self> {
        let none = |obstacle| Self { faulty: BTreeMap::new(), obstacle };
        if wanted == WantedDisks::Plain {
            return Ok(none("the nodes lie on the machine's own disk; --disk faulty gives them others".to_owned()));
        }
        let mount = |(node, running): (&NodeId, &Running)| {
            Ok((*node, Disk::mount(&running.place.directory, &scratch.join("disks").join(node.to_string()))?))
        };
        match nodes.iter().map(mount).collect::<std::io::Result<_>>() {
            Ok(faulty) => Ok(Self { faulty, obstacle: String::new() }),
            Err(error) if wanted == WantedDisks::OnlyFaulty => bail!("--disk faulty: {}", disk::why(&error)),
            Err(error) => Ok(none(disk::why(&error))),
        }
    }
}

impl Cluster {
    /// A node's disk, if it is one that can fail.
    pub(crate) fn disk(&self, node: NodeId) -> Option<&Disk> {
        self.disks.faulty.get(&node)
    }

    /// Why the disks of this cluster cannot fail, if they cannot.
    pub(crate) fn disk_obstacle(&self) -> Option<String> {
        self.disks.faulty.is_empty().then(|| self.disks.obstacle.clone())
    }

    /// Where the bytes of a node's files lie.
    pub(crate) fn bytes_of(&self, node: NodeId) -> PathBuf {
        self.disk(node).map_or_else(|| self.place(node).directory.clone(), |disk| disk.backing().to_owned())
    }

    /// The disk of a node that a fault of disks strikes.
    pub(crate) fn faulty_disk(&self, node: NodeId) -> &Disk {
        self.disk(node).expect("a fault of disks is injected only where they can fail")
    }

    /// Kills nodes, all at once, and lets the syncs fail that they wait for. Returns how each process ended, as reaped.
    pub(crate) async fn cut_power(&mut self, nodes: &[NodeId]) -> anyhow::Result<Vec<(NodeId, ExitStatus)>> {
        self.strike_dead(nodes)?;
        for node in nodes {
            self.faulty_disk(*node).cut_power();
        }
        self.bury(nodes).await
    }

    /// Takes back what nodes that have ended did not sync. With a seed, a part of it survives on each.
    pub(crate) fn lose_unsynced(&self, nodes: &[NodeId], torn: Option<u64>) -> anyhow::Result<Vec<(NodeId, Lost)>> {
        let lose = |node: &NodeId| {
            let disk = self.faulty_disk(*node);
            // Each node's own numbers, so that it does not matter which others are struck.
            let torn = torn.map(|seed| seed.wrapping_add(node.0 as u64));
            let lost = disk.power_failure(torn).with_context(|| format!("the power failure of {node}"))?;
            Ok((*node, lost))
        };
        nodes.iter().map(lose).collect()
    }

    /// Starts a node that does not run, and lets it give up what it has and get everything from the others.
    pub(crate) fn start_rebuilding(&mut self, node: NodeId) -> anyhow::Result<()> {
        self.running_mut(node).is_to_rebuild = true;
        self.start(node)
    }

    /// How a node ended that was not killed and that nothing keeps down, with the last that it printed.
    pub(crate) fn refused(&self, node: NodeId) -> Option<String> {
        let running = self.running(node);
        let status =
            running.processes.iter().find_map(Process::exit_status).filter(|status| status.code().is_some())?;
        let printed = fs::read_to_string(self.log_of(node)).unwrap_or_default();
        let last = printed.lines().last().unwrap_or_default();
        (running.downs == 0).then(|| format!("it ended with {} (`{last}`)", describe_exit(status)))
    }
}
