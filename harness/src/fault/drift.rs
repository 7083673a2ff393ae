//! A row of the targets is changed behind the back of replication. Verified by the system itself: a comparison of the replicas has to name
//! each of them. Undone by a repair, after which none may differ.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::time::Instant;

use super::{Effect, Force, LOOK};
use crate::cluster::Cluster;
use crate::node_id::NodeId;
use crate::target::newest_leader;

/// How long replicas may take to be compared, and again to be mended: who is away, or has much to catch up with, is waited for.
const LIMIT: Duration = Duration::from_secs(10);

pub(super) fn obstacle(cluster: &Cluster) -> Option<String> {
    let missing =
        "the system cannot have a row changed behind its back; a cluster of `node` can with --allow-corruption true";
    cluster.system().drift().is_none().then(|| missing.to_owned())
}

struct Drifted {
    targets: Vec<NodeId>,
    /// What was changed and found, or why not.
    found: Result<String, String>,
}

/// The drift is looked for at once, with nothing in between: the repair of another fault mends this one, too.
pub(super) async fn inject(cluster: &Cluster, targets: &[NodeId]) -> impl Force + use<> {
    let found = match change(cluster, targets).await {
        Ok(changed) => find(cluster, targets).await.map(|()| changed),
        Err(why) => Err(why),
    };
    Drifted { targets: targets.to_vec(), found }
}

impl Force for Drifted {
    fn detail(&self) -> String {
        self.found.clone().unwrap_or_else(|why| why)
    }

    fn undo(self: Box<Self>, cluster: &mut Cluster) -> BoxFuture<'_, anyhow::Result<Effect>> {
        async move {
            let names: Vec<_> = self.targets.iter().map(NodeId::to_string).collect();
            let mended = mend(cluster).await;
            Ok(match self.found.and(mended) {
                Ok(()) => {
                    let evidence = format!("a comparison found {}; none differs after the repair", names.join(", "));
                    Effect { verified: true, evidence }
                }
                Err(evidence) => Effect { verified: false, evidence },
            })
        }
        .boxed()
    }
}

async fn change(cluster: &Cluster, targets: &[NodeId]) -> Result<String, String> {
    let drift = cluster.system().drift().expect("who cannot do that has an obstacle");
    let mut changed = String::new();
    for &target in targets {
        changed = drift.corrupt(cluster.place(target)).await.map_err(|error| format!("{target}: {error}"))?;
    }
    Ok(changed)
}

async fn find(cluster: &Cluster, targets: &[NodeId]) -> Result<(), String> {
    let deadline = Instant::now() + LIMIT;
    loop {
        let differing = ask(cluster, Question::WhoDiffers).await;
        if differing.as_ref().is_ok_and(|differing| targets.iter().all(|target| differing.contains(target))) {
            return Ok(());
        }
        if Instant::now() >= deadline {
            let why = differing.err().unwrap_or_else(|| "it named others".to_owned());
            return Err(format!("no comparison found the targets within {} s: {why}", LIMIT.as_secs()));
        }
        tokio::time::sleep(LOOK).await;
    }
}

#[derive(Clone, Copy)]
enum Question {
    WhoDiffers,
    WhoDiffersAfterRepair,
}

/// Asks whoever leads.
async fn ask(cluster: &Cluster, question: Question) -> Result<BTreeSet<NodeId>, String> {
    let statuses = cluster.statuses().await.into_iter().map(|(node, status)| (node, Some(status))).collect();
    let leader = newest_leader(&statuses).ok_or("nobody leads")?;
    let (drift, place) = (cluster.system().drift().expect("it was asked before"), cluster.place(leader));
    let answer = match question {
        Question::WhoDiffers => drift.compare(place),
        Question::WhoDiffersAfterRepair => drift.repair(place),
    };
    answer.await.map_err(|error| format!("{leader}: {error}"))
}

async fn mend(cluster: &Cluster) -> Result<(), String> {
    let deadline = Instant::now() + LIMIT;
    loop {
        // What nobody has looked for is not repaired.
        let mut differing = ask(cluster, Question::WhoDiffers).await;
        if differing.as_ref().is_ok_and(|differing| !differing.is_empty()) {
            differing = ask(cluster, Question::WhoDiffersAfterRepair).await;
        }
        match differing {
            Ok(differing) if differing.is_empty() => return Ok(()),
            told if Instant::now() >= deadline => {
                let last = told.map_or_else(|error| error, |differing| format!("{} nodes differ", differing.len()));
                return Err(format!("not mended within {} s: {last}", LIMIT.as_secs()));
            }
            _ => tokio::time::sleep(LOOK).await,
        }
    }
}
