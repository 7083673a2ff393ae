//! Replicas that drift apart: the seam behind which a system has one of its rows changed, compares its replicas, and mends them.
//!
//! Not here: when that is done (`fault::drift`).

use std::collections::BTreeSet;
use std::io;

use futures::future::BoxFuture;

use super::Place;
use crate::node_id::NodeId;

/// What a system offers whose replicas can be compared.
pub trait Drift: Send + Sync {
    /// Changes what one node stores, behind the back of replication, as a fault of its memory or disk would. It does not touch what
    /// clients use, so that a run can go on being judged. What was changed.
    fn corrupt<'a>(&'a self, place: &'a Place) -> BoxFuture<'a, io::Result<String>>;

    /// Has the leader compare every replica with itself. Which of them differ; an error if not all could be compared.
    fn compare<'a>(&'a self, leader: &'a Place) -> BoxFuture<'a, io::Result<BTreeSet<NodeId>>>;

    /// Has the leader give every replica that differs what it has itself, and compare again: which still differ.
    fn repair<'a>(&'a self, leader: &'a Place) -> BoxFuture<'a, io::Result<BTreeSet<NodeId>>>;
}
