//! Whether replicas still hold the same rows.
//!
//! Not here: comparing them (`core::verification`).

use clap::{ArgAction, Args};

use super::modes::Flag;

/// The flags of verification.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Verification {
    /// How often the leader begins to compare all its rows with its followers'; 0: only when asked (`VERIFY`).
    #[arg(long, value_name = "MS", default_value_t = 0)]
    pub verify_interval_ms: u64,

    /// How many rows are compared a second, about.
    #[arg(long, value_name = "COUNT", default_value_t = 50_000)]
    pub verify_rows_per_s: u64,

    /// For tests only: take `DEBUG CORRUPT`, which changes a row of this node behind the log's back.
    #[arg(long, value_name = "true|false", hide = true, action = ArgAction::Set, default_value_t = false)]
    pub allow_corruption: bool,
}

impl Verification {
    pub(super) fn flags(&self) -> Vec<Flag> {
        vec![
            ("--verify-interval-ms", self.verify_interval_ms.to_string()),
            ("--verify-rows-per-s", self.verify_rows_per_s.to_string()),
            ("--allow-corruption", self.allow_corruption.to_string()),
        ]
    }
}
