//! The reference system under test: a leader–follower replicated key–value store that speaks RESP.
//!
//! It offers every replication and failover mode that the field uses, the sound ones and the unsound ones, each selectable.
//! It knows nothing of the harness that tests it. The README has the table of modes and what each promises.

use std::io::IsTerminal;

use anyhow::Context;
use tracing_subscriber::EnvFilter;

mod change_json;
pub mod clock;
mod config;
mod coordinator;
mod core;
mod data_dir;
mod defect;
mod delta;
mod disk;
mod dump;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod gtid_set;
mod hard_state;
mod key_range;
mod log;
mod membership;
pub mod pause_points;
mod peer;
mod rebuild;
mod record;
mod rewound;
mod route;
mod runtime;
mod server;
mod sessions;
mod slots_file;
mod snapshot_file;
mod stonith;
mod store;
mod supervise;
mod tail;
mod terms;
mod tools;

pub use config::{
    Ack, AckDurability, Acknowledgement, Clients, Config, ConfigError, Coordination, Election, Engine, Etcd, Failover,
    Fencing, Flag, Fsync, Like, LogKind, ModeFlags, Modes, Peer, ReadMode, Reads, SemiSyncFallback, Storage,
    UnknownWord, Verification, Visible, explain,
};

pub use defect::{About, Defect, Promise};
pub use dump::Dump;
pub use route::{Balance, Lagging, Route, RouteError, RouteReads};
pub use supervise::{Supervise, SuperviseError};
pub use tail::{Format, Tail};
pub use tools::{NodeCli, Tool};

/// Runs a node until it is told to stop by SIGTERM or SIGINT; blocks. Logs to standard error, as much as `RUST_LOG` says.
///
/// Fails when the configuration is invalid, an address is taken, the data directory is in use or damaged, or a write to
/// the disk fails.
pub fn run(config: Config) -> anyhow::Result<()> {
    config.validate()?;
    log_to_stderr();
    tracing::info!(id = config.id, version = env!("CARGO_PKG_VERSION"), pid = std::process::id(), "started");
    // One thread carries the connections and runs the core. Every write passes from one to the other several times, and to wake
    // another thread costs more than all that is done with it. The log has a thread of its own, and so has each snapshot.
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start the runtime")?;
    // As a task like the others: the future that `block_on` is given is woken by way of the kernel, each time.
    match runtime.block_on(runtime.spawn(runtime::run(config))) {
        Ok(ended) => ended,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// Logs to standard error, as much as `RUST_LOG` says.
fn log_to_stderr() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    // A program that embeds the node may have set up logging of its own.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .try_init();
}
