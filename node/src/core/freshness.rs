//! How old a node's data are at most, by that node's own clock: what a read with a bound on its staleness relies on.
//!
//! ```text
//!   follower ── Appended, sent when my clock showed 500 ──▶ leader: my log reaches LSN 7, and my next round ...
//!   follower ◀── Append: LSN 7 was all there was at your 500 ── ... was answered by a majority, so nobody else led until then
//! ```
//!
//! A follower that holds LSN 7 then has everything that anybody had acknowledged when its clock showed 500. Clocks are not compared, so
//! they may show anything; what counts is that one clock runs evenly. Where leaders are not elected by votes, another leader may have
//! acknowledged more: the bound is about the leader that this node follows. A leader's own data are as old as the beginning of
//! the newest round that a majority answered.
//!
//! Not here: how far a follower is behind as its leader sees it (`lag`).

use serde::{Deserialize, Serialize};

use super::{Core, Role};
use crate::record::Lsn;

/// What the clock of a node showed. Clocks start anew with their node, so it says of which start it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Moment {
    incarnation: u64,
    clock_ms: u64,
}

impl Moment {
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn of(incarnation: u64, clock_ms: u64) -> Self {
        Moment { incarnation, clock_ms }
    }
}

/// At that moment of the addressee, nothing behind this record had been acknowledged.
pub(crate) type Complete = (Moment, Lsn);

/// What a leader is about to find out for a follower: one moment at a time, so that a stream of newer ones never puts it off.
#[derive(Debug, Default)]
pub(crate) struct Inquiry {
    /// The follower's moment, how far the log reached when it was heard, and the round that must be answered.
    asked: Option<(Complete, u64)>,
    found: Option<Complete>,
}

impl Inquiry {
    pub(crate) fn ask(&mut self, moment: Moment, last_lsn: Lsn, next_round: u64) {
        self.asked.get_or_insert(((moment, last_lsn), next_round));
    }

    /// A majority answered all rounds up to this one.
    pub(crate) fn confirmed(&mut self, round: u64) {
        if let Some((complete, _)) = self.asked.take_if(|(_, wanted)| *wanted <= round) {
            self.found = Some(complete);
        }
    }

    /// What can be told now; once.
    pub(crate) fn take(&mut self) -> Option<Complete> {
        self.found.take()
    }
}

/// What a follower knows of the age of its data.
#[derive(Debug, Default)]
pub(crate) struct Freshness {
    /// It had everything when its clock showed this.
    complete_ms: Option<u64>,
    /// It will have had everything when its clock showed that, once it holds that record.
    awaited: Option<(u64, Lsn)>,
}

impl Freshness {
    fn hear(&mut self, clock_ms: u64, lsn: Lsn, held_lsn: Lsn) {
        if lsn <= held_lsn {
            self.complete_ms = self.complete_ms.max(Some(clock_ms));
        } else {
            self.awaited.get_or_insert((clock_ms, lsn)); // the first, or one that is far behind would wait for ever
        }
    }

    fn hold(&mut self, held_lsn: Lsn) {
        if let Some((clock_ms, _)) = self.awaited.take_if(|(_, lsn)| *lsn <= held_lsn) {
            self.complete_ms = self.complete_ms.max(Some(clock_ms));
        }
    }
}

impl<T> Core<T> {
    pub(crate) fn moment(&self) -> Moment {
        Moment { incarnation: self.settings.incarnation, clock_ms: self.now_ms }
    }

    /// The leader found out what there was at a moment of this node, or said nothing of it.
    pub(crate) fn note_freshness(&mut self, complete: Option<Complete>) {
        let (own, Role::Follower(follower)) = (self.moment(), &mut self.role) else { return };
        let held_lsn = follower.held_lsn();
        if let Some((moment, lsn)) = complete
            && moment.incarnation == own.incarnation
            && moment.clock_ms <= own.clock_ms
        {
            follower.freshness.hear(moment.clock_ms, lsn, held_lsn);
        }
        follower.freshness.hold(held_lsn);
    }

    /// For how many milliseconds this node may have lacked something that was acknowledged; `None` if it may be any time.
    pub(crate) fn age_ms(&self) -> Option<u64> {
        let complete_ms = match &self.role {
            Role::Leader(leader) => leader.lease.confirmed_ms(),
            Role::Follower(follower) => follower.freshness.complete_ms,
            Role::Candidate(_) => None,
        };
        complete_ms.map(|complete_ms| self.now_ms - complete_ms + 1) // both are whole milliseconds, rounded down
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(clock_ms: u64) -> Moment {
        Moment { incarnation: 1, clock_ms }
    }

    #[test]
    fn a_leader_tells_a_moment_when_a_later_round_was_answered_and_only_once() {
        let mut inquiry = Inquiry::default();
        inquiry.ask(moment(500), 7, 3);
        inquiry.ask(moment(600), 9, 4);
        inquiry.confirmed(2);
        assert_eq!(inquiry.take(), None);
        inquiry.confirmed(4);
        assert_eq!(inquiry.take(), Some((moment(500), 7)), "the first that was asked about");
        assert_eq!(inquiry.take(), None);
        inquiry.ask(moment(700), 9, 5);
        inquiry.confirmed(5);
        assert_eq!(inquiry.take(), Some((moment(700), 9)));
    }

    #[test]
    fn a_follower_is_as_fresh_as_the_latest_moment_whose_record_it_holds() {
        let mut freshness = Freshness::default();
        freshness.hear(500, 7, 6);
        freshness.hear(600, 9, 6);
        assert_eq!(freshness.complete_ms, None);
        freshness.hold(8);
        assert_eq!(freshness.complete_ms, Some(500));
        freshness.hear(700, 9, 9);
        freshness.hear(650, 9, 9);
        assert_eq!(freshness.complete_ms, Some(700), "news may come in any order");
    }
}
