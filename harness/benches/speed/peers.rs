//! Writes a second and their latency, beside etcd, Redis and `PostgreSQL`: equal durability, one load generator, one run, in turns.
//!
//! A peer that is not installed is skipped, aloud. Not here: what only our node is asked (`replicas`).

use std::time::Duration;

use clap::Args;

use crate::load::{Load, Measure};
use crate::systems::System;
use crate::{Place, disk, load_average, systems};

#[derive(Debug, Args)]
pub(crate) struct Peers {
    /// Seconds of each measurement
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// How often each is measured; medians are shown
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Numbers of clients
    #[arg(long, value_delimiter = ',', default_value = "1,16,64")]
    clients: Vec<usize>,
    /// Only these systems
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Do not stop the systems until this program is interrupted, so that a profiler may look at them
    #[arg(long)]
    linger: bool,
}

/// The logs on the disk at once when three nodes or members write: one each.
const LOGS: usize = 3;

pub(crate) async fn compare(flags: Peers, place: Place) -> anyhow::Result<()> {
    let dir = place.directory()?;
    open_to_all(dir.path())?; // PostgreSQL runs as another user
    let duration = Duration::from_secs_f64(flags.seconds);
    let systems = systems::start(dir.path(), &flags.only).await?;
    describe(&systems);

    let mut disk = Vec::new();
    let mut measures = vec![vec![Vec::new(); flags.clients.len()]; systems.len()];
    let mut three_logs = vec![Vec::new(); flags.clients.len()];
    for round in 1..=flags.rounds {
        eprintln!("round {round} of {}, load average {}", flags.rounds, load_average());
        disk.push(disk::measure(dir.path(), 1, 1, duration / 2)?);
        for (column, &clients) in flags.clients.iter().enumerate() {
            three_logs[column].push(disk::measure(dir.path(), LOGS, clients, duration / 2)?);
            for (system, row) in systems.iter().zip(&mut measures) {
                row[column].push(Load::default().run(&system.target, clients, duration).await?);
            }
        }
    }
    let medians = |of: &[Vec<Measure>]| of.iter().map(|of| Measure::median(of)).collect::<Vec<_>>();
    let rows: Vec<_> = systems.iter().zip(&measures).map(|(system, of)| (system.name, medians(of))).collect();
    print(&flags, &rows, Measure::median(&disk), &medians(&three_logs));
    if flags.linger {
        tokio::signal::ctrl_c().await?;
    }
    drop(systems);
    Ok(())
}

fn open_to_all(dir: &std::path::Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o755))?)
}

fn describe(systems: &[System]) {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!("{cores} cores, load average before {}", load_average());
    for system in systems {
        let ids: Vec<_> = system.processes.iter().map(|process| process.id().to_string()).collect();
        println!("{}: {} processes ({}), clients at {}", system.name, ids.len(), ids.join(" "), system.target.address);
    }
}

fn print(flags: &Peers, rows: &[(&str, Vec<Measure>)], disk: Measure, three_logs: &[Measure]) {
    println!("load average behind {}\n", load_average());
    println!("medians of {} rounds of {} s", flags.rounds, flags.seconds);
    for (column, clients) in flags.clients.iter().enumerate() {
        println!("\n{clients:>4} clients    writes/s   p50 ms   p99 ms   of ours   of the disk");
        let ours = rows.iter().find(|(name, _)| *name == systems::interregnum::NAME).map(|(_, row)| row[column]);
        // With group commit, no client waits longer than for one fsync, and each fsync serves them all.
        let most = three_logs[column].per_second * *clients as f64;
        for (name, row) in rows {
            let Measure { per_second, p50_ms, p99_ms, .. } = row[column];
            let of_ours = ours.map_or(f64::NAN, |ours| per_second / ours.per_second);
            let share = 100.0 * per_second / most;
            println!("{name:<15} {per_second:>8.0} {p50_ms:>8.2} {p99_ms:>8.2} {of_ours:>8.2}× {share:>11.0} %");
        }
    }
    println!("\nfsyncs a second of the disk itself: {:.0} of one log; of {LOGS} logs at once, each", disk.per_second);
    for (clients, log) in flags.clients.iter().zip(three_logs) {
        let Measure { per_second, p99_ms, .. } = log;
        println!("{per_second:>8.0} of {clients} records each time, p99 {p99_ms:.2} ms");
    }
}
