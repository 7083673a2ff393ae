//! The reference system under test: a leader–follower replicated key–value store that speaks RESP.
//!
//! It offers every replication and failover mode that the field uses, the sound ones and the unsound ones, each selectable.
//! It knows nothing of the harness that tests it.

mod config;

pub use config::{Ack, Config, ConfigError, Election, Fencing, Fsync, Peer, ReadMode, UnknownWord};

/// Runs a node until it is told to stop by SIGTERM or SIGINT; blocks.
///
/// Fails when the configuration is invalid, an address is taken, the data directory is in use or damaged, or a write to
/// the disk fails.
pub fn run(config: Config) -> anyhow::Result<()> {
    config.validate()?;
    anyhow::bail!("the node is not built yet")
}
