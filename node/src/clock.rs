//! The clock that elections, pledges and leases go by. It is the kernel's monotonic clock, which nobody sets; the time of day, which an
//! operator or NTP may set at any time, decides nothing in this node and only stands in its log.
//!
//! A monotonic clock can still be wrong: it runs too fast or too slowly, and on a virtual machine that was suspended or moved it may
//! jump, or stand still. So that this can be tested without touching the host's clock, whoever starts the node names a file in
//! [`VARIABLE`]; if it says `ppm jump_ms`, the clock runs so many millionths faster than it should, and has jumped by so much. It never
//! goes back: after a jump back it stands still until the time has come again. The file outlives the process as a host's clock does.
//!
//! Not here: what keeps a time of its own, as the agent of the coordinator does, and everything that waits for the kernel.

use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// Names the file. Without the variable the clock costs one load and a branch more.
pub const VARIABLE: &str = "INTERREGNUM_CLOCK";

/// How often the file is looked at, at most.
const LOOK_EVERY: Duration = Duration::from_millis(1);

const MILLION: i128 = 1_000_000;

static SKEWED: OnceLock<Mutex<Skewed>> = OnceLock::new();

/// Time since the node started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    started: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        let started = Instant::now();
        if let Some(path) = std::env::var_os(VARIABLE) {
            let _ = SKEWED.set(Mutex::new(Skewed::new(path.into(), started)));
        }
        Self { started }
    }

    /// What it shows now.
    pub(crate) fn now_ms(self) -> u64 {
        self.ms_at(Instant::now())
    }

    /// What it shows at a moment that is not in the future.
    pub(crate) fn ms_at(self, moment: Instant) -> u64 {
        let shown = match SKEWED.get() {
            None => moment.duration_since(self.started),
            Some(skewed) => skewed.lock().unwrap_or_else(PoisonError::into_inner).show(moment),
        };
        shown.as_millis() as u64
    }

    /// What it will show at a moment that may be in the future, if it goes right until then.
    pub(crate) fn ms_until(self, moment: Instant) -> u64 {
        let now = Instant::now();
        self.ms_at(now) + moment.saturating_duration_since(now).as_millis() as u64
    }
}

/// For `INFO`: what a clock shows that can be made wrong, and how wrong it is; nothing of any other.
pub(crate) fn told() -> String {
    let Some(skewed) = SKEWED.get() else { return String::new() };
    let mut skewed = skewed.lock().unwrap_or_else(PoisonError::into_inner);
    let shown_us = skewed.show(Instant::now()).as_micros();
    let Skew { ppm, jump_ms } = skewed.skew;
    format!("clock_us:{shown_us}\r\nclock_ppm:{ppm}\r\nclock_jump_ms:{jump_ms}\r\n")
}

/// How wrong it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Skew {
    ppm: i64,
    jump_ms: i64,
}

struct Skewed {
    path: PathBuf,
    started: Instant,
    /// When the file is looked at again.
    next_look: Instant,
    skew: Skew,
    /// A jump before the start is none: the clock begins at 0.
    jump_before_ms: i64,
    /// Since when it runs at this rate, and what it would have shown then without any jump.
    turned: (Instant, i128),
    /// The most that it has shown.
    latest_us: i128,
}

impl Skewed {
    fn new(path: PathBuf, started: Instant) -> Self {
        let turned = (started, 0);
        let (skew, latest_us) = (Skew::default(), 0);
        let mut skewed = Self { path, started, next_look: started, skew, jump_before_ms: 0, turned, latest_us };
        skewed.look(started);
        skewed.jump_before_ms = skewed.skew.jump_ms;
        skewed
    }

    fn show(&mut self, moment: Instant) -> Duration {
        if moment >= self.next_look {
            self.look(moment);
        }
        let jump_us = i128::from(self.skew.jump_ms - self.jump_before_ms) * 1000;
        self.latest_us = self.latest_us.max(self.without_jump_us(moment) + jump_us);
        Duration::from_micros(self.latest_us.try_into().unwrap_or(0))
    }

    /// Takes in what the file says. A file that is not there, or not whole, says that nothing is wrong.
    fn look(&mut self, moment: Instant) {
        self.next_look = moment + LOOK_EVERY;
        let text = std::fs::read_to_string(&self.path).unwrap_or_default();
        let mut numbers = text.split_whitespace().map(|word| word.parse().unwrap_or(0));
        let skew = Skew { ppm: numbers.next().unwrap_or(0), jump_ms: numbers.next().unwrap_or(0) };
        if skew != self.skew {
            tracing::warn!(ppm = skew.ppm, jump_ms = skew.jump_ms, "the clock is made wrong");
            self.turned = (moment.max(self.started), self.without_jump_us(moment));
            self.skew = skew;
        }
    }

    fn without_jump_us(&self, moment: Instant) -> i128 {
        let (since, shown_us) = self.turned;
        let real_us = moment.saturating_duration_since(since).as_micros().cast_signed();
        shown_us + real_us * (MILLION + i128::from(self.skew.ppm)) / MILLION
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A story of what the file says, at which time, and what the clock shows then, all in milliseconds.
    fn check(story: &[(&str, u64, u64)]) {
        let directory = tempfile::tempdir().unwrap();
        let (path, started) = (directory.path().join("clock"), Instant::now());
        let mut skewed = Skewed::new(path.clone(), started);
        for (said, at_ms, shown_ms) in story {
            std::fs::write(&path, said).unwrap();
            let shown = skewed.show(started + Duration::from_millis(*at_ms));
            assert_eq!(shown.as_millis() as u64, *shown_ms, "at {at_ms} ms of {story:?}");
        }
    }

    #[test]
    fn a_clock_runs_jumps_and_never_goes_back() {
        check(&[("", 100, 100), ("0 0", 200, 200)]);
        check(&[("0 500", 100, 600), ("0 500", 200, 700), ("0 0", 300, 700), ("0 0", 700, 700), ("0 0", 800, 800)]);
        check(&[("", 400, 400), ("0 -300", 500, 400), ("0 -300", 700, 400), ("0 -300", 900, 600), ("", 950, 950)]);
        // Half as fast from 100 to 300 ms, and twice as fast from then on; what it has missed or gained stays.
        check(&[("-500000 0", 100, 100), ("1000000 0", 300, 200), ("0 0", 400, 400), ("", 500, 500)]);
        check(&[("not a number", 100, 100)]);
    }

    #[test]
    fn a_jump_before_the_start_is_none() {
        let directory = tempfile::tempdir().unwrap();
        let (path, started) = (directory.path().join("clock"), Instant::now());
        std::fs::write(&path, "0 -5000").unwrap();
        let mut skewed = Skewed::new(path, started);
        assert_eq!(skewed.show(started + Duration::from_millis(100)).as_millis(), 100);
    }
}
