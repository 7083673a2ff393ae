//! SIGSTOP, and later SIGCONT. Verified by the state of every thread in the kernel.

use futures::FutureExt;
use futures::future::BoxFuture;

use super::{Effect, Force};
use crate::cluster::{Cluster, Pause};
use crate::node_id::NodeId;

pub(super) struct Paused {
    pauses: Vec<Pause>,
    effect: Effect,
}

pub(super) async fn inject(cluster: &mut Cluster, targets: &[NodeId]) -> anyhow::Result<Paused> {
    let mut pauses = Vec::new();
    let mut evidence = Vec::new();
    for target in targets {
        let pause = cluster.pause(*target).await?;
        evidence.push(format!("{target} {}", if pause.stopped { "in state T" } else { "did not stop" }));
        pauses.push(pause);
    }
    let verified = !pauses.is_empty() && pauses.iter().all(|pause| pause.stopped);
    Ok(Paused { pauses, effect: Effect { verified, evidence: evidence.join(", ") } })
}

impl Force for Paused {
    fn detail(&self) -> String {
        self.effect.evidence.clone()
    }

    fn undo(self: Box<Self>, cluster: &mut Cluster) -> BoxFuture<'_, anyhow::Result<Effect>> {
        async move {
            for pause in &self.pauses {
                cluster.resume(*pause).await?;
            }
            Ok(self.effect)
        }
        .boxed()
    }
}
