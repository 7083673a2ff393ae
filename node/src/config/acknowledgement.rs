//! When a write counts as done: whose disks have it, and how sure a disk must be.
//!
//! Not here: counting who holds what (`core::leader`), forcing records to the disk (`log`).

use std::ffi::OsStr;
use std::fmt;
use std::str::FromStr;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Arg, Args, Command, ValueEnum};

use super::modes::Flag;
use super::words::{UnknownWord, flag_words};

/// When a write is acknowledged to its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
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
    /// When this many members hold it, the leader among them: `MongoDB`'s `w: n`, and `PostgreSQL`'s `ANY n-1 (*)`.
    Nodes(u8),
}

impl fmt::Display for Ack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ack::Async => f.write_str("async"),
            Ack::SemiSync => f.write_str("semi-sync"),
            Ack::Majority => f.write_str("majority"),
            Ack::All => f.write_str("all"),
            Ack::Nodes(nodes) => write!(f, "{nodes}"),
        }
    }
}

impl FromStr for Ack {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        match (word, word.parse()) {
            ("async", _) => Ok(Ack::Async),
            ("semi-sync", _) => Ok(Ack::SemiSync),
            ("majority", _) => Ok(Ack::Majority),
            ("all", _) => Ok(Ack::All),
            (_, Ok(nodes)) if nodes > 0 => Ok(Ack::Nodes(nodes)),
            _ => Err(UnknownWord {
                what: "acknowledgement",
                word: word.to_owned(),
                choices: "async, semi-sync, majority, all, or a number of nodes, the leader among them".to_owned(),
            }),
        }
    }
}

/// Reads [`Ack`] on the command line, and tells its words there.
#[derive(Clone)]
struct AckParser;

impl TypedValueParser for AckParser {
    type Value = Ack;

    fn parse_ref(&self, command: &Command, argument: Option<&Arg>, value: &OsStr) -> Result<Ack, clap::Error> {
        Ack::from_str.parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let words = [
            (
                "async",
                "As soon as the leader's own log holds it; followers get it later or, if the leader dies first, never",
            ),
            ("semi-sync", "When the leader and at least one follower hold it, whichever follower that is"),
            ("majority", "When a majority of the members hold it: it outlives any minority"),
            ("all", "When every member holds it; one dead member stops all writes"),
            ("N", "When this many members hold it, the leader among them"),
        ];
        Some(Box::new(words.into_iter().map(|(word, meaning)| PossibleValue::new(word).help(meaning))))
    }
}

/// What a node must have done with a record before it counts as holding it. In brackets, `PostgreSQL`'s `synchronous_commit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, ValueEnum)]
pub enum AckDurability {
    /// Have it in memory, the leader too: a write is acknowledged before it is on any disk (`off`).
    Memory,
    /// The followers in memory, the leader on its disk (`remote_write`).
    Received,
    /// On its disk, as far as `--fsync` makes that so (`on`; `local` is `--ack async`).
    #[default]
    Flushed,
    /// On its disk and applied to its store, where reads see it (`remote_apply`). Nodes here apply before they flush: as `flushed`.
    Applied,
}

/// What becomes of semi-synchronous writes when no follower answers in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, ValueEnum)]
pub enum SemiSyncFallback {
    /// They wait on, as with `PostgreSQL`.
    #[default]
    Block,
    /// They are acknowledged as with `async` until a follower has caught up again, as with `MySQL`: the leader's status says so.
    Async,
}

/// When a write is visible to reads that are answered by the leader alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, ValueEnum)]
pub enum Visible {
    /// When it is in the leader's own log; others may see it and then lose it (`MySQL`'s `AFTER_COMMIT`).
    #[default]
    AfterCommit,
    /// Only when it is acknowledged (`MySQL`'s `AFTER_SYNC`): a read that saw more waits for that.
    AfterSync,
}

flag_words!(
    AckDurability: "durability",
    SemiSyncFallback: "fallback",
    Visible: "visibility",
);

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
    /// When a write is acknowledged. A connection, and each write, can choose otherwise: `CLIENT ACK`, `WITH ACK`.
    #[arg(long, value_parser = AckParser, default_value_t)]
    pub ack: Ack,

    /// What a node must have done with a record before it counts as holding it.
    #[arg(long, value_enum, default_value_t)]
    pub ack_durability: AckDurability,

    /// When a write is visible to reads that the leader answers alone (`leader-local`).
    #[arg(long, value_enum, default_value_t)]
    pub visible: Visible,

    /// What becomes of semi-synchronous writes when no follower answers within `--semi-sync-timeout-ms`.
    #[arg(long, value_enum, default_value_t)]
    pub semi_sync_fallback: SemiSyncFallback,

    /// How long a semi-synchronous write waits before `--semi-sync-fallback async` takes effect (`MySQL`'s default).
    #[arg(long, value_name = "MS", default_value_t = 10_000)]
    pub semi_sync_timeout_ms: u64,

    /// When log records are forced to the disk: `always`, `interval` or `interval:MILLISECONDS`.
    #[arg(long, default_value_t)]
    pub fsync: Fsync,
}

impl Acknowledgement {
    pub(super) fn flags(&self) -> Vec<Flag> {
        vec![
            ("--ack", self.ack.to_string()),
            ("--ack-durability", self.ack_durability.to_string()),
            ("--visible", self.visible.to_string()),
            ("--semi-sync-fallback", self.semi_sync_fallback.to_string()),
            ("--semi-sync-timeout-ms", self.semi_sync_timeout_ms.to_string()),
            ("--fsync", self.fsync.to_string()),
        ]
    }
}
