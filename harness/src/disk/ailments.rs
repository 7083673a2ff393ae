//! What ails a disk: faults that are in force, and how often each has shown.
//!
//! Faults may overlap, and each is counted: the disk is full until every fault that filled it is over.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A kind of call that a disk can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IoCall {
    /// Reading from a file.
    Read,
    /// Writing to one, creating or renaming one.
    Write,
    /// Making something durable.
    Fsync,
}

/// How they are written.
const IO_CALLS: [(&str, IoCall); 3] = [("read", IoCall::Read), ("write", IoCall::Write), ("fsync", IoCall::Fsync)];

/// The faults in force on one disk.
#[derive(Debug, Default)]
pub(super) struct Ailments {
    full: u32,
    failing: [u32; 3],
    sync_delay: Duration,
    stalled: u32,
    pub(super) shown: Shown,
}

/// How often the faults of a disk have shown since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shown {
    /// Calls that failed because there was no room.
    pub(crate) full: u64,
    /// Calls that failed with an I/O error, by their kind.
    pub(crate) failed: [u64; 3],
    /// Syncs that took longer.
    pub(crate) delayed: u64,
}

/// A fault of a disk that lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ailment {
    /// Nothing can be written and nothing created, as on a file system that writes everything to a new place (btrfs, ZFS).
    Full,
    /// Calls of this kind fail. What was not synced is lost with a sync that fails: Linux throws it out of memory, sooner or later.
    Failing(IoCall),
    /// Syncs take so much longer.
    SlowSync(Duration),
    /// Syncs do not end.
    Stalled,
}

impl Ailments {
    pub(super) fn begin(&mut self, ailment: Ailment) {
        match ailment {
            Ailment::Full => self.full += 1,
            Ailment::Failing(call) => self.failing[call as usize] += 1,
            Ailment::SlowSync(delay) => self.sync_delay += delay,
            Ailment::Stalled => self.stalled += 1,
        }
    }

    pub(super) fn end(&mut self, ailment: Ailment) {
        match ailment {
            Ailment::Full => self.full -= 1,
            Ailment::Failing(call) => self.failing[call as usize] -= 1,
            Ailment::SlowSync(delay) => self.sync_delay -= delay,
            Ailment::Stalled => self.stalled -= 1,
        }
    }

    /// What is in force, each in words.
    pub(super) fn told(&self) -> Vec<String> {
        let calls = IO_CALLS.iter().filter(|(_, call)| self.failing[*call as usize] > 0);
        let failing = calls.map(|(name, _)| format!("fails to {name}"));
        let others = [
            (self.full > 0, "is full".to_owned()),
            (!self.sync_delay.is_zero(), format!("syncs {} ms later", self.sync_delay.as_millis())),
            (self.stalled > 0, "ends no sync".to_owned()),
        ];
        failing.chain(others.into_iter().filter(|(is_so, _)| *is_so).map(|(_, what)| what)).collect()
    }

    /// Whether a call that takes room fails.
    pub(super) fn is_full(&mut self) -> bool {
        let is_full = self.full > 0;
        self.shown.full += u64::from(is_full);
        is_full
    }

    /// Whether a call fails.
    pub(super) fn fails(&mut self, call: IoCall) -> bool {
        let fails = self.failing[call as usize] > 0;
        self.shown.failed[call as usize] += u64::from(fails);
        fails
    }

    /// How much longer a sync takes.
    pub(super) fn sync_delay(&mut self) -> Duration {
        self.shown.delayed += u64::from(!self.sync_delay.is_zero());
        self.sync_delay
    }

    /// Whether syncs wait, for how long nobody knows.
    pub(super) fn is_stalled(&self) -> bool {
        self.stalled > 0
    }
}

impl fmt::Display for IoCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(IO_CALLS[*self as usize].0)
    }
}

impl FromStr for IoCall {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let found = IO_CALLS.into_iter().find(|(name, _)| *name == word);
        found.map(|(_, call)| call).ok_or_else(|| {
            let names = IO_CALLS.map(|(name, _)| name).join(", ");
            format!("`{word}` is no call; choose from: {names}")
        })
    }
}
