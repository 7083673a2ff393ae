//! What clients are told.
//!
//! Not here: in which words (`server::commands`).

use std::net::SocketAddr;

use super::disk_trouble::Ailment;
use crate::record::{Epoch, Lsn};
use crate::store::Reply;

/// What a client is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) outcome: Result<Reply, Refusal>,
    /// Of a write: where it was logged. Of a read: the epoch of the node, and the last record that the read saw.
    pub(crate) epoch: Epoch,
    pub(crate) lsn: Lsn,
}

/// Why a client gets no reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Certainly not executed; that node may know better.
    Redirect(SocketAddr),
    /// Certainly not executed; there is no leader.
    NoLeader,
    /// Certainly not executed; too many operations await their acknowledgement.
    Busy,
    /// Certainly not executed; the disk takes no writes.
    Disk(Ailment),
    /// Not executed now, and perhaps before: a later request of this client was executed.
    Superseded,
    /// Not executed now, and perhaps before: the session is not known here any more.
    NoSession,
    /// Certainly not executed: it is to be acknowledged by more members than there are.
    TooFewMembers,
    /// Certainly not executed: this node lacks a record that the read must have seen, and its time is up.
    Behind,
    /// Certainly not executed: this node's data may be older than the read allows.
    Lagging,
    /// A write was logged, but in the time that its client gave it was not acknowledged as the client asked.
    NotAcknowledged,
    /// A write was logged, and this node can no longer say what becomes of it.
    Uncertain,
}
