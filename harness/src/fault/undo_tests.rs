//! The promise: whatever a fault did is undone. Every fault of the vocabulary is injected into a running cluster, shows, and leaves
//! nothing behind.

use std::collections::BTreeSet;
use std::sync::Arc;

use interregnum_checker::history::{Function, Value};
use interregnum_node::Fsync;
use interregnum_workloads::client::{Invocation, Object};
use interregnum_workloads::seed::Seed;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::*;
use crate::cluster::{WantedDisks, agreed_leader};
use crate::systems::node::Node;

/// For how long a fault is in force here, at least: long enough for heartbeats to meet it.
const HOLD: Duration = Duration::from_millis(300);

/// How long the cluster may take to follow one leader again, on a machine that does a lot besides.
const RECOVERY_LIMIT: Duration = Duration::from_mins(1);

/// Faults that nothing meets here: leaders are elected, and nobody has others switched off.
fn is_never_met(fault: Fault) -> bool {
    matches!(fault, Fault::Promote | Fault::Partition(Shape::FenceSide))
}

/// Clients who write all the time, one at home at each node, so that disks are used and clients are there to be cut off.
fn writers(cluster: &Cluster) -> JoinSet<()> {
    let write = |index: usize| {
        let mut client = cluster.system().client(&cluster.reaches(), index);
        async move {
            for number in 0.. {
                let (function, object, key) = (Function::Write, Object::Register, "k".to_owned());
                client.execute(&Invocation { function, object, key, value: Value::Int(number) }).await;
                sleep(LOOK).await;
            }
        }
    };
    (0..cluster.nodes().len()).map(write).collect()
}

/// Faults that are over at once, or act only now and then: there is no moment at which they are sure to show.
fn shows(fault: Fault) -> bool {
    !matches!(
        fault,
        Fault::RollingRestart
            | Fault::Switchover
            | Fault::Promote
            | Fault::Drift
            | Fault::BitFlip
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

/// Waits until every node has what others have by now: one whose disk takes nothing still says whom it follows.
async fn all_catch_up(cluster: &Cluster) -> anyhow::Result<()> {
    leader_of(cluster).await?;
    let wanted = cluster.statuses().await.values().map(|status| status.last_lsn).max();
    let deadline = Instant::now() + RECOVERY_LIMIT;
    loop {
        let statuses = cluster.statuses().await;
        let have = statuses.values().filter(|status| Some(status.last_lsn) >= wanted).count();
        if have == cluster.nodes().len() {
            return Ok(());
        }
        anyhow::ensure!(Instant::now() < deadline, "not all have record {wanted:?}: {statuses:?}");
        sleep(LOOK).await;
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
    let (end, deadline) = (Instant::now() + HOLD, Instant::now() + RECOVERY_LIMIT);
    let is_met = |injected: &Injected, cluster: &Cluster| is_never_met(fault) || injected.has_shown(cluster);
    while Instant::now() < end || !is_met(&injected, cluster) && Instant::now() < deadline {
        if injected.next_act().is_some_and(|next| next <= Instant::now()) {
            injected.act(cluster).await?;
        }
        sleep(LOOK).await;
    }
    let deadline = Instant::now() + RECOVERY_LIMIT;
    while !injected.wind_down(cluster).await && Instant::now() < deadline {
        sleep(LOOK).await;
    }
    let effect = injected.undo(cluster).await?;
    if effect.verified == is_never_met(fault) {
        wrong.push(format!("{fault}: {effect:?}"));
    }
    all_catch_up(cluster).await?;
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
    let system =
        Node::cluster(3).fsync(Fsync::Always).modes("--allow-corruption true").upgraded_to(None, "--read leader-local");
    let mut cluster =
        Cluster::launch(Arc::new(system), Seed(1), Duration::ZERO, false, WantedDisks::Faulty, logs.path())
            .await
            .unwrap();
    leader_of(&cluster).await.unwrap();
    let _writers = writers(&cluster);
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
