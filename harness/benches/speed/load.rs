//! The one load generator: clients in closed loops, each with a connection of its own, all on one thread.
//!
//! Not here: what a write is to each system (`systems`).

use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::systems::{Client, Target};

/// Writes of one kind.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) keys: u64,
    pub(crate) value_bytes: usize,
}

/// They fit every cache: the log is what is compared, not the storage.
impl Default for Load {
    fn default() -> Self {
        Load { keys: 10_000, value_bytes: 100 }
    }
}

/// Not measured at the beginning: connections, caches and group commits find their pace.
const WARM_UP: Duration = Duration::from_millis(300);

/// What one measurement found.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Measure {
    pub(crate) per_second: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) most_ms: f64,
}

impl Measure {
    /// Of the time that each took, in nanoseconds, in all this time.
    pub(crate) fn of(mut latencies: Vec<u64>, elapsed: Duration) -> Self {
        latencies.sort_unstable();
        let at = |per_million: usize| {
            latencies.get(latencies.len() * per_million / 1_000_000).map_or(0.0, |&ns: &u64| ns as f64 / 1e6)
        };
        Measure {
            per_second: latencies.len() as f64 / elapsed.as_secs_f64(),
            p50_ms: at(500_000),
            p99_ms: at(990_000),
            most_ms: at(999_999),
        }
    }

    /// The median of each number by itself.
    pub(crate) fn median(of: &[Measure]) -> Self {
        let middle = |number: fn(&Measure) -> f64| {
            let mut numbers: Vec<f64> = of.iter().map(number).collect();
            numbers.sort_unstable_by(f64::total_cmp);
            numbers.get(numbers.len() / 2).copied().unwrap_or(0.0)
        };
        Measure {
            per_second: middle(|measure| measure.per_second),
            p50_ms: middle(|measure| measure.p50_ms),
            p99_ms: middle(|measure| measure.p99_ms),
            most_ms: middle(|measure| measure.most_ms),
        }
    }
}

impl Load {
    /// Lets so many clients write for so long, each its next write when the last one was acknowledged.
    pub(crate) async fn run(self, target: &Target, clients: usize, duration: Duration) -> anyhow::Result<Measure> {
        let barrier = Rc::new(Barrier::new(clients));
        let mut loops = JoinSet::new();
        for number in 0..clients {
            let mut client = Client::connect(target).await.context("cannot connect")?;
            let barrier = Rc::clone(&barrier);
            loops.spawn_local(async move {
                barrier.wait().await;
                self.write_for(&mut client, number, duration).await
            });
        }
        let mut latencies = Vec::new();
        while let Some(done) = loops.join_next().await {
            latencies.append(&mut done??);
        }
        Ok(Measure::of(latencies, duration))
    }

    /// Writes every key once.
    pub(crate) async fn fill(self, target: &Target, clients: usize) -> anyhow::Result<()> {
        let mut loops = JoinSet::new();
        for number in 0..clients as u64 {
            let mut client = Client::connect(target).await.context("cannot connect")?;
            loops.spawn_local(async move {
                let value = vec![b'v'; self.value_bytes];
                for n in (number..self.keys).step_by(clients) {
                    client.write(&format!("key:{n:08}"), &value).await?;
                }
                Ok::<_, anyhow::Error>(())
            });
        }
        while let Some(done) = loops.join_next().await {
            done??;
        }
        Ok(())
    }

    /// The key of a client's n-th write: every client walks over all keys, with a stride that no other key shares.
    fn key(self, client: usize, n: u64) -> String {
        format!("key:{:08}", (client as u64 * 7_919 + n * 104_729) % self.keys)
    }

    /// How long each write took, in nanoseconds, of those that were acknowledged in time.
    async fn write_for(self, client: &mut Client, number: usize, duration: Duration) -> anyhow::Result<Vec<u64>> {
        let value = vec![b'v'; self.value_bytes];
        let begin = Instant::now() + WARM_UP;
        let end = begin + duration;
        let mut latencies = Vec::new();
        for n in 0.. {
            let sent = Instant::now();
            client.write(&self.key(number, n), &value).await?;
            let now = Instant::now();
            if now > end {
                break;
            }
            if now > begin {
                latencies.push((now - sent).as_nanos() as u64);
            }
        }
        Ok(latencies)
    }
}
