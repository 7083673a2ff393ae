//! A member is let go by the leader and taken in again: what an operator does to replace a host. The node itself runs on. Verified by
//! the leader's answer and by its list of members.
//!
//! Both need a leader that commits, so both are asked for again and again; the way back until the run heals.

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::time::Instant;

use super::{Effect, Force, LOOK, names};
use crate::cluster::Cluster;
use crate::node_id::NodeId;

pub(super) struct RemovedMembers {
    /// Who is still to be let go.
    going: Vec<NodeId>,
    gone: Vec<NodeId>,
    /// Who has not been taken in again; everybody, as what was asked for may have been done although nobody said so.
    away: Vec<NodeId>,
    /// When to ask again. `None`, as soon as they are to come back.
    next_ask: Option<Instant>,
    /// Why the last that was asked for was not done.
    refusal: Option<String>,
}

/// Why this system cannot suffer it.
pub(super) fn obstacle(cluster: &Cluster) -> Option<String> {
    let system = cluster.system();
    system.members().is_none().then(|| format!("`{}` cannot change its members while it runs", system.name()))
}

pub(super) async fn inject(cluster: &mut Cluster, targets: &[NodeId]) -> RemovedMembers {
    let (going, away) = (targets.to_vec(), targets.to_vec());
    let mut removed = RemovedMembers { going, gone: Vec::new(), away, next_ask: None, refusal: None };
    removed.dismiss(cluster).await;
    removed
}

impl RemovedMembers {
    async fn dismiss(&mut self, cluster: &mut Cluster) {
        match cluster.dismiss(&self.going).await {
            Ok((gone, refusal)) => {
                self.going.retain(|node| !gone.contains(node));
                self.gone.extend(gone);
                self.refusal = refusal;
            }
            Err(error) => self.refusal = Some(format!("{error:#}")),
        }
        self.next_ask = Some(Instant::now() + LOOK);
    }

    fn refusal(&self) -> String {
        self.refusal.as_ref().map(|why| format!(": {why}")).unwrap_or_default()
    }
}

impl Force for RemovedMembers {
    fn detail(&self) -> String {
        match &self.going[..] {
            [] => format!("the leader lists {} as removed", names(&self.gone)),
            going => format!("{} not let go yet{}", names(going), self.refusal()),
        }
    }

    fn next_act(&self) -> Option<Instant> {
        self.next_ask.filter(|_| !self.going.is_empty())
    }

    fn has_shown(&self, _cluster: &Cluster) -> bool {
        self.going.is_empty()
    }

    fn act<'a>(&'a mut self, cluster: &'a mut Cluster) -> BoxFuture<'a, anyhow::Result<()>> {
        self.dismiss(cluster).map(Ok).boxed()
    }

    fn wind_down<'a>(&'a mut self, cluster: &'a mut Cluster) -> BoxFuture<'a, bool> {
        async move {
            self.next_ask = None;
            while let Some(node) = self.away.last() {
                match cluster.admit(*node).await {
                    Ok(true) => drop(self.away.pop()),
                    Ok(false) => return false,
                    Err(error) => {
                        self.refusal = Some(format!("{error:#}"));
                        return false;
                    }
                }
            }
            true
        }
        .boxed()
    }

    fn undo(self: Box<Self>, cluster: &mut Cluster) -> BoxFuture<'_, anyhow::Result<Effect>> {
        // Who has not come back by now never will: that is the system's failure, and no trace of the fault.
        for node in &self.away {
            cluster.give_up_on(*node);
        }
        let (gone, away) = (names(&self.gone), names(&self.away));
        let verified = self.going.is_empty() && self.away.is_empty() && !self.gone.is_empty();
        let evidence = if verified {
            format!("the leader listed {gone} as removed, and has given each its vote again")
        } else if self.away.is_empty() {
            format!("{} not let go", names(&self.going))
        } else {
            format!("{away} not taken in again{}", self.refusal())
        };
        std::future::ready(Ok(Effect { verified, evidence })).boxed()
    }
}
