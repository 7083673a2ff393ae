//! Bytes in some directions are held back. Verified by the network's counters: some were held, none went through.

use futures::FutureExt;
use futures::future::BoxFuture;

use super::{Effect, Force};
use crate::cluster::Cluster;
use crate::network::{Direction, Network, Traffic};

/// The directions that are cut, with their traffic at that moment.
pub(super) struct Cut(Vec<(Direction, Traffic)>);

/// What a cut held back.
#[derive(Default)]
pub(super) struct Held {
    pub(super) bytes: u64,
    pub(super) connections: u64,
    /// What went through all the same.
    pub(super) leaked: Vec<String>,
}

impl Cut {
    pub(super) fn begin(network: &Network, directions: &[Direction]) -> Self {
        let cut = |direction: &Direction| {
            let Traffic { held_bytes, held_connections, .. } = network.traffic(*direction);
            network.cut(*direction);
            // A connection that waits already is held back by the cut, what has passed by now is not.
            let Traffic { forwarded_bytes, .. } = network.traffic(*direction);
            (*direction, Traffic { forwarded_bytes, held_bytes, held_connections, ..Traffic::default() })
        };
        Self(directions.iter().map(cut).collect())
    }

    /// Whether it has held anything back by now.
    pub(super) fn holds(&self, network: &Network) -> bool {
        self.0.iter().any(|(direction, before)| {
            let now = network.traffic(*direction);
            now.held_bytes > before.held_bytes || now.held_connections > before.held_connections
        })
    }

    pub(super) fn end(self, network: &Network) -> Held {
        let mut held = Held::default();
        for (direction, before) in &self.0 {
            let now = network.traffic(*direction);
            held.bytes += now.held_bytes - before.held_bytes;
            held.connections += now.held_connections - before.held_connections;
            if now.forwarded_bytes > before.forwarded_bytes {
                held.leaked.push(format!("{} bytes passed {direction}", now.forwarded_bytes - before.forwarded_bytes));
            }
        }
        for (direction, _) in self.0 {
            network.restore(direction);
        }
        held
    }
}

impl Held {
    pub(super) fn effect(&self) -> Effect {
        let Self { bytes, connections, leaked } = self;
        let mut evidence = format!("{bytes} bytes and {connections} connections held back");
        if !leaked.is_empty() {
            evidence = format!("{evidence}, but {}", leaked.join(", "));
        }
        Effect { verified: leaked.is_empty() && self.is_any(), evidence }
    }

    pub(super) fn is_any(&self) -> bool {
        self.bytes + self.connections > 0
    }

    pub(super) fn add(&mut self, more: Self) {
        self.bytes += more.bytes;
        self.connections += more.connections;
        self.leaked.extend(more.leaked);
    }
}

/// The directions as words.
pub(super) fn told(directions: &[Direction]) -> String {
    let directions: Vec<_> = directions.iter().map(Direction::to_string).collect();
    format!("cut {}", directions.join(" "))
}

impl Force for Cut {
    fn detail(&self) -> String {
        let directions: Vec<_> = self.0.iter().map(|(direction, _)| *direction).collect();
        told(&directions)
    }

    fn has_shown(&self, cluster: &Cluster) -> bool {
        self.holds(cluster.network())
    }

    fn undo(self: Box<Self>, cluster: &mut Cluster) -> BoxFuture<'_, anyhow::Result<Effect>> {
        std::future::ready(Ok(self.end(cluster.network()).effect())).boxed()
    }
}
