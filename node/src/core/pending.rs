//! The clients that wait for a leader's promise: writes for their acknowledgement, reads for that and a confirmed leadership.
//!
//! Not here: when a record is acknowledged or a leadership confirmed (`leader`).

use std::collections::VecDeque;

use super::acknowledgement::Wait;
use super::exactly_once::Retry;
use super::writes::Writes;
use crate::record::{Epoch, Lsn};
use crate::store::Reply;

/// Most clients' operations that may wait at once. 20,000 writes a second reach it in five seconds without a majority;
/// after that a leader that nobody answers refuses further ones, instead of growing.
pub(crate) const MAX_PENDING: usize = 100_000;

/// An operation whose reply is known but may not be told yet.
#[derive(Debug)]
pub(crate) struct Waiting<T> {
    pub(crate) token: T,
    pub(crate) reply: Reply,
    /// Must be acknowledged first: the write itself, or the last record that a read saw.
    pub(crate) lsn: Lsn,
    /// Must be confirmed first; 0 for writes, whose acknowledgement says enough.
    pub(crate) round: u64,
    /// Since when it waits, and until when it may.
    pub(crate) since_ms: u64,
    pub(crate) deadline_ms: Option<u64>,
}

/// Queues are in the order of LSN and round, so only their fronts need to be looked at.
#[derive(Debug)]
pub(crate) struct Pending<T> {
    pub(crate) epoch: Epoch,
    pub(crate) writes: Writes<T>,
    pub(crate) reads: VecDeque<Waiting<T>>,
    /// Reads that need no round.
    pub(crate) seen: VecDeque<Waiting<T>>,
    /// Few, and in no order: clients that asked again what is already among the writes.
    pub(crate) retries: Vec<Retry<T>>,
    /// In no order.
    pub(crate) waits: Vec<Wait<T>>,
}

impl<T> Pending<T> {
    pub(crate) fn new(epoch: Epoch) -> Self {
        Pending {
            epoch,
            writes: Writes::default(),
            reads: VecDeque::new(),
            seen: VecDeque::new(),
            retries: Vec::new(),
            waits: Vec::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.writes.len() + self.reads.len() + self.seen.len() + self.retries.len() + self.waits.len()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.len() >= MAX_PENDING
    }

    /// The next read that may be answered.
    pub(crate) fn pop_read(&mut self, acked_lsn: Lsn, confirmed_round: u64) -> Option<Waiting<T>> {
        let due = |read: &mut Waiting<T>| read.lsn <= acked_lsn && read.round <= confirmed_round;
        self.reads.pop_front_if(due).or_else(|| self.seen.pop_front_if(due))
    }

    /// The last round that a waiting read needs.
    pub(crate) fn wanted_round(&self) -> u64 {
        self.reads.back().map_or(0, |read| read.round)
    }
}
