//! The clients' side: accepts connections, speaks RESP2, and asks the core.
//!
//! Not here: what operations do (`store`) and when they are answered (`core`).

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::core::Answer;
use crate::core::admin::Admin;
use crate::core::status::Status;
use crate::sessions::Numbered;
use crate::store::Operation;
use crate::terms::Terms;
use connection::Connection;

pub(crate) mod commands;
mod connection;
mod follower_table;
pub(crate) mod info;
mod metrics;
pub(crate) mod resp;

/// Most client connections at once. Each costs two small buffers and may have `connection::MAX_PIPELINED` operations waiting.
const MAX_CONNECTIONS: usize = 4096;
/// How long clients may take to read their last answers.
const FAREWELL: Duration = Duration::from_secs(1);
/// Most operations that wait for the core; beyond that the clients' connections are not read.
const MAILBOX: usize = 4096;

/// What connections ask the core.
#[derive(Debug)]
pub(crate) enum Ask {
    Execute { operation: Operation, terms: Terms, token: oneshot::Sender<Answer> },
    Wait { followers: u64, timeout_ms: u64, token: oneshot::Sender<Answer> },
    Admin { admin: Admin, token: oneshot::Sender<Answer> },
    ExecuteOnce { operation: Operation, numbered: Numbered, token: oneshot::Sender<Answer> },
    OpenSession { client: Bytes, token: oneshot::Sender<Answer> },
    Status(oneshot::Sender<Status>),
}

/// What every connection knows of this node.
#[derive(Debug)]
struct Node {
    config: Config,
    address: SocketAddr,
    started: Instant,
    /// Ids given to connections so far.
    connections: AtomicU64,
    room: Arc<Semaphore>,
    /// Cancelled when the node ends.
    closing: CancellationToken,
}

impl Node {
    /// How many clients are connected.
    fn connected(&self) -> usize {
        MAX_CONNECTIONS - self.room.available_permits()
    }
}

/// Starts serving clients, and metrics if there is a listener for them, on tasks of the present runtime. `address` is where clients
/// are told to go.
pub(crate) fn start(
    config: &Config,
    address: SocketAddr,
    listener: TcpListener,
    metrics: Option<TcpListener>,
) -> (mpsc::Receiver<Ask>, Doors) {
    let (mailbox, receiver) = mpsc::channel(MAILBOX);
    let node = Arc::new(Node {
        config: config.clone(),
        address,
        started: Instant::now(),
        connections: AtomicU64::new(0),
        room: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
        closing: CancellationToken::new(),
    });
    let doors = Doors { closing: node.closing.clone(), connections: TaskTracker::new() };
    if let Some(metrics) = metrics {
        tokio::spawn(metrics::accept(metrics, Arc::clone(&node), mailbox.clone(), doors.connections.clone()));
    }
    tokio::spawn(accept(listener, node, mailbox, doors.connections.clone()));
    (receiver, doors)
}

/// Lets clients in, and in the end out.
#[derive(Debug)]
pub(crate) struct Doors {
    closing: CancellationToken,
    connections: TaskTracker,
}

impl Doors {
    /// Writes every answer that is here and closes every connection.
    pub(crate) async fn close(self) {
        self.closing.cancel();
        self.connections.close();
        let _ = timeout(FAREWELL, self.connections.wait()).await; // who does not read by then has no answer to lose
    }
}

async fn accept(listener: TcpListener, node: Arc<Node>, mailbox: mpsc::Sender<Ask>, connections: TaskTracker) {
    while let Some(accepted) = node.closing.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((stream, _)) => match Arc::clone(&node.room).try_acquire_owned() {
                Ok(permit) => {
                    let connection = Connection::new(Arc::clone(&node), mailbox.clone());
                    connections.spawn(async move {
                        connection.serve(stream).await;
                        drop(permit);
                    });
                }
                Err(_) => resp::refuse(&stream, "ERR max number of clients reached"),
            },
            Err(error) => {
                tracing::warn!(%error, "cannot accept a client's connection");
                tokio::time::sleep(Duration::from_millis(100)).await; // typically out of file descriptors
            }
        }
    }
}
