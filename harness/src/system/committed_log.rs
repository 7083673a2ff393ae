//! What nodes tell of their committed log: the seam behind which a system's change data capture lives, see [`CommittedLog`].
//!
//! Not here: what contradicts what (`run/claims.rs`).

use std::io;

use futures::future::BoxFuture;

use super::Place;

/// What a system offers whose nodes tell which records are committed. Who does can be held to more than its clients see: no position
/// ever has two records, no identity two positions, no epoch two leaders, and a node's epoch never goes back.
pub trait CommittedLog: Send + Sync {
    /// Begins to listen to one node, directly.
    fn listen(&self, place: &Place) -> Box<dyn Listener>;
}

/// Listens to one node, through its restarts.
pub trait Listener: Send {
    /// What is new, waited for so long that a node that is stopped is noticed. After an error, ask again: what was told lately is told
    /// once more then, because a node that was away may tell it otherwise.
    fn next(&mut self) -> BoxFuture<'_, io::Result<Vec<Committed>>>;
}

/// A record that a node told to be committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Its position in the log.
    pub lsn: u64,
    /// The leadership in which it was written.
    pub epoch: u64,
    /// Its identity, the same on every node.
    pub gtid: String,
}
