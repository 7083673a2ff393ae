//! Carries the bytes of one link: accepts connections, dials the target, and moves bytes both ways under the rule of the
//! two flows. It decides nothing.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use nix::sys::socket::{Shutdown, shutdown};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::flow::Flow;

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

    /// Carries one connection to its end: both parties have closed, or one of them has died or failed.
    async fn carry(mut self, dialer: TcpStream) {
        let [near_end, far_end] = &mut self.deaths;
        near_end.mark_unchanged();
        far_end.mark_unchanged();
        let carried = tokio::select! {
            carried = connect_and_exchange(&dialer, self.target, &self.forth, &self.back) => carried,
            _ = near_end.changed() => Err(io::ErrorKind::ConnectionReset.into()),
            _ = far_end.changed() => Err(io::ErrorKind::ConnectionReset.into()),
        };
        if carried.is_err() {
            // The dialer learns of it by a reset, not by what looks like an orderly end.
            let _ = dialer.set_zero_linger();
        }
    }
}

async fn connect_and_exchange(dialer: &TcpStream, target: SocketAddr, forth: &Flow, back: &Flow) -> io::Result<()> {
    // A connection attempt is held back by a cut like everything else.
    forth.admit().await;
    let onward = TcpStream::connect(target).await?;
    // Small messages must not wait for an acknowledgement: delays are the flows' business.
    dialer.set_nodelay(true)?;
    onward.set_nodelay(true)?;
    let exchanged = tokio::try_join!(pump(dialer, &onward, forth), pump(&onward, dialer, back));
    if exchanged.is_err() {
        let _ = onward.set_zero_linger();
    }
    exchanged.map(|_| ())
}

/// Moves bytes from one socket to another as `flow` allows, until the sender closes and all has arrived.
async fn pump(from: &TcpStream, to: &TcpStream, flow: &Flow) -> io::Result<()> {
    let mut under_way = UnderWay::default();
    let mut buffer = BytesMut::with_capacity(CHUNK_BYTES);
    let mut closed = false;
    while !(closed && under_way.chunks.is_empty()) {
        tokio::select! {
            read = read_some(from, &mut buffer), if !closed && under_way.bytes < UNDER_WAY_BYTES => {
                let read = read?;
                closed = read == 0;
                flow.received(read);
                under_way.push(Instant::now() + flow.delay(), buffer.split().freeze());
                buffer.reserve(CHUNK_BYTES);
            }
            written = under_way.deliver(to, flow), if !under_way.chunks.is_empty() => under_way.advance(written?),
        }
    }
    // The end of the stream is news like any other, and a cut holds it back too.
    flow.opened().await;
    Ok(shutdown(to.as_raw_fd(), Shutdown::Write)?)
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
    chunks: VecDeque<(Instant, Bytes)>,
    bytes: usize,
}

impl UnderWay {
    fn push(&mut self, arrival: Instant, chunk: Bytes) {
        if !chunk.is_empty() {
            self.bytes += chunk.len();
            self.chunks.push_back((arrival, chunk));
        }
    }

    /// Writes from the first chunk once it is due and the flow open. Cancelled, it has written nothing.
    async fn deliver(&self, to: &TcpStream, flow: &Flow) -> io::Result<usize> {
        let (arrival, chunk) = self.chunks.front().expect("only called when something is under way");
        if *arrival > Instant::now() {
            sleep_until(*arrival).await;
        }
        loop {
            flow.opened().await;
            to.writable().await?;
            match flow.forward(|| to.try_write(chunk)) {
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
