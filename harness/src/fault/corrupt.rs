//! Bits of what the targets send to other nodes are changed, as by a broken switch whose checksums are right again. Verified by the
//! network's count of changed bytes.

use std::sync::{Arc, Mutex};

use futures::FutureExt;
use futures::future::BoxFuture;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::{Effect, Force, links};
use crate::cluster::Cluster;
use crate::network::{Corruption, Direction};

pub(super) struct Corrupt {
    directions: Vec<Direction>,
    corruption: Arc<Corruption>,
    corrupted_before: u64,
}

pub(super) fn inject(cluster: &Cluster, directions: Vec<Direction>, one_in: u64, rng: &mut ChaCha8Rng) -> Corrupt {
    let corruption = Arc::new(Corruption { one_in, rng: Mutex::new(ChaCha8Rng::from_rng(rng)) });
    let corrupted_before = links::sum(cluster, &directions, |traffic| traffic.corrupted_bytes);
    for direction in &directions {
        cluster.network().corrupt(*direction, &corruption);
    }
    Corrupt { directions, corruption, corrupted_before }
}

impl Corrupt {
    fn corrupted_bytes(&self, cluster: &Cluster) -> u64 {
        links::sum(cluster, &self.directions, |traffic| traffic.corrupted_bytes) - self.corrupted_before
    }
}

impl Force for Corrupt {
    fn detail(&self) -> String {
        format!("a bit of one in {} pieces", self.corruption.one_in)
    }

    fn has_shown(&self, cluster: &Cluster) -> bool {
        self.corrupted_bytes(cluster) > 0
    }

    fn undo(self: Box<Self>, cluster: &mut Cluster) -> BoxFuture<'_, anyhow::Result<Effect>> {
        for direction in &self.directions {
            cluster.network().mend(*direction, &self.corruption);
        }
        let corrupted = self.corrupted_bytes(cluster);
        let effect = Effect { verified: corrupted > 0, evidence: format!("{corrupted} bytes changed") };
        std::future::ready(Ok(effect)).boxed()
    }
}
