//! When a write counts as done: whose disks have it, and how sure a disk must be.
//!
//! Not here: counting who holds what (`core::leader`), forcing records to the disk (`log`).

use std::fmt;
use std::str::FromStr;

use clap::{Args, ValueEnum};

use super::modes::Flag;
use super::words::flag_words;

/// When a write is acknowledged to its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, ValueEnum)]
pub enum Ack {
    /// As soon as the leader's own log holds it; followers get it later or, if the leader dies first, never.
    Async,
    /// When the leader and at least one follower hold it, whichever follower that is.
    SemiSync,
    /// When a majority of the members hold it: it outlives any minority.
    #[default]
    Majority,
    /// When every member holds it; one dead member stops all writes.
    All,
}

flag_words!(Ack: "acknowledgement");

/// When log records are forced to the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Fsync {
    /// Before they count as held: they survive a power failure. One fsync serves every record queued meanwhile.
    #[default]
    Always,
    /// Every so many milliseconds, in the background: records survive the death of the process, but the last interval's
    /// may be lost with the machine (as with Redis' `appendfsync everysec`).
    Interval(u64),
}

/// Milliseconds between background fsyncs when `--fsync interval` names none; Redis' `everysec`.
const DEFAULT_FSYNC_INTERVAL_MS: u64 = 1000;

impl fmt::Display for Fsync {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fsync::Always => f.write_str("always"),
            Fsync::Interval(DEFAULT_FSYNC_INTERVAL_MS) => f.write_str("interval"),
            Fsync::Interval(ms) => write!(f, "interval:{ms}"),
        }
    }
}

impl FromStr for Fsync {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "always" => Ok(Fsync::Always),
            None if text == "interval" => Ok(Fsync::Interval(DEFAULT_FSYNC_INTERVAL_MS)),
            Some(("interval", ms)) => match ms.parse() {
                Ok(ms) if ms > 0 => Ok(Fsync::Interval(ms)),
                _ => Err(format!("`{ms}` is no interval: give milliseconds, 1 or more, as in `interval:10`")),
            },
            _ => Err(format!("`{text}` is no fsync mode; choose one of: always, interval, interval:MILLISECONDS")),
        }
    }
}

/// The flags of acknowledgement.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Acknowledgement {
    /// When a write is acknowledged.
    #[arg(long, value_enum, default_value_t)]
    pub ack: Ack,

    /// When log records are forced to the disk: `always`, `interval` or `interval:MILLISECONDS`.
    #[arg(long, default_value_t)]
    pub fsync: Fsync,
}

impl Acknowledgement {
    pub(super) fn flags(&self) -> Vec<Flag> {
        vec![("--ack", self.ack.to_string()), ("--fsync", self.fsync.to_string())]
    }
}
