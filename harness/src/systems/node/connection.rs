//! One connection to a node, speaking RESP2. It sends a command and waits for the answer; what the answer means is told
//! elsewhere.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use redis_protocol::resp2::decode::decode_bytes_mut;
use redis_protocol::resp2::encode::extend_encode;
use redis_protocol::resp2::types::{BytesFrame, Resp2Frame};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The longest answer: a list of a few thousand elements is tens of kilobytes, so this much is no answer but a fault.
const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;

/// A connection with at most one command under way.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    received: BytesMut,
}

impl Connection {
    pub(super) async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, received: BytesMut::new() })
    }

    /// Whether the node has neither closed the connection nor sent what nobody asked for. A connection known to be closed
    /// before a command is sent spares that command an unknown outcome.
    pub(super) fn is_open(&self) -> bool {
        let nothing_to_read = matches!(
            self.stream.try_read(&mut [0]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock
        );
        nothing_to_read && self.received.is_empty()
    }

    /// Sends a command and waits for its answer. After an error, or when the call is cancelled, the connection is of no
    /// more use: an answer might still come, and would be taken for the next command's.
    pub(super) async fn ask(&mut self, words: Vec<Bytes>) -> io::Result<BytesFrame> {
        let command = BytesFrame::Array(words.into_iter().map(BytesFrame::BulkString).collect());
        let mut request = BytesMut::new();
        extend_encode(&mut request, &command, false).map_err(io::Error::other)?;
        self.stream.write_all(&request).await?;
        loop {
            if let Some((answer, _, _)) = decode_bytes_mut(&mut self.received).map_err(io::Error::other)? {
                return Ok(answer);
            }
            if self.received.len() > MAX_ANSWER_BYTES {
                return Err(io::Error::other(format!("an answer of more than {MAX_ANSWER_BYTES} bytes")));
            }
            if self.stream.read_buf(&mut self.received).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

/// A command from its words.
pub(super) fn command<const N: usize>(words: [&str; N]) -> Vec<Bytes> {
    words.into_iter().map(|word| Bytes::copy_from_slice(word.as_bytes())).collect()
}

/// What a node answers to an operator's order, over a connection of its own.
pub(super) async fn order<const N: usize>(address: SocketAddr, words: [&str; N]) -> io::Result<String> {
    match Connection::open(address).await?.ask(command(words)).await? {
        BytesFrame::SimpleString(told) => Ok(String::from_utf8_lossy(&told).into_owned()),
        other => Err(unexpected(&other)),
    }
}

/// The lines that a node answers to an operator, over a connection of its own.
pub(super) async fn lines<const N: usize>(address: SocketAddr, words: [&str; N]) -> io::Result<Vec<String>> {
    match Connection::open(address).await?.ask(command(words)).await? {
        BytesFrame::Array(lines) => {
            let text = |line: &BytesFrame| line.as_bytes().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
            Ok(lines.iter().filter_map(text).collect())
        }
        other => Err(unexpected(&other)),
    }
}

/// An answer that is none of those that were expected: a refusal, in the node's words, or what no node answers.
pub(super) fn unexpected(answer: &BytesFrame) -> io::Error {
    match answer {
        BytesFrame::Error(why) => io::Error::other(why.to_string()),
        other => io::Error::other(format!("it answered {other:?}")),
    }
}

/// The answer, if it comes within `limit`.
pub(super) async fn within<T>(limit: Duration, answer: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    tokio::time::timeout(limit, answer).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}
