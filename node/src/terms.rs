//! What a client asks of one operation beside the operation: who must hold a write, and how fresh a read must be.
//!
//! Not here: the words it asks in (`server::commands::terms`), and what is done about it (`core::{writes, leader}`).

use crate::config::{Ack, ReadMode, Reads};
use crate::record::{Epoch, Lsn};

/// Where a record stands that somebody has seen, as `CLIENT POSITION ON` tells it. A later one is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Token {
    pub(crate) epoch: Epoch,
    pub(crate) lsn: Lsn,
}

/// The terms of one operation; a connection has its own, from which every operation begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Terms {
    pub(crate) read: ReadMode,
    /// Who must hold a write; `None` for what the node demands anyway.
    pub(crate) ack: Option<Ack>,
    /// How long a write may wait for that; `None` for ever.
    pub(crate) ack_timeout_ms: Option<u64>,
    /// What a read must have seen.
    pub(crate) after: Option<Token>,
    /// How long it may wait for that.
    pub(crate) after_timeout_ms: u64,
    /// How old the data may be that a read sees, unless it is of a mode that sees the newest; `None` for any age.
    pub(crate) max_lag_ms: Option<u64>,
}

/// How long a read waits for a record unless it says otherwise: far longer than followers lag when nothing is wrong.
pub(crate) const AFTER_TIMEOUT_MS: u64 = 1000;

impl From<ReadMode> for Terms {
    fn from(read: ReadMode) -> Self {
        Terms {
            read,
            ack: None,
            ack_timeout_ms: None,
            after: None,
            after_timeout_ms: AFTER_TIMEOUT_MS,
            max_lag_ms: None,
        }
    }
}

/// What operations are asked with at a node of these modes that say nothing about it.
impl From<&Reads> for Terms {
    fn from(reads: &Reads) -> Self {
        Terms { max_lag_ms: reads.max_read_lag_ms, ..reads.read.into() }
    }
}

/// One of the terms, changed for a connection or for an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Choice {
    Read(ReadMode),
    /// `None` goes back to what the node demands.
    Ack(Option<Ack>, Option<u64>),
    /// `None` forgets it.
    After(Option<Token>, u64),
    /// `None` allows any age.
    MaxLag(Option<u64>),
}

impl Terms {
    pub(crate) fn choose(&mut self, choice: Choice) {
        match choice {
            Choice::Read(read) => self.read = read,
            Choice::Ack(ack, timeout_ms) => (self.ack, self.ack_timeout_ms) = (ack, timeout_ms),
            Choice::MaxLag(max_lag_ms) => self.max_lag_ms = max_lag_ms,
            Choice::After(after, timeout_ms) => (self.after, self.after_timeout_ms) = (after, timeout_ms),
        }
    }
}
