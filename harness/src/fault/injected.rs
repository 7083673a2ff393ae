//! A fault in force: what it still does, whether its effect has shown, and its end.
//!
//! Not here: how long it stays (`run/in_force.rs`).

use futures::FutureExt;
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{Fault, Toll};
use crate::cluster::Cluster;
use crate::network::{Direction, Endpoint};
use crate::node_id::NodeId;

/// Whether a fault did what it was injected for, and how that is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Effect {
    /// Only a verified fault counts.
    pub verified: bool,
    /// What the kernel, or the network, showed.
    pub evidence: String,
}

/// A fault in force.
pub(crate) struct Injected {
    pub fault: Fault,
    pub targets: Vec<NodeId>,
    pub toll: Toll,
    /// The directions of the network that it is about, if it is about any.
    pub(super) links: Vec<Direction>,
    pub(super) force: Box<dyn Force>,
}

/// What a fault in force still does, and what has to be done to end it.
pub(super) trait Force: Send {
    /// What exactly is in force, where that is more than the fault's name and targets.
    fn detail(&self) -> String;

    /// When it wants to act again. Most faults are done when they are injected.
    fn next_act(&self) -> Option<Instant> {
        None
    }

    /// Whether its effect can be seen by now. What is done to a process shows at once; what is done to links shows when somebody uses
    /// them.
    fn has_shown(&self, _cluster: &Cluster) -> bool {
        true
    }

    /// Does what is due.
    fn act<'a>(&'a mut self, _cluster: &'a mut Cluster) -> BoxFuture<'a, anyhow::Result<()>> {
        std::future::ready(Ok(())).boxed()
    }

    /// Does a step towards its end, where that takes more than the harness; whether it can be undone by now. After the first such step
    /// it does not act any more.
    fn wind_down<'a>(&'a mut self, _cluster: &'a mut Cluster) -> BoxFuture<'a, bool> {
        std::future::ready(true).boxed()
    }

    /// Ends the fault, and tells whether it had its effect.
    fn undo(self: Box<Self>, cluster: &mut Cluster) -> BoxFuture<'_, anyhow::Result<Effect>>;
}

impl Injected {
    /// What exactly is in force, where that is more than the fault's name and targets.
    pub(crate) fn detail(&self) -> String {
        self.force.detail()
    }

    /// Whether its effect can be seen by now.
    pub(crate) fn has_shown(&self, cluster: &Cluster) -> bool {
        self.force.has_shown(cluster)
    }

    /// Whether it is about links.
    pub(crate) fn is_of_links(&self) -> bool {
        !self.links.is_empty()
    }

    /// Whether nothing keeps it from having its effect: of what is about links, that both ends of one are there.
    pub(crate) fn can_be_met(&self, cluster: &Cluster) -> bool {
        let is_there = |party: Endpoint| match party {
            Endpoint::Clients | Endpoint::FenceDevice => true,
            Endpoint::Node(node) => cluster.runs(node),
        };
        !self.is_of_links() || self.links.iter().any(|link| is_there(link.from) && is_there(link.to))
    }

    /// When it wants to act again.
    pub(crate) fn next_act(&self) -> Option<Instant> {
        self.force.next_act()
    }

    /// Does what is due.
    pub(crate) async fn act(&mut self, cluster: &mut Cluster) -> anyhow::Result<()> {
        self.force.act(cluster).await
    }

    /// Does a step towards its end, where that takes more than the harness; whether it can be undone by now.
    pub(crate) async fn wind_down(&mut self, cluster: &mut Cluster) -> bool {
        self.force.wind_down(cluster).await
    }

    /// Ends the fault, and tells whether it had its effect.
    pub(crate) async fn undo(self, cluster: &mut Cluster) -> anyhow::Result<Effect> {
        self.force.undo(cluster).await
    }
}
