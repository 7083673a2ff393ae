//! Bytes between some nodes are held back. Verified by the network's counters: some were held, none went through.

use std::collections::BTreeSet;

use futures::FutureExt;
use futures::future::BoxFuture;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::{Effect, Force};
use crate::cluster::Cluster;
use crate::network::{Direction, Network, Traffic};
use crate::node_id::NodeId;

/// Who is cut off from whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// The targets from all others, both ways.
    Isolate,
    /// One half of the cluster from the other, both ways; the targets are in the smaller half, as far as they fit.
    Halves,
    /// What the others send to the targets is held back; the other way is open.
    Inbound,
    /// What the targets send to the others is held back; the other way is open.
    Outbound,
    /// One half of the cluster from the other, but for one node that reaches both. It is drawn from those that are neither
    /// targets nor leader: followers have little to say to each other, so a leader that reaches all would feel nothing.
    Bridge,
}

impl Shape {
    /// The word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Isolate => "isolate",
            Self::Halves => "halves",
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
            Self::Bridge => "bridge",
        }
    }
}

/// The directions that are cut, with their traffic at that moment.
pub(super) struct Cut(Vec<(Direction, Traffic)>);

pub(super) fn inject(
    cluster: &mut Cluster,
    shape: Shape,
    targets: &[NodeId],
    leader: Option<NodeId>,
    rng: &mut ChaCha8Rng,
) -> Cut {
    let network = cluster.network();
    let directions = directions(shape, targets, leader, &cluster.nodes(), rng);
    for direction in &directions {
        network.cut(*direction);
    }
    Cut(directions.into_iter().map(|direction| (direction, network.traffic(direction))).collect())
}

impl Force for Cut {
    fn detail(&self) -> String {
        let directions: Vec<_> = self.0.iter().map(|(direction, _)| direction.to_string()).collect();
        format!("cut {}", directions.join(" "))
    }

    fn undo(self: Box<Self>, cluster: &mut Cluster) -> BoxFuture<'_, anyhow::Result<Effect>> {
        std::future::ready(Ok(restore(cluster.network(), &self.0))).boxed()
    }
}

fn restore(network: &Network, cut: &[(Direction, Traffic)]) -> Effect {
    let (mut held, mut leaked) = (Traffic::default(), Vec::new());
    for (direction, before) in cut {
        let now = network.traffic(*direction);
        held.held_bytes += now.held_bytes - before.held_bytes;
        held.held_connections += now.held_connections - before.held_connections;
        if now.forwarded_bytes > before.forwarded_bytes {
            leaked.push(format!("{} bytes passed {direction}", now.forwarded_bytes - before.forwarded_bytes));
        }
    }
    for (direction, _) in cut {
        network.restore(*direction);
    }
    let Traffic { held_bytes, held_connections, .. } = held;
    let mut evidence = format!("{held_bytes} bytes and {held_connections} connections held back");
    if !leaked.is_empty() {
        evidence = format!("{evidence}, but {}", leaked.join(", "));
    }
    Effect { verified: leaked.is_empty() && held_bytes + held_connections > 0, evidence }
}

/// The directions that a partition cuts.
fn directions(
    shape: Shape,
    targets: &[NodeId],
    leader: Option<NodeId>,
    nodes: &BTreeSet<NodeId>,
    rng: &mut ChaCha8Rng,
) -> Vec<Direction> {
    let mut others: Vec<_> = nodes.iter().copied().filter(|node| !targets.contains(node)).collect();
    others.shuffle(rng);
    if shape == Shape::Bridge
        && let Some(bridge) = others.iter().position(|node| Some(*node) != leader)
    {
        others.remove(bridge);
    }
    let (one, other) = match shape {
        Shape::Isolate | Shape::Inbound | Shape::Outbound => (targets.to_vec(), others),
        Shape::Halves | Shape::Bridge => {
            let mut split: Vec<_> = targets.iter().copied().chain(others).collect();
            let rest = split.split_off(split.len() / 2);
            (split, rest)
        }
    };
    let cut = |from: &[NodeId], to: &[NodeId]| -> Vec<Direction> {
        from.iter().flat_map(|from| to.iter().map(|to| Direction::between(*from, *to))).collect()
    };
    let (outbound, inbound) = (cut(&one, &other), cut(&other, &one));
    match shape {
        Shape::Inbound => inbound,
        Shape::Outbound => outbound,
        Shape::Isolate | Shape::Halves | Shape::Bridge => [outbound, inbound].concat(),
    }
}

#[cfg(test)]
mod tests {
    use interregnum_workloads::seed::Seed;

    use super::*;

    /// The directions that are cut where n2 leads.
    fn cut(shape: Shape, targets: &[usize], nodes: usize) -> BTreeSet<(usize, usize)> {
        let targets: Vec<_> = targets.iter().map(|number| NodeId(number - 1)).collect();
        let nodes = (0..nodes).map(NodeId).collect();
        let pair = |direction: Direction| {
            let number = |endpoint| match endpoint {
                crate::network::Endpoint::Node(NodeId(index)) => index + 1,
                crate::network::Endpoint::Clients => 0,
            };
            (number(direction.from), number(direction.to))
        };
        let leader = Some(NodeId(1));
        directions(shape, &targets, leader, &nodes, &mut Seed(1).stream("targets")).into_iter().map(pair).collect()
    }

    #[test]
    fn shapes_cut_what_they_say() {
        assert_eq!(cut(Shape::Isolate, &[1], 3), BTreeSet::from([(1, 2), (1, 3), (2, 1), (3, 1)]));
        assert_eq!(cut(Shape::Outbound, &[1], 3), BTreeSet::from([(1, 2), (1, 3)]));
        assert_eq!(cut(Shape::Inbound, &[1], 3), BTreeSet::from([(2, 1), (3, 1)]));
        assert_eq!(cut(Shape::Halves, &[1], 3), cut(Shape::Isolate, &[1], 3));
        assert_eq!(cut(Shape::Isolate, &[1], 1), BTreeSet::new(), "nobody is there to be cut off from");
    }

    #[test]
    fn halves_put_the_targets_in_the_smaller_half() {
        let pairs = cut(Shape::Halves, &[5], 5);
        assert_eq!(pairs.len(), 2 * 2 * 3);
        let beyond = pairs.iter().filter(|(from, _)| *from == 5).count();
        assert_eq!(beyond, 3, "n5 has one companion, and three beyond the cut");
    }

    #[test]
    fn a_bridge_reaches_both_halves() {
        let pairs = cut(Shape::Bridge, &[1], 5);
        assert_eq!(pairs.len(), 2 * 2 * 2);
        let untouched: Vec<_> =
            (1..=5).filter(|node| pairs.iter().all(|(from, to)| from != node && to != node)).collect();
        assert_eq!(untouched.len(), 1);
        assert!(!untouched.contains(&1) && !untouched.contains(&2), "neither target nor leader is the bridge");
    }

    #[test]
    fn a_bridge_of_three_separates_the_leader_from_a_follower() {
        assert_eq!(cut(Shape::Bridge, &[1], 3), BTreeSet::from([(1, 2), (2, 1)]));
        assert_eq!(cut(Shape::Bridge, &[3], 3), BTreeSet::from([(3, 2), (2, 3)]));
    }
}
