//! A fault in force, and how long it stays so: for its time, and longer if nothing has met it by then, or nobody was served under it.
//!
//! A partition of a node that is dead or paused holds nothing back, so it would have tested nothing. It stays until somebody is there
//! whom it keeps from speaking, at most until the run heals, when everybody comes back. Not here: carrying it out (`nemesis`).

use std::time::Duration;

use tokio::time::Instant;

use super::POLL;
use crate::cluster::Cluster;
use crate::fault::Injected;
use crate::schedule::Step;

/// How long a fault stays beyond its time although nothing keeps it from having its effect. Nodes that hear nothing from each other
/// start an election within a few hundred milliseconds; who also sits behind another partition says nothing for longer.
const OVERTIME_LIMIT: Duration = Duration::from_secs(5);

/// How much longer than planned a fault may last if too little has been acknowledged under faults for the run to count. That happens
/// on busy machines, where an election takes as long as the fault; a system that does not serve at all costs this much time, once.
const SERVED_LIMIT: Duration = Duration::from_secs(5);

const LONGER_THAN_ANY_RUN: Duration = Duration::from_hours(1);

pub(super) struct InForce {
    /// Which step of the schedule.
    pub number: usize,
    pub step: Step,
    pub injected: Injected,
    pub began: Began,
    /// Whether a person began it, who says when it ends.
    is_by_hand: bool,
    /// When to undo it, or to look whether it can be undone.
    pub until: Instant,
    planned_until: Instant,
    overtime: Option<Overtime>,
}

/// When a fault began.
#[derive(Clone, Copy)]
pub(super) struct Began {
    /// Nanoseconds since the run began.
    pub ns: u64,
    pub at: Instant,
    /// What had been acknowledged in the run until then.
    pub acknowledged: u64,
}

/// It is in force beyond its time.
struct Overtime {
    began: Instant,
    /// Since when it could have had its effect, without a break.
    met_since: Option<Instant>,
}

impl InForce {
    pub(super) fn begin(number: usize, step: Step, injected: Injected, began: Began) -> Self {
        let until = Instant::now() + Duration::from_millis(step.hold_ms);
        Self { number, step, injected, began, is_by_hand: false, until, planned_until: until, overtime: None }
    }

    /// The same, until a person heals it.
    pub(super) fn until_healed(number: usize, step: Step, injected: Injected, began: Began) -> Self {
        let until = began.at + LONGER_THAN_ANY_RUN;
        Self { is_by_hand: true, until, ..Self::begin(number, step, injected, began) }
    }

    /// The step that does the same again.
    pub(super) fn step_as_held(&self) -> Step {
        let so_far = self.began.at.elapsed();
        let hold_ms = if self.is_by_hand { so_far.as_millis() as u64 } else { self.step.hold_ms };
        Step { hold_ms, ..self.step.clone() }
    }

    /// Whether it is to stay, for now, though its time is over: because nothing has met it, or because more is to be acknowledged under
    /// it. Looks again soon.
    pub(super) fn stays_on(&mut self, now: Instant, cluster: &Cluster, wants_more: bool) -> bool {
        let stays_on = self.may_be_met_yet(now, cluster) || wants_more && self.may_serve_longer(now);
        if stays_on {
            self.until = now + POLL;
        }
        stays_on
    }

    /// Whether it has had no effect, and may have one.
    fn may_be_met_yet(&mut self, now: Instant, cluster: &Cluster) -> bool {
        if self.injected.has_shown(cluster) {
            return false;
        }
        let overtime = self.overtime.get_or_insert(Overtime { began: now, met_since: None });
        overtime.met_since = self.injected.can_be_met(cluster).then(|| overtime.met_since.unwrap_or(now));
        overtime.met_since.is_none_or(|since| now.duration_since(since) < OVERTIME_LIMIT)
    }

    /// Whether somebody may be served under it, and more time for that is bearable. Who ends it by hand has seen whether anybody was.
    fn may_serve_longer(&self, now: Instant) -> bool {
        !self.is_by_hand && !self.step.fault.stops_service() && now < self.planned_until + SERVED_LIMIT
    }

    /// Ends its time, if that is not over.
    pub(super) fn end_by(&mut self, now: Instant) {
        self.until = self.until.min(now);
    }

    /// That it stayed longer than planned, if it did.
    pub(super) fn overtime(&self) -> Option<String> {
        let longer = self.overtime.as_ref()?.began.elapsed();
        Some(format!("; stayed {} ms longer, as nothing had met it", longer.as_millis()))
    }

    pub(super) fn describe(&self) -> String {
        self.injected.fault.striking(&self.injected.targets)
    }
}
