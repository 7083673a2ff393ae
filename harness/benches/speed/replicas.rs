//! What a replicated log must keep up with: followers with their leader, a restart with the disk, memory with itself, a new member and
//! comparisons with the writes that go on, and one storage engine with the other.
//!
//! Each line is a ratio within this run. Not here: other systems (`peers`).

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use clap::{Args, ValueEnum};
use tokio::task::JoinHandle;

use crate::load::{Load, Measure};
use crate::process::{Process, run, until};
use crate::systems::Target;
use crate::systems::interregnum::Cluster;
use crate::systems::resp::Resp;
use crate::{Place, load_average, stalls};

/// So many writers keep a leader busy on two cores.
const CLIENTS: usize = 64;
/// Large values make a large log in little time.
const LARGE: Load = Load { keys: 10_000, value_bytes: 1_000 };
const MIB: f64 = (1 << 20) as f64;

#[derive(Debug, Args)]
pub(crate) struct Replicas {
    /// Seconds of load in each question
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Only these questions
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Question>,
    /// Mebibytes of log that a restart reads
    #[arg(long, default_value_t = 1024)]
    log_mib: u64,
    /// Rows that a new member gets, that replicas compare, and that a leader has who is held up
    #[arg(long, default_value_t = 200_000)]
    rows: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Question {
    /// Does a follower replay as fast as the leader writes?
    Replay,
    /// Does a restart read the log as fast as the disk does?
    Restart,
    /// Does memory stay flat?
    Memory,
    /// What does a new member cost those who write meanwhile?
    Join,
    /// What do comparisons of the replicas cost those who write meanwhile?
    Compare,
    /// What does a durable storage engine cost, and a physical log?
    Engines,
    /// What holds up a leader's heartbeats?
    Stalls,
}

pub(crate) async fn measure(flags: Replicas, place: Place) -> anyhow::Result<()> {
    println!("load average before {}", load_average());
    for &question in Question::value_variants() {
        if !flags.only.is_empty() && !flags.only.contains(&question) {
            continue;
        }
        let dir = place.directory()?;
        let duration = Duration::from_secs_f64(flags.seconds);
        match question {
            Question::Replay => replay(dir.path(), duration).await,
            Question::Restart => restart(dir.path(), flags.log_mib).await,
            Question::Memory => memory(dir.path(), duration).await,
            Question::Join => join(dir.path(), duration, flags.rows).await,
            Question::Compare => compare(dir.path(), duration, flags.rows).await,
            Question::Engines => engines(dir.path(), duration).await,
            Question::Stalls => stalls::measure(dir.path(), duration, flags.rows).await,
        }
        .with_context(|| format!("{question:?}"))?;
    }
    println!("load average behind {}", load_average());
    Ok(())
}

/// The leader and a follower write while the other follower is down; then that one takes in what it missed.
async fn replay(dir: &Path, duration: Duration) -> anyhow::Result<()> {
    let cluster = Cluster::new(dir, 3, &["--keep-log-bytes", "4000000000"])?;
    let mut nodes = (0..3).map(|node| cluster.start(node).map(Some)).collect::<anyhow::Result<Vec<_>>>()?;
    let leader = cluster.leader().await?;
    let away = (leader + 1) % 3;
    nodes[away] = None;
    let before = last_lsn(&cluster, leader).await?;
    let written = Load::default().run(&cluster.target(leader), CLIENTS, duration).await?;
    let after = last_lsn(&cluster, leader).await?;

    nodes[away] = Some(cluster.start(away)?);
    until("waiting for the follower to start", || last_lsn(&cluster, away)).await?;
    let (begin, at_begin) = (Instant::now(), last_lsn(&cluster, away).await?);
    until_it_has(&cluster, away, after).await?;
    let replayed = (after - at_begin) as f64 / begin.elapsed().as_secs_f64();
    let Measure { per_second, .. } = written;
    println!("\nreplay     {} records were written while a follower was away", after - before);
    println!("           written {per_second:>8.0}/s with {CLIENTS} clients");
    println!("           replayed {replayed:>7.0}/s, {:.1}× as fast", replayed / per_second);
    Ok(())
}

/// A node with that much log and no snapshot is killed and started again, with nothing of it in the system's memory.
async fn restart(dir: &Path, log_mib: u64) -> anyhow::Result<()> {
    let keep_all = ["--snapshot-bytes", "100000000000", "--fsync", "interval:1000"];
    let cluster = Cluster::new(dir, 1, &keep_all)?;
    let node = cluster.start(0)?;
    cluster.leader().await?;
    let log = cluster.data(0).join("log");
    while bytes_of(&log)? < log_mib << 20 {
        LARGE.run(&cluster.target(0), CLIENTS, Duration::from_secs(2)).await?;
    }
    let records = last_lsn(&cluster, 0).await?;
    drop(node); // it is killed
    run(Path::new("/bin/sync"), &[], None)?;

    let are_cold = forget_files();
    let begin = Instant::now();
    let bytes = read_all(&log)? as f64;
    let read_s = begin.elapsed().as_secs_f64();
    forget_files();
    let begin = Instant::now();
    let _node = cluster.start(0)?;
    until("waiting for the node to start", || last_lsn(&cluster, 0)).await?;
    let started_s = begin.elapsed().as_secs_f64();
    let where_from = if are_cold { "from the disk" } else { "from memory, as only root can drop what is cached" };
    println!("\nrestart    a log of {:.0} MiB, {records} records", bytes / MIB);
    println!("           read     {:>8.0} MiB/s {where_from}", bytes / MIB / read_s);
    println!(
        "           started in {started_s:.1} s: {:.0} MiB/s, {:.2}×",
        bytes / MIB / started_s,
        read_s / started_s
    );
    Ok(())
}

/// Load goes on while snapshots are taken and segments dropped.
async fn memory(dir: &Path, duration: Duration) -> anyhow::Result<()> {
    const PARTS: usize = 6;
    let cluster = Cluster::new(dir, 3, &["--snapshot-bytes", "16777216", "--keep-log-bytes", "16777216"])?;
    let nodes = (0..3).map(|node| cluster.start(node)).collect::<anyhow::Result<Vec<_>>>()?;
    let leader = cluster.leader().await?;
    let target = cluster.target(leader);
    LARGE.fill(&target, CLIENTS).await?;
    println!("\nmemory     MiB resident after each {} s of load, and of log on the disk", duration.as_secs());
    println!("           {:>8} {:>8} {:>8} {:>10}", "leader", "follower", "log", "records");
    for _ in 0..PARTS {
        LARGE.run(&target, CLIENTS, duration).await?;
        let resident = |node: usize| resident_bytes(&nodes[node]).map(|bytes| bytes as f64 / MIB);
        let log_mib = bytes_of(&cluster.data(leader).join("log"))? as f64 / MIB;
        let (leads, follows) = (resident(leader)?, resident((leader + 1) % 3)?);
        println!("           {leads:>8.0} {follows:>8.0} {log_mib:>8.0} {:>10}", last_lsn(&cluster, leader).await?);
    }
    Ok(())
}

/// A new member gets a base snapshot and catches up while clients write.
async fn join(dir: &Path, duration: Duration, rows: u64) -> anyhow::Result<()> {
    // What lies behind the snapshot is gone, so the new member cannot begin with the log.
    let cluster = Cluster::new(dir, 3, &["--snapshot-bytes", "8388608", "--keep-log-bytes", "0"])?;
    let mut nodes = (0..3).map(|node| cluster.start(node)).collect::<anyhow::Result<Vec<_>>>()?;
    let leader = cluster.leader().await?;
    let (before, writing) = write_on(cluster.target(leader), rows, duration).await?;

    nodes.push(cluster.start(3)?);
    let begin = Instant::now();
    let mut operator = Resp::connect(cluster.address(leader), false).await?;
    let told = operator.ask(&format!("MEMBER ADD n3 {}", cluster.peer_address(3))).await?;
    ensure!(told.starts_with('+'), "MEMBER ADD is answered with {told}");
    let wanted = last_lsn(&cluster, leader).await?;
    until_it_has(&cluster, 3, wanted).await?;
    let joined_s = begin.elapsed().as_secs_f64();
    let during = writing.await??;
    println!("\njoin       {rows} rows, while {CLIENTS} clients write; the new member had them after {joined_s:.2} s");
    tell_cost(before, during);
    Ok(())
}

/// The replicas compare all their rows, again and again, while clients write.
async fn compare(dir: &Path, duration: Duration, rows: u64) -> anyhow::Result<()> {
    let cluster = Cluster::new(dir, 3, &["--verify-rows-per-s", "1000000000"])?;
    let _nodes = (0..3).map(|node| cluster.start(node)).collect::<anyhow::Result<Vec<_>>>()?;
    let leader = cluster.leader().await?;
    let (before, writing) = write_on(cluster.target(leader), rows, duration).await?;
    let (begin, mut passes) = (Instant::now(), 0_u32);
    while !writing.is_finished() {
        // Only the first line of the answer is read, so each question has a connection of its own.
        let told = Resp::connect(cluster.address(leader), false).await?.ask("VERIFY").await?;
        ensure!(told.starts_with('*'), "VERIFY is answered with {told}");
        passes += 1;
    }
    let per_pass_s = begin.elapsed().as_secs_f64() / f64::from(passes);
    let during = writing.await??;
    println!(
        "\ncompare    {rows} rows on three replicas, all of them in {per_pass_s:.2} s, while {CLIENTS} clients write"
    );
    tell_cost(before, during);
    Ok(())
}

/// Fills the rows and has clients write to them for a while; then they write for as long again, beside what the caller does.
async fn write_on(
    target: Target,
    rows: u64,
    duration: Duration,
) -> anyhow::Result<(Measure, JoinHandle<anyhow::Result<Measure>>)> {
    let load = Load { keys: rows, ..Load::default() };
    load.fill(&target, CLIENTS).await?;
    let before = load.run(&target, CLIENTS, duration).await?;
    Ok((before, tokio::task::spawn_local(async move { load.run(&target, CLIENTS, duration).await })))
}

/// What something cost those who wrote meanwhile.
fn tell_cost(before: Measure, during: Measure) {
    println!("           {:>14} {:>8} {:>10}", "writes/s", "p99 ms", "longest ms");
    for (when, Measure { per_second, p99_ms, most_ms, .. }) in [("before", before), ("during", during)] {
        println!("           {when:<6} {per_second:>7.0} {p99_ms:>8.1} {most_ms:>10.1}");
    }
    println!("           writes went on at {:.2}× the rate", during.per_second / before.per_second);
}

/// The same load on each engine and log.
async fn engines(dir: &Path, duration: Duration) -> anyhow::Result<()> {
    let kinds: [(&str, &[&str]); 3] = [
        ("memory", &[]),
        ("redb", &["--storage", "redb"]),
        ("redb, physical log", &["--storage", "redb", "--log", "physical"]),
    ];
    println!("\nengines    {:<20} {:>8} {:>8} {:>8} {:>10}", "", "writes/s", "p99 ms", "", "log B/write");
    let mut first = None;
    for (number, (name, flags)) in kinds.into_iter().enumerate() {
        let cluster = Cluster::new(&dir.join(number.to_string()), 3, flags)?;
        let _nodes = (0..3).map(|node| cluster.start(node)).collect::<anyhow::Result<Vec<_>>>()?;
        let leader = cluster.leader().await?;
        let Measure { per_second, p99_ms, .. } =
            Load::default().run(&cluster.target(leader), CLIENTS, duration).await?;
        let of_first = per_second / *first.get_or_insert(per_second);
        let per_write =
            used_bytes(&cluster.data(leader).join("log"))? as f64 / last_lsn(&cluster, leader).await? as f64;
        println!("           {name:<20} {per_second:>8.0} {p99_ms:>8.1} {of_first:>7.2}× {per_write:>10.0}");
    }
    Ok(())
}

pub(crate) async fn last_lsn(cluster: &Cluster, node: usize) -> anyhow::Result<u64> {
    let info = cluster.info(node).await?;
    let lsn = info.lines().find_map(|line| line.strip_prefix("last_lsn:")).context("no last_lsn in INFO")?;
    Ok(lsn.trim().parse()?)
}

async fn until_it_has(cluster: &Cluster, node: usize, lsn: u64) -> anyhow::Result<()> {
    until("waiting for a follower to catch up", || async {
        let held = last_lsn(cluster, node).await?;
        ensure!(held >= lsn, "it holds {held} of {lsn}");
        Ok(())
    })
    .await
}

fn resident_bytes(process: &Process) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", process.id()))?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    Ok(resident.trim().trim_end_matches(" kB").parse::<u64>()? << 10)
}

fn bytes_of(dir: &Path) -> anyhow::Result<u64> {
    fs::read_dir(dir)?.map(|entry| Ok(entry?.metadata()?.len())).sum()
}

/// Of the log of a node that runs, without the zeros that are room for records to come.
fn used_bytes(log: &Path) -> anyhow::Result<u64> {
    let used = |bytes: Vec<u8>| bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last as u64 + 1);
    fs::read_dir(log)?.map(|entry| Ok(used(fs::read(entry?.path())?))).sum()
}

fn read_all(dir: &Path) -> anyhow::Result<u64> {
    fs::read_dir(dir)?.map(|entry| Ok(fs::read(entry?.path())?.len() as u64)).sum()
}

/// Has the system forget what it keeps of files in memory; whether it did.
fn forget_files() -> bool {
    fs::write("/proc/sys/vm/drop_caches", "3").is_ok()
}
