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
}

impl Clients {
    pub(super) fn flags(&self) -> Vec<Flag> {
        vec![("--sessions", self.sessions.to_string())]
    }
}
