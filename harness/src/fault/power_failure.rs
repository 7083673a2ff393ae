//! SIGKILL, and the loss of what was not synced; later a restart. Verified by the reaped process's exit status, and by the disk, which
//! tells what it took back: nothing, if everything was synced.
//!
//! In the last moments before it the disks of the targets end no sync. A sync here takes microseconds, and what a system does while it
//! waits for one would hardly ever be met; on a disk that spins it takes ten milliseconds, and a disk may be late.

use std::time::Duration;

use super::Effect;
use super::kill::{self, Down};
use crate::cluster::Cluster;
use crate::disk::{Ailment, Lost};
use crate::node_id::NodeId;

/// With a seed, a part of what was not synced survives.
pub(super) async fn inject(
    cluster: &mut Cluster,
    targets: &[NodeId],
    stall_ms: u64,
    torn: Option<u64>,
) -> anyhow::Result<Down> {
    for node in targets {
        cluster.faulty_disk(*node).begin(Ailment::Stalled);
    }
    tokio::time::sleep(Duration::from_millis(stall_ms)).await;
    let ended = cluster.cut_power(targets).await?;
    for node in targets {
        cluster.faulty_disk(*node).end(Ailment::Stalled);
    }
    let down = kill::keep_down(cluster, targets, &ended);
    let told =
        |(node, Lost { writes, names }): (NodeId, Lost)| format!(", {node} lost {writes} writes and {names} names");
    let lost: String = cluster.lose_unsynced(targets, torn)?.into_iter().map(told).collect();
    Ok(Down { effect: Effect { evidence: down.effect.evidence + &lost, ..down.effect }, ..down })
}
