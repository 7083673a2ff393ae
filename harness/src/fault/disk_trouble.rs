//! A disk that is full, fails or is slow. Verified by calls of each target that it met, as counted by the disk. Undone at once; a node
//! that has ended is started, and one whose disk failed is restarted, as whoever replaced the disk would do.

use futures::FutureExt;
use futures::future::BoxFuture;

use super::{Effect, Force};
use crate::cluster::Cluster;
use crate::disk::{Ailment, Shown};
use crate::node_id::NodeId;

pub(super) struct DiskTrouble {
    ailment: Ailment,
    /// The targets, and how often it had shown on each before.
    before: Vec<(NodeId, u64)>,
}

pub(super) fn inject(cluster: &Cluster, targets: &[NodeId], ailment: Ailment) -> DiskTrouble {
    let begin = |node: &NodeId| {
        let disk = cluster.faulty_disk(*node);
        disk.begin(ailment);
        (*node, count(ailment, disk.shown()))
    };
    DiskTrouble { ailment, before: targets.iter().map(begin).collect() }
}

fn count(ailment: Ailment, shown: Shown) -> u64 {
    match ailment {
        Ailment::Full => shown.full,
        Ailment::Failing(call) => shown.failed[call as usize],
        Ailment::SlowSync(_) | Ailment::Stalled => shown.delayed,
    }
}

impl DiskTrouble {
    fn told(&self, node: NodeId, times: u64) -> String {
        match self.ailment {
            Ailment::Full => format!("{node} found no room {times} times"),
            Ailment::Failing(call) => format!("{node} failed to {call} {times} times"),
            Ailment::SlowSync(delay) => format!("{node} waited {times} times for {} ms more", delay.as_millis()),
            Ailment::Stalled => format!("{node} waited {times} times"),
        }
    }
}

impl Force for DiskTrouble {
    fn detail(&self) -> String {
        String::new()
    }

    /// A target that writes nothing meets nothing.
    fn has_shown(&self, cluster: &Cluster) -> bool {
        let shown = |node: NodeId| count(self.ailment, cluster.faulty_disk(node).shown());
        self.before.iter().all(|(node, before)| shown(*node) > *before)
    }

    fn undo(self: Box<Self>, cluster: &mut Cluster) -> BoxFuture<'_, anyhow::Result<Effect>> {
        async move {
            let mut verified = !self.before.is_empty();
            let mut told = Vec::new();
            for (node, before) in &self.before {
                let disk = cluster.faulty_disk(*node);
                disk.end(self.ailment);
                let times = count(self.ailment, disk.shown()) - before;
                verified &= times > 0;
                told.push(self.told(*node, times));
                let must_restart = matches!(self.ailment, Ailment::Failing(_));
                if must_restart && cluster.is_alive(*node) {
                    cluster.kill(&[*node]).await?;
                }
                cluster.start_again(*node)?;
            }
            Ok(Effect { verified, evidence: told.join(", ") })
        }
        .boxed()
    }
}
