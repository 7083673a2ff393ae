//! How much a search may take, and who may stop it. It measures no time: whoever has a clock says when to stop.

use std::sync::atomic::{AtomicU64, Ordering};

use thiserror::Error;

/// How much has been decided so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Operations of keys that are decided, and of those that are being searched what has an order.
    pub decided: u64,
    /// All operations.
    pub operations: u64,
}

/// Why a search was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum GaveUp {
    /// It looked at as many configurations as it may.
    #[error("the budget of {0} configurations is used up")]
    Configurations(u64),
    /// Its configurations take as much memory as they may, in bytes.
    #[error("the budget of {} MiB of memory is used up", .0 >> 20)]
    Memory(u64),
    /// It was told to stop.
    #[error("the time is up")]
    Stopped,
    /// More operations of known outcome are open at once than it can tell apart.
    #[error("more than {0} operations are open at once")]
    Open(usize),
}

/// Asked now and then, from any thread, whether to go on.
pub type GoOn<'a> = &'a (dyn Fn(Progress) -> bool + Sync);

/// What all searches of one check share.
pub(super) struct Supervision<'a> {
    go_on: GoOn<'a>,
    decided: AtomicU64,
    operations: u64,
}

impl<'a> Supervision<'a> {
    pub(super) fn new(go_on: GoOn<'a>, operations: usize) -> Self {
        Self { go_on, decided: AtomicU64::new(0), operations: operations as u64 }
    }

    /// Counts operations as decided, and asks whether to go on.
    pub(super) fn advance(&self, operations: u64) -> bool {
        let decided = self.decided.fetch_add(operations, Ordering::Relaxed) + operations;
        (self.go_on)(Progress { decided: decided.min(self.operations), operations: self.operations })
    }
}

/// What one search may still take.
pub(super) struct Budget<'a> {
    supervision: &'a Supervision<'a>,
    most_configurations: u64,
    looked_at: u64,
    most_bytes: u64,
    held_bytes: u64,
    /// Operations placed since the supervision last heard of any.
    untold: u64,
}

/// After how many configurations a search asks whether to go on: a millisecond's work, so that asking costs nothing.
const ASK_EVERY: u64 = 4_096;

impl<'a> Budget<'a> {
    pub(super) fn new(supervision: &'a Supervision<'a>, most_configurations: u64, most_bytes: u64) -> Self {
        Self { supervision, most_configurations, looked_at: 0, most_bytes, held_bytes: 0, untold: 0 }
    }

    /// One more configuration is looked at.
    pub(super) fn look(&mut self) -> Result<(), GaveUp> {
        self.looked_at += 1;
        if self.looked_at > self.most_configurations {
            return Err(GaveUp::Configurations(self.most_configurations));
        }
        if self.looked_at.is_multiple_of(ASK_EVERY) {
            self.ask()?;
        }
        Ok(())
    }

    /// So many more bytes are held.
    pub(super) fn hold(&mut self, bytes: usize) -> Result<(), GaveUp> {
        self.held_bytes += bytes as u64;
        if self.held_bytes > self.most_bytes { Err(GaveUp::Memory(self.most_bytes)) } else { Ok(()) }
    }

    /// Everything held is free again, but for so many bytes.
    pub(super) fn release_all_but(&mut self, bytes: usize) {
        self.held_bytes = bytes as u64;
    }

    /// One more operation has an order.
    pub(super) fn placed(&mut self) -> Result<(), GaveUp> {
        self.untold += 1;
        if self.untold >= ASK_EVERY { self.ask() } else { Ok(()) }
    }

    /// Operations that the supervision has not heard of.
    pub(super) fn untold(&self) -> u64 {
        self.untold
    }

    /// How many configurations were looked at.
    pub(super) fn looked_at(&self) -> u64 {
        self.looked_at
    }

    fn ask(&mut self) -> Result<(), GaveUp> {
        let told = std::mem::take(&mut self.untold);
        if self.supervision.advance(told) { Ok(()) } else { Err(GaveUp::Stopped) }
    }
}
