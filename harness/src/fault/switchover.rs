//! A planned change of leader, asked of the system itself. Verified by its answer: that it has handed leadership over.

use futures::FutureExt;
use futures::future::BoxFuture;

use super::{Effect, Force};
use crate::cluster::Cluster;
use crate::node_id::NodeId;

/// What is done at once, and leaves nothing to undo.
pub(super) struct Done(pub(super) Effect);

pub(super) async fn inject(cluster: &Cluster, targets: &[NodeId]) -> Done {
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
    Done(Effect { verified, evidence: evidence.join(", ") })
}

impl Force for Done {
    fn detail(&self) -> String {
        self.0.evidence.clone()
    }

    fn undo(self: Box<Self>, _cluster: &mut Cluster) -> BoxFuture<'_, anyhow::Result<Effect>> {
        std::future::ready(Ok(self.0)).boxed()
    }
}
