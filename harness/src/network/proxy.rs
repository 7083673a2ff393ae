//! Carries the bytes of one link: accepts connections, dials the target, and moves bytes both ways under the rule of the
//! two flows. It decides nothing.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use nix::sys::socket::{Shutdown, shutdown};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::flow::{Arrival, Flow};

/// Bytes under way in one direction of one connection. What does not fit waits in the sender's kernel, as it would
/// behind a slow or cut link. 256 KiB is a 2 Gbit/s link's worth of the default delay of 1 ms.
const UNDER_WAY_BYTES: usize = 256 * 1024;

/// How much is taken from a socket at once.
const CHUNK_BYTES: usize = 16 * 1024;

/// Connections of one link at once. Clients and peers hold one each; more than this is a leak in somebody's client, and
/// it is kept from using up the harness's file descriptors.
const MAX_CONNECTIONS: usize = 512;

/// Rest after a failed accept (out of file descriptors, say), so that the error is not met in a tight loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// One link.
#[derive(Clone, Debug)]
pub(super) struct Link {
    /// Where the dialed party really listens.
    pub target: SocketAddr,
    /// From the dialing party to the dialed one.
    pub forth: Arc<Flow>,
    /// And back.
    pub back: Arc<Flow>,
    /// The deaths of both parties.
    pub deaths: [watch::Receiver<u64>; 2],
    /// What faults want of its connections.
    pub orders: watch::Receiver<Orders>,
}

/// What faults want of the connections of one link.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Orders {
    /// How often all were to be reset.
    pub resets: u64,
    /// The end that forgets those that exist, as long as this is so.
    pub forgetful: Option<End>,
    /// The end that is said to be done sending on those that exist, as long as this is so.
    pub done: Option<End>,
}

/// One end of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Who dialed.
    Dialer,
    /// Who was dialed.
    Target,
}

impl Link {
    /// Serves connections until it is dropped.
    pub(super) async fn serve(self, listener: TcpListener) {
        let mut connections = JoinSet::new();
        loop {
            while connections.try_join_next().is_some() {}
            if connections.len() >= MAX_CONNECTIONS {
                connections.join_next().await;
            }
            match listener.accept().await {
                Ok((stream, _)) => {
                    connections.spawn(self.clone().carry(stream));
                }
                Err(error) => {
                    tracing::warn!(%error, target = %self.target, "a proxy cannot accept");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Carries one connection to its end: both parties have closed, one of them has died or failed, or a fault wants it so.
    async fn carry(mut self, dialer: TcpStream) {
        for death in &mut self.deaths {
            death.mark_unchanged();
        }
        self.orders.mark_unchanged();
        let onward = OnceLock::new();
        match self.until_it_ends(&dialer, &onward).await {
            Ending::Closed => {}
            // The dialer learns of it by a reset, not by what looks like an orderly end.
            Ending::Broken => {
                tokio::join!(self.forth.let_close(), self.back.let_close());
                let _ = dialer.set_zero_linger();
            }
            Ending::Reset => {
                self.forth.counters.reset_connections.fetch_add(1, Ordering::Relaxed);
                for end in std::iter::once(&dialer).chain(onward.get()) {
                    let _ = end.set_zero_linger();
                }
            }
            Ending::HalfOpen(forgetful) => {
                let Some(onward) = onward.into_inner() else { return };
                let (lost, kept, flow) = match forgetful {
                    End::Dialer => (dialer, onward, Arc::clone(&self.back)),
                    End::Target => (onward, dialer, Arc::clone(&self.forth)),
                };
                let _ = lost.set_zero_linger();
                drop(lost);
                flow.counters.half_open_connections.fetch_add(1, Ordering::Relaxed);
                let mut orders = self.orders.clone();
                tokio::select! {
                    () = swallow(&kept, &flow) => {}
                    () = self.death() => {}
                    _ = orders.wait_for(|orders| orders.forgetful.is_none()) => {}
                }
                let _ = kept.set_zero_linger();
            }
        }
    }

    async fn until_it_ends(&mut self, dialer: &TcpStream, onward: &OnceLock<TcpStream>) -> Ending {
        let (forth, back) = (Arc::clone(&self.forth), Arc::clone(&self.back));
        let done = [Notify::new(), Notify::new()];
        let exchange = connect_and_exchange(dialer, onward, self.target, [&forth, &back], &done);
        tokio::pin!(exchange);
        let resets = self.orders.borrow().resets;
        let mut is_half_closed = false;
        loop {
            let [near_end, far_end] = &mut self.deaths;
            tokio::select! {
                carried = &mut exchange => return if carried.is_ok() { Ending::Closed } else { Ending::Broken },
                _ = near_end.changed() => return Ending::Broken,
                _ = far_end.changed() => return Ending::Broken,
                Ok(()) = self.orders.changed() => {}
            }
            let orders = *self.orders.borrow();
            if orders.resets != resets {
                return Ending::Reset;
            }
            // A connection that is still being dialed can't be forgotten.
            if let Some(forgetful) = orders.forgetful.filter(|_| onward.get().is_some()) {
                return Ending::HalfOpen(forgetful);
            }
            match orders.done.filter(|_| onward.get().is_some()) {
                Some(end) if !is_half_closed => {
                    let (flow, done) = if end == End::Dialer { (&forth, &done[0]) } else { (&back, &done[1]) };
                    flow.counters.half_closed_connections.fetch_add(1, Ordering::Relaxed);
                    done.notify_one();
                    is_half_closed = true;
                }
                None if is_half_closed => return Ending::Broken,
                _ => {}
            }
        }
    }

    /// Waits until one of the parties dies.
    async fn death(&self) {
        let [mut near_end, mut far_end] = self.deaths.clone();
        tokio::select! {
            _ = near_end.changed() => {}
            _ = far_end.changed() => {}
        }
    }
}

/// How a connection ends.
enum Ending {
    Closed,
    Broken,
    Reset,
    /// This end has forgotten it, and the other has not.
    HalfOpen(End),
}

async fn connect_and_exchange(
    dialer: &TcpStream,
    onward: &OnceLock<TcpStream>,
    target: SocketAddr,
    [forth, back]: [&Flow; 2],
    [forth_done, back_done]: &[Notify; 2],
) -> io::Result<()> {
    // A connection attempt is held back by a cut like everything else.
    forth.admit().await;
    let connected = TcpStream::connect(target).await?;
    // Small messages must not wait for an acknowledgement: delays are the flows' business.
    dialer.set_nodelay(true)?;
    connected.set_nodelay(true)?;
    let onward = onward.get_or_init(|| connected);
    let exchanged = tokio::try_join!(pump(dialer, onward, forth, forth_done), pump(onward, dialer, back, back_done));
    if exchanged.is_err() {
        let _ = onward.set_zero_linger();
    }
    exchanged.map(|_| ())
}

/// Takes what is sent to somebody who has forgotten the connection.
async fn swallow(kept: &TcpStream, flow: &Flow) {
    let mut buffer = BytesMut::with_capacity(CHUNK_BYTES);
    while let Ok(read @ 1..) = read_some(kept, &mut buffer).await {
        flow.counters.swallowed_bytes.fetch_add(read as u64, Ordering::Relaxed);
        buffer.clear();
        buffer.reserve(CHUNK_BYTES);
    }
}

/// Moves bytes from one socket to another as `flow` allows, until the sender closes, or is said to be `done`, and all has arrived.
async fn pump(from: &TcpStream, to: &TcpStream, flow: &Flow, done: &Notify) -> io::Result<()> {
    let mut under_way = UnderWay::default();
    let mut buffer = BytesMut::with_capacity(CHUNK_BYTES);
    let (mut closed, mut is_early) = (false, false);
    while !(closed && under_way.chunks.is_empty()) {
        tokio::select! {
            () = done.notified(), if !closed => (closed, is_early) = (true, true),
            read = read_some(from, &mut buffer), if !closed && under_way.bytes < UNDER_WAY_BYTES => {
                closed = read? == 0;
                let arrival = flow.receive(&mut buffer);
                under_way.push(arrival, buffer.split().freeze());
                buffer.reserve(CHUNK_BYTES);
            }
            written = under_way.deliver(to, flow), if !under_way.chunks.is_empty() => under_way.advance(written?),
        }
    }
    // The end of the stream is news like any other, and a cut holds it back too.
    flow.opened().await;
    flow.let_close().await;
    shutdown(to.as_raw_fd(), Shutdown::Write)?;
    if is_early {
        swallow(from, flow).await;
    }
    Ok(())
}

/// Reads what has come. Cancelled, it has read nothing.
async fn read_some(from: &TcpStream, buffer: &mut BytesMut) -> io::Result<usize> {
    loop {
        from.readable().await?;
        match from.try_read_buf(buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            result => return result,
        }
    }
}

/// Bytes on their way, each chunk with its time of arrival.
#[derive(Default)]
struct UnderWay {
    chunks: VecDeque<(Arrival, Bytes)>,
    bytes: usize,
}

impl UnderWay {
    fn push(&mut self, arrival: Arrival, chunk: Bytes) {
        if !chunk.is_empty() {
            self.bytes += chunk.len();
            self.chunks.push_back((arrival, chunk));
        }
    }

    /// Writes from the first chunk once it is due and the flow open. Cancelled, it has written nothing.
    async fn deliver(&self, to: &TcpStream, flow: &Flow) -> io::Result<usize> {
        let (arrival, chunk) = self.chunks.front().expect("only called when something is under way");
        loop {
            flow.let_through(*arrival).await;
            to.writable().await?;
            match flow.forward(|most| to.try_write(&chunk[..chunk.len().min(most)])) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return result,
            }
        }
    }

    fn advance(&mut self, written: usize) {
        self.bytes -= written;
        let (_, chunk) = self.chunks.front_mut().expect("what was written was under way");
        chunk.advance(written);
        if chunk.is_empty() {
            self.chunks.pop_front();
        }
    }
}
