//! How fast the reference node is, in ratios within one run: beside other systems, and beside itself.
//!
//! `cargo bench -p interregnum --bench speed -- peers [--only interregnum,etcd]`
//! `cargo bench -p interregnum --bench speed -- replicas [--only restart]`
//!
//! Not here: what the harness costs (`cost`).

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use tempfile::TempDir;

mod disk;
mod load;
mod peers;
mod process;
mod replicas;
mod stalls;
mod systems;

#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    comparison: Comparison,
    #[command(flatten)]
    place: Place,
    /// What cargo adds
    #[arg(long, hide = true, global = true)]
    bench: bool,
}

#[derive(Debug, Subcommand)]
enum Comparison {
    /// Writes a second beside etcd, Redis and `PostgreSQL`
    Peers(peers::Peers),
    /// Replay, restart, memory, a new member, comparisons, storage engines and stalls, each beside what it should keep up with
    Replicas(replicas::Replicas),
}

/// Where all systems keep their data.
#[derive(Debug, Args)]
struct Place {
    /// Where all of them keep their data [default: the directory for temporary files]
    #[arg(long, global = true)]
    dir: Option<PathBuf>,
}

impl Place {
    fn directory(&self) -> anyhow::Result<TempDir> {
        let parent = self.dir.clone().unwrap_or_else(std::env::temp_dir);
        Ok(tempfile::Builder::new().prefix("interregnum-speed-").tempdir_in(parent)?)
    }
}

fn main() -> anyhow::Result<()> {
    let Cli { comparison, place, .. } = Cli::parse();
    // One thread: the systems need the rest of the machine, and processes are bound to the thread that started them.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let tasks = tokio::task::LocalSet::new();
    match comparison {
        Comparison::Peers(flags) => tasks.block_on(&runtime, peers::compare(flags, place)),
        Comparison::Replicas(flags) => tasks.block_on(&runtime, replicas::measure(flags, place)),
    }
}

fn load_average() -> String {
    let read = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    read.split(' ').take(3).collect::<Vec<_>>().join(" ")
}
