//! How the log and the store lie on the disk.
//!
//! Not here: the files themselves (`log`, `store`).

use std::fmt;
use std::str::FromStr;

use clap::{Args, ValueEnum};

use super::modes::Flag;
use super::words::flag_words;

/// The flags of storage.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Storage {
    /// Bytes after which the log begins a new segment file.
    #[arg(long, value_name = "BYTES", default_value_t = 64 << 20)]
    pub segment_bytes: u64,

    /// Bytes of log after which a snapshot of the state is taken. A restart reads the last snapshot and the log behind it.
    #[arg(long, value_name = "BYTES", default_value_t = 128 << 20)]
    pub snapshot_bytes: u64,

    /// Bytes of log kept for followers that come back, beyond what a snapshot or a slot needs (`PostgreSQL`'s `wal_keep_size`).
    #[arg(long, value_name = "BYTES", default_value_t = 32 << 20)]
    pub keep_log_bytes: u64,

    /// Most bytes of log kept for a follower or slot that falls behind; beyond that it is lost (`max_slot_wal_keep_size`).
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 30)]
    pub max_slot_size: u64,

    /// What holds the keys and values. Members may differ in this.
    #[arg(long, value_enum, value_name = "ENGINE", default_value_t)]
    pub storage: Engine,

    /// What the records of the replication log say. `physical` needs `--storage redb`.
    #[arg(long, value_enum, value_name = "KIND", default_value_t)]
    pub log: LogKind,

    /// Bytes of changes after which an engine that keeps a file makes a checkpoint; as much of the log is read again at a start.
    #[arg(long, value_name = "BYTES", default_value_t = 4 << 20)]
    pub checkpoint_bytes: u64,
}

/// What the records of the replication log say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum LogKind {
    /// Changes of rows, with the images before and after; members may differ in how they store them.
    #[default]
    Logical,
    /// Exact changes of bytes of the storage file; all members must have the same storage format and architecture.
    Physical,
}

/// What holds the keys and values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Engine {
    /// Memory; made anew from the log at each start.
    #[default]
    Memory,
    /// A file of the embedded store redb; only the log behind the last checkpoint is read again at a start.
    Redb,
}

flag_words!(Engine: "storage", LogKind: "log");

impl Storage {
    pub(super) fn flags(&self) -> Vec<Flag> {
        vec![
            ("--segment-bytes", self.segment_bytes.to_string()),
            ("--snapshot-bytes", self.snapshot_bytes.to_string()),
            ("--keep-log-bytes", self.keep_log_bytes.to_string()),
            ("--max-slot-size", self.max_slot_size.to_string()),
            ("--storage", self.storage.to_string()),
            ("--log", self.log.to_string()),
            ("--checkpoint-bytes", self.checkpoint_bytes.to_string()),
        ]
    }
}
