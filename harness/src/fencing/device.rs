//! The fence device: takes requests to switch a node off, one line each, and does so at any time between the launch of a cluster and
//! its end. Every power cycle is recorded.
//!
//! Not here: who asks (`agent`).

use std::collections::BTreeMap;
use std::io;
use std::os::fd::AsRawFd as _;
use std::sync::{Arc, Mutex as StdMutex, PoisonError, Weak};
use std::time::Duration;

use anyhow::Context;
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::GREETING;
use crate::cluster::Cluster;
use crate::node_id::NodeId;
use crate::record::{Recorder, RunEvent};

/// The longest line: `off n15 for supervisor` and some room.
const LONGEST_LINE: u64 = 64;

/// How long an agent may take to say what it wants: it does so at once, or is no agent.
const REQUEST_LIMIT: Duration = Duration::from_secs(10);

/// Agents at once: each node has one at a time, and what is more waits.
const MOST_AGENTS: usize = 32;

/// A rest after a failed accept (out of file descriptors, say), so that the error is not met in a tight loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// A fence device at work.
pub(crate) struct Device {
    /// Aborted when this is dropped.
    serving: JoinSet<()>,
    stop: CancellationToken,
    failure: Failure,
}

/// Why a node could not be switched off or on again, if that ever happened: then the harness has failed.
type Failure = Arc<StdMutex<Option<anyhow::Error>>>;

/// What one agent is served with.
#[derive(Clone)]
struct Desk {
    /// Weak, because a cluster must not live longer than who launched it wants.
    cluster: Weak<Mutex<Cluster>>,
    recorder: Arc<Recorder>,
    /// When each node was last switched off. Locked only together with the cluster.
    last_off: Arc<StdMutex<BTreeMap<NodeId, Instant>>>,
    failure: Failure,
}

impl Device {
    /// Serves a cluster's agents from now on.
    pub(crate) async fn start(cluster: &Arc<Mutex<Cluster>>, recorder: &Arc<Recorder>) -> Self {
        let listener = cluster.lock().await.take_fence_device().expect("a cluster has one fence device");
        let (stop, failure) = (CancellationToken::new(), Failure::default());
        let desk = Desk {
            cluster: Arc::downgrade(cluster),
            recorder: Arc::clone(recorder),
            last_off: Arc::default(),
            failure: Arc::clone(&failure),
        };
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, desk, stop.clone()));
        Self { serving, stop, failure }
    }

    /// Takes no requests any more, and waits until those under way are done with. An error if one of all could not be carried out.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.stop.cancel();
        self.serving.join_all().await;
        match self.failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(error) => Err(error).context("the fence device failed"),
            None => Ok(()),
        }
    }
}

async fn serve(listener: TcpListener, desk: Desk, stop: CancellationToken) {
    let mut agents = JoinSet::new();
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        while agents.try_join_next().is_some() {}
        if agents.len() >= MOST_AGENTS {
            agents.join_next().await;
        }
        match accepted {
            Ok((agent, _)) => drop(agents.spawn(desk.clone().attend(agent, stop.clone()))),
            Err(_) => sleep(ACCEPT_PAUSE).await,
        }
    }
    agents.join_all().await;
}

impl Desk {
    /// Hears what one agent wants and does it. An agent that is not understood, or has left, gets nothing done.
    async fn attend(self, mut agent: TcpStream, stop: CancellationToken) {
        let heard = stop.run_until_cancelled(timeout(REQUEST_LIMIT, hear(&mut agent))).await;
        let Some(Ok(Ok(Some((node, by))))) = heard else { return };
        let asked = Instant::now();
        let Some(cluster) = self.cluster.upgrade() else { return };
        // Faults are injected under this lock, which may take seconds: by then the agent may have given up, and what is done
        // although it was told as failed would strike at a time when nobody expects it.
        let Some(mut cluster) = stop.run_until_cancelled(cluster.lock()).await else { return };
        if has_left(&agent) {
            return;
        }
        let answer = match self.switch_off(&mut cluster, node, by, asked).await {
            Ok(evidence) => format!("done {evidence}\n"),
            Err(why) => format!("failed: {why}\n"),
        };
        drop(cluster);
        // An agent that has left meanwhile told its node that it failed, which is the safe side.
        let _ = agent.write_all(answer.as_bytes()).await;
    }

    /// What was seen, or why it could not be done.
    async fn switch_off(
        &self,
        cluster: &mut Cluster,
        node: NodeId,
        by: String,
        asked: Instant,
    ) -> Result<String, String> {
        if !cluster.nodes().contains(&node) {
            return Err(format!("there is no {node}"));
        }
        let last_off = || self.last_off.lock().unwrap_or_else(PoisonError::into_inner);
        // Two who miss one leader ask at the same time, and what the second one knew of is gone by now.
        if last_off().get(&node).is_some_and(|off| *off >= asked) {
            return Ok("switched off for another that asked at the same time".to_owned());
        }
        match cluster.power_cycle(node).await {
            Ok(evidence) => {
                last_off().insert(node, Instant::now());
                self.recorder.happened(RunEvent::Fenced { node, by, evidence: evidence.clone() });
                Ok(evidence)
            }
            Err(error) => {
                let why = format!("{error:#}");
                self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                Err(why)
            }
        }
    }
}

/// Greets an agent and reads its line: whom to switch off, and for whom. `None`: that is not what it says.
async fn hear(agent: &mut TcpStream) -> io::Result<Option<(NodeId, String)>> {
    agent.set_nodelay(true)?;
    agent.write_all(format!("{GREETING}\n").as_bytes()).await?;
    let mut line = String::new();
    BufReader::new(agent.take(LONGEST_LINE)).read_line(&mut line).await?;
    let words: Vec<_> = line.split_whitespace().collect();
    let ["off", node, "for", by] = words[..] else { return Ok(None) };
    Ok(node.parse().ok().map(|node| (node, by.to_owned())))
}

/// Whether the other end has been closed. The kernel is asked, as the runtime hears of it later.
fn has_left(agent: &TcpStream) -> bool {
    recv(agent.as_raw_fd(), &mut [0], MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT) != Err(Errno::EAGAIN)
}

#[cfg(test)]
#[path = "device_tests.rs"]
mod tests;
