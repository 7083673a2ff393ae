//! The time as a core is told it, and when it loses patience with a silent leader.
//!
//! Not here: what it does then (`election`, `promotion`).

use rand::RngExt;

use super::{Core, Election, Role};

/// A gap between two events that is no standstill but ordinary scheduling, however short the election timeout is.
const STANDSTILL_LEAST_MS: u64 = 20;

impl<T> Core<T> {
    /// Tells the time, in milliseconds of a monotonic clock that started with this core. After a gap in which this process
    /// evidently stood still, nobody is blamed for having been silent: what they said is still queued.
    pub(crate) fn advance(&mut self, now_ms: u64) {
        let gap_ms = now_ms.saturating_sub(self.now_ms);
        if self.now_ms == 0 {
            self.pledged_ms = self.pledged_ms.map(|_| now_ms); // of a core that goes on with another's clock
        }
        self.now_ms = self.now_ms.max(now_ms);
        if gap_ms > (self.settings.modes.failover.election_timeout_ms() / 2).max(STANDSTILL_LEAST_MS) {
            self.rearm();
            if let Role::Leader(leader) = &mut self.role {
                leader.excuse_silence(now_ms);
            }
        }
        if self.settings.modes.failover.election == Election::Coordinator && self.disk_trouble.is_none() {
            self.tick_lease(); // before anything else: what arrives now may have been said to a leader
        }
    }

    /// Restarts the election timer.
    pub(crate) fn rearm(&mut self) {
        let timeout_ms = self.settings.modes.failover.election_timeout_ms();
        self.deadline_ms = self.now_ms
            + match self.settings.modes.failover.election {
                Election::Vote => self.rng.random_range(timeout_ms..=2 * timeout_ms),
                _ => timeout_ms + self.stagger_ms(),
            };
    }

    pub(crate) fn first_deadline(&mut self) -> u64 {
        self.rearm();
        match self.settings.modes.failover.election {
            Election::Vote | Election::Coordinator => self.deadline_ms,
            // Nobody has missed a heartbeat yet; the first leader may still be starting.
            _ => self.deadline_ms + self.settings.modes.failover.election_timeout_ms(),
        }
    }

    /// Whether this node has never seen a leader.
    pub(crate) fn is_brand_new(&self) -> bool {
        self.hard.epoch == 0 && self.journal.last_lsn() == 0
    }
}
