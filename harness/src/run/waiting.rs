//! A step of the schedule, or of a person's, that has not struck: when it is due, what hinders it, and how long it waits for that.

use std::time::Duration;

use tokio::time::Instant;

use super::POLL;
use crate::fault::Fault;
use crate::schedule::Step;
use crate::target::Target;

/// How long a step that is due may wait for what hinders it.
const WAIT_LIMIT: Duration = Duration::from_secs(2);

/// The same, of a step that finds no node to strike: between two leaders there is no leader to kill, and when all have died it takes a
/// while until there is.
const NOBODY_LIMIT: Duration = Duration::from_secs(5);

/// A step that has not struck.
pub(super) struct Waiting {
    pub step: Step,
    /// Whether a person asked for it, who heals it as well.
    pub is_by_hand: bool,
    /// What clients had been told to be done when it was due.
    acknowledged: Option<u64>,
    /// Since when it has been due and could not be done, and why.
    pub hindered: Option<(Instant, Hindrance)>,
    /// When it is to be tried again.
    next_try: Option<Instant>,
}

/// Why a step that is due cannot be done, and how long that is waited for.
pub(super) struct Hindrance {
    pub reason: String,
    limit: Duration,
}

impl Hindrance {
    pub(super) fn new(reason: String) -> Self {
        Self { reason, limit: WAIT_LIMIT }
    }

    pub(super) fn nobody() -> Self {
        Self { reason: "no node to strike".to_owned(), limit: NOBODY_LIMIT }
    }

    /// What hinders it does not pass.
    pub(super) fn for_good(reason: String) -> Self {
        Self { reason, limit: Duration::ZERO }
    }
}

impl Waiting {
    pub(super) fn begin(step: &Step) -> Self {
        Self { step: step.clone(), is_by_hand: false, acknowledged: None, hindered: None, next_try: None }
    }

    pub(super) fn by_hand(fault: Fault, target: Target, since_begin: Duration) -> Self {
        Self { is_by_hand: true, ..Self::begin(&Step::at(since_begin, Duration::ZERO, fault, target)) }
    }

    /// When it is to be tried, if its trigger's moment is known.
    pub(super) fn due(&self, moment: Option<Instant>) -> Option<Instant> {
        self.next_try.or_else(|| Some(moment? + Duration::from_millis(self.step.delay_ms)))
    }

    pub(super) fn hinder(self, hindrance: Hindrance) -> Self {
        let since = self.hindered.map_or_else(Instant::now, |(since, _)| since);
        Self { hindered: Some((since, hindrance)), next_try: Some(Instant::now() + POLL), ..self }
    }

    /// That nothing was acknowledged since it was due, if its fault takes the service down: what takes everybody away tests what had just
    /// been promised. It waits for that, but not for long, and strikes at last all the same.
    pub(super) fn is_unserved(&mut self, acknowledged: u64) -> Option<Hindrance> {
        let is_served = acknowledged > *self.acknowledged.get_or_insert(acknowledged);
        let must_wait = !is_served && self.step.fault.stops_service() && self.given_up().is_none();
        must_wait.then(|| Hindrance::new("nobody was being served".to_owned()))
    }

    /// Why it is given up, if it has waited long enough.
    pub(super) fn given_up(&self) -> Option<String> {
        let (since, Hindrance { reason, limit }) = self.hindered.as_ref()?;
        (since.elapsed() >= *limit).then(|| match limit.as_secs() {
            0 => reason.clone(),
            seconds => format!("{reason} within {seconds} s"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_ready(fault: Fault, acknowledged: &[u64]) -> Vec<bool> {
        let mut waiting = Waiting::begin(&Step::at(Duration::ZERO, Duration::ZERO, fault, Target::All));
        let mut ready = Vec::new();
        for &acknowledged in acknowledged {
            let hindrance = waiting.is_unserved(acknowledged);
            ready.push(hindrance.is_none());
            if let Some(hindrance) = hindrance {
                waiting = waiting.hinder(hindrance);
            }
        }
        ready
    }

    #[test]
    fn what_takes_everybody_away_waits_until_somebody_is_served() {
        assert_eq!(is_ready(Fault::KillAll, &[7, 7, 8]), [false, false, true]);
        assert_eq!(is_ready(Fault::Kill, &[7]), [true]);
    }

    #[test]
    fn where_nobody_is_served_it_strikes_all_the_same() {
        let mut waiting = Waiting::begin(&Step::at(Duration::ZERO, Duration::ZERO, Fault::KillAll, Target::All));
        let hindrance = waiting.is_unserved(7).expect("it waits");
        let mut waiting = waiting.hinder(hindrance);
        let (since, _) = waiting.hindered.as_mut().expect("and says why");
        *since -= WAIT_LIMIT;
        assert!(waiting.is_unserved(7).is_none());
    }
}
