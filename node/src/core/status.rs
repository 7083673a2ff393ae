//! What a node tells of itself.
//!
//! Not here: in which words (`server::commands`).

use std::net::SocketAddr;

use super::acknowledgement::SemiSync;
use super::{Core, Role};
use crate::membership::Membership;
use crate::record::{Epoch, Lsn, Member};

/// A node's state at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) role: &'static str,
    pub(crate) epoch: Epoch,
    pub(crate) leader: Option<(Member, SocketAddr)>,
    pub(crate) last_lsn: Lsn,
    /// The epoch of the record there.
    pub(crate) last_epoch: Epoch,
    pub(crate) flushed_lsn: Lsn,
    pub(crate) commit_lsn: Lsn,
    /// How long nobody led before this node did; of its last promotion.
    pub(crate) failover_ms: Option<u64>,
    /// How long the leader that this node follows has been silent; `None` if it follows none.
    pub(crate) silent_ms: Option<u64>,
    pub(crate) keys: usize,
    /// Clients' operations that wait for their acknowledgement.
    pub(crate) pending: usize,
    /// Clients whose last request is remembered.
    pub(crate) sessions: usize,
    pub(crate) semi_sync: SemiSync,
    pub(crate) followers: Vec<FollowerStatus>,
    pub(crate) members: Membership,
}

/// What a leader knows of a follower.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FollowerStatus {
    pub(crate) member: Member,
    pub(crate) linked: bool,
    /// What is durable there.
    pub(crate) match_lsn: Lsn,
}

impl<T> Core<T> {
    pub(crate) fn status(&self) -> Status {
        let (role, pending, followers) = match &self.role {
            Role::Follower(_) => ("follower", 0, Vec::new()),
            Role::Candidate(_) => ("candidate", 0, Vec::new()),
            Role::Leader(leader) => {
                let followers = leader.followers.iter().map(|(&member, progress)| FollowerStatus {
                    member,
                    linked: self.linked.contains(&member),
                    match_lsn: progress.durable_lsn,
                });
                ("leader", leader.pending.len(), followers.collect())
            }
        };
        Status {
            role,
            epoch: self.hard.epoch,
            leader: self.leader,
            last_lsn: self.journal.last_lsn(),
            last_epoch: self.journal.epoch(self.journal.last_lsn()),
            flushed_lsn: self.flushed_lsn,
            commit_lsn: self.commit_lsn,
            failover_ms: self.failover_ms,
            silent_ms: self.leader.and(self.heard_ms).map(|heard_ms| self.now_ms.saturating_sub(heard_ms)),
            keys: self.store.len(),
            pending,
            sessions: self.sessions.len(),
            semi_sync: self.semi_sync,
            followers,
            members: self.settings.members.clone(),
        }
    }
}
