//! Which links and directions a fault of some nodes' network is about.

use crate::cluster::Cluster;
use crate::network::{Direction, Endpoint, Traffic};
use crate::node_id::NodeId;

/// What the targets send to the other nodes.
pub(super) fn outbound(cluster: &Cluster, targets: &[NodeId]) -> Vec<Direction> {
    let others: Vec<_> = cluster.nodes().into_iter().filter(|node| !targets.contains(node)).collect();
    targets.iter().flat_map(|from| others.iter().map(|to| Direction::between(*from, *to))).collect()
}

/// Both directions between the targets and the other nodes. As links: whoever dials.
pub(super) fn peers(cluster: &Cluster, targets: &[NodeId]) -> Vec<Direction> {
    outbound(cluster, targets).into_iter().flat_map(Direction::both_ways).collect()
}

/// The links over which clients dial the targets.
pub(super) fn of_clients(targets: &[NodeId]) -> Vec<Direction> {
    targets.iter().map(|node| Direction { from: Endpoint::Clients, to: Endpoint::Node(*node) }).collect()
}

/// The links over which the targets ask the fence device.
pub(super) fn to_fence_device(targets: &[NodeId]) -> Vec<Direction> {
    targets.iter().map(|node| Direction { from: Endpoint::Node(*node), to: Endpoint::FenceDevice }).collect()
}

/// Whether a party is one of the targets.
pub(super) fn is_target(targets: &[NodeId], party: Endpoint) -> bool {
    targets.iter().any(|node| party == Endpoint::Node(*node))
}

/// The sum of one counter over directions.
pub(super) fn sum(cluster: &Cluster, directions: &[Direction], counter: fn(Traffic) -> u64) -> u64 {
    directions.iter().map(|direction| counter(cluster.network().traffic(*direction))).sum()
}
