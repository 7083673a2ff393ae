//! Who is a member of the cluster, as its leader has been asked to change that.

use anyhow::Context as _;
use futures::future::join_all;

use super::Cluster;
use crate::node_id::NodeId;
use crate::system::{Members, Place, Standing};
use crate::target::newest_leader;

impl Cluster {
    fn members(&self) -> &dyn Members {
        self.system.members().expect("who cannot change its members has an obstacle")
    }

    /// Where the node lives that leads, if one does.
    async fn leading(&self) -> anyhow::Result<&Place> {
        let statuses = self.statuses().await.into_iter().map(|(node, status)| (node, Some(status))).collect();
        Ok(self.place(newest_leader(&statuses).context("nobody leads")?))
    }

    /// Whether a node was asked to be no member any more, and has not surely become one again.
    pub(crate) fn is_dismissed(&self, node: NodeId) -> bool {
        self.running(node).is_dismissed
    }

    /// Asks whoever leads to let go of these nodes, of all at once; it may do one after the other. Who leads itself hands over first.
    /// Those that have gone, as it lists them; and why others have not, if it said so.
    pub(crate) async fn dismiss(&mut self, nodes: &[NodeId]) -> anyhow::Result<(Vec<NodeId>, Option<String>)> {
        for node in nodes {
            self.running_mut(*node).is_dismissed = true;
        }
        let (members, leader) = (self.members(), self.leading().await?);
        if nodes.contains(&leader.node) {
            self.system.switch_over(leader).await.with_context(|| format!("{} leads", leader.node))?;
        }
        let others: Vec<_> = nodes.iter().copied().filter(|node| *node != leader.node).collect();
        let answers = join_all(others.iter().map(|node| members.remove(leader, *node))).await;
        let standings = members.standings(leader).await?;
        let refusal = answers.iter().find_map(|answer| answer.as_ref().err()).map(ToString::to_string);
        let answered = others.into_iter().zip(&answers).filter(|(_, answer)| answer.is_ok()).map(|(node, _)| node);
        let gone = answered.filter(|node| standings.get(node) == Some(&Standing::Removed)).collect();
        Ok((gone, refusal))
    }

    /// Asks whoever leads for the next step towards this node's being a voter again; whether it is one.
    pub(crate) async fn admit(&mut self, node: NodeId) -> anyhow::Result<bool> {
        let is_voter = self.members().admit(self.leading().await?, node).await?;
        if is_voter {
            self.running_mut(node).is_dismissed = false;
        }
        Ok(is_voter)
    }

    /// Expects a node no more to become a voter again.
    pub(crate) fn give_up_on(&mut self, node: NodeId) {
        self.running_mut(node).is_dismissed = false;
    }
}
