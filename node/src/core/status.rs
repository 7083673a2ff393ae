//! What a node tells of itself.
//!
//! Not here: in which words (`server::commands`).

use std::net::SocketAddr;

use super::acknowledgement::SemiSync;
use super::disk_trouble::DiskTrouble;
use super::leader::Leader;
use super::progress::Progress;
use super::throttle::ThrottleStatus;
use super::{Core, Role};
use crate::config::Ack;
use crate::gtid_set::GtidSet;
use crate::membership::Membership;
use crate::record::{Epoch, Gtid, Lsn, Member};

/// A node's state at one moment.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Status {
    pub(crate) role: &'static str,
    pub(crate) epoch: Epoch,
    pub(crate) leader: Option<(Member, SocketAddr)>,
    /// Whether nobody else can lead now, as far as this node's clock tells.
    pub(crate) has_lease: bool,
    /// Whom it has voted for in this epoch.
    pub(crate) voted_for: Option<Member>,
    pub(crate) last_lsn: Lsn,
    /// The epoch of the record there.
    pub(crate) last_epoch: Epoch,
    pub(crate) last_gtid: Option<Gtid>,
    pub(crate) flushed_lsn: Lsn,
    pub(crate) commit_lsn: Lsn,
    pub(crate) commit_epoch: Epoch,
    /// How long nobody led before this node did; of its last promotion.
    pub(crate) failover_ms: Option<u64>,
    /// How long the leader that this node follows has been silent; `None` if it follows none.
    pub(crate) silent_ms: Option<u64>,
    /// How old its data are at most; `None` if that is not known.
    pub(crate) age_ms: Option<u64>,
    pub(crate) keys: usize,
    /// Clients' operations that wait for their acknowledgement.
    pub(crate) pending: usize,
    /// Clients whose last request is remembered.
    pub(crate) sessions: usize,
    pub(crate) semi_sync: SemiSync,
    /// Writes that this node logged as a leader since it was started, and how many a second lately.
    pub(crate) writes: u64,
    pub(crate) writes_per_second: f64,
    pub(crate) throttle: ThrottleStatus,
    /// Why this node takes no writes, if its disk takes none.
    pub(crate) disk_trouble: Option<DiskTrouble>,
    /// Messages of peers that were refused because they cannot be true.
    pub(crate) refused_messages: u64,
    pub(crate) followers: Vec<FollowerStatus>,
    pub(crate) members: Membership,
    /// The last check of its rows, and in how many ranges they were not its leader's.
    pub(crate) verified_lsn: Lsn,
    pub(crate) drifted_ranges: usize,
    /// The writes in its log.
    pub(crate) gtid_executed: GtidSet,
}

/// What a leader knows of a follower, in the shape of `pg_stat_replication`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FollowerStatus {
    pub(crate) member: Member,
    pub(crate) linked: bool,
    /// `offline`, `startup` (where the logs agree is not known yet), `snapshot`, `catchup` or `streaming`.
    pub(crate) state: &'static str,
    /// Whether acknowledgements wait for it: `sync` (always), `quorum` (for so many of its kind), `async` (never).
    pub(crate) sync_state: &'static str,
    /// The last record that was sent there, ...
    pub(crate) sent_lsn: Lsn,
    /// ... that it has in its log, and has applied, ...
    pub(crate) write_lsn: Lsn,
    /// ... and that is durable there.
    pub(crate) match_lsn: Lsn,
    /// Bytes of records that are not durable there, and the age of the first of them.
    pub(crate) lag_bytes: u64,
    pub(crate) lag_ms: u64,
    /// The last check of its rows that it told of, and in how many ranges they were not the leader's.
    pub(crate) verified_lsn: Lsn,
    pub(crate) drifted_ranges: usize,
}

impl<T> Core<T> {
    pub(crate) fn status(&self) -> Status {
        let (role, pending, followers) = match &self.role {
            Role::Follower(_) => ("follower", 0, Vec::new()),
            Role::Candidate(_) => ("candidate", 0, Vec::new()),
            Role::Leader(leader) => ("leader", leader.pending.len(), self.followers(leader)),
        };
        Status {
            role,
            epoch: self.hard.epoch,
            leader: self.leader,
            has_lease: self.has_lease(),
            voted_for: self.hard.voted_for,
            last_lsn: self.journal.last_lsn(),
            last_epoch: self.journal.epoch(self.journal.last_lsn()),
            last_gtid: self.journal.history().gtid(self.journal.last_lsn()),
            flushed_lsn: self.flushed_lsn,
            commit_lsn: self.commit_lsn,
            commit_epoch: self.journal.epoch(self.commit_lsn),
            failover_ms: self.failover_ms,
            silent_ms: self.leader.and(self.heard_ms).map(|heard_ms| self.now_ms.saturating_sub(heard_ms)),
            age_ms: self.age_ms(),
            keys: self.store.len(),
            pending,
            sessions: self.sessions.len(),
            semi_sync: self.semi_sync,
            writes: self.meter.total(),
            writes_per_second: self.meter.per_second(self.now_ms),
            throttle: self.throttle_status(),
            disk_trouble: self.disk_trouble.clone(),
            refused_messages: self.refused_messages,
            followers,
            members: self.settings.members.clone(),
            verified_lsn: self.drift.own.verified_lsn,
            drifted_ranges: self.drift.own.drifted.len(),
            gtid_executed: self.gtid_executed(),
        }
    }

    fn followers(&self, leader: &Leader<T>) -> Vec<FollowerStatus> {
        let told = leader.followers.iter().map(|(&member, progress)| FollowerStatus {
            member,
            linked: self.linked.contains(&member),
            state: self.state_of(member, progress),
            sync_state: self.sync_state_of(member),
            sent_lsn: progress.next_lsn - 1,
            write_lsn: progress.held_lsn,
            match_lsn: progress.durable_lsn,
            lag_bytes: self.journal.bytes_after(progress.durable_lsn),
            lag_ms: leader.marks.age_ms_behind(progress.durable_lsn, self.now_ms),
            verified_lsn: progress.findings.verified_lsn,
            drifted_ranges: progress.findings.drifted.len(),
        });
        told.collect()
    }

    fn state_of(&self, member: Member, progress: &Progress) -> &'static str {
        if !self.linked.contains(&member) {
            "offline"
        } else if progress.shipping.is_some() {
            "snapshot"
        } else if progress.probing {
            "startup"
        } else if progress.next_lsn <= self.journal.last_lsn() {
            "catchup"
        } else {
            "streaming"
        }
    }

    fn sync_state_of(&self, member: Member) -> &'static str {
        match self.settings.modes.acknowledgement.ack {
            _ if !self.settings.members.is_voter(member) => "async",
            Ack::Async | Ack::Nodes(1) => "async",
            Ack::SemiSync if self.semi_sync.is_degraded => "async",
            Ack::All => "sync",
            Ack::SemiSync | Ack::Majority | Ack::Nodes(_) => "quorum",
        }
    }
}
