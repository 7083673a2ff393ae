//! SIGTERM, and later a restart: what an operator does before an upgrade. Verified by the process's exit, cleanly and by itself.

use super::Effect;
use super::kill::Down;
use crate::cluster::Cluster;
use crate::node_id::NodeId;
use crate::process::describe_exit;

pub(super) async fn inject(cluster: &mut Cluster, targets: &[NodeId]) -> anyhow::Result<Down> {
    let effect = stop(cluster, targets).await?;
    cluster.keep_down(targets);
    Ok(Down { targets: targets.to_vec(), effect })
}

/// Lets the nodes end by themselves.
pub(super) async fn stop(cluster: &mut Cluster, targets: &[NodeId]) -> anyhow::Result<Effect> {
    let mut verified = !targets.is_empty();
    let mut evidence = Vec::new();
    for target in targets {
        for ended in cluster.stop(*target).await? {
            verified &= ended.is_some_and(|status| status.success());
            evidence.push(match ended {
                Some(status) => format!("{target} ended with {}", describe_exit(status)),
                None => format!("{target} did not end, and was killed"),
            });
        }
    }
    Ok(Effect { verified, evidence: evidence.join(", ") })
}
