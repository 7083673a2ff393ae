//! `interregnum node tail`: the committed changes of a running cluster's rows as JSON lines on standard output, as change data
//! capture has them (`pg_recvlogical`, Debezium).
//!
//! Here: going from node to node. Not here: what is told and how far (`core::changes`), the lines (`change_json`).

use std::io::{self, ErrorKind, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use asking::{Batch, Failure, Node};
pub use flags::{Format, Tail};

mod asking;
mod flags;

/// How long a node holds back an answer that there is nothing new: seldom enough to cost nothing, and a dead node is noticed.
const WAIT_MS: u64 = 2000;

/// How long nodes may fail to answer before a run without `--follow` ends, or before a position that none of them has is believed
/// to be lost: several failovers, and a deposed leader that has not heard of it.
const PATIENCE: Duration = Duration::from_secs(10);

/// Between attempts.
const PAUSE: Duration = Duration::from_millis(100);

/// Between two advances of the slot: each is a write to the node's disk.
const ADVANCE_EVERY: Duration = Duration::from_secs(1);

impl Tail {
    /// Prints changes until all that are there are printed or, with `--follow`, for ever; blocks. Says on standard error to whom it
    /// listens.
    pub fn run(self) -> anyhow::Result<()> {
        crate::log_to_stderr();
        let mut stdout = io::stdout().lock();
        match Consumer::new(&self).consume(&mut stdout) {
            Err(Ended::Closed) | Ok(()) => Ok(()), // the reader has seen enough (`| head`)
            Err(Ended::Failed(error)) => Err(error),
        }
    }
}

/// Why there is no more to come.
enum Ended {
    /// Nobody reads any more.
    Closed,
    Failed(anyhow::Error),
}

/// Where a run is.
struct Consumer<'a> {
    flags: &'a Tail,
    /// What was printed; `None` before it is known where to begin.
    position: Option<String>,
    /// How far there was something when the run began.
    until_lsn: Option<u64>,
    /// To whom the last node sent us.
    redirect: Option<SocketAddr>,
    /// Which of the given addresses is next.
    next: usize,
    /// Since when no node has answered.
    failing_since: Option<Instant>,
}

impl<'a> Consumer<'a> {
    fn new(flags: &'a Tail) -> Self {
        let position = flags.after.clone();
        Consumer { flags, position, until_lsn: None, redirect: None, next: 0, failing_since: None }
    }

    fn consume(&mut self, out: &mut impl Write) -> Result<(), Ended> {
        loop {
            let redirect = self.redirect.take();
            let address = redirect.unwrap_or_else(|| {
                let address = self.flags.from[self.next % self.flags.from.len()];
                self.next += 1;
                address
            });
            match self.listen(address, out) {
                Ok(()) => return Ok(()),
                Err(Stop::Ended(ended)) => return Err(ended),
                // Two nodes that each take the other for the leader are not gone round and round.
                Err(Stop::Node(Failure::Redirect(leader))) if redirect.is_none() => self.redirect = Some(leader),
                Err(Stop::Node(failure)) => self.bear(address, &failure).map_err(Ended::Failed)?,
            }
        }
    }

    /// Goes on with another attempt, unless there is no hope.
    fn bear(&mut self, address: SocketAddr, failure: &Failure) -> anyhow::Result<()> {
        let first = self.failing_since.is_none();
        let since = *self.failing_since.get_or_insert_with(Instant::now);
        let endless = self.flags.follow && !matches!(failure, Failure::Elsewhere(_));
        if matches!(failure, Failure::Refused(_)) || !endless && since.elapsed() >= PATIENCE {
            bail!("{address}: {failure}");
        }
        if first {
            tracing::warn!(%address, %failure, "trying again, and elsewhere");
        }
        std::thread::sleep(PAUSE);
        Ok(())
    }

    /// Prints what this node tells, until that is all or it fails.
    fn listen(&mut self, address: SocketAddr, out: &mut impl Write) -> Result<(), Stop> {
        let mut node = Node::connect(address)?;
        let mut slot = SlotKeeper { name: self.flags.slot.as_deref(), exists: false, lsn: 0, at: None };
        if let Some((file, offset)) = self.position.as_deref().and_then(|position| position.split_once(".log:")) {
            let told = node.ask(&["CHANGES", "AT", &format!("{file}.log"), offset])?;
            self.position = told.first().map(|position| String::from_utf8_lossy(position).into_owned());
        }
        let mut position = match (&self.position, slot.name) {
            (Some(position), _) => position.clone(),
            (None, Some(name)) => {
                check_leads(&mut node, self.flags.anywhere)?;
                node.slot_lsn(name)?.unwrap_or(0).to_string()
            }
            (None, None) => "0".to_owned(),
        };
        loop {
            let wait_ms = if self.flags.follow { WAIT_MS } else { 0 };
            let Batch { lsn, gtid, told_lsn, lines } = node.changes(&position, wait_ms, 1000, self.flags.anywhere)?;
            if self.failing_since.take().is_some() || self.until_lsn.is_none() {
                tracing::info!(%address, lsn, told_lsn, "listening");
            }
            print(&lines, out)?;
            position = gtid.map_or_else(|| lsn.to_string(), |gtid| format!("{lsn}@{gtid}"));
            self.position = Some(position.clone());
            let until_lsn = *self.until_lsn.get_or_insert(told_lsn);
            let is_end = !self.flags.follow && lsn >= until_lsn;
            slot.advance(&mut node, lsn, is_end)?;
            if is_end {
                return Ok(());
            }
        }
    }
}

/// Makes sure that this node tells changes at all, before it is asked for its slot.
fn check_leads(node: &mut Node, anywhere: bool) -> Result<(), Failure> {
    match node.changes("0", 0, 1, anywhere) {
        Err(Failure::Refused(why)) if why.starts_with("GONE") => Ok(()),
        told => told.map(drop),
    }
}

/// Why a node is not listened to any longer.
enum Stop {
    Node(Failure),
    Ended(Ended),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Stop::Node(failure)
    }
}

/// Prints whole lines at once, so that whoever reads never waits for the end of one.
fn print(lines: &[Vec<u8>], out: &mut impl Write) -> Result<(), Stop> {
    let printed = lines.iter().try_for_each(|line| {
        out.write_all(line)?;
        out.write_all(b"\n")
    });
    printed.and_then(|()| out.flush()).context("cannot print").map_err(|error| {
        let is_closed = error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe);
        Stop::Ended(if is_closed { Ended::Closed } else { Ended::Failed(error) })
    })
}

/// Has a node keep what was not printed.
struct SlotKeeper<'a> {
    name: Option<&'a str>,
    exists: bool,
    lsn: u64,
    at: Option<Instant>,
}

impl SlotKeeper<'_> {
    /// Everything up to here is printed.
    fn advance(&mut self, node: &mut Node, lsn: u64, is_end: bool) -> Result<(), Failure> {
        let Some(name) = self.name else { return Ok(()) };
        let is_due = is_end || self.at.is_none_or(|at| at.elapsed() >= ADVANCE_EVERY);
        if self.exists && (lsn == self.lsn || !is_due) {
            return Ok(());
        }
        if !self.exists && node.create_slot(name, lsn)? {
            tracing::info!(slot = name, lsn, "slot created");
        } else {
            node.ask(&["SLOT", "ADVANCE", name, &lsn.to_string()])?;
        }
        (self.exists, self.lsn, self.at) = (true, lsn, Some(Instant::now()));
        Ok(())
    }
}
