//! A client that speaks RESP, to a node of ours or to Redis.

use std::net::SocketAddr;

use anyhow::{Context as _, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

pub(crate) struct Resp {
    stream: TcpStream,
    /// Follow each write by `WAIT 1 0`: until a replica has it.
    wait: bool,
    request: Vec<u8>,
    reply: Vec<u8>,
}

impl Resp {
    pub(crate) async fn connect(address: SocketAddr, wait: bool) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Resp { stream, wait, request: Vec::new(), reply: Vec::new() })
    }

    pub(crate) async fn write(&mut self, key: &str, value: &[u8]) -> anyhow::Result<()> {
        self.request.clear();
        let set = format!("*3\r\n$3\r\nSET\r\n${}\r\n{key}\r\n${}\r\n", key.len(), value.len());
        self.request.extend_from_slice(set.as_bytes());
        self.request.extend_from_slice(value);
        self.request.extend_from_slice(b"\r\n");
        if self.wait {
            self.request.extend_from_slice(b"*3\r\n$4\r\nWAIT\r\n$1\r\n1\r\n$1\r\n0\r\n");
        }
        self.stream.write_all(&self.request).await?;
        let reply = self.lines(if self.wait { 2 } else { 1 }).await?;
        let done = if self.wait {
            reply.strip_prefix("+OK\r\n:").is_some_and(|n| !n.starts_with('0'))
        } else {
            reply == "+OK\r\n"
        };
        ensure!(done, "the answer to SET is {reply:?}");
        Ok(())
    }

    /// The first line of the answer to a command of words.
    pub(crate) async fn ask(&mut self, command: &str) -> anyhow::Result<String> {
        self.stream.write_all(format!("{command}\r\n").as_bytes()).await?;
        self.lines(1).await
    }

    /// The text that `INFO section` answers.
    pub(crate) async fn info(&mut self, section: &str) -> anyhow::Result<String> {
        self.stream.write_all(format!("INFO {section}\r\n").as_bytes()).await?;
        let head = self.lines(1).await?;
        let bytes: usize = head.trim_start_matches('$').lines().next().unwrap_or("").parse().context(head)?;
        while !self.reply.ends_with(b"\r\n") || self.reply.len() < bytes {
            ensure!(self.stream.read_buf(&mut self.reply).await? > 0, "the connection is closed");
        }
        Ok(String::from_utf8_lossy(&self.reply).into_owned())
    }

    /// Reads until there are so many lines.
    async fn lines(&mut self, lines: usize) -> anyhow::Result<String> {
        self.reply.clear();
        while self.reply.split(|&byte| byte == b'\n').count() <= lines {
            ensure!(self.stream.read_buf(&mut self.reply).await? > 0, "the connection is closed");
        }
        Ok(String::from_utf8_lossy(&self.reply).into_owned())
    }
}
