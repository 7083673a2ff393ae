//! The promise: whatever a fault did is undone. Every fault of the vocabulary is injected into a running cluster, shows, and leaves
//! nothing behind.

use std::collections::BTreeSet;
use std::sync::Arc;

use interregnum_workloads::seed::Seed;
use tokio::time::{Instant, sleep};

use super::*;
use crate::cluster::{WantedDisks, agreed_leader};
use crate::systems::node::Node;

/// How long a fault is in force here: long enough for heartbeats to meet it.
const HOLD: Duration = Duration::from_millis(300);

/// How long the cluster may take to follow one leader again, on a machine that does a lot besides.
const RECOVERY_LIMIT: Duration = Duration::from_mins(1);

/// Faults that are over at once, or act only now and then: there is no moment at which they are sure to show.
fn shows(fault: Fault) -> bool {
    !matches!(
        fault,
        Fault::RollingRestart
            | Fault::Switchover
            | Fault::Promote
            | Fault::Drift
            | Fault::Reset { .. }
            | Fault::CrashLoop { .. }
    )
}

async fn leader_of(cluster: &Cluster) -> anyhow::Result<NodeId> {
    let deadline = Instant::now() + RECOVERY_LIMIT;
    loop {
        let statuses = cluster.statuses().await;
        match agreed_leader(&statuses, cluster.nodes().len()) {
            Some(leader) => return Ok(leader),
            None if Instant::now() >= deadline => anyhow::bail!("nobody leads all: {statuses:?}"),
            None => sleep(LOOK).await,
        }
    }
}

/// Injects and undoes one fault; what is wrong with what it leaves.
async fn there_and_back(cluster: &mut Cluster, fault: Fault) -> anyhow::Result<Vec<String>> {
    let before: BTreeSet<_> = cluster.disturbed().into_iter().collect();
    let leader = leader_of(cluster).await?;
    let mut rng = Seed(1).stream("undo");
    let target = match fault.usual_target() {
        Some(Target::All) => cluster.nodes().into_iter().collect(),
        Some(Target::Leader) => vec![leader],
        _ => cluster.nodes().into_iter().filter(|node| *node != leader).take(1).collect(),
    };
    let mut wrong = Vec::new();
    if let Some(obstacle) = fault.obstacle(cluster) {
        eprintln!("SKIPPED: {fault}: {obstacle}");
        return Ok(wrong);
    }
    let mut injected = fault.strike(cluster, target, Some(leader), &mut rng).inject(cluster, &mut rng).await?;
    let changed = cluster.disturbed().into_iter().any(|line| !before.contains(&line));
    if shows(fault) && !changed {
        wrong.push(format!("{fault} did not show"));
    }
    let end = Instant::now() + HOLD;
    while let Some(next) = injected.next_act().filter(|next| *next < end) {
        tokio::time::sleep_until(next).await;
        injected.act(cluster).await?;
    }
    tokio::time::sleep_until(end).await;
    injected.undo(cluster).await?;
    leader_of(cluster).await?;
    wrong.extend(
        cluster
            .disturbed()
            .into_iter()
            .filter(|line| !before.contains(line))
            .map(|line| format!("{fault} left {line}")),
    );
    Ok(wrong)
}

/// Every fault whose place in the list leaves this remainder, so that the work is shared.
async fn check(remainder: usize) {
    let logs = tempfile::tempdir().unwrap();
    let system = Node::cluster(3).modes("--allow-corruption true").upgraded_to(None, "--read leader-local");
    let mut cluster =
        Cluster::launch(Arc::new(system), Seed(1), Duration::ZERO, false, WantedDisks::Plain, logs.path())
            .await
            .unwrap();
    leader_of(&cluster).await.unwrap();
    assert_eq!(cluster.disturbed(), [""; 0], "nothing has been done yet");
    let mut wrong = Vec::new();
    for fault in ALL_FAULTS.into_iter().skip(remainder).step_by(3) {
        match there_and_back(&mut cluster, fault).await {
            Ok(left) => wrong.extend(left),
            Err(error) => wrong.push(format!("{fault}: {error:#}")),
        }
    }
    cluster.take_down().await.unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn the_first_of_three_faults_leaves_nothing() {
    check(0).await;
}

#[tokio::test]
async fn the_second_of_three_faults_leaves_nothing() {
    check(1).await;
}

#[tokio::test]
async fn the_third_of_three_faults_leaves_nothing() {
    check(2).await;
}
