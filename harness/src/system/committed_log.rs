//! What nodes tell of their log and their votes: the seam behind which a system's change data capture lives, see [`CommittedLog`].
//!
//! Not here: what contradicts what (`run/claims.rs`).

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use futures::future::BoxFuture;

use super::Place;
use crate::node_id::NodeId;

/// What a system offers whose nodes tell which records are committed. Who does can be held to more than its clients see: no position
/// ever has two records, no identity two positions, no epoch two leaders, no node two votes in an epoch, and a node's epoch never goes back.
pub trait CommittedLog: Send + Sync {
    /// Begins to listen to one node, directly.
    fn listen(&self, place: &Place) -> Box<dyn Listener>;

    /// The records that a node gave up for those of a leader, from the files that were kept of it (see
    /// [`System::evidence`](super::System::evidence)) in this directory.
    ///
    /// # Errors
    ///
    /// If they cannot be read, or are not what such files hold.
    fn given_up(&self, evidence: &Path) -> io::Result<Vec<GivenUp>>;
}

/// Listens to one node, through its restarts.
pub trait Listener: Send {
    /// What is new, waited for so long that a node that is stopped is noticed. After an error, ask again: what was told lately is told
    /// once more then, because a node that was away may tell it otherwise.
    fn next(&mut self) -> BoxFuture<'_, io::Result<Vec<RecordId>>>;
}

/// A record of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordId {
    /// Its position in the log.
    pub lsn: u64,
    /// The leadership in which it was written.
    pub epoch: u64,
    /// Its identity, the same on every node.
    pub gtid: String,
}

/// A record that a node cut off its log, because a leader had another one there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenUp {
    /// Which one.
    pub record: RecordId,
    /// The epoch that the node was in.
    pub in_epoch: u64,
}

/// What a node of such a system tells of its vote and its log, together with its status and as of the same moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Whom it has voted for in its epoch.
    pub voted_for: Option<NodeId>,
    /// Whether it says that nobody else can lead.
    pub has_lease: bool,
    /// Those who elect leaders.
    pub voters: BTreeSet<NodeId>,
    /// The last record of its log, committed or not.
    pub last: Option<RecordId>,
    /// Up to where it knows the log to be committed, and the epoch of the record there.
    pub commit: (u64, u64),
    /// In how many ranges of its rows the last comparison with the leader's found a difference.
    pub drifted_ranges: u64,
}
