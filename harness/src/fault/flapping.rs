//! A partition that comes and goes. Verified by the network's counters: while it was there bytes were held back and none went
//! through; in between they did go through, if there was a between.

use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::time::Instant;

use super::partition::{Cut, Held, told};
use super::{Effect, Force, links};
use crate::cluster::Cluster;
use crate::network::Direction;

pub(super) struct Flapping {
    directions: Vec<Direction>,
    period: Duration,
    /// The cut of this moment, if it is one.
    cut: Option<Cut>,
    cuts: u32,
    held: Held,
    forwarded_at_opening: u64,
    forwarded_between: u64,
    next_turn: Instant,
}

pub(super) fn inject(cluster: &Cluster, directions: Vec<Direction>, period_ms: u64) -> Flapping {
    let period = Duration::from_millis(period_ms);
    Flapping {
        cut: Some(Cut::begin(cluster.network(), &directions)),
        directions,
        period,
        cuts: 1,
        held: Held::default(),
        forwarded_at_opening: 0,
        forwarded_between: 0,
        next_turn: Instant::now() + period,
    }
}

impl Flapping {
    fn forwarded(&self, cluster: &Cluster) -> u64 {
        links::sum(cluster, &self.directions, |traffic| traffic.forwarded_bytes)
    }

    fn open(&mut self, cluster: &Cluster) {
        if let Some(cut) = self.cut.take() {
            self.held.add(cut.end(cluster.network()));
            self.forwarded_at_opening = self.forwarded(cluster);
        }
    }

    fn cut(&mut self, cluster: &Cluster) {
        self.cut = Some(Cut::begin(cluster.network(), &self.directions));
        self.forwarded_between += self.forwarded(cluster) - self.forwarded_at_opening;
        self.cuts += 1;
    }

    /// What went through between the cuts, and since the last one if that is over.
    fn passed(&self, cluster: &Cluster) -> u64 {
        let is_cut = self.cut.is_some();
        self.forwarded_between + if is_cut { 0 } else { self.forwarded(cluster) - self.forwarded_at_opening }
    }
}

impl Force for Flapping {
    fn detail(&self) -> String {
        format!("each {} ms {}", self.period.as_millis(), told(&self.directions))
    }

    fn has_shown(&self, cluster: &Cluster) -> bool {
        let holds = self.held.is_any() || self.cut.as_ref().is_some_and(|cut| cut.holds(cluster.network()));
        holds && (self.cuts == 1 || self.passed(cluster) > 0)
    }

    fn next_act(&self) -> Option<Instant> {
        Some(self.next_turn)
    }

    fn act<'a>(&'a mut self, cluster: &'a mut Cluster) -> BoxFuture<'a, anyhow::Result<()>> {
        if self.cut.is_some() {
            self.open(cluster);
        } else {
            self.cut(cluster);
        }
        self.next_turn = Instant::now() + self.period;
        std::future::ready(Ok(())).boxed()
    }

    fn undo(mut self: Box<Self>, cluster: &mut Cluster) -> BoxFuture<'_, anyhow::Result<Effect>> {
        let passed = self.passed(cluster);
        self.open(cluster);
        let Effect { verified, evidence } = self.held.effect();
        let verified = verified && (self.cuts == 1 || passed > 0);
        let evidence = format!("cut {} times, {evidence}; {passed} bytes between", self.cuts);
        std::future::ready(Ok(Effect { verified, evidence })).boxed()
    }
}
