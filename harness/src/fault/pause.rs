//! SIGSTOP, and later SIGCONT. Verified by the state of every thread in the kernel.

use super::Effect;
use crate::cluster::{Cluster, Pause};
use crate::node_id::NodeId;

pub(super) async fn inject(cluster: &mut Cluster, targets: &[NodeId]) -> anyhow::Result<(Vec<Pause>, Effect)> {
    let mut pauses = Vec::new();
    let mut evidence = Vec::new();
    for target in targets {
        let pause = cluster.pause(*target).await?;
        evidence.push(format!("{target} {}", if pause.stopped { "in state T" } else { "did not stop" }));
        pauses.push(pause);
    }
    let verified = !pauses.is_empty() && pauses.iter().all(|pause| pause.stopped);
    Ok((pauses, Effect { verified, evidence: evidence.join(", ") }))
}

pub(super) async fn undo(cluster: &mut Cluster, pauses: &[Pause]) -> anyhow::Result<()> {
    for pause in pauses {
        cluster.resume(*pause).await?;
    }
    Ok(())
}
