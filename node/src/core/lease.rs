//! The lease of a leader: for how long nobody else can have been elected, so that a read needs no round of its own.
//!
//! ```text
//!   leader      ──▶ round begins ── answered by a majority ──────────── lease ends
//!   follower          └─ hears it ───────── votes for nobody else ──────────┴──▶ may vote
//!                                            one election timeout
//! ```
//!
//! Whoever answered a round of heartbeats heard the leader after that round began, and *pledged* itself by that: it votes for nobody
//! until one election timeout has passed on its own clock. A new leader needs a majority's votes, and any majority has somebody of the
//! majority that answered. So no other leader is there for one election timeout from the beginning of the round, less what the two
//! clocks may differ by in that time (Ongaro's thesis, §6.4.1). What could make a voter forget or break its pledge:
//!
//! - a restart: so a voter that starts is pledged as if it had heard its leader that moment;
//! - a later epoch that it hears of from elsewhere: the pledge is not about an epoch, and stays;
//! - a planned handover, whose votes do not wait (`handover`): so a leader that told a successor to take over has no lease any more
//!   for the rest of its reign, as it cannot know when that message arrives.
//!
//! Not here: the lease that an outside store grants (`coordinated`), which is relied on in the same way; and rounds (`leader`).

use std::collections::VecDeque;

use super::{Core, Election, Fencing, Role, Settings};
use crate::defect::Defect;

/// A moment in whole milliseconds may be up to one earlier than it was, at the leader and at the follower.
const ROUNDING_MS: u64 = 2;
/// Rounds whose beginning is remembered. A leader has one a heartbeat and at most one more for each that was answered; a leader that
/// nothing fences may go on without answers for ever, and has no use for the older ones.
const MAX_ROUNDS: usize = 1024;
const MILLION: u64 = 1_000_000;

/// When the rounds began that are not answered yet, and from when on the leadership is known to have been undisputed.
#[derive(Debug, Default)]
pub(crate) struct Lease {
    begun_ms: VecDeque<(u64, u64)>,
    /// When the newest round began that a majority answered.
    confirmed_ms: Option<u64>,
    is_void: bool,
}

impl Lease {
    pub(crate) fn begun(&mut self, round: u64, now_ms: u64) {
        if self.begun_ms.len() == MAX_ROUNDS {
            self.begun_ms.pop_front();
        }
        self.begun_ms.push_back((round, now_ms));
    }

    /// A majority answered all rounds up to this one.
    pub(crate) fn confirmed(&mut self, round: u64) {
        while let Some((_, begun_ms)) = self.begun_ms.pop_front_if(|&mut (begun, _)| begun <= round) {
            self.confirmed_ms = Some(begun_ms);
        }
    }

    /// When nobody else led for certain.
    pub(crate) fn confirmed_ms(&self) -> Option<u64> {
        self.confirmed_ms
    }

    /// A successor was told to take over, and may do so at any time.
    pub(crate) fn void(&mut self) {
        self.is_void = true;
    }

    fn is_held(&self, now_ms: u64, lease_ms: u64) -> bool {
        !self.is_void && self.confirmed_ms.is_some_and(|confirmed_ms| now_ms - confirmed_ms < lease_ms)
    }
}

/// How long a lease lasts on a clock that may be slow by this much, when the pledges are kept on clocks that may be as fast.
fn lease_ms(election_timeout_ms: u64, max_clock_drift_ppm: u32) -> u64 {
    let drift = u64::from(max_clock_drift_ppm);
    let lease_ms = election_timeout_ms * (MILLION - drift) / (MILLION + drift);
    lease_ms.saturating_sub(ROUNDING_MS)
}

impl Settings {
    /// How long a leader that hears of no majority goes on: no longer than the others keep from electing another.
    pub(crate) fn patience_of_leaders_ms(&self) -> u64 {
        let times = if self.has(Defect::LeaseTooLong) { 20 } else { 1 };
        times * self.modes.failover.election_timeout_ms()
    }
}

impl<T> Core<T> {
    /// Whether nobody else can lead at this moment, by this node's clock.
    pub(crate) fn has_lease(&self) -> bool {
        let Role::Leader(leader) = &self.role else { return false };
        let failover = &self.settings.modes.failover;
        match failover.election {
            Election::Vote => {
                let drift_ppm = self.settings.modes.reads.max_clock_drift_ppm;
                leader.lease.is_held(self.now_ms, lease_ms(self.settings.patience_of_leaders_ms(), drift_ppm))
            }
            Election::Coordinator => failover.fencing != Fencing::None && self.holds_coordinators_lease(),
            // In these, whoever takes over asks nobody.
            Election::Timeout | Election::Manual | Election::Supervisor => false,
        }
    }

    /// Whether this node told a leader by its answers that it would vote for nobody else for now, or may have before it was restarted.
    pub(crate) fn is_pledged(&self) -> bool {
        let timeout_ms = self.settings.modes.failover.election_timeout_ms();
        self.pledged_ms.is_some_and(|pledged_ms| self.now_ms - pledged_ms < timeout_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_shorter_than_a_pledge_by_what_clocks_may_differ() {
        for (election_timeout_ms, drift_ppm, expected_ms) in
            [(150, 0, 148), (150, 10_000, 145), (10_000, 1_000, 9_978), (150, 500_000, 48), (2, 0, 0), (0, 0, 0)]
        {
            let lease_ms = lease_ms(election_timeout_ms, drift_ppm);
            assert_eq!(lease_ms, expected_ms, "{election_timeout_ms} ms, {drift_ppm} ppm");
        }
    }

    #[test]
    fn it_counts_from_the_beginning_of_the_newest_answered_round() {
        let mut lease = Lease::default();
        assert!(!lease.is_held(0, 100), "nobody answered yet");
        (1..=3).for_each(|round| lease.begun(round, round * 10));
        lease.confirmed(2);
        assert!(lease.is_held(119, 100) && !lease.is_held(120, 100));
        lease.confirmed(2);
        assert_eq!(lease.confirmed_ms(), Some(20), "nothing new was answered");
        lease.confirmed(3);
        assert!(lease.is_held(129, 100));
        lease.void();
        assert!(!lease.is_held(31, 100));
    }

    #[test]
    fn a_leader_that_nobody_answers_remembers_no_more_than_it_may() {
        let mut lease = Lease::default();
        (1..=5000).for_each(|round| lease.begun(round, round));
        assert_eq!(lease.begun_ms.len(), MAX_ROUNDS);
        lease.confirmed(5000);
        assert_eq!((lease.confirmed_ms(), lease.begun_ms.len()), (Some(5000), 0));
    }
}
