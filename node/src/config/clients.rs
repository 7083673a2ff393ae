//! What is kept of clients, and how fast they may write.
//!
//! Not here: the table of their requests (`sessions`), holding writes back (`core::throttle`).

use clap::Args;

use super::modes::Flag;

/// The flags about clients.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Clients {
    /// Clients whose last request is remembered, so that a retry is not executed twice; the least recently used is
    /// forgotten first, and its retries are refused.
    #[arg(long, value_name = "COUNT", default_value_t = 10_000)]
    pub sessions: u32,

    /// Hold writes while replication lags by more than this at the slowest of the furthest-ahead majority, and execute them when it
    /// has caught up. Without it, nothing is held.
    #[arg(long, value_name = "MS")]
    pub throttle_lag_ms: Option<u64>,
}

impl Clients {
    pub(super) fn flags(&self) -> Vec<Flag> {
        let throttle = self.throttle_lag_ms.map(|limit_ms| ("--throttle-lag-ms", limit_ms.to_string()));
        std::iter::once(("--sessions", self.sessions.to_string())).chain(throttle).collect()
    }
}
