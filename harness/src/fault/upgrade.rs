//! SIGTERM, and a start from the system's other version; later the way back. Verified by the command line of the new process in the
//! kernel, and by the node's answer while it ran.

use std::ffi::OsString;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::time::Instant;

use super::stop::stop;
use super::{Effect, Force, LOOK};
use crate::cluster::Cluster;
use crate::node_id::NodeId;

pub(super) struct Upgrade {
    targets: Vec<NodeId>,
    /// What the nodes that have answered run as.
    answered: Vec<(NodeId, Vec<OsString>)>,
    is_clean: bool,
    exits: String,
    next_look: Instant,
}

/// Why there is no other version.
pub(super) fn obstacle(cluster: &Cluster) -> Option<String> {
    let system = cluster.system();
    let place = cluster.places().into_iter().next()?;
    match system.upgraded_commands(&place) {
        Ok(_) => None,
        Err(error) => Some(format!("`{}` cannot be upgraded: {error}", system.name())),
    }
}

pub(super) async fn inject(cluster: &mut Cluster, targets: &[NodeId]) -> anyhow::Result<Upgrade> {
    let exits = stop(cluster, targets).await?;
    cluster.keep_down(targets);
    for target in targets {
        cluster.set_upgraded(*target, true);
    }
    cluster.let_up(targets)?;
    Ok(Upgrade {
        targets: targets.to_vec(),
        answered: Vec::new(),
        is_clean: exits.verified,
        exits: exits.evidence,
        next_look: Instant::now() + LOOK,
    })
}

impl Upgrade {
    fn is_awaited(&self, node: NodeId) -> bool {
        !self.answered.iter().any(|(answered, _)| *answered == node)
    }
}

impl Force for Upgrade {
    fn detail(&self) -> String {
        self.exits.clone()
    }

    fn next_act(&self) -> Option<Instant> {
        (self.answered.len() < self.targets.len()).then_some(self.next_look)
    }

    fn act<'a>(&'a mut self, cluster: &'a mut Cluster) -> BoxFuture<'a, anyhow::Result<()>> {
        async move {
            let awaited: Vec<_> = self.targets.iter().copied().filter(|node| self.is_awaited(*node)).collect();
            for node in awaited {
                if cluster.status(node).await.is_some() {
                    self.answered.push((node, cluster.command_lines(node)));
                }
            }
            self.next_look = Instant::now() + LOOK;
            Ok(())
        }
        .boxed()
    }

    fn undo(self: Box<Self>, cluster: &mut Cluster) -> BoxFuture<'_, anyhow::Result<Effect>> {
        async move {
            let mut verified = self.is_clean;
            let mut told = vec![self.exits];
            for target in &self.targets {
                let new = cluster.planned_command_lines(*target)?;
                let ran = self.answered.iter().find(|(node, _)| node == target).map(|(_, lines)| lines);
                cluster.set_upgraded(*target, false);
                let is_other = new != cluster.planned_command_lines(*target)?;
                verified &= is_other && ran == Some(&new);
                told.push(match ran {
                    Some(lines) if *lines == new => format!("{target} answered from the other version"),
                    Some(_) => format!("{target} answered, but not from the other version"),
                    None => format!("{target} did not answer from the other version"),
                });
                if cluster.runs(*target) {
                    let exit = stop(cluster, &[*target]).await?;
                    verified &= exit.verified;
                    told.push(format!("on the way back {}", exit.evidence));
                    cluster.keep_down(&[*target]);
                    cluster.let_up(&[*target])?;
                }
            }
            Ok(Effect { verified, evidence: told.join(", ") })
        }
        .boxed()
    }
}
