//! How the log and the store lie on the disk.
//!
//! Not here: the files themselves (`log`, `store`).

use clap::Args;

use super::modes::Flag;

/// The flags of storage.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Storage {
    /// Bytes after which the log begins a new segment file.
    #[arg(long, value_name = "BYTES", default_value_t = 64 << 20)]
    pub segment_bytes: u64,
}

impl Storage {
    pub(super) fn flags(&self) -> Vec<Flag> {
        vec![("--segment-bytes", self.segment_bytes.to_string())]
    }
}
