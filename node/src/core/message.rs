//! What the members say to each other. Every message may be lost, delayed for seconds, or overtaken by a later one.
//!
//! Not here: how messages are framed and carried (`peer`).

use std::net::SocketAddr;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::freshness::{Complete, Moment};
use crate::key_range::KeyRange;
use crate::record::{Epoch, Lineage, Lsn, Member};

/// A message; who sent it is known from the link it came over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Message {
    /// The sender's epoch when it sent this.
    pub(crate) epoch: Epoch,
    /// How often the sender was rebuilt, and the addressee as far as the sender knows (`rebuild`).
    pub(crate) life: u64,
    pub(crate) addressee_life: u64,
    /// The sender lost its log and is being rebuilt: it grants no vote.
    pub(crate) rebuilding: bool,
    pub(crate) body: Body,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Body {
    /// A leader's records and heartbeat.
    Append(Append),
    /// The logs agree up to `held_lsn`, and the sender has that on its disk up to `durable_lsn`.
    Appended {
        round: u64,
        held_lsn: Lsn,
        durable_lsn: Lsn,
        /// By the sender's clock; comes back in `Append::complete`.
        sent: Moment,
    },
    /// The sender's log does not agree with the leader's at `rejected_lsn`, but may at `hint_lsn`.
    Mismatch {
        round: u64,
        rejected_lsn: Lsn,
        hint_lsn: Lsn,
    },
    /// The sender's log differs from the leader's at `lsn`, and it cannot undo that: only a base snapshot helps.
    Lacking {
        round: u64,
        lsn: Lsn,
    },
    /// A piece of the leader's base snapshot.
    Part(Part),
    /// The sender has all parts before `next` of the snapshot that is of this record.
    PartTaken {
        lsn: Lsn,
        lineage: Option<Lineage>,
        next: u64,
    },
    /// The sender knows a newer leader, or at least a newer epoch: fencing.
    Fenced {
        leader: Option<Member>,
    },
    /// Would you vote for me in the epoch after this one?
    PreVote {
        log: LogEnd,
    },
    PreVoteReply {
        proposed: Epoch,
        granted: bool,
    },
    /// Vote for me in this epoch.
    Vote {
        log: LogEnd,
        /// The leader of the epoch before asked for this campaign: it is alive and no reason to refuse (Ongaro's thesis, §4.2.3).
        handed_over: bool,
    },
    /// Lead, now: you have everything that I have (Ongaro's thesis, §3.10).
    TakeOver,
    VoteReply {
        granted: bool,
    },
    /// Is anybody there? Asked in `timeout` mode by a leader that stepped down because it heard from no majority.
    Ping,
    Pong,
    /// How far does your log reach? Asked in `coordinator` mode before a bid for the lease.
    Whereabouts,
    Here {
        log: LogEnd,
    },
    /// What the sender found when it made the checks between these two LSNs: ranges of keys in which its rows are not the leader's.
    Verified {
        since_lsn: Lsn,
        verified_lsn: Lsn,
        drifted: Vec<KeyRange>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Append {
    /// Where the leader serves clients.
    pub(crate) address: SocketAddr,
    /// The records follow this one, ...
    pub(crate) prev_lsn: Lsn,
    /// ... which has this lineage; `None` before the first record.
    pub(crate) prev: Option<Lineage>,
    /// Encoded records, in order and dense.
    pub(crate) records: Vec<Bytes>,
    /// What a majority holds, as far as the leader knows.
    pub(crate) commit_lsn: Lsn,
    /// How far the leader's log reaches.
    pub(crate) last_lsn: Lsn,
    /// The newest round of heartbeats begun before this was sent. Its answer confirms the leadership for that round.
    pub(crate) round: u64,
    /// What the leader found out about how old the addressee's data are.
    pub(crate) complete: Option<Complete>,
}

/// A piece of the base snapshot that is of the record at `lsn`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Part {
    /// Where the leader serves clients.
    pub(crate) address: SocketAddr,
    pub(crate) lsn: Lsn,
    pub(crate) lineage: Option<Lineage>,
    /// Counted from 0.
    pub(crate) number: u64,
    pub(crate) bytes: Bytes,
}

/// How far the durable part of a log reaches. Greater is more up to date (Raft §5.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct LogEnd {
    pub(crate) epoch: Epoch,
    pub(crate) lsn: Lsn,
}

impl Message {
    /// Between nodes that were never rebuilt.
    #[cfg(test)]
    pub(crate) fn new(epoch: Epoch, body: Body) -> Self {
        Message { epoch, life: 0, addressee_life: 0, rebuilding: false, body }
    }

    /// Bytes in memory, roughly, for bounding queues.
    pub(crate) fn size(&self) -> usize {
        let records = match &self.body {
            Body::Append(append) => append.records.iter().map(Bytes::len).sum(),
            Body::Part(part) => part.bytes.len(),
            Body::Verified { drifted, .. } => drifted.iter().map(KeyRange::bytes).sum(),
            _ => 0,
        };
        size_of::<Self>() + records
    }
}
