//! SIGSTOP and SIGCONT in turn. Verified by the state of every thread in the kernel, each time, and by how long the node was
//! stopped in all: at least a quarter of what was asked for, as a busy machine lets signals come late.
//!
//! A limit of the kernel's own (a control group) would do the same more finely, but needs privileges that a test does not have.

use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::time::Instant;

use super::{Effect, Force};
use crate::cluster::{Cluster, Pause};
use crate::node_id::NodeId;

pub(super) struct SlowProcess {
    targets: Vec<NodeId>,
    run: Duration,
    stop: Duration,
    began: Instant,
    /// Those of this moment; none while the nodes may run.
    pauses: Vec<Pause>,
    paused_at: Instant,
    /// How often every target was stopped, all of it.
    stops: u32,
    /// How often one was not.
    failures: u32,
    stopped_for: Duration,
    next_turn: Instant,
}

pub(super) async fn inject(
    cluster: &mut Cluster,
    targets: &[NodeId],
    run_ms: u64,
    stop_ms: u64,
) -> anyhow::Result<SlowProcess> {
    let now = Instant::now();
    let mut slow = SlowProcess {
        targets: targets.to_vec(),
        run: Duration::from_millis(run_ms),
        stop: Duration::from_millis(stop_ms),
        began: now,
        pauses: Vec::new(),
        paused_at: now,
        stops: 0,
        failures: 0,
        stopped_for: Duration::ZERO,
        next_turn: now,
    };
    slow.pause(cluster).await?;
    Ok(slow)
}

impl SlowProcess {
    async fn pause(&mut self, cluster: &mut Cluster) -> anyhow::Result<()> {
        // One that has been killed meanwhile has nothing to stop.
        let alive: Vec<_> = self.targets.iter().copied().filter(|node| cluster.is_alive(*node)).collect();
        for node in alive {
            self.pauses.push(cluster.pause(node).await?);
        }
        let has_failed = self.pauses.iter().any(|pause| !pause.stopped);
        self.failures += u32::from(has_failed);
        self.stops += u32::from(!self.pauses.is_empty() && !has_failed);
        self.paused_at = Instant::now();
        self.next_turn = self.paused_at + self.stop;
        Ok(())
    }

    async fn resume(&mut self, cluster: &mut Cluster) -> anyhow::Result<()> {
        if !self.pauses.is_empty() {
            self.stopped_for += self.paused_at.elapsed();
        }
        for pause in self.pauses.drain(..) {
            cluster.resume(pause).await?;
        }
        self.next_turn = Instant::now() + self.run;
        Ok(())
    }
}

impl Force for SlowProcess {
    fn detail(&self) -> String {
        format!("stopped for {} ms after each {} ms", self.stop.as_millis(), self.run.as_millis())
    }

    fn next_act(&self) -> Option<Instant> {
        Some(self.next_turn)
    }

    fn act<'a>(&'a mut self, cluster: &'a mut Cluster) -> BoxFuture<'a, anyhow::Result<()>> {
        async move { if self.pauses.is_empty() { self.pause(cluster).await } else { self.resume(cluster).await } }
            .boxed()
    }

    fn undo(mut self: Box<Self>, cluster: &mut Cluster) -> BoxFuture<'_, anyhow::Result<Effect>> {
        async move {
            self.resume(cluster).await?;
            let (in_force, stopped_for) = (self.began.elapsed(), self.stopped_for);
            let share = self.stop.as_secs_f64() / (self.run + self.stop).as_secs_f64();
            let verified = self.failures == 0 && self.stops > 0 && stopped_for >= in_force.mul_f64(share / 4.0);
            let mut evidence = format!(
                "in state T {} times, for {} of {} ms",
                self.stops,
                stopped_for.as_millis(),
                in_force.as_millis()
            );
            if self.failures > 0 {
                evidence = format!("{evidence}; {} times it did not stop", self.failures);
            }
            Ok(Effect { verified, evidence })
        }
        .boxed()
    }
}
