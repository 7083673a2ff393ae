//! The shapes of partitions: which directions each cuts.

use std::collections::BTreeSet;
use std::str::FromStr;

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::links;
use crate::network::Direction;
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
    /// Each node hears itself and its neighbours on a ring that is drawn, just enough for a majority, so that no two see the same
    /// majority. It is about all nodes, and needs three.
    Ring,
    /// The targets from all clients, both ways; between nodes nothing is cut. The reverse is `Isolate`.
    ClientSide,
    /// The targets from the fence device, both ways: what they ask of it is not done in time, so it fails. Between nodes nothing is
    /// cut.
    FenceSide,
}

impl Shape {
    /// Every shape.
    pub const ALL: [Self; 8] = [
        Self::Isolate,
        Self::Halves,
        Self::Inbound,
        Self::Outbound,
        Self::Bridge,
        Self::Ring,
        Self::ClientSide,
        Self::FenceSide,
    ];

    /// The word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Isolate => "isolate",
            Self::Halves => "halves",
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
            Self::Bridge => "bridge",
            Self::Ring => "ring",
            Self::ClientSide => "client-side",
            Self::FenceSide => "fence-side",
        }
    }
}

impl FromStr for Shape {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let named = Self::ALL.into_iter().find(|shape| shape.name() == word);
        named.ok_or_else(|| format!("`{word}` is no shape; choose from: {}", Self::ALL.map(Self::name).join(", ")))
    }
}

/// The directions that a partition cuts.
pub(super) fn directions(
    shape: Shape,
    targets: &[NodeId],
    leader: Option<NodeId>,
    nodes: &BTreeSet<NodeId>,
    rng: &mut ChaCha8Rng,
) -> Vec<Direction> {
    let mut others: Vec<_> = nodes.iter().copied().filter(|node| !targets.contains(node)).collect();
    others.shuffle(rng);
    match shape {
        Shape::Ring => return ring(&[targets, &others].concat(), rng),
        Shape::ClientSide => return links::of_clients(targets).into_iter().flat_map(Direction::both_ways).collect(),
        Shape::FenceSide => {
            return links::to_fence_device(targets).into_iter().flat_map(Direction::both_ways).collect();
        }
        _ => {}
    }
    if shape == Shape::Bridge
        && let Some(bridge) = others.iter().position(|node| Some(*node) != leader)
    {
        others.remove(bridge);
    }
    let (one, other) = match shape {
        Shape::Halves | Shape::Bridge => {
            let mut split: Vec<_> = targets.iter().copied().chain(others).collect();
            let rest = split.split_off(split.len() / 2);
            (split, rest)
        }
        _ => (targets.to_vec(), others),
    };
    let cut = |from: &[NodeId], to: &[NodeId]| -> Vec<Direction> {
        from.iter().flat_map(|from| to.iter().map(|to| Direction::between(*from, *to))).collect()
    };
    let (outbound, inbound) = (cut(&one, &other), cut(&other, &one));
    match shape {
        Shape::Inbound => inbound,
        Shape::Outbound => outbound,
        _ => [outbound, inbound].concat(),
    }
}

/// Puts all nodes on a ring. Each hears half a majority on either side, and one more behind it where that is not even.
fn ring(nodes: &[NodeId], rng: &mut ChaCha8Rng) -> Vec<Direction> {
    let mut circle = nodes.to_vec();
    circle.shuffle(rng);
    let (count, majority) = (circle.len(), nodes.len() / 2 + 1);
    let mut cut = Vec::new();
    for (place, to) in circle.iter().enumerate() {
        let first_heard = count + place - majority / 2;
        let heard: Vec<_> = (first_heard..first_heard + majority).map(|place| circle[place % count]).collect();
        cut.extend(circle.iter().filter(|from| !heard.contains(from)).map(|from| Direction::between(*from, *to)));
    }
    cut
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
                crate::network::Endpoint::Clients | crate::network::Endpoint::FenceDevice => 0,
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
    fn on_a_ring_each_node_hears_another_majority() {
        for nodes in [3, 5, 7] {
            let pairs = cut(Shape::Ring, &[1], nodes);
            let heard_by = |to| (1..=nodes).filter(|&from| !pairs.contains(&(from, to))).collect::<BTreeSet<_>>();
            let heard: BTreeSet<_> = (1..=nodes).map(heard_by).collect();
            assert_eq!(heard.len(), nodes, "no two hear the same: {heard:?}");
            assert!(heard.iter().all(|heard| heard.len() == nodes / 2 + 1), "{heard:?}");
        }
        let both_ways = cut(Shape::Ring, &[1], 5);
        assert!(both_ways.iter().all(|(from, to)| both_ways.contains(&(*to, *from))), "who hears is heard, with five");
        assert_eq!(cut(Shape::Ring, &[1], 2), BTreeSet::new(), "two nodes are a majority only together");
    }

    #[test]
    fn clients_are_cut_off_on_their_side() {
        assert_eq!(cut(Shape::ClientSide, &[1, 3], 3), BTreeSet::from([(0, 1), (1, 0), (0, 3), (3, 0)]));
    }

    #[test]
    fn a_bridge_of_three_separates_the_leader_from_a_follower() {
        assert_eq!(cut(Shape::Bridge, &[1], 3), BTreeSet::from([(1, 2), (2, 1)]));
        assert_eq!(cut(Shape::Bridge, &[3], 3), BTreeSet::from([(3, 2), (2, 3)]));
    }
}
