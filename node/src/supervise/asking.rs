//! One question to one node, and its answer.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use bytes::BytesMut;
use redis_protocol::resp2::decode::decode_bytes;
use redis_protocol::resp2::types::BytesFrame;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::server::resp;

/// Longest answer. What nodes tell of themselves is a few hundred bytes for each member.
const MAX_ANSWER_BYTES: usize = 1 << 20;

/// Asks over a connection of its own, so that one that died unnoticed is never waited for.
pub(super) async fn ask(address: SocketAddr, words: &[&str], limit: Duration) -> anyhow::Result<String> {
    let asked = timeout(limit, exchange(address, words)).await;
    asked.with_context(|| format!("{address} did not answer within {} ms", limit.as_millis()))?
}

async fn exchange(address: SocketAddr, words: &[&str]) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(address).await.with_context(|| format!("cannot connect to {address}"))?;
    stream.write_all(&resp::words(words)).await?;
    let mut input = BytesMut::new();
    loop {
        ensure!(stream.read_buf(&mut input).await? > 0, "{address} closed the connection");
        ensure!(input.len() <= MAX_ANSWER_BYTES, "{address} does not answer as a node does");
        // A copy of at most a few kilobytes, a few times a second.
        match decode_bytes(&input.clone().freeze()) {
            Ok(None) => {}
            Ok(Some((BytesFrame::BulkString(told) | BytesFrame::SimpleString(told), _))) => {
                return Ok(String::from_utf8_lossy(&told).into_owned());
            }
            Ok(Some((BytesFrame::Error(why), _))) => bail!("{why}"),
            Ok(Some(_)) | Err(_) => bail!("{address} does not answer as a node does"),
        }
    }
}
