//! How a node tells its committed log: `CHANGES AFTER`, asked again and again over one connection.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use redis_protocol::resp2::types::{BytesFrame, Resp2Frame};
use serde::Deserialize;

use super::Node;
use super::connection::{Connection, command, within};
use crate::system::{Committed, CommittedLog, Listener, Place};

/// How long the node holds back the answer that there is nothing new, and how long an answer may take in all.
const WAIT_MS: &str = "500";
const ANSWER_LIMIT: Duration = Duration::from_secs(1);

/// Most records at once: as many as a node tells.
const MOST_RECORDS: &str = "1000";

/// How many positions are asked for again after an interruption.
const TOLD_AGAIN: u64 = 200;

struct Told {
    address: SocketAddr,
    connection: Option<Connection>,
    /// Up to where everything was told.
    lsn: u64,
}

#[derive(Deserialize)]
struct Head {
    lsn: u64,
}

#[derive(Deserialize)]
struct Line {
    lsn: u64,
    epoch: u64,
    gtid: String,
}

impl CommittedLog for Node {
    fn listen(&self, place: &Place) -> Box<dyn Listener> {
        Box::new(Told { address: place.clients, connection: None, lsn: 0 })
    }
}

impl Listener for Told {
    fn next(&mut self) -> BoxFuture<'_, io::Result<Vec<Committed>>> {
        async move {
            let answer = within(ANSWER_LIMIT, self.ask()).await;
            if answer.is_err() {
                self.connection = None;
                self.lsn = self.lsn.saturating_sub(TOLD_AGAIN);
            }
            answer
        }
        .boxed()
    }
}

impl Told {
    async fn ask(&mut self) -> io::Result<Vec<Committed>> {
        let after = self.lsn.to_string();
        let connection = match &mut self.connection {
            Some(connection) => connection,
            closed => closed.insert(Connection::open(self.address).await?),
        };
        let words = ["CHANGES", "AFTER", &after, "LIMIT", MOST_RECORDS, "WAIT", WAIT_MS, "ANYWHERE"];
        match connection.ask(command(words)).await? {
            BytesFrame::Error(why) => match first_lsn(&why) {
                Some(first) => {
                    self.lsn = first - 1;
                    Ok(Vec::new())
                }
                None => Err(io::Error::other(why.to_string())),
            },
            BytesFrame::Array(lines) => {
                let (lsn, records) = parse(&lines)?;
                self.lsn = lsn;
                Ok(records)
            }
            other => Err(io::Error::other(format!("it answered {:?}", other.kind()))),
        }
    }
}

/// Where the log begins by now, if that is what a refusal tells.
fn first_lsn(why: &str) -> Option<u64> {
    let (_, rest) = why.strip_prefix("GONE ")?.split_once("begins with LSN ")?;
    rest.split(',').next()?.parse().ok().filter(|&lsn| lsn > 0)
}

/// How far an answer reaches, and what it tells.
fn parse(lines: &[BytesFrame]) -> io::Result<(u64, Vec<Committed>)> {
    let mut lines = lines.iter().map(|line| line.as_bytes().unwrap_or_default());
    let head: Head = serde_json::from_slice(lines.next().unwrap_or_default())?;
    let record = |line: &[u8]| {
        let Line { lsn, epoch, gtid } = serde_json::from_slice(line)?;
        Ok(Committed { lsn, epoch, gtid })
    };
    Ok((head.lsn, lines.map(record).collect::<io::Result<_>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read() {
        let lines = [
            r#"{"lsn":8,"gtid":"n2:9","told_lsn":12}"#,
            r#"{"after":"v","epoch":3,"gtid":"n2:9","key":"k","lsn":8,"op":"insert"}"#,
        ];
        let lines = lines.map(|line| BytesFrame::BulkString(line.into()));
        let record = Committed { lsn: 8, epoch: 3, gtid: "n2:9".to_owned() };
        assert_eq!(parse(&lines).unwrap(), (8, vec![record]));
        assert!(parse(&[]).is_err() && parse(&lines[1..]).is_ok_and(|(_, records)| records.is_empty()));
    }

    #[test]
    fn a_log_that_begins_later_is_listened_to_from_there() {
        assert_eq!(first_lsn("GONE the log here begins with LSN 41, and what follows LSN 7 was let go."), Some(41));
        assert_eq!(first_lsn("AHEAD the log here ends at LSN 3"), None);
    }
}
