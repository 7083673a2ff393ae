//! Stopping what runs: a whole node with SIGSTOP, or one of its threads through a tracer. Both end with the node, so that nothing has to
//! be undone on one that was killed meanwhile.

use anyhow::{Context, bail};
use nix::sys::signal::Signal;

use super::{Cluster, SIGNAL_LIMIT};
use crate::node_id::NodeId;
use crate::process::tracer::Tracer;
use crate::process::{Process, Thread, is_stopped};

/// A pause in force on one node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pause {
    node: NodeId,
    /// Which start of the node it is about: a node that was killed meanwhile came back unpaused.
    start: u64,
    /// Whether the kernel shows all of the node stopped.
    pub stopped: bool,
}

/// A thread of a node that a tracer keeps stopped.
#[derive(Debug)]
pub(crate) struct Held {
    pub node: NodeId,
    pub thread: Thread,
    tracer: Tracer,
}

impl Cluster {
    /// Stops a node with SIGSTOP until [`resume`](Self::resume). Several pauses add up.
    pub(crate) async fn pause(&mut self, node: NodeId) -> anyhow::Result<Pause> {
        for process in &self.running(node).processes {
            process.signal(Signal::SIGSTOP).with_context(|| format!("pausing {node}"))?;
        }
        Ok(self.adopt_pause(node).await)
    }

    /// Takes a node that is being stopped, or has stopped itself, for paused until [`resume`](Self::resume).
    pub(crate) async fn adopt_pause(&mut self, node: NodeId) -> Pause {
        let running = self.running_mut(node);
        running.pauses += 1;
        let mut stopped = true;
        for process in &running.processes {
            stopped &= process.wait_until_stopped(SIGNAL_LIMIT).await;
        }
        Pause { node, start: running.starts, stopped }
    }

    /// Whether the node has ended since, or come back as another process.
    pub(crate) fn is_over(&self, pause: &Pause) -> bool {
        self.running(pause.node).starts != pause.start || !self.is_alive(pause.node)
    }

    /// Undoes one pause.
    pub(crate) async fn resume(&mut self, pause: Pause) -> anyhow::Result<()> {
        let Pause { node, start, .. } = pause;
        let running = self.running_mut(node);
        if running.starts != start {
            return Ok(());
        }
        running.pauses -= 1;
        if running.pauses > 0 {
            return Ok(());
        }
        for process in &running.processes {
            if !process.go_on(SIGNAL_LIMIT).await.with_context(|| format!("resuming {node}"))? {
                bail!("{node} (process {}) was resumed but stays stopped", process.pid());
            }
        }
        Ok(())
    }

    /// The threads of a node's processes, by name.
    pub(crate) fn threads(&self, node: NodeId) -> Vec<Thread> {
        self.threads_and_states(node).into_iter().map(|(thread, _)| thread).collect()
    }

    /// Those of them that a signal or a tracer has stopped.
    pub(super) fn stopped_threads(&self, node: NodeId) -> Vec<Thread> {
        let stopped = self.threads_and_states(node).into_iter().filter(|(_, state)| is_stopped(*state));
        stopped.map(|(thread, _)| thread).collect()
    }

    fn threads_and_states(&self, node: NodeId) -> Vec<(Thread, char)> {
        let threads = |process| Process::threads(process).unwrap_or_default();
        let mut threads: Vec<_> = self.running(node).processes.iter().flat_map(threads).collect();
        threads.sort();
        threads
    }

    /// Stops one thread of a node until [`let_thread_go`](Self::let_thread_go). An error if the kernel shows that it did not stop.
    pub(crate) async fn hold_thread(&self, node: NodeId, thread: Thread) -> anyhow::Result<Held> {
        // Beside the node's directory, as what is in there is the node's own.
        let log = self.running(node).place.directory.with_extension("tracer.log");
        let tracer = Tracer::hold(&thread, &log, &self.guardian, SIGNAL_LIMIT).await;
        let tracer = tracer.with_context(|| format!("stopping thread {} of {node}", thread.name))?;
        Ok(Held { node, thread, tracer })
    }

    /// Lets a thread go on, if its process still lives.
    pub(crate) async fn let_thread_go(&self, held: Held) -> anyhow::Result<()> {
        let Held { node, thread, tracer } = held;
        tracer.let_go(SIGNAL_LIMIT).await.with_context(|| format!("letting thread {} of {node} go on", thread.name))
    }
}
