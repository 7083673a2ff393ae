//! `interregnum node route`: one address for a whole cluster. Writes go to the leader, reads to followers that are fresh enough, and
//! while there is no leader, writes wait.
//!
//! It keeps no data and decides nothing about leadership; several can run side by side, and none is part of the cluster. Each client
//! has connections of its own to the nodes that it uses, so whatever a client chooses for its connection holds there too.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, Semaphore, watch};

pub use flags::{Balance, Lagging, Route, RouteError, RouteReads};
use queue::Purpose;
use topology::Topology;

use crate::server::resp;

mod answers;
mod choice;
mod flags;
mod lane;
mod options;
mod queue;
mod reply;
mod request;
mod session;
mod topology;
mod watching;

/// What all sessions and watchers share.
#[derive(Debug)]
struct Shared {
    flags: Route,
    topology: watch::Sender<Topology>,
    /// For each node: look at it now.
    nudges: Vec<Notify>,
    /// Room for held operations, and for clients.
    hold: Arc<Semaphore>,
    room: Arc<Semaphore>,
    traffic: Vec<Traffic>,
    started: Instant,
}

/// What a node was sent.
#[derive(Debug, Default)]
struct Traffic {
    reads: AtomicU64,
    writes: AtomicU64,
    unanswered: AtomicU64,
}

impl Shared {
    fn new(flags: Route) -> Self {
        let nodes = flags.nodes.iter().map(|node| (node.id.clone(), node.address));
        Shared {
            topology: watch::Sender::new(Topology::new(nodes, flags.misses)),
            nudges: flags.nodes.iter().map(|_| Notify::new()).collect(),
            hold: Arc::new(Semaphore::new(flags.hold_queue as usize)),
            room: Arc::new(Semaphore::new(flags.max_clients as usize)),
            traffic: flags.nodes.iter().map(|_| Traffic::default()).collect(),
            started: Instant::now(),
            flags,
        }
    }

    fn now_ms(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }

    fn look_every(&self) -> Duration {
        Duration::from_millis(self.flags.watch_ms)
    }

    fn address(&self, node: usize) -> SocketAddr {
        self.flags.nodes[node].address
    }

    fn count_sent(&self, node: usize, purpose: Purpose) {
        let Traffic { reads, writes, unanswered } = &self.traffic[node];
        let counter = if purpose == Purpose::Lead { writes } else { reads };
        counter.fetch_add(1, Ordering::Relaxed);
        unanswered.fetch_add(1, Ordering::Relaxed);
    }

    fn count_answered(&self, node: usize, count: usize) {
        self.traffic[node].unanswered.fetch_sub(count as u64, Ordering::Relaxed);
    }

    fn unanswered(&self, node: usize) -> u64 {
        self.traffic[node].unanswered.load(Ordering::Relaxed)
    }

    /// Requests sent to a node in follower modes and as to a leader, and those that it has not answered.
    fn traffic(&self, node: usize) -> (u64, u64, u64) {
        let Traffic { reads, writes, .. } = &self.traffic[node];
        (reads.load(Ordering::Relaxed), writes.load(Ordering::Relaxed), self.unanswered(node))
    }

    fn clients(&self) -> usize {
        self.flags.max_clients as usize - self.room.available_permits()
    }

    fn held(&self) -> usize {
        self.flags.hold_queue as usize - self.hold.available_permits()
    }
}

impl Route {
    /// Runs a router until it is told to stop by SIGTERM or SIGINT; blocks. Logs to standard error, as much as `RUST_LOG` says.
    pub fn run(self) -> anyhow::Result<()> {
        self.validate()?;
        crate::log_to_stderr();
        let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
        runtime.block_on(route(self))
    }
}

async fn route(flags: Route) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let address = flags.listen;
    let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on --listen {address}"))?;
    tracing::info!(clients = %listener.local_addr()?, nodes = flags.nodes.len(), "routing");
    let shared = Arc::new(Shared::new(flags));
    for node in 0..shared.flags.nodes.len() {
        tokio::spawn(watching::watch(Arc::clone(&shared), node));
    }
    tokio::select! {
        () = accept(listener, shared) => {}
        _ = terminate.recv() => tracing::info!(signal = "SIGTERM", "stopping"),
        _ = interrupt.recv() => tracing::info!(signal = "SIGINT", "stopping"),
    }
    Ok(())
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = 0;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => match Arc::clone(&shared.room).try_acquire_owned() {
                Ok(permit) => {
                    connections += 1;
                    let (shared, id) = (Arc::clone(&shared), connections);
                    tokio::spawn(async move {
                        session::serve(shared, stream, id).await;
                        drop(permit);
                    });
                }
                Err(_) => resp::refuse(&stream, "ERR max number of clients reached (--max-clients)"),
            },
            Err(error) => {
                tracing::warn!(%error, "cannot accept a client's connection");
                tokio::time::sleep(Duration::from_millis(100)).await; // typically out of file descriptors
            }
        }
    }
}
