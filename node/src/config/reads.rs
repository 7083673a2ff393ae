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
    /// At the leader, once what was read is acknowledged, while it is certain by its clock that nobody else leads; otherwise as
    /// `leader`. Sound with elections by `vote` or `coordinator`, as long as clocks keep to `--max-clock-drift-ppm`.
    LeaderLease,
    /// At whoever believes to be the leader, at once.
    LeaderLocal,
    /// At any node, at once: as stale as that node is.
    Follower,
    /// As `follower`: the client chose the node that is nearest to it, whatever its role (`MongoDB`'s read preference).
    Nearest,
}

impl ReadMode {
    /// Whether an answer is the newest that was acknowledged to anybody.
    #[must_use]
    pub fn is_confirmed(self) -> bool {
        matches!(self, ReadMode::Leader | ReadMode::LeaderLease)
    }

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

    /// With `--read leader-lease`: by how many millionths the clock of a node may run faster or slower than it should. A lease is so
    /// much shorter; the default is twenty times what NTP corrects. A machine that is suspended keeps to no bound.
    #[arg(long, value_name = "PPM", default_value_t = 10_000)]
    pub max_clock_drift_ppm: u32,

    /// Refuse reads of a mode that may see old data (`leader-local`, `follower`, `nearest`) when these may be older than that; a connection
    /// can choose its own with `CLIENT MAXLAG`. Data that nobody writes to are a little more than three heartbeats old.
    #[arg(long, value_name = "MS")]
    pub max_read_lag_ms: Option<u64>,
}

impl Reads {
    pub(super) fn flags(&self) -> Vec<Flag> {
        let always =
            [("--read", self.read.to_string()), ("--max-clock-drift-ppm", self.max_clock_drift_ppm.to_string())];
        let max_read_lag = self.max_read_lag_ms.map(|ms| ("--max-read-lag-ms", ms.to_string()));
        always.into_iter().chain(max_read_lag).collect()
    }
}
