//! SIGSTOP, and later SIGCONT. Verified by the state of every thread in the kernel.

use super::Effect;
use crate::cluster::Cluster;
use crate::node_id::NodeId;

pub(super) async fn inject(cluster: &mut Cluster, targets: &[NodeId]) -> anyhow::Result<Effect> {
    let mut verified = !targets.is_empty();
    let mut evidence = Vec::new();
    for target in targets {
        let stopped = cluster.pause(*target).await?;
        verified &= stopped;
        evidence.push(format!("{target} {}", if stopped { "in state T" } else { "did not stop" }));
    }
    Ok(Effect { verified, evidence: evidence.join(", ") })
}

pub(super) async fn undo(cluster: &mut Cluster, targets: &[NodeId]) -> anyhow::Result<()> {
    for target in targets {
        cluster.resume(*target).await?;
    }
    Ok(())
}
