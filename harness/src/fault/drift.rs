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
        Ok(changed) => {
            let are_found = |differing: &BTreeSet<NodeId>| targets.iter().all(|target| differing.contains(target));
            until(cluster, Question::WhoDiffers, "found", are_found).await.map(|()| changed)
        }
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
            let mended = until(cluster, Question::WhoDiffersAfterRepair, "mended", BTreeSet::is_empty).await;
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

#[derive(Clone, Copy, PartialEq, Eq)]
enum Question {
    WhoDiffers,
    WhoDiffersAfterRepair,
}

/// Asks whoever leads, again and again, until the answer is enough.
async fn until(
    cluster: &Cluster,
    question: Question,
    what: &str,
    is_enough: impl Fn(&BTreeSet<NodeId>) -> bool,
) -> Result<(), String> {
    let deadline = Instant::now() + LIMIT;
    loop {
        let differing = ask(cluster, question).await;
        if differing.as_ref().is_ok_and(&is_enough) {
            return Ok(());
        }
        if Instant::now() >= deadline {
            let last = differing.map_or_else(|error| error, |differing| format!("{} nodes differ", differing.len()));
            return Err(format!("not {what} within {} s: {last}", LIMIT.as_secs()));
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn ask(cluster: &Cluster, question: Question) -> Result<BTreeSet<NodeId>, String> {
    let statuses = cluster.statuses().await.into_iter().map(|(node, status)| (node, Some(status))).collect();
    let leader = newest_leader(&statuses).ok_or("nobody leads")?;
    let (drift, place) = (cluster.system().drift().expect("it was asked before"), cluster.place(leader));
    let told = |error: std::io::Error| format!("{leader}: {error}");
    let differing = drift.compare(place).await.map_err(told)?;
    if question == Question::WhoDiffers || differing.is_empty() {
        return Ok(differing);
    }
    drift.repair(place).await.map_err(told) // of what the comparison found
}
