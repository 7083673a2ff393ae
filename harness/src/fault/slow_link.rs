//! Bytes between nodes are under way for longer, or few pass in a second. Verified by the network's count of bytes that it slowed.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::{Effect, Force, links};
use crate::cluster::Cluster;
use crate::network::{Direction, Slowness};

pub(super) struct SlowLink {
    directions: Vec<Direction>,
    slowness: Arc<Slowness>,
    slowed_before: u64,
}

/// A `bytes_per_s` of 0 is no limit.
pub(super) fn inject(
    cluster: &Cluster,
    directions: Vec<Direction>,
    [delay_ms, jitter_ms, bytes_per_s]: [u64; 3],
    rng: &mut ChaCha8Rng,
) -> SlowLink {
    let slowness = Arc::new(Slowness {
        delay: Duration::from_millis(delay_ms),
        jitter: Duration::from_millis(jitter_ms),
        bytes_per_s: (bytes_per_s > 0).then_some(bytes_per_s),
        rng: Mutex::new(ChaCha8Rng::from_rng(rng)),
    });
    let slowed_before = links::sum(cluster, &directions, |traffic| traffic.slowed_bytes);
    for direction in &directions {
        cluster.network().slow_down(*direction, &slowness);
    }
    SlowLink { directions, slowness, slowed_before }
}

impl SlowLink {
    fn slowed_bytes(&self, cluster: &Cluster) -> u64 {
        links::sum(cluster, &self.directions, |traffic| traffic.slowed_bytes) - self.slowed_before
    }
}

impl Force for SlowLink {
    fn detail(&self) -> String {
        let Slowness { delay, jitter, bytes_per_s, .. } = &*self.slowness;
        let limit = bytes_per_s.map_or(String::new(), |rate| format!(", {rate} bytes a second"));
        format!("{} to {} ms more{limit}", delay.as_millis(), (*delay + *jitter).as_millis())
    }

    fn has_shown(&self, cluster: &Cluster) -> bool {
        self.slowed_bytes(cluster) > 0
    }

    fn undo(self: Box<Self>, cluster: &mut Cluster) -> BoxFuture<'_, anyhow::Result<Effect>> {
        for direction in &self.directions {
            cluster.network().speed_up(*direction, &self.slowness);
        }
        let slowed = self.slowed_bytes(cluster);
        let effect = Effect { verified: slowed > 0, evidence: format!("{slowed} bytes slowed") };
        std::future::ready(Ok(effect)).boxed()
    }
}
