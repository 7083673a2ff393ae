//! A connection from one client's session to one node: sends requests, hands back replies, and says how far it got when it ends.
//!
//! Not here: what is sent where (`queue`).

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::reply::{Scanner, error_text};

/// How long connecting and saying the connection's options may take. A node that is alive needs a millisecond.
const SETUP_TIMEOUT: Duration = Duration::from_secs(1);
/// Requests put together for one write.
const WRITE_BYTES: usize = 64 << 10;

/// What a lane tells its session.
#[derive(Debug)]
pub(super) enum Event {
    Reply {
        lane: u64,
        reply: Bytes,
    },
    /// It has ended. Only the first `written` of its requests can have reached the node.
    Closed {
        lane: u64,
        written: u64,
        why: String,
    },
}

/// The session's end of a lane.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) id: u64,
    /// Unbounded, but a session has a bounded number of unanswered requests.
    requests: mpsc::UnboundedSender<Bytes>,
    stop: CancellationToken,
}

impl Lane {
    /// Opens a connection, on which `setup` is said first. Until all of that is answered with success nothing else is sent.
    pub(super) fn open(id: u64, address: SocketAddr, setup: Vec<Bytes>, events: mpsc::Sender<Event>) -> Self {
        let (requests, receiver) = mpsc::unbounded_channel();
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        tokio::spawn(async move {
            let mut written = 0;
            let work = work(id, address, &setup, receiver, &events, &mut written);
            let end = stopped.run_until_cancelled(work).await;
            let why = match end {
                Some(Err(error)) => error.to_string(),
                Some(Ok(())) => return, // the session is gone
                None => "the node is taken for dead".to_owned(),
            };
            let _ = events.send(Event::Closed { lane: id, written, why }).await; // an error means that the session is gone
        });
        Lane { id, requests, stop }
    }

    pub(super) fn send(&self, request: Bytes) {
        let _ = self.requests.send(request); // if the lane has ended, its last event says what was not sent
    }

    /// Ends the lane; that it has ended is told as ever.
    pub(super) fn cut(&self) {
        self.stop.cancel();
    }
}

async fn work(
    lane: u64,
    address: SocketAddr,
    setup: &[Bytes],
    requests: mpsc::UnboundedReceiver<Bytes>,
    events: &mpsc::Sender<Event>,
    written: &mut u64,
) -> io::Result<()> {
    let (reader, writer, input) = timeout(SETUP_TIMEOUT, set_up(address, setup)).await??;
    tokio::select! {
        end = write(writer, requests, written) => end,
        end = read(lane, reader, input, events) => end,
    }
}

async fn set_up(address: SocketAddr, setup: &[Bytes]) -> io::Result<(OwnedReadHalf, OwnedWriteHalf, BytesMut)> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut reader, mut writer) = stream.into_split();
    let (mut input, mut scanner) = (BytesMut::new(), Scanner::default());
    writer.write_all(&setup.concat()).await?;
    for _ in setup {
        let reply = next(&mut reader, &mut input, &mut scanner).await?;
        if let Some(error) = error_text(&reply) {
            return Err(io::Error::other(format!("the node refuses an option of the connection: {error}")));
        }
    }
    Ok((reader, writer, input))
}

async fn next(reader: &mut OwnedReadHalf, input: &mut BytesMut, scanner: &mut Scanner) -> io::Result<Bytes> {
    loop {
        if let Some(reply) =
            scanner.take(input).map_err(|garbled| io::Error::new(io::ErrorKind::InvalidData, garbled))?
        {
            return Ok(reply);
        }
        if reader.read_buf(input).await? == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the node closed the connection"));
        }
    }
}

async fn write(
    mut writer: OwnedWriteHalf,
    mut requests: mpsc::UnboundedReceiver<Bytes>,
    written: &mut u64,
) -> io::Result<()> {
    let mut output = BytesMut::new();
    while let Some(request) = requests.recv().await {
        output.extend_from_slice(&request);
        *written += 1; // before the first byte goes out: from then on nobody knows
        while output.len() < WRITE_BYTES
            && let Ok(request) = requests.try_recv()
        {
            output.extend_from_slice(&request);
            *written += 1;
        }
        writer.write_all(&output).await?;
        output.clear();
    }
    Ok(())
}

async fn read(
    lane: u64,
    mut reader: OwnedReadHalf,
    mut input: BytesMut,
    events: &mpsc::Sender<Event>,
) -> io::Result<()> {
    let mut scanner = Scanner::default();
    loop {
        let reply = next(&mut reader, &mut input, &mut scanner).await?;
        if events.send(Event::Reply { lane, reply }).await.is_err() {
            return Ok(());
        }
    }
}
