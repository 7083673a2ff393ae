//! The replication log on disk: segment files of checksummed records, written by a thread of its own.
//!
//! Not here: what the records mean, and who may truncate them (`core`).

use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread::JoinHandle;

use bytes::Bytes;

use crate::config::Fsync;
use crate::core::retention::SnapshotKey;
use crate::disk::{Disk, DiskError};
use crate::record::Lsn;
use writer::{Command, Writer};

mod crash;
#[cfg(test)]
mod damage;
#[cfg(test)]
mod faults;
mod open_segment;
pub(crate) mod place;
#[cfg(test)]
mod power_failure;
pub(crate) mod reading;
pub(crate) mod recovery;
pub(crate) mod segment;
#[cfg(test)]
mod tests;
pub(crate) mod writer;

/// Why the log cannot be used, or not any longer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogError {
    #[error("cannot use {}: {source}", .path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Disk(#[from] DiskError),
    #[error(
        "{} is damaged at byte {offset}: {what}. Records after that place may have been acknowledged, so they are not cut off. \
         {}", .path.display(), crate::data_dir::WAY_OUT
    )]
    Damaged { path: PathBuf, offset: usize, what: String },
}

impl LogError {
    fn io(path: &Path) -> impl FnOnce(io::Error) -> LogError + use<'_> {
        move |source| LogError::Io { path: path.to_owned(), source }
    }
}

/// How far the log is durable. Reports of a generation before the last truncation are void.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flushed {
    pub(crate) generation: u64,
    pub(crate) lsn: Lsn,
    /// How far an fsync has covered it; less than `lsn` only under `--fsync interval`.
    pub(crate) synced_lsn: Lsn,
}

/// What the log thread says: how far it got, or why it stopped for good.
pub(crate) type Report = Result<Flushed, LogError>;

/// The log thread's handle. Commands are carried out in order.
#[derive(Debug)]
pub(crate) struct Log {
    commands: Option<mpsc::Sender<Command>>,
    thread: Option<JoinHandle<()>>,
}

impl Log {
    /// Recovers the log in `dir`, creating it if there is none, and returns it with the encodings of its records. All of them are
    /// durable. With a snapshot, they may begin before its end; without, they begin at LSN 1. `report` is called on the log thread.
    pub(crate) fn open(
        disk: &Disk,
        dir: &Path,
        segment_bytes: u64,
        fsync: Fsync,
        snapshot: Option<SnapshotKey>,
        report: impl Fn(Report) + Send + 'static,
    ) -> Result<(Self, Vec<Bytes>), LogError> {
        let recovered = recovery::recover(disk, dir, snapshot)?;
        let next_lsn = snapshot.map_or(1, |(lsn, _)| lsn + 1);
        let writer = Writer::open(disk, dir, segment_bytes, fsync, recovered.tail, next_lsn)?;
        let (commands, queue) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || writer.run(&queue, report))
            .map_err(LogError::io(dir))?;
        Ok((Log { commands: Some(commands), thread: Some(thread) }, recovered.records))
    }

    /// Appends records behind the last one.
    pub(crate) fn write(&self, records: Vec<Bytes>) {
        self.command(Command::Write(records));
    }

    /// Cuts off everything behind `after`; what is reported afterwards bears the new generation.
    pub(crate) fn truncate(&self, after: Lsn, generation: u64) {
        self.command(Command::Truncate { after, generation });
    }

    /// Removes the segments of which no record behind `lsn` is.
    pub(crate) fn cut_front(&self, lsn: Lsn) {
        self.command(Command::CutFront { lsn });
    }

    /// Removes everything and goes on behind `lsn`; what is reported afterwards bears the new generation.
    pub(crate) fn reset(&self, lsn: Lsn, generation: u64) {
        self.command(Command::Reset { lsn, generation });
    }

    fn command(&self, command: Command) {
        // A thread that is gone has reported why.
        let _ = self.commands.as_ref().map(|commands| commands.send(command));
    }

    /// Waits until everything given to the log is durable. What it is given later is not.
    pub(crate) fn end(&mut self) {
        self.commands = None;
        if let Some(thread) = self.thread.take()
            && let Err(panic) = thread.join()
        {
            std::panic::resume_unwind(panic);
        }
    }

    #[cfg(test)]
    fn close(mut self) {
        self.end();
    }
}

/// How large the file is that the log ends with, room for records to come included.
pub(crate) fn last_segment_bytes(dir: &Path) -> Result<u64, LogError> {
    match recovery::segments(dir)?.pop() {
        Some((_, path)) => Ok(path.metadata().map_err(LogError::io(&path))?.len()),
        None => Ok(0),
    }
}
