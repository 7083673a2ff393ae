//! Connections of the targets, with other nodes and with clients, end, and only one side learns of it in time. Both kinds are verified
//! by the network's count of such connections.
//!
//! With `half-close` the others are told that the target is done sending, while it does not know and still hears them: as when a
//! program shuts down one half. With `slow-close` the target is told so of the others; it closes, and they learn of it late, as they
//! do of every other end meanwhile, the death of a host included: as when the packet that says so is lost.

use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::{Effect, Force, links};
use crate::cluster::Cluster;
use crate::network::{Direction, Endpoint, Traffic};
use crate::node_id::NodeId;

/// Connections of which one half has been closed.
pub(super) struct Closing {
    links: Vec<Direction>,
    /// How much later the other half learns of it, and of every other end.
    linger: Option<Duration>,
    before: u64,
}

pub(super) fn half_close(cluster: &Cluster, targets: &[NodeId]) -> Closing {
    close(cluster, targets, None)
}

pub(super) fn slow_close(cluster: &Cluster, targets: &[NodeId], delay_ms: u64) -> Closing {
    close(cluster, targets, Some(Duration::from_millis(delay_ms)))
}

fn close(cluster: &Cluster, targets: &[NodeId], linger: Option<Duration>) -> Closing {
    let links = [links::peers(cluster, targets), links::of_clients(targets)].concat();
    let closing = Closing { links, linger, before: 0 };
    let before = closing.count(cluster);
    if let Some(delay) = linger {
        closing.directions().for_each(|direction| cluster.network().linger(direction, delay));
    }
    for link in &closing.links {
        // Who is said to be done sending: the target, or with a slow close whoever it talks to.
        let done = if links::is_target(targets, link.from) == linger.is_none() { link.from } else { link.to };
        cluster.network().close_half(*link, done);
    }
    Closing { before, ..closing }
}

impl Closing {
    /// The links between nodes are each other's opposites already; those of clients are not.
    fn directions(&self) -> impl Iterator<Item = Direction> {
        let of_clients = self.links.iter().filter(|link| link.from == Endpoint::Clients);
        self.links.iter().copied().chain(of_clients.map(|link| link.reversed()))
    }

    fn count(&self, cluster: &Cluster) -> u64 {
        let counter: fn(Traffic) -> u64 = match self.linger {
            Some(_) => |traffic| traffic.delayed_closes,
            None => |traffic| traffic.half_closed_connections,
        };
        let directions: Vec<_> = self.directions().collect();
        links::sum(cluster, &directions, counter)
    }
}

impl Force for Closing {
    fn detail(&self) -> String {
        match self.linger {
            Some(delay) => format!("the others learn {} ms later that connections are closed", delay.as_millis()),
            None => "the others are told that the target is done sending".to_owned(),
        }
    }

    fn has_shown(&self, cluster: &Cluster) -> bool {
        self.count(cluster) > self.before
    }

    fn undo(self: Box<Self>, cluster: &mut Cluster) -> BoxFuture<'_, anyhow::Result<Effect>> {
        let count = self.count(cluster) - self.before;
        if let Some(delay) = self.linger {
            self.directions().for_each(|direction| cluster.network().close_promptly(direction, delay));
        }
        for link in &self.links {
            cluster.network().close_both(*link);
        }
        let what = if self.linger.is_some() { "ends told late" } else { "connections half closed" };
        std::future::ready(Ok(Effect { verified: count > 0, evidence: format!("{count} {what}") })).boxed()
    }
}
