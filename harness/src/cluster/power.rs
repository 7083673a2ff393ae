//! Whether a node runs: started, killed, kept down, stopped, switched off and on. Why is decided elsewhere.

use std::process::ExitStatus;
use std::time::Duration;

use anyhow::{Context, bail};
use nix::sys::signal::Signal;

use super::{Cluster, SIGNAL_LIMIT};
use crate::node_id::NodeId;
use crate::process::{Process, describe_exit};

/// How long a node may take to end when it is asked to: it hands leadership over and makes its log durable, both with limits
/// of their own that are shorter.
const STOP_LIMIT: Duration = Duration::from_secs(15);

impl Cluster {
    /// Starts a node that does not run.
    pub(crate) fn start(&mut self, node: NodeId) -> anyhow::Result<()> {
        let log = self.log_of(node);
        let running = self.nodes.get_mut(&node).expect("targets are nodes of the cluster");
        assert!(running.processes.iter().all(|process| !process.is_alive()), "{node} is started while it runs");
        let commands = running.commands(&*self.system)?;
        running.processes.clear();
        running.is_to_rebuild = false;
        running.starts += 1;
        running.pauses = 0;
        for command in &commands {
            let process = Process::start(command, &running.place.directory, &log, &self.guardian)
                .with_context(|| format!("starting {node}: {}", command.program.display()))?;
            running.processes.push(process);
        }
        Ok(())
    }

    /// Kills nodes, all at once, as the death of their hosts would: their processes end at once, and what their links had under way
    /// is lost. Returns how each process ended, as reaped.
    pub(crate) async fn kill(&mut self, nodes: &[NodeId]) -> anyhow::Result<Vec<(NodeId, ExitStatus)>> {
        self.strike_dead(nodes)?;
        self.bury(nodes).await
    }

    /// The first half of that: nothing the nodes do counts any more.
    pub(super) fn strike_dead(&self, nodes: &[NodeId]) -> anyhow::Result<()> {
        for node in nodes {
            for process in &self.running(*node).processes {
                process.signal(Signal::SIGKILL).with_context(|| format!("killing {node}"))?;
            }
        }
        for node in nodes {
            self.network.sever(*node);
        }
        Ok(())
    }

    /// The second half: waits until they have ended.
    pub(super) async fn bury(&self, nodes: &[NodeId]) -> anyhow::Result<Vec<(NodeId, ExitStatus)>> {
        let mut ended = Vec::new();
        for node in nodes {
            for process in &self.running(*node).processes {
                match process.wait(SIGNAL_LIMIT).await {
                    Some(status) => ended.push((*node, status)),
                    None => bail!("{node} (process {}) was killed but does not end", process.pid()),
                }
            }
        }
        Ok(ended)
    }

    /// Says that nodes, which have ended, are to stay so until [`let_up`](Self::let_up). Several of these add up.
    pub(crate) fn keep_down(&mut self, nodes: &[NodeId]) {
        for node in nodes {
            self.running_mut(*node).downs += 1;
        }
    }

    /// Undoes one [`keep_down`](Self::keep_down) of each node, and starts those that nothing else keeps down.
    pub(crate) fn let_up(&mut self, nodes: &[NodeId]) -> anyhow::Result<()> {
        for node in nodes {
            let running = self.running_mut(*node);
            running.downs = running.downs.checked_sub(1).expect("what is let up has been kept down");
            self.start_again(*node)?;
        }
        Ok(())
    }

    /// Starts a node if it has ended and nothing keeps it down.
    pub(crate) fn start_again(&mut self, node: NodeId) -> anyhow::Result<()> {
        if self.running(node).downs > 0 || self.is_alive(node) { Ok(()) } else { self.start(node) }
    }

    /// Asks a node to end, and kills what has not ended within [`STOP_LIMIT`]. Returns how each process ended by itself.
    pub(crate) async fn stop(&mut self, node: NodeId) -> anyhow::Result<Vec<Option<ExitStatus>>> {
        let mut ended = Vec::new();
        // The last that was started watches over those before it.
        for process in self.running(node).processes.iter().rev() {
            process.signal(Signal::SIGTERM).with_context(|| format!("stopping {node}"))?;
            ended.push(process.wait(STOP_LIMIT).await);
        }
        if ended.contains(&None) {
            self.kill(&[node]).await?;
        }
        Ok(ended)
    }

    /// Switches a node off and, once all of it is gone, on again: a power cycle. What a fault keeps down stays so, and what has
    /// ended by itself, because that is to be found out. Returns what was seen of the end.
    pub(crate) async fn power_cycle(&mut self, node: NodeId) -> anyhow::Result<String> {
        let was_alive = self.is_alive(node);
        let ended = self.kill(&[node]).await?;
        if was_alive {
            self.start(node)?;
        }
        let reaped: Vec<_> = ended.iter().map(|(_, status)| describe_exit(*status)).collect();
        Ok(format!("{} {}", if was_alive { "reaped:" } else { "was off already:" }, reaped.join(", ")))
    }
}
