//! SIGKILL, a bit that flips in a file that the system checks, and a start. Who refuses to start is started once more, to be rebuilt from
//! the others. Verified by the byte, read back; what the node made of it is told, and judged by what clients see.

use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use regex::Regex;
use tokio::time::{Instant, sleep};

use super::{Effect, Force, LOOK, kill};
use crate::cluster::Cluster;
use crate::disk::Flipped;
use crate::node_id::NodeId;

/// How long a node may take to refuse or to answer. It reads a few megabytes.
const LIMIT: Duration = Duration::from_secs(20);

pub(super) struct BitFlip {
    struck: Vec<Struck>,
    next_look: Instant,
}

struct Struck {
    node: NodeId,
    /// `None`: there was nothing to damage.
    flipped: Option<Flipped>,
    /// What the node made of it, once that is known.
    outcome: Option<String>,
}

/// Why this system cannot be damaged in a way that it finds.
pub(super) fn obstacle(cluster: &Cluster) -> Option<String> {
    let system = cluster.system();
    system.damage().is_none().then(|| format!("`{}` has no files that it is known to check", system.name()))
}

pub(super) async fn inject(cluster: &mut Cluster, targets: &[NodeId], seed: u64) -> anyhow::Result<BitFlip> {
    let files = cluster.system().damage().expect("there is no obstacle").checked_files();
    let files = Regex::new(files).expect("a system knows its files");
    kill::inject(cluster, targets).await?;
    let mut struck = Vec::new();
    for node in targets {
        let flipped = cluster.faulty_disk(*node).flip_bit(&files, seed.wrapping_add(node.0 as u64))?;
        struck.push(Struck { node: *node, flipped, outcome: None });
    }
    cluster.let_up(targets)?;
    Ok(BitFlip { struck, next_look: Instant::now() + LOOK })
}

impl BitFlip {
    fn is_decided(&self) -> bool {
        self.struck.iter().all(|struck| struck.outcome.is_some())
    }

    async fn look(&mut self, cluster: &mut Cluster) -> anyhow::Result<()> {
        for struck in self.struck.iter_mut().filter(|struck| struck.outcome.is_none()) {
            if let Some(ended) = cluster.refused(struck.node) {
                cluster.start_rebuilding(struck.node)?;
                struck.outcome = Some(format!("{ended}, and was rebuilt"));
            } else if cluster.status(struck.node).await.is_some() {
                struck.outcome = Some("it started all the same".to_owned());
            }
        }
        self.next_look = Instant::now() + LOOK;
        Ok(())
    }
}

impl Force for BitFlip {
    fn detail(&self) -> String {
        let place = |struck: &Struck| match &struck.flipped {
            Some(flipped) => format!("{} {flipped}", struck.node),
            None => format!("{} has no file that is worth it", struck.node),
        };
        self.struck.iter().map(place).collect::<Vec<_>>().join(", ")
    }

    fn next_act(&self) -> Option<Instant> {
        (!self.is_decided()).then_some(self.next_look)
    }

    fn act<'a>(&'a mut self, cluster: &'a mut Cluster) -> BoxFuture<'a, anyhow::Result<()>> {
        self.look(cluster).boxed()
    }

    fn undo(mut self: Box<Self>, cluster: &mut Cluster) -> BoxFuture<'_, anyhow::Result<Effect>> {
        async move {
            let deadline = Instant::now() + LIMIT;
            while !self.is_decided() && Instant::now() < deadline {
                self.look(cluster).await?;
                sleep(LOOK).await;
            }
            let is_there = |struck: &Struck| struck.flipped.as_ref().is_some_and(Flipped::is_there);
            let verified = !self.struck.is_empty() && self.is_decided() && self.struck.iter().all(is_there);
            let told = |struck: &Struck| struck.outcome.clone().unwrap_or_else(|| "it said nothing".to_owned());
            let outcomes: Vec<_> = self.struck.iter().map(told).collect();
            Ok(Effect { verified, evidence: format!("{}: {}", self.detail(), outcomes.join(", ")) })
        }
        .boxed()
    }
}
