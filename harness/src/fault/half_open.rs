//! The targets forget their connections with other nodes, which are not told: what they send reaches nobody. Connections that are made
//! anew work. As after a host's quick restart, or behind a firewall that lost its table. Verified by the network's count of such
//! connections, and of the bytes that it swallowed. Undone by telling the others.

use futures::FutureExt;
use futures::future::BoxFuture;

use super::{Effect, Force, links};
use crate::cluster::Cluster;
use crate::network::{Direction, Traffic};
use crate::node_id::NodeId;

pub(super) struct HalfOpen {
    links: Vec<Direction>,
    before: (u64, u64),
}

pub(super) fn inject(cluster: &Cluster, targets: &[NodeId]) -> HalfOpen {
    let half_open = HalfOpen { links: links::peers(cluster, targets), before: (0, 0) };
    let before = half_open.counts(cluster);
    for link in &half_open.links {
        let Direction { from, to } = *link;
        cluster.network().forget(*link, if links::is_target(targets, from) { from } else { to });
    }
    HalfOpen { before, ..half_open }
}

impl HalfOpen {
    fn counts(&self, cluster: &Cluster) -> (u64, u64) {
        let sum = |counter: fn(Traffic) -> u64| links::sum(cluster, &self.links, counter);
        (sum(|traffic| traffic.half_open_connections), sum(|traffic| traffic.swallowed_bytes))
    }

    fn effect(&self, cluster: &Cluster) -> Effect {
        let (connections, bytes) = self.counts(cluster);
        let (connections, bytes) = (connections - self.before.0, bytes - self.before.1);
        let evidence = format!("{connections} connections half open, {bytes} bytes swallowed");
        Effect { verified: connections > 0 && bytes > 0, evidence }
    }
}

impl Force for HalfOpen {
    fn detail(&self) -> String {
        "the others believe their connections to be open".to_owned()
    }

    fn has_shown(&self, cluster: &Cluster) -> bool {
        self.effect(cluster).verified
    }

    fn undo(self: Box<Self>, cluster: &mut Cluster) -> BoxFuture<'_, anyhow::Result<Effect>> {
        let effect = self.effect(cluster);
        for link in &self.links {
            cluster.network().remember(*link);
        }
        std::future::ready(Ok(effect)).boxed()
    }
}
