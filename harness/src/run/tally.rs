//! What clients count while they work, for whoever watches: operations by outcome, and how long answers took. Atomic counters, so that
//! no client waits for another or for who looks. The history says the same exactly; no verdict rests on these.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use interregnum_checker::history::Outcome;
use tokio::time::Instant;

use crate::report::Counts;

/// Latencies are counted in classes: eight for each power of two, so that one is known to an eighth of itself.
const CLASSES_A_DOUBLING: u64 = 8;

/// Enough for two minutes; no client waits as long.
const CLASSES: usize = 200;

/// Operations that have ended so far.
#[derive(Debug)]
pub(crate) struct Tally {
    ok: AtomicU64,
    fail: AtomicU64,
    info: AtomicU64,
    /// Acknowledged writes, and when the last of them was, in microseconds since `began`.
    writes: AtomicU64,
    last_write_us: AtomicU64,
    began: Instant,
    /// The greatest epoch under which a write was acknowledged.
    epoch: AtomicU64,
    first_write: Mutex<Option<FirstWrite>>,
    /// Acknowledged operations, by the class of their latency.
    latencies: [AtomicU64; CLASSES],
}

/// The first acknowledged write under a greater epoch than all before: a new leader serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FirstWrite {
    pub epoch: u64,
    pub at: Instant,
}

/// How many acknowledged operations took how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Latencies([u64; CLASSES]);

impl Default for Tally {
    fn default() -> Self {
        let [ok, fail, info, writes, last_write_us, epoch] = std::array::from_fn(|_| AtomicU64::new(0));
        let (began, first_write) = (Instant::now(), Mutex::new(None));
        let latencies = std::array::from_fn(|_| AtomicU64::new(0));
        Self { ok, fail, info, writes, last_write_us, began, epoch, first_write, latencies }
    }
}

impl Default for Latencies {
    fn default() -> Self {
        Self([0; CLASSES])
    }
}

impl Tally {
    /// Counts one operation.
    pub(crate) fn count(&self, outcome: Outcome, latency: Duration) {
        let counter = match outcome {
            Outcome::Ok => {
                self.latencies[class_of(latency)].fetch_add(1, Ordering::Relaxed);
                &self.ok
            }
            Outcome::Fail => &self.fail,
            Outcome::Info => &self.info,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts one acknowledged write, besides.
    pub(crate) fn wrote(&self, epoch: Option<u64>, now: Instant) {
        self.writes.fetch_add(1, Ordering::Relaxed);
        let us = now.saturating_duration_since(self.began).as_micros() as u64;
        self.last_write_us.fetch_max(us, Ordering::Relaxed);
        let Some(epoch) = epoch.filter(|epoch| *epoch > self.epoch.fetch_max(*epoch, Ordering::Relaxed)) else {
            return;
        };
        // Locked once for each leader.
        let mut first_write = self.first_write.lock().unwrap_or_else(PoisonError::into_inner);
        if first_write.is_none_or(|first| first.epoch < epoch) {
            *first_write = Some(FirstWrite { epoch, at: now });
        }
    }

    /// How many writes were acknowledged.
    pub(crate) fn writes(&self) -> u64 {
        self.writes.load(Ordering::Relaxed)
    }

    /// How long no write has been acknowledged, if one ever was.
    pub(crate) fn since_last_write(&self, now: Instant) -> Option<Duration> {
        let last = self.began + Duration::from_micros(self.last_write_us.load(Ordering::Relaxed));
        (self.writes() > 0).then(|| now.saturating_duration_since(last))
    }

    /// Since when the newest leader has acknowledged writes.
    pub(crate) fn first_write(&self) -> Option<FirstWrite> {
        *self.first_write.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn counts(&self) -> Counts {
        let [ok, fail, info] = [&self.ok, &self.fail, &self.info].map(|counter| counter.load(Ordering::Relaxed));
        Counts { ok, fail, info }
    }

    pub(crate) fn latencies(&self) -> Latencies {
        Latencies(std::array::from_fn(|class| self.latencies[class].load(Ordering::Relaxed)))
    }
}

impl Latencies {
    /// Those that have come since an earlier look.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        Self(std::array::from_fn(|class| self.0[class].saturating_sub(earlier.0[class])))
    }

    /// The latency that so many percent of the operations did not exceed, an eighth too long at most; `None` if there were none.
    pub(crate) fn percentile(&self, percent: u64) -> Option<Duration> {
        let count: u64 = self.0.iter().sum();
        let rank = (count * percent).div_ceil(100).max(1);
        let mut seen = 0;
        let class = self.0.iter().position(|&of_class| {
            seen += of_class;
            seen >= rank
        })?;
        Some(longest_of(class))
    }
}

fn class_of(latency: Duration) -> usize {
    let us = latency.as_micros() as u64;
    let doublings = us.checked_ilog2().unwrap_or(0).saturating_sub(CLASSES_A_DOUBLING.ilog2());
    let class = u64::from(doublings) * CLASSES_A_DOUBLING + (us >> doublings);
    (class as usize).min(CLASSES - 1)
}

/// The longest latency of a class.
fn longest_of(class: usize) -> Duration {
    let class = class as u64;
    let doublings = (class / CLASSES_A_DOUBLING).saturating_sub(1);
    let next = class + 1 - doublings * CLASSES_A_DOUBLING;
    Duration::from_micros((next << doublings) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latency_is_known_to_an_eighth_of_itself() {
        for us in (0..10_000).chain([99_999, 1_000_000, 10_000_000, 60_000_000]) {
            let latency = Duration::from_micros(us);
            let told = longest_of(class_of(latency));
            assert!(latency <= told && told <= latency + latency / 8, "{latency:?} is told as {told:?}");
        }
    }

    #[test]
    fn percentiles_are_of_what_was_acknowledged_since_the_earlier_look() {
        let tally = Tally::default();
        let ok = |count, ms| (0..count).for_each(|_| tally.count(Outcome::Ok, Duration::from_millis(ms)));
        assert_eq!(tally.latencies().percentile(99), None);
        ok(5, 500);
        let earlier = tally.latencies();
        ok(99, 2);
        ok(1, 40);
        tally.count(Outcome::Fail, Duration::from_secs(9));
        tally.count(Outcome::Info, Duration::from_secs(9));
        let ms = |percent| tally.latencies().since(&earlier).percentile(percent).unwrap().as_millis();
        assert_eq!([ms(50), ms(99), ms(100)], [2, 2, 40]);
        assert_eq!(tally.counts(), Counts { ok: 105, fail: 1, info: 1 });
    }

    #[test]
    fn what_takes_longer_than_any_class_is_in_the_last() {
        assert_eq!(class_of(Duration::from_hours(1)), CLASSES - 1);
    }
}
