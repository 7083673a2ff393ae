//! What holds up a leader's heartbeats: the longest silence that a follower sees while the leader is asked for what takes long.
//!
//! Both engines are asked the same, in one run; a leader that has nothing to do is silent for one heartbeat and what the machine adds.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::load::Load;
use crate::replicas::last_lsn;
use crate::systems::interregnum::Cluster;
use crate::systems::resp::Resp;

const CLIENTS: usize = 16;
const HEARTBEAT_MS: &str = "20";
/// Snapshots and checkpoints are part of what may take long, so both are frequent; nobody is to be elected.
const FLAGS: [&str; 6] = ["--heartbeat-ms", HEARTBEAT_MS, "--missed-heartbeats", "500", "--snapshot-bytes", "8388608"];

/// What the leader is busy with.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Burden {
    Nothing,
    Info,
    Checksum,
    Changes,
    Writes,
}

const BURDENS: [Burden; 5] = [Burden::Nothing, Burden::Info, Burden::Checksum, Burden::Changes, Burden::Writes];

/// The longest silence under each burden, of each engine.
pub(crate) async fn measure(dir: &Path, duration: Duration, rows: u64) -> anyhow::Result<()> {
    let memory = of_engine(&dir.join("memory"), &[], duration, rows).await?;
    let redb = of_engine(&dir.join("redb"), &["--storage", "redb"], duration, rows).await?;
    println!("\nstalls     longest silence of a leader with {rows} rows and a heartbeat every {HEARTBEAT_MS} ms");
    println!("           {:<10} {:>10} {:>10}", "", "memory ms", "redb ms");
    for (burden, (memory, redb)) in BURDENS.iter().zip(memory.iter().zip(redb)) {
        println!("           {:<10} {memory:>10} {redb:>10}", format!("{burden:?}").to_lowercase());
    }
    Ok(())
}

async fn of_engine(dir: &Path, flags: &[&str], duration: Duration, rows: u64) -> anyhow::Result<Vec<u64>> {
    let flags = [&FLAGS[..], flags].concat();
    let cluster = Cluster::new(dir, 3, &flags)?;
    let _nodes = (0..3).map(|node| cluster.start(node)).collect::<anyhow::Result<Vec<_>>>()?;
    let leader = cluster.leader().await?;
    let load = Load { keys: rows, ..Load::default() };
    load.fill(&cluster.target(leader), 4 * CLIENTS).await?;
    let mut silences = Vec::new();
    for burden in BURDENS {
        let follower = Resp::connect(cluster.address((leader + 1) % 3), false).await?;
        let watching = tokio::task::spawn_local(longest_silence_ms(follower, duration));
        match burden {
            Burden::Writes => drop(load.run(&cluster.target(leader), CLIENTS, duration).await?),
            _ => ask_for(&cluster, leader, burden, duration).await?,
        }
        silences.push(watching.await??);
    }
    Ok(silences)
}

/// Looks every millisecond, for so long.
async fn longest_silence_ms(mut follower: Resp, duration: Duration) -> anyhow::Result<u64> {
    let (begin, mut longest_ms) = (Instant::now(), 0);
    while begin.elapsed() < duration {
        let info = follower.info("replication").await?;
        let silent = info.lines().find_map(|line| line.strip_prefix("leader_silent_ms:"));
        longest_ms = longest_ms.max(silent.context("no leader_silent_ms in INFO")?.trim().parse().unwrap_or(0));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(longest_ms)
}

/// Asks the leader the same again and again. Of most answers only the first line is read, so each question has a connection of its own.
async fn ask_for(cluster: &Cluster, leader: usize, burden: Burden, duration: Duration) -> anyhow::Result<()> {
    let changes_begin = last_lsn(cluster, leader).await?.saturating_sub(1_000);
    let question = match burden {
        Burden::Info => "INFO".to_owned(),
        Burden::Checksum => "CHECKSUM".to_owned(),
        Burden::Changes => format!("CHANGES AFTER {changes_begin} LIMIT 1000"),
        Burden::Nothing | Burden::Writes => {
            tokio::time::sleep(duration).await;
            return Ok(());
        }
    };
    let begin = Instant::now();
    while begin.elapsed() < duration {
        let told = Resp::connect(cluster.address(leader), false).await?.ask(&question).await?;
        anyhow::ensure!(!told.starts_with('-'), "{question} is answered with {told}");
    }
    Ok(())
}
