//! A change of leader that is asked of the system itself: of the leader, that it hands over, or of a follower, that it leads by an
//! operator's order. Verified by the answer.

use std::io;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::{Effect, Force};
use crate::cluster::Cluster;
use crate::node_id::NodeId;

/// What is done at once, and leaves nothing to undo.
pub(super) struct Done(pub(super) Effect);

pub(super) async fn inject(cluster: &Cluster, targets: &[NodeId]) -> Done {
    let mut answers = Vec::new();
    for target in targets {
        answers.push((*target, cluster.switch_over(*target).await));
    }
    done(answers, "did not hand over")
}

pub(super) async fn promote(cluster: &Cluster, targets: &[NodeId]) -> Done {
    let mut answers = Vec::new();
    for target in targets {
        answers.push((*target, cluster.promote(*target).await));
    }
    done(answers, "was not promoted")
}

fn done(answers: Vec<(NodeId, io::Result<String>)>, refusal: &str) -> Done {
    let verified = !answers.is_empty() && answers.iter().all(|(_, answer)| answer.is_ok());
    let tell = |(target, answer)| match answer {
        Ok(told) => format!("{target}: {told}"),
        Err(error) => format!("{target} {refusal}: {error}"),
    };
    let evidence: Vec<_> = answers.into_iter().map(tell).collect();
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
