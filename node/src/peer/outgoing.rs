//! Dialing one peer, and a bounded queue of what it is to be told.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::{Notify, mpsc};
use tokio::time::timeout;

use super::wire::encode;
use super::{Direction, Identity, PeerEvent};
use crate::core::message::Message;
use crate::pause_points;
use crate::record::Member;

/// Most bytes that wait for one peer: a few times what a leader has in flight.
const QUEUE_BYTES: usize = 16 << 20;
/// How many bytes of frames are put together for one write.
const WRITE_BYTES: usize = 256 << 10;
/// A dial, or a connection whose writes make no progress, is given up after this long and tried anew.
const STALL: Duration = Duration::from_secs(1);
const BACKOFF_LEAST: Duration = Duration::from_millis(10);
const BACKOFF_MOST: Duration = Duration::from_millis(200);

/// Messages for one peer. Holds nothing while there is no connection; drops everything when full, because the oldest are stale then
/// and the protocol starts over from what the peer confirmed.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    ready: Notify,
}

#[derive(Debug, Default)]
struct State {
    connected: bool,
    messages: VecDeque<Message>,
    bytes: usize,
}

impl Queue {
    pub(crate) fn push(&self, message: Message) {
        let size = message.size();
        let mut state = self.lock();
        if !state.connected {
            return;
        }
        if state.bytes + size > QUEUE_BYTES {
            tracing::debug!(bytes = state.bytes, "a peer does not keep up; dropped what was queued for it");
            (state.messages, state.bytes) = (VecDeque::new(), 0);
        }
        state.bytes += size;
        state.messages.push_back(message);
        drop(state);
        self.ready.notify_one();
    }

    /// Empties the queue and says whether it may fill again.
    fn reset(&self, connected: bool) {
        *self.lock() = State { connected, ..State::default() };
    }

    /// Moves messages into `out` until that is worth a write.
    fn drain(&self, out: &mut BytesMut) {
        while out.len() < WRITE_BYTES && !pause_points::holds_back() {
            let message = {
                let mut state = self.lock();
                let Some(message) = state.messages.pop_front() else { return };
                state.bytes -= message.size();
                message
            };
            encode(&message, out);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it holds this lock")
    }
}

/// Keeps one peer connected.
pub(crate) struct Dialer {
    pub(crate) peer: Member,
    pub(crate) id: String,
    pub(crate) address: SocketAddr,
    pub(super) identity: Arc<Identity>,
    pub(crate) queue: Arc<Queue>,
    pub(crate) events: mpsc::Sender<PeerEvent>,
}

impl Dialer {
    /// Dials until the node stops.
    pub(crate) async fn run(self) {
        let mut backoff = BACKOFF_LEAST;
        while !self.events.is_closed() {
            let started = Instant::now();
            if let Err(error) = self.connect().await {
                tracing::debug!(peer = self.id, address = %self.address, %error, "link down");
            }
            if started.elapsed() > STALL {
                backoff = BACKOFF_LEAST; // it held for a while
            }
            tokio::time::sleep(backoff).await;
            backoff = (backoff * 2).min(BACKOFF_MOST);
        }
    }

    async fn connect(&self) -> io::Result<()> {
        let stream = timeout(STALL, TcpStream::connect(self.address)).await??;
        stream.set_nodelay(true)?;
        let mut out = BytesMut::new();
        encode(&self.identity.hello(&self.id), &mut out);
        let (mut reader, mut writer) = stream.into_split();
        write(&mut writer, &mut out).await?;

        self.queue.reset(true);
        self.link(true).await;
        let mut nothing = [0; 1];
        let ended = tokio::select! {
            ended = self.send_queue(&mut writer, out) => ended,
            // Nothing ever comes back; this ends when the connection does.
            _ = reader.read(&mut nothing) => Err(io::ErrorKind::ConnectionAborted.into()),
        };
        self.queue.reset(false);
        self.link(false).await;
        ended
    }

    async fn send_queue(&self, writer: &mut OwnedWriteHalf, mut out: BytesMut) -> io::Result<()> {
        loop {
            self.queue.drain(&mut out);
            if out.is_empty() {
                self.queue.ready.notified().await;
            } else {
                write(writer, &mut out).await?;
            }
        }
    }

    async fn link(&self, up: bool) {
        let event = PeerEvent::Link { peer: self.peer, direction: Direction::Outgoing, up };
        let _ = self.events.send(event).await; // nobody listens: the node is stopping
    }
}

/// Writes all of `out`, as long as some of it goes out every now and then.
async fn write(writer: &mut OwnedWriteHalf, out: &mut BytesMut) -> io::Result<()> {
    while out.has_remaining() {
        timeout(STALL, writer.write_buf(out)).await??;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::message::Body;

    #[test]
    fn a_queue_holds_nothing_without_a_connection_and_little_with_one() {
        let queue = Queue::default();
        let message = || Message::new(1, Body::Ping);
        queue.push(message());
        assert_eq!(queue.lock().messages.len(), 0);

        queue.reset(true);
        for _ in 0..2 * QUEUE_BYTES / message().size() {
            queue.push(message());
        }
        let queued = queue.lock().bytes;
        assert!(0 < queued && queued <= QUEUE_BYTES, "{queued} bytes");

        let mut out = BytesMut::new();
        queue.drain(&mut out);
        assert!(out.len() <= WRITE_BYTES + message().size());
    }
}
