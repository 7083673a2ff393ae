//! Members that come and go: the seam behind which a system takes a running node into its cluster, and lets it go.
//!
//! Not here: when that is done (`fault::remove_member`).

use std::collections::BTreeMap;
use std::io;

use futures::future::BoxFuture;

use super::Place;
use crate::node_id::NodeId;

/// What a system offers whose members can be changed while it runs.
pub trait Members: Send + Sync {
    /// Asks the leader to let another node go, and waits until it has. That it had gone before is no error.
    fn remove<'a>(&'a self, leader: &'a Place, node: NodeId) -> BoxFuture<'a, io::Result<()>>;

    /// Asks the leader for the next step towards a node's being a voter: that it is taken in, or gets its vote. Whether it is one
    /// now, and no later leader can take that back; an error if it has to be asked for again.
    fn admit<'a>(&'a self, leader: &'a Place, node: NodeId) -> BoxFuture<'a, io::Result<bool>>;

    /// What the leader says of every node that is or was a member.
    fn standings<'a>(&'a self, leader: &'a Place) -> BoxFuture<'a, io::Result<BTreeMap<NodeId, Standing>>>;
}

/// How much of a member a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Its vote counts.
    Voter,
    /// It gets the log, and counts for nothing.
    Learner,
    /// It was a member.
    Removed,
}
