//! After everything has healed: read every key once more for the history, and compare what each node holds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use futures::future::join_all;
use interregnum_checker::history::{Outcome, Value};
use interregnum_checker::judgement::Judgement;
use interregnum_checker::verdict::Verdict;
use interregnum_workloads::client::{Client, Completion, Invocation};
use serde::Serialize;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};

use super::load::Touched;
use super::{POLL, Plan};
use crate::cluster::{Cluster, agreed_leader};
use crate::node_id::NodeId;
use crate::record::Recorder;
use crate::run_dir::RunDir;
use crate::system::{Place, Reach};

/// How long the replicas may take to hold the same log once nobody writes any more, and how long a final read may be
/// tried. Like the recovery's limit, it is far beyond what a working cluster needs.
const SETTLE_LIMIT: Duration = Duration::from_secs(30);

/// Keys told by name in the judgement; `replicas.json` has all.
const KEYS_TOLD: usize = 3;

/// What each node holds.
pub(super) struct Settled {
    /// Why the comparison could not be made, if it could not.
    obstacle: Option<String>,
    keys: usize,
    disagreements: Vec<Disagreement>,
}

/// A key that nodes hold different values of.
#[derive(Debug, Serialize)]
struct Disagreement {
    key: String,
    values: BTreeMap<NodeId, Value>,
}

pub(super) async fn settle(plan: &Plan, cluster: &Mutex<Cluster>, recorder: &Recorder, touched: &Touched) -> Settled {
    let mut settled = Settled { obstacle: None, keys: touched.keys.len(), disagreements: Vec::new() };
    let (reaches, places) = {
        let cluster = cluster.lock().await;
        (cluster.reaches(), cluster.places())
    };
    let result = async {
        wait_until_converged(cluster).await?;
        let reads = plan.workload.final_reads(&touched.keys);
        read_for_the_history(plan, &reaches, recorder, &reads, touched.next_process).await?;
        compare_once_all_can_be_read(plan, cluster, &places, &reads).await
    };
    match result.await {
        Ok(disagreements) => settled.disagreements = disagreements,
        Err(obstacle) => settled.obstacle = Some(obstacle),
    }
    settled
}

/// Waits until every node's log ends at the same position.
async fn wait_until_converged(cluster: &Mutex<Cluster>) -> Result<(), String> {
    let deadline = Instant::now() + SETTLE_LIMIT;
    loop {
        let cluster = cluster.lock().await;
        let statuses = cluster.statuses().await;
        let ends: BTreeSet<_> = statuses.values().map(|status| status.last_lsn).collect();
        if ends.len() == 1 && agreed_leader(&statuses, cluster.nodes().len()).is_some() {
            return Ok(());
        }
        if Instant::now() >= deadline {
            let ends: Vec<_> = statuses.iter().map(|(node, status)| format!("{node} at {}", status.last_lsn)).collect();
            return Err(format!(
                "{} s after the last write the logs end apart: {}",
                SETTLE_LIMIT.as_secs(),
                ends.join(", ")
            ));
        }
        drop(cluster);
        sleep(POLL).await;
    }
}

/// Reads every key as a client does, and records it: this is what shows whether a write is still there.
async fn read_for_the_history(
    plan: &Plan,
    reaches: &[Reach],
    recorder: &Recorder,
    reads: &[Invocation],
    mut process: u64,
) -> Result<(), String> {
    let mut client = plan.system.client(reaches, 0);
    for read in reads {
        let deadline = Instant::now() + SETTLE_LIMIT;
        loop {
            recorder.invoked(process, read);
            let completion = client.execute(read).await;
            recorder.completed(process, read, &completion);
            match completion.outcome {
                Outcome::Ok => break,
                Outcome::Info => process += 1,
                Outcome::Fail => {}
            }
            if Instant::now() >= deadline {
                let reason = completion.error.unwrap_or_default();
                return Err(format!("{} could not be read in the end: {reason}", read.key));
            }
            sleep(POLL).await;
        }
    }
    Ok(())
}

/// Compares the replicas. A node may have itself fenced even now, where a slow machine makes it silent; then it is back soon.
async fn compare_once_all_can_be_read(
    plan: &Plan,
    cluster: &Mutex<Cluster>,
    places: &[Arc<Place>],
    reads: &[Invocation],
) -> Result<Vec<Disagreement>, String> {
    let deadline = Instant::now() + SETTLE_LIMIT;
    loop {
        match compare_replicas(plan, places, reads).await {
            Err(_) if Instant::now() < deadline => wait_until_converged(cluster).await?,
            result => return result,
        }
    }
}

/// Reads every key at every node.
async fn compare_replicas(
    plan: &Plan,
    places: &[Arc<Place>],
    reads: &[Invocation],
) -> Result<Vec<Disagreement>, String> {
    let replicas = join_all(places.iter().map(|place| async {
        let mut reader = plan.system.local_reader(place);
        let mut values = Vec::new();
        for read in reads {
            values.push(read_locally(&mut *reader, read).await.map_err(|reason| format!("{}: {reason}", place.node))?);
        }
        Ok::<_, String>((place.node, values))
    }));
    let replicas = replicas.await.into_iter().collect::<Result<Vec<_>, _>>()?;
    let value_of_key = |index: usize| replicas.iter().map(move |(node, values)| (*node, values[index].clone()));
    let disagreements = reads.iter().enumerate().filter_map(|(index, read)| {
        let values: BTreeMap<_, _> = value_of_key(index).collect();
        let distinct: BTreeSet<_> = values.values().collect();
        (distinct.len() > 1).then(|| Disagreement { key: read.key.clone(), values })
    });
    Ok(disagreements.collect())
}

async fn read_locally(reader: &mut dyn Client, read: &Invocation) -> Result<Value, String> {
    match reader.execute(read).await {
        Completion { outcome: Outcome::Ok, value: Some(value), .. } => Ok(value),
        completion => Err(format!("{} could not be read: {}", read.key, completion.error.unwrap_or_default())),
    }
}

impl Settled {
    /// The cluster did not recover, so there was nothing to compare.
    pub(super) fn not_reached() -> Self {
        let obstacle = Some("the cluster did not recover, so its replicas were not compared".to_owned());
        Self { obstacle, keys: 0, disagreements: Vec::new() }
    }

    /// Writes down what differs.
    pub(super) fn keep(&self, run_dir: &RunDir) -> anyhow::Result<()> {
        if self.disagreements.is_empty() {
            return Ok(());
        }
        run_dir.write_json("replicas.json", &self.disagreements).context("writing replicas.json")
    }

    /// Judges whether the replicas agree. An obstacle after a recovery is the system's failure to converge; without a
    /// recovery that judgement has been made already.
    pub(super) fn judgement(&self, recovered: bool) -> Judgement {
        let (verdict, summary) = match (&self.obstacle, self.disagreements.len()) {
            (Some(obstacle), _) if recovered => (Verdict::Violation, obstacle.clone()),
            (Some(obstacle), _) => (Verdict::Inconclusive, obstacle.clone()),
            (None, 0) => (Verdict::Pass, format!("all replicas hold the same {} keys", self.keys)),
            (None, count) => {
                let told: Vec<_> = self.disagreements.iter().take(KEYS_TOLD).map(|one| one.key.as_str()).collect();
                let more = if count > KEYS_TOLD { ", …" } else { "" };
                (
                    Verdict::Violation,
                    format!("replicas hold different values of {count} keys: {}{more}", told.join(", ")),
                )
            }
        };
        Judgement::without_proofs("replicas-agree", verdict, summary)
    }
}
