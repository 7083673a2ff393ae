//! A row of the targets is changed behind the back of replication. Verified by the system itself: while it is in force, a comparison of
//! the replicas has to name each of them. Undone by a repair, after which none may differ.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::time::Instant;

use super::{Effect, Force, LOOK};
use crate::cluster::Cluster;
use crate::node_id::NodeId;
use crate::target::newest_leader;

/// How long replicas may take to be mended: who is away, or has much to catch up with, is waited for.
const LIMIT: Duration = Duration::from_secs(10);

pub(super) fn obstacle(cluster: &Cluster) -> Option<String> {
    let missing =
        "the system cannot have a row changed behind its back; a cluster of `node` can with --allow-corruption true";
    cluster.system().drift().is_none().then(|| missing.to_owned())
}

struct Drifted {
    targets: BTreeSet<NodeId>,
    /// What was changed, or why it was not.
    changed: Result<String, String>,
    /// When the replicas are compared next; `None` once the targets were found.
    next_look: Option<Instant>,
}

pub(super) async fn inject(cluster: &Cluster, targets: &[NodeId]) -> impl Force + use<> {
    let mut changed = Ok(String::new());
    for &target in targets {
        let drift = cluster.system().drift().expect("who cannot do that has an obstacle");
        changed = drift.corrupt(cluster.place(target)).await.map_err(|error| format!("{target}: {error}"));
        if changed.is_err() {
            break;
        }
    }
    let next_look = changed.is_ok().then(Instant::now);
    Drifted { targets: targets.iter().copied().collect(), changed, next_look }
}

impl Force for Drifted {
    fn detail(&self) -> String {
        self.changed.clone().unwrap_or_else(|error| error)
    }

    fn next_act(&self) -> Option<Instant> {
        self.next_look
    }

    /// Looks for the drift while it is there: the repair of another fault may mend it before this one is undone.
    fn act<'a>(&'a mut self, cluster: &'a mut Cluster) -> BoxFuture<'a, anyhow::Result<()>> {
        async move {
            let found = ask(cluster, Question::WhoDiffers).await.is_ok_and(|found| found.is_superset(&self.targets));
            self.next_look = (!found).then(|| Instant::now() + LOOK);
            Ok(())
        }
        .boxed()
    }

    fn undo(mut self: Box<Self>, cluster: &mut Cluster) -> BoxFuture<'_, anyhow::Result<Effect>> {
        async move {
            if let Err(evidence) = self.changed {
                return Ok(Effect { verified: false, evidence });
            }
            let deadline = Instant::now() + LIMIT;
            while let Some(next_look) = self.next_look.filter(|at| *at < deadline) {
                tokio::time::sleep_until(next_look).await;
                self.act(cluster).await?;
            }
            let mended = mended(cluster).await;
            let names: Vec<_> = self.targets.iter().map(NodeId::to_string).collect();
            Ok(match (self.next_look, mended) {
                (_, Err(evidence)) => Effect { verified: false, evidence },
                (Some(_), _) => {
                    Effect { verified: false, evidence: format!("no comparison found {}", names.join(", ")) }
                }
                (None, Ok(())) => {
                    let evidence = format!("a comparison found {}; none differs after the repair", names.join(", "));
                    Effect { verified: true, evidence }
                }
            })
        }
        .boxed()
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

async fn mended(cluster: &Cluster) -> Result<(), String> {
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
