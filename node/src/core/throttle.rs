//! Slowing clients down while replication lags, as freno does: writes are held, in their order, until the lag has fallen.
//!
//! The lag that counts is that of the slowest follower of the furthest-ahead majority. So a minority of dead or slow followers holds
//! nobody up, and with any `--ack` what is not yet at a majority is at most about as old as the limit.
//!
//! Not here: how lag is measured (`lag`), holding requests during a handover (`handover`).

use std::collections::VecDeque;

use super::requests::Asked;
use super::{Core, Refusal, Role};
use crate::defect::Defect;

/// Most writes held: one for each client that a node serves at most, so only those who do not wait for answers are ever refused.
const MAX_HELD: usize = 4096;

/// The writes that wait for the lag to fall.
#[derive(Debug)]
pub(crate) struct Throttle<T> {
    held: VecDeque<Asked<T>>,
    /// Since when the lag is above the limit.
    since_ms: Option<u64>,
}

impl<T> Default for Throttle<T> {
    fn default() -> Self {
        Throttle { held: VecDeque::new(), since_ms: None }
    }
}

/// What is told of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ThrottleStatus {
    /// How long writes have been held; `None` if they are not.
    pub(crate) throttled_ms: Option<u64>,
    pub(crate) held: usize,
}

impl<T> Core<T> {
    /// Holds a leader's write back, or refuses it where too many are held; gives it back if it may be executed now.
    pub(crate) fn throttle(&mut self, write: Asked<T>) -> Option<Asked<T>> {
        let is_next = self.throttle.held.is_empty() || self.settings.has(Defect::OvertakeHeldWrites);
        if is_next && !self.is_lagging() {
            return Some(write);
        }
        if self.throttle.held.len() < MAX_HELD {
            self.throttle.held.push_back(write);
        } else {
            self.refuse(write.into_token(), Refusal::Busy);
        }
        None
    }

    /// Executes what was held when the lag has fallen, and sends it away when this node leads no longer.
    pub(crate) fn tick_throttle(&mut self) {
        if self.settings.modes.clients.throttle_lag_ms.is_none() {
            return;
        }
        if self.is_lagging() {
            let lag_ms = self.majority_lag_ms();
            if self.throttle.since_ms.is_none() {
                tracing::info!(epoch = self.hard.epoch, lsn = self.journal.last_lsn(), lag_ms, "throttling writes");
            }
            self.throttle.since_ms.get_or_insert(self.now_ms);
            return;
        }
        let held = std::mem::take(&mut self.throttle.held);
        if let Some(since_ms) = self.throttle.since_ms.take() {
            let (epoch, lsn, throttled_ms) = (self.hard.epoch, self.journal.last_lsn(), self.now_ms - since_ms);
            tracing::info!(epoch, lsn, throttled_ms, held = held.len(), "throttling ends");
        }
        // None of these makes the lag longer before the next settlement; who leads no longer redirects them.
        for write in self.hold_before_others(held) {
            self.take_up(write);
        }
    }

    pub(crate) fn throttle_status(&self) -> ThrottleStatus {
        let throttled_ms = self.throttle.since_ms.map(|since_ms| self.now_ms - since_ms);
        ThrottleStatus { throttled_ms, held: self.throttle.held.len() }
    }

    fn is_lagging(&self) -> bool {
        self.settings.modes.clients.throttle_lag_ms.is_some_and(|limit_ms| self.majority_lag_ms() > limit_ms)
    }

    /// How old the oldest record is that is not durable at as many followers as are a majority with the leader; 0 at others.
    fn majority_lag_ms(&self) -> u64 {
        let Role::Leader(leader) = &self.role else { return 0 };
        let voters = leader.voters(&self.settings.members);
        let lags = voters.map(|follower| leader.marks.age_ms_behind(follower.durable_lsn, self.now_ms));
        let mut lags: Vec<u64> = lags.collect();
        lags.sort_unstable();
        let followers = self.settings.majority() - 1;
        followers.checked_sub(1).and_then(|slowest| lags.get(slowest)).copied().unwrap_or(0)
    }
}
