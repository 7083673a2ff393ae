//! Watches the nodes: asks each for `INFO replication`, over and over, and counts what stays unanswered.
//!
//! Not here: what follows from it (`topology`).

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::Shared;
use super::reply::{Scanner, bulk_text};
use super::topology::{Report, Topology};
use crate::server::resp::words;

/// Least time between two looks at one node, however eagerly clients' refusals ask for news.
const LEAST_PAUSE: Duration = Duration::from_millis(5);

/// Watches one node for ever.
pub(super) async fn watch(shared: Arc<Shared>, node: usize) {
    loop {
        let began = Instant::now();
        if let Ok(Ok(stream)) = timeout(shared.look_every(), TcpStream::connect(shared.address(node))).await
            && stream.set_nodelay(true).is_ok()
        {
            // It returns when the connection is of no use any more; what was wrong with it shows in the next one.
            let _ = look_repeatedly(&shared, node, stream).await;
        }
        note(&shared, node, |topology| topology.miss(node));
        sleep_until(began + shared.look_every()).await;
    }
}

async fn look_repeatedly(shared: &Shared, node: usize, mut stream: TcpStream) -> io::Result<()> {
    let question = words(&["INFO", "replication"]);
    let (mut input, mut scanner) = (BytesMut::new(), Scanner::default());
    loop {
        let (asked_ms, began) = (shared.now_ms(), Instant::now());
        stream.write_all(&question).await?;
        let mut patience = began;
        for _ in 0..shared.flags.misses {
            patience += shared.look_every();
            match timeout_at(patience, next_reply(&mut stream, &mut input, &mut scanner)).await {
                Ok(report) => {
                    let report = report?;
                    note(shared, node, |topology| topology.hear(node, report, asked_ms));
                    patience = began;
                    break;
                }
                Err(_) => note(shared, node, |topology| topology.miss(node)),
            }
        }
        if patience != began {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let _ = timeout_at(began + shared.look_every(), shared.nudges[node].notified()).await;
        sleep_until(began + LEAST_PAUSE).await;
    }
}

/// Dropping this future loses nothing.
async fn next_reply(stream: &mut TcpStream, input: &mut BytesMut, scanner: &mut Scanner) -> io::Result<Report> {
    let garbled = || io::Error::from(io::ErrorKind::InvalidData);
    loop {
        if let Some(reply) = scanner.take(input).map_err(|_| garbled())? {
            return bulk_text(&reply).and_then(Report::parse).ok_or_else(garbled);
        }
        if stream.read_buf(input).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// Takes something into the topology, tells the sessions, and logs what changed.
fn note(shared: &Shared, node: usize, change: impl FnOnce(&mut Topology)) {
    shared.topology.send_modify(|topology| {
        let before = (topology.leader, topology.backends[node].up);
        change(topology);
        let backend = &topology.backends[node];
        if backend.up != before.1 {
            let state = if backend.up { "up" } else { "down" };
            tracing::info!(node = backend.id, address = %backend.address, epoch = backend.epoch(), state, "node");
        }
        if topology.leader != before.0 {
            if let Some(leader) = topology.leader.map(|leader| &topology.backends[leader]) {
                tracing::info!(leader = leader.id, epoch = leader.epoch(), "leader found");
            } else {
                tracing::info!("leader lost: writes are held");
            }
        }
    });
}
