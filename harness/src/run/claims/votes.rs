//! Epochs, votes and leaders: what Raft calls election safety (§5.2), told by the nodes.

use std::collections::{BTreeMap, BTreeSet};

use super::Kind;
use crate::node_id::NodeId;
use crate::system::{Account, Role, Status};

#[derive(Debug, Default)]
pub(super) struct Votes {
    statuses: u64,
    /// The epoch of each node, and its vote in it.
    last: BTreeMap<NodeId, (u64, Option<NodeId>)>,
    leaders: BTreeMap<u64, NodeId>,
    elections: BTreeMap<u64, Election>,
    /// Who may vote, as the first told it.
    voters: Option<BTreeSet<NodeId>>,
    /// Somebody told otherwise since. Then nobody can say from here of how many a majority was made.
    voters_change: bool,
}

/// That somebody leads an epoch, and who can't have helped it to.
#[derive(Debug)]
struct Election {
    leader: NodeId,
    told_ns: u64,
    without: BTreeSet<NodeId>,
}

impl Votes {
    /// What is wrong with a status that was asked for and came at these times.
    pub(super) fn status(&mut self, asked_ns: u64, at_ns: u64, node: NodeId, status: &Status) -> Vec<(Kind, String)> {
        self.statuses += 1;
        let &Status { role, epoch, ref account, .. } = status;
        let vote = account.as_ref().and_then(|account| account.voted_for);
        let (before, voted) = self.last.insert(node, (epoch, vote)).unwrap_or((0, None));
        let mut wrong = Vec::new();
        if epoch < before {
            wrong.push(format!("{node} went back from epoch {before} to {epoch}"));
        }
        if let Some(voted) = voted.filter(|&voted| epoch == before && vote != Some(voted)) {
            let now = vote.map_or("nobody".to_owned(), |vote| vote.to_string());
            wrong.push(format!("{node} had voted for {voted} in epoch {epoch}, and says that it has voted for {now}"));
        }
        if role == Role::Leader {
            let leader = self.leaders.insert(epoch, node).unwrap_or(node); // told once for each turn, not for each status
            if leader != node {
                wrong.push(format!("{leader} and {node} both led in epoch {epoch}"));
            }
        }
        let mut lease = None;
        if let Some(account) = account {
            lease = self.succeeded(asked_ns, node, epoch).filter(|_| account.has_lease);
            if role == Role::Leader {
                let election = Election { leader: node, told_ns: at_ns, without: BTreeSet::new() };
                self.elections.entry(epoch).or_insert(election);
            }
            wrong.extend(self.without_majority(asked_ns, node, epoch, account));
        }
        let lease = lease.map(|told| (Kind::Leases, told));
        wrong.into_iter().map(|told| (Kind::Epochs, told)).chain(lease).collect()
    }

    /// That another led a later epoch when this node was asked, which says that it has the lease of its own.
    fn succeeded(&self, asked_ns: u64, node: NodeId, epoch: u64) -> Option<String> {
        let (later, Election { leader, told_ns, .. }) = self.elections.range(epoch + 1..).next()?;
        (asked_ns > *told_ns)
            .then(|| format!("{node} says that it has the lease of epoch {epoch} while {leader} leads epoch {later}"))
    }

    /// The leaders that, as this node's vote shows, were not elected by a majority.
    fn without_majority(&mut self, asked_ns: u64, node: NodeId, epoch: u64, account: &Account) -> Vec<String> {
        let voters = self.voters.get_or_insert_with(|| account.voters.clone());
        self.voters_change |= *voters != account.voters;
        if self.voters_change || !voters.contains(&node) {
            return Vec::new();
        }
        let most = (voters.len() - 1) / 2;
        let mut wrong = Vec::new();
        for (&later, election) in self.elections.range_mut(epoch..) {
            // Who is in an earlier epoch has not voted in that one.
            let vote = account.voted_for.filter(|_| later == epoch);
            if election.is_first_beyond(most, asked_ns, node, vote) {
                let without: Vec<_> = election.without.iter().map(NodeId::to_string).collect();
                let (leader, without) = (election.leader, without.join(", "));
                wrong.push(format!("{leader} leads epoch {later}, in which {without} did not vote for it"));
            }
        }
        wrong
    }

    pub(super) fn held(&self) -> String {
        let statuses = self.statuses;
        format!("no node's epoch went back, and each had one leader and each node one vote, in {statuses} statuses")
    }
}

impl Election {
    /// A node that was asked when the leader led already tells its vote: if that is not for the leader, it had no part in the election.
    /// Whether there are more of these than a majority leaves, for the first time.
    fn is_first_beyond(&mut self, most: usize, asked_ns: u64, node: NodeId, vote: Option<NodeId>) -> bool {
        let had_no_part = vote != Some(self.leader) && asked_ns > self.told_ns;
        had_no_part && self.without.insert(node) && self.without.len() == most + 1
    }
}
