//! Every connection of the targets, of peers and of clients, is reset (a TCP segment with RST), again and again: as a firewall does
//! that has been restarted. Verified by the network's count of connections that it reset.

use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::time::Instant;

use super::{Effect, Force, links};
use crate::cluster::Cluster;
use crate::network::Direction;
use crate::node_id::NodeId;

pub(super) struct Reset {
    links: Vec<Direction>,
    every: Duration,
    times: u32,
    next: Instant,
    before: u64,
}

pub(super) fn inject(cluster: &Cluster, targets: &[NodeId], every_ms: u64) -> Reset {
    let links = [links::peers(cluster, targets), links::of_clients(targets)].concat();
    let before = links::sum(cluster, &links, |traffic| traffic.reset_connections);
    let every = Duration::from_millis(every_ms);
    let mut reset = Reset { links, every, times: 0, next: Instant::now(), before };
    reset.reset(cluster);
    reset
}

impl Reset {
    fn connections(&self, cluster: &Cluster) -> u64 {
        links::sum(cluster, &self.links, |traffic| traffic.reset_connections) - self.before
    }

    fn reset(&mut self, cluster: &Cluster) {
        for link in &self.links {
            cluster.network().reset(*link);
        }
        self.times += 1;
        self.next = Instant::now() + self.every;
    }
}

impl Force for Reset {
    fn detail(&self) -> String {
        format!("every connection, each {} ms", self.every.as_millis())
    }

    fn has_shown(&self, cluster: &Cluster) -> bool {
        self.connections(cluster) > 0
    }

    fn next_act(&self) -> Option<Instant> {
        Some(self.next)
    }

    fn act<'a>(&'a mut self, cluster: &'a mut Cluster) -> BoxFuture<'a, anyhow::Result<()>> {
        self.reset(cluster);
        std::future::ready(Ok(())).boxed()
    }

    fn undo(self: Box<Self>, cluster: &mut Cluster) -> BoxFuture<'_, anyhow::Result<Effect>> {
        let count = self.connections(cluster);
        let effect =
            Effect { verified: count > 0, evidence: format!("{count} connections reset, {} times", self.times) };
        std::future::ready(Ok(effect)).boxed()
    }
}
