//! A connection to a node, and what it can be asked about changes and slots.
//!
//! Not here: what to do when it does not answer (`tail`).

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde::Deserialize;

use crate::server::resp;

/// How long to wait for a connection, and for an answer beyond the wait that was asked for. A busy node takes its time; one that
/// takes longer is asked again over another connection, which costs nothing.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// Longest line and most lines of an answer. A record has at most some 20 MiB, each byte of which JSON may write as six.
const MAX_LINE_BYTES: usize = 256 << 20;
const MAX_LINES: usize = 1 << 20;

/// Why a node gives no answer of use.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("does not answer as a node does")]
    NoNode,
    #[error("{0} leads")]
    Redirect(SocketAddr),
    /// It may answer later.
    #[error("{0}")]
    NotNow(String),
    /// Perhaps another node knows the position; perhaps none does any more.
    #[error("{0}")]
    Elsewhere(String),
    /// It never will.
    #[error("{0}")]
    Refused(String),
}

impl Failure {
    fn of(text: &str) -> Self {
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        match word {
            "REDIRECT" => rest.parse().map_or(Failure::NoNode, Failure::Redirect),
            "NOLEADER" | "BUSY" => Failure::NotNow(text.to_owned()),
            "AHEAD" | "REWOUND" => Failure::Elsewhere(text.to_owned()),
            _ => Failure::Refused(text.to_owned()),
        }
    }
}

/// Changes, and where they end.
#[derive(Debug, Deserialize)]
pub(super) struct Batch {
    pub(super) lsn: u64,
    pub(super) gtid: Option<String>,
    /// How far there is more.
    pub(super) told_lsn: u64,
    #[serde(skip)]
    pub(super) lines: Vec<Vec<u8>>,
}

/// A node that listens.
pub(super) struct Node {
    stream: BufReader<TcpStream>,
}

impl Node {
    pub(super) fn connect(address: SocketAddr) -> Result<Self, Failure> {
        let stream = TcpStream::connect_timeout(&address, CONNECT_LIMIT)?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(ANSWER_LIMIT))?;
        stream.set_read_timeout(Some(ANSWER_LIMIT))?;
        Ok(Node { stream: BufReader::new(stream) })
    }

    /// The changes behind a position, waited for so long if there are none.
    pub(super) fn changes(&mut self, after: &str, wait_ms: u64, limit: u32, anywhere: bool) -> Result<Batch, Failure> {
        let (wait_ms, limit) = (wait_ms.to_string(), limit.to_string());
        let words = ["CHANGES", "AFTER", after, "LIMIT", &limit, "WAIT", &wait_ms, "ANYWHERE"];
        let mut lines = self.ask(if anywhere { &words } else { &words[..7] })?.into_iter();
        let head = lines.next().ok_or(Failure::NoNode)?;
        let batch: Batch = serde_json::from_slice(&head).map_err(|_| Failure::NoNode)?;
        Ok(Batch { lines: lines.collect(), ..batch })
    }

    /// The place of a slot, if there is one.
    pub(super) fn slot_lsn(&mut self, name: &str) -> Result<Option<u64>, Failure> {
        let own = format!("name={name},kind=consumer,lsn=");
        let lines = self.ask(&["SLOT", "LIST"])?;
        Ok(lines.iter().find_map(|line| {
            let line = String::from_utf8_lossy(line).into_owned();
            line.strip_prefix(&own)?.split(',').next()?.parse().ok()
        }))
    }

    /// False if there is one already.
    pub(super) fn create_slot(&mut self, name: &str, lsn: u64) -> Result<bool, Failure> {
        match self.ask(&["SLOT", "CREATE", name, "FROM", &lsn.to_string()]) {
            Ok(_) => Ok(true),
            Err(Failure::Refused(why)) if why.contains("exists already") => Ok(false),
            Err(failure) => Err(failure),
        }
    }

    /// Asks, and reads a list or a single answer.
    pub(super) fn ask(&mut self, words: &[&str]) -> Result<Vec<Vec<u8>>, Failure> {
        self.stream.get_mut().write_all(&resp::words(words))?;
        match self.line()?.split_at_checked(1) {
            Some(("-", why)) => Err(Failure::of(why)),
            Some(("+" | ":", told)) => Ok(vec![told.into()]),
            Some(("*", count)) => {
                let count = count.parse().ok().filter(|&count| count <= MAX_LINES).ok_or(Failure::NoNode)?;
                (0..count).map(|_| self.bulk()).collect()
            }
            _ => Err(Failure::NoNode),
        }
    }

    fn bulk(&mut self) -> Result<Vec<u8>, Failure> {
        let line = self.line()?;
        let length = line.strip_prefix('$').and_then(|length| length.parse().ok());
        let length = length.filter(|&length| length <= MAX_LINE_BYTES).ok_or(Failure::NoNode)?;
        let mut bytes = vec![0; length + 2];
        self.stream.read_exact(&mut bytes)?;
        bytes.truncate(length);
        Ok(bytes)
    }

    /// A line of the protocol, which is short: lengths and errors.
    fn line(&mut self) -> Result<String, Failure> {
        let mut line = Vec::new();
        (&mut self.stream).take(64 << 10).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        let line = String::from_utf8(line).map_err(|_| Failure::NoNode)?;
        line.strip_suffix("\r\n").map(str::to_owned).ok_or(Failure::NoNode)
    }
}
