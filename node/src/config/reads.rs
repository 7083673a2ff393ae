//! Where reads are answered, and how fresh they are.
//!
//! Not here: confirming a leadership (`core::leader`).

use std::fmt;
use std::str::FromStr;

use clap::{Args, ValueEnum};

use super::modes::Flag;
use super::words::flag_words;

/// Where a read is answered, and how sure its answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, ValueEnum)]
pub enum ReadMode {
    /// At the leader, once what was read is acknowledged and a round of heartbeats has confirmed the leadership.
    #[default]
    Leader,
    /// At whoever believes to be the leader, at once.
    LeaderLocal,
    /// At any node, at once: as stale as that node is.
    Follower,
    /// As `follower`: the client chose the node that is nearest to it, whatever its role (`MongoDB`'s read preference).
    Nearest,
}

impl ReadMode {
    /// Whether any node answers, or only a leader.
    #[must_use]
    pub fn is_anywhere(self) -> bool {
        matches!(self, ReadMode::Follower | ReadMode::Nearest)
    }
}

flag_words!(ReadMode: "read");

/// The flags of reads.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Reads {
    /// Where reads are answered; a connection can choose its own with `CLIENT READ`.
    #[arg(long, value_enum, default_value_t)]
    pub read: ReadMode,
}

impl Reads {
    pub(super) fn flags(&self) -> Vec<Flag> {
        vec![("--read", self.read.to_string())]
    }
}
