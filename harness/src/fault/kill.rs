//! SIGKILL, and later a restart. Verified by the reaped process's exit status.

use std::os::unix::process::ExitStatusExt;

use nix::sys::signal::Signal;

use super::Effect;
use crate::cluster::Cluster;
use crate::node_id::NodeId;
use crate::process::describe_exit;

pub(super) async fn inject(cluster: &mut Cluster, targets: &[NodeId]) -> anyhow::Result<Effect> {
    let mut verified = !targets.is_empty();
    let mut evidence = Vec::new();
    for target in targets {
        for status in cluster.kill(*target).await? {
            verified &= status.signal() == Some(Signal::SIGKILL as i32);
            evidence.push(format!("{target} reaped: {}", describe_exit(status)));
        }
    }
    Ok(Effect { verified, evidence: evidence.join(", ") })
}

pub(super) fn undo(cluster: &mut Cluster, targets: &[NodeId]) -> anyhow::Result<()> {
    for target in targets {
        // Another kill may have struck the node again while this one was in force, and been undone already.
        if !cluster.is_alive(*target) {
            cluster.start(*target)?;
        }
    }
    Ok(())
}
