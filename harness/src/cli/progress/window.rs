//! What the clients got lately, from repeated looks at what they count.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::run::{Latencies, Tally};

/// The looks of the last while.
pub(in crate::cli) struct Window {
    length: Duration,
    looks: VecDeque<Look>,
}

struct Look {
    at: Instant,
    ok: u64,
    latencies: Latencies,
}

/// What was acknowledged within the window.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(in crate::cli) struct Recent {
    pub ok_per_s: f64,
    pub p99: Option<Duration>,
}

impl Window {
    /// About the last `length`: from the youngest look that is so old, or else from the first.
    pub(in crate::cli) fn of_last(length: Duration) -> Self {
        Self { length, looks: VecDeque::new() }
    }

    /// Looks at the counters.
    pub(in crate::cli) fn look(&mut self, now: Instant, tally: &Tally) -> Recent {
        let look = Look { at: now, ok: tally.counts().ok, latencies: tally.latencies() };
        while self.looks.get(1).is_some_and(|second| now - second.at >= self.length) {
            self.looks.pop_front();
        }
        let recent = self.looks.front().map_or_else(Recent::default, |first| look.since(first));
        self.looks.push_back(look);
        recent
    }
}

impl Look {
    fn since(&self, earlier: &Self) -> Recent {
        let seconds = (self.at - earlier.at).as_secs_f64().max(1e-3);
        let ok_per_s = self.ok.saturating_sub(earlier.ok) as f64 / seconds;
        Recent { ok_per_s, p99: self.latencies.since(&earlier.latencies).percentile(99) }
    }
}

#[cfg(test)]
mod tests {
    use interregnum_checker::history::Outcome;

    use super::*;

    /// A hundred operations between two looks that are half a second apart, of 1 ms, 2 ms, 3 ms …
    #[test]
    fn it_tells_of_the_last_second_and_no_more() {
        let (tally, began) = (Tally::default(), Instant::now());
        let mut window = Window::of_last(Duration::from_secs(1));
        let mut told = Vec::new();
        for look in 0..5_u32 {
            told.push(window.look(began + look * Duration::from_millis(500), &tally));
            (0..100).for_each(|_| tally.count(Outcome::Ok, Duration::from_millis(u64::from(look) + 1)));
        }
        assert_eq!(told[0], Recent::default());
        let per_s: Vec<_> = told[1..].iter().map(|recent| recent.ok_per_s.round()).collect();
        assert_eq!(per_s, [200.0; 4]);
        let p99_ms: Vec<_> = told[1..].iter().map(|recent| recent.p99.unwrap().as_millis()).collect();
        assert_eq!(p99_ms, [1, 2, 3, 4]);
        let long_after = began + Duration::from_mins(1);
        window.look(long_after, &tally);
        let later = window.look(long_after + Duration::from_secs(1), &tally);
        assert_eq!(later, Recent { ok_per_s: 0.0, p99: None }, "what is long ago is no longer told");
    }
}
