//! SIGKILL, and later a restart. Verified by the reaped process's exit status.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use futures::FutureExt;
use futures::future::BoxFuture;
use nix::sys::signal::Signal;

use super::{Effect, Force};
use crate::cluster::Cluster;
use crate::node_id::NodeId;
use crate::process::describe_exit;

/// Nodes that are down until this is undone.
pub(super) struct Down {
    pub(super) targets: Vec<NodeId>,
    pub(super) effect: Effect,
}

pub(super) async fn inject(cluster: &mut Cluster, targets: &[NodeId]) -> anyhow::Result<Down> {
    let ended = cluster.kill(targets).await?;
    Ok(keep_down(cluster, targets, &ended))
}

/// Keeps targets down that ended so.
pub(super) fn keep_down(cluster: &mut Cluster, targets: &[NodeId], ended: &[(NodeId, ExitStatus)]) -> Down {
    cluster.keep_down(targets);
    let verified = !targets.is_empty() && ended.iter().all(|(_, status)| is_killed(*status));
    let reaped: Vec<_> =
        ended.iter().map(|(node, status)| format!("{node} reaped: {}", describe_exit(*status))).collect();
    Down { targets: targets.to_vec(), effect: Effect { verified, evidence: reaped.join(", ") } }
}

pub(super) fn is_killed(status: ExitStatus) -> bool {
    status.signal() == Some(Signal::SIGKILL as i32)
}

impl Force for Down {
    fn detail(&self) -> String {
        self.effect.evidence.clone()
    }

    fn undo(self: Box<Self>, cluster: &mut Cluster) -> BoxFuture<'_, anyhow::Result<Effect>> {
        async move {
            cluster.let_up(&self.targets)?;
            Ok(self.effect)
        }
        .boxed()
    }
}
