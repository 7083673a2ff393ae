//! A planned change of leader, asked of the system itself. Verified by its answer: that it has handed leadership over.

use super::Effect;
use crate::cluster::Cluster;
use crate::node_id::NodeId;

pub(super) async fn inject(cluster: &Cluster, targets: &[NodeId]) -> Effect {
    let mut verified = !targets.is_empty();
    let mut evidence = Vec::new();
    for target in targets {
        let answer = cluster.switch_over(*target).await;
        verified &= answer.is_ok();
        evidence.push(match answer {
            Ok(told) => format!("{target}: {told}"),
            Err(error) => format!("{target} did not hand over: {error}"),
        });
    }
    Effect { verified, evidence: evidence.join(", ") }
}
