//! SIGTERM and a restart, node by node: what an operator does for a new configuration. Verified by each process's exit, cleanly and
//! by itself, and by the node's own word that it follows a leader again, or leads.

use std::collections::VecDeque;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::time::Instant;

use super::stop::stop;
use super::{Effect, Force, LOOK};
use crate::cluster::Cluster;
use crate::node_id::NodeId;

pub(super) struct RollingRestart {
    /// Those whose turn has not come.
    waiting: VecDeque<NodeId>,
    /// The one that is being waited for.
    starting: Option<NodeId>,
    back: Vec<NodeId>,
    nodes: usize,
    exits: Vec<Effect>,
    next_look: Instant,
}

pub(super) fn inject(targets: &[NodeId]) -> RollingRestart {
    RollingRestart {
        waiting: targets.iter().copied().collect(),
        starting: None,
        back: Vec::new(),
        nodes: targets.len(),
        exits: Vec::new(),
        next_look: Instant::now(),
    }
}

impl RollingRestart {
    /// Two of many are a roll already: how many more fit into the time is the machine's business.
    fn is_roll(&self) -> bool {
        self.back.len() >= self.nodes.min(2)
    }
}

impl Force for RollingRestart {
    fn detail(&self) -> String {
        "one after the other".to_owned()
    }

    fn next_act(&self) -> Option<Instant> {
        (self.back.len() < self.nodes).then_some(self.next_look)
    }

    fn has_shown(&self, _cluster: &Cluster) -> bool {
        self.is_roll()
    }

    fn act<'a>(&'a mut self, cluster: &'a mut Cluster) -> BoxFuture<'a, anyhow::Result<()>> {
        async move {
            self.next_look = Instant::now() + LOOK;
            if let Some(node) = self.starting {
                if cluster.status(node).await.is_none_or(|status| status.leader.is_none()) {
                    return Ok(());
                }
                self.starting = None;
                self.back.push(node);
            }
            // Another fault may have stopped it; its turn comes when it runs.
            if let Some(node) = self.waiting.pop_front_if(|node| cluster.runs(*node)) {
                self.exits.push(stop(cluster, &[node]).await?);
                cluster.keep_down(&[node]);
                cluster.let_up(&[node])?;
                self.starting = Some(node);
            }
            Ok(())
        }
        .boxed()
    }

    fn undo(self: Box<Self>, _cluster: &mut Cluster) -> BoxFuture<'_, anyhow::Result<Effect>> {
        async move {
            let exits: Vec<_> = self.exits.iter().map(|exit| exit.evidence.as_str()).collect();
            let back: Vec<_> = self.back.iter().map(NodeId::to_string).collect();
            let verified = self.exits.iter().all(|exit| exit.verified) && self.is_roll();
            let evidence = format!("{}; {} of {} back: {}", exits.join(", "), back.len(), self.nodes, back.join(" "));
            Ok(Effect { verified, evidence })
        }
        .boxed()
    }
}
