//! How fast a client goes: as fast as answers come (closed loop), or at a rate it keeps below that.

use std::time::Duration;

use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

/// One client's pace.
#[derive(Debug)]
pub struct Pace {
    ticks: Option<Interval>,
}

impl Pace {
    /// The next operation starts when the previous one ended.
    #[must_use]
    pub fn closed_loop() -> Self {
        Self { ticks: None }
    }

    /// This client's share of `rate_per_s` operations a second that `clients` clients make together, still one at a
    /// time. Clients are staggered, so that their operations spread over the interval instead of arriving in volleys.
    ///
    /// After a slow answer the client goes on at its rate and does not catch up: a burst after every fault would test
    /// the burst and not the fault.
    #[must_use]
    pub fn shared_rate(rate_per_s: f64, client: usize, clients: usize) -> Self {
        assert!(rate_per_s > 0.0, "a rate is positive; no rate is a closed loop");
        assert!(client < clients, "clients are numbered from 0");
        let period = Duration::from_secs_f64(clients as f64 / rate_per_s).max(Duration::from_micros(1));
        let start = Instant::now() + period.mul_f64(client as f64 / clients as f64);
        let mut ticks = interval_at(start, period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { ticks: Some(ticks) }
    }

    /// Waits until the next operation may start.
    pub async fn ready(&mut self) {
        if let Some(ticks) = &mut self.ticks {
            ticks.tick().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four clients at 100 operations a second: somebody starts every 10 ms, and each of them every 40 ms.
    #[tokio::test(start_paused = true)]
    async fn clients_share_the_rate_evenly() {
        let begin = Instant::now();
        let starts_ms = futures::future::join_all((0..4).map(|client| async move {
            let mut pace = Pace::shared_rate(100.0, client, 4);
            pace.ready().await;
            let first = begin.elapsed().as_millis();
            pace.ready().await;
            (first, begin.elapsed().as_millis())
        }))
        .await;
        assert_eq!(starts_ms, [(0, 40), (10, 50), (20, 60), (30, 70)]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_answer_is_not_followed_by_a_burst() {
        let mut pace = Pace::shared_rate(100.0, 0, 1);
        pace.ready().await;
        tokio::time::advance(Duration::from_millis(95)).await;
        pace.ready().await;
        let late = Instant::now();
        pace.ready().await;
        assert_eq!((Instant::now() - late).as_millis(), 10);
    }
}
