//! How a node tells its log: `CHANGES AFTER`, asked again and again over one connection, and the files of what it gave up.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use redis_protocol::resp2::types::{BytesFrame, Resp2Frame};
use serde::Deserialize;

use super::Node;
use super::connection::{Connection, command, within};
use crate::system::{CommittedLog, GivenUp, Listener, Place, RecordId};

/// How long the node holds back the answer that there is nothing new, and how long an answer may take in all.
const WAIT_MS: &str = "500";
const ANSWER_LIMIT: Duration = Duration::from_secs(1);

/// Most records at once: as many as a node tells.
const MOST_RECORDS: &str = "1000";

/// Where a node puts aside what it gives up, below its directory.
pub(super) const REWOUND: &str = "data/rewound";

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

impl From<Line> for RecordId {
    fn from(Line { lsn, epoch, gtid }: Line) -> Self {
        Self { lsn, epoch, gtid }
    }
}

impl CommittedLog for Node {
    fn listen(&self, place: &Place) -> Box<dyn Listener> {
        Box::new(Told { address: place.clients, connection: None, lsn: 0 })
    }

    fn given_up(&self, evidence: &Path) -> io::Result<Vec<GivenUp>> {
        let rewound = evidence.join(REWOUND);
        let mut files = match fs::read_dir(&rewound) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?,
        };
        files.sort();
        let mut given_up = Vec::new();
        for file in files {
            read_given_up(&file, &mut given_up)
                .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", file.display())))?;
        }
        Ok(given_up)
    }
}

/// Reads one file of records that were put aside. It is named after the epoch and the first LSN; a node that dies may leave the last
/// line unfinished, and still have those records in its log.
fn read_given_up(file: &Path, given_up: &mut Vec<GivenUp>) -> io::Result<()> {
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let in_epoch = name.split('-').next().and_then(|epoch| epoch.parse().ok());
    let in_epoch = in_epoch.ok_or_else(|| io::Error::other("its name does not begin with an epoch"))?;
    for line in BufReader::new(File::open(file)?).split(b'\n') {
        match serde_json::from_slice::<Line>(&line?) {
            Ok(line) => given_up.push(GivenUp { record: line.into(), in_epoch }),
            Err(error) if error.is_eof() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

impl Listener for Told {
    fn next(&mut self) -> BoxFuture<'_, io::Result<Vec<RecordId>>> {
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
    async fn ask(&mut self) -> io::Result<Vec<RecordId>> {
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
fn parse(lines: &[BytesFrame]) -> io::Result<(u64, Vec<RecordId>)> {
    let mut lines = lines.iter().map(|line| line.as_bytes().unwrap_or_default());
    let head: Head = serde_json::from_slice(lines.next().unwrap_or_default())?;
    let record = |line: &[u8]| Ok(serde_json::from_slice::<Line>(line)?.into());
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
        let record = RecordId { lsn: 8, epoch: 3, gtid: "n2:9".to_owned() };
        assert_eq!(parse(&lines).unwrap(), (8, vec![record]));
        assert!(parse(&[]).is_err() && parse(&lines[1..]).is_ok_and(|(_, records)| records.is_empty()));
    }

    #[test]
    fn a_log_that_begins_later_is_listened_to_from_there() {
        assert_eq!(first_lsn("GONE the log here begins with LSN 41, and what follows LSN 7 was let go."), Some(41));
        assert_eq!(first_lsn("AHEAD the log here ends at LSN 3"), None);
    }
    #[test]
    fn what_was_given_up_is_read_from_the_files_that_were_kept() {
        let system = Node::cluster(1);
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(system.given_up(dir.path()).unwrap(), [], "nothing was");
        let rewound = dir.path().join(REWOUND);
        fs::create_dir_all(&rewound).unwrap();
        let whole = r#"{"epoch":3,"gtid":"n2:9","lsn":8,"set":{"after":"v","before":null,"key":"k"}}"#;
        fs::write(rewound.join("5-8-2.jsonl"), format!("{whole}\n{}", &whole[..30])).unwrap();
        let record = RecordId { lsn: 8, epoch: 3, gtid: "n2:9".to_owned() };
        assert_eq!(system.given_up(dir.path()).unwrap(), [GivenUp { record, in_epoch: 5 }]);
        fs::write(rewound.join("what"), "").unwrap();
        let complaint = system.given_up(dir.path()).unwrap_err().to_string();
        assert!(complaint.ends_with("rewound/what: its name does not begin with an epoch"), "{complaint}");
    }
}
