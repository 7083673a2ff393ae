//! Which node gets a client's next request: the leader, or one of the followers that are fresh enough.
//!
//! Not here: what is known of the nodes (`topology`), in which order requests go out (`queue`).

use std::collections::BTreeMap;

use super::Shared;
use super::flags::{Balance, Lagging};
use super::queue::{Kind, Purpose};
use super::topology::{Freshness, Topology};

/// What one client has met with, and what it holds on to.
#[derive(Debug, Default)]
pub(super) struct Choice {
    /// Nodes that refused or failed, and how much had been heard of each by then. They are tried again once more is heard.
    distrusted: BTreeMap<usize, u64>,
    /// Whom a refusal named as the leader, and how much had been heard of that node by then.
    redirected: Option<(usize, u64)>,
    /// The follower that gets this client's reads.
    sticks_to: Option<usize>,
    /// The newest position of a write of this client that was acknowledged.
    written: Option<(u64, u64)>,
    turn: usize,
}

/// Nobody can take a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nobody {
    /// At the moment.
    Now,
    /// And it is not to wait.
    Refuse,
}

impl Choice {
    /// Clients take turns from different nodes on, so that many that read once each are spread too.
    pub(super) fn new(turn: usize) -> Self {
        Choice { turn, ..Choice::default() }
    }

    /// A node failed, or refused a request that it should have taken.
    pub(super) fn distrust(&mut self, node: usize, topology: &Topology) {
        self.distrusted.insert(node, topology.heard[node]);
    }

    /// A node said that another one leads.
    pub(super) fn redirect(&mut self, to: Option<usize>, topology: &Topology) {
        self.redirected = to.map(|node| (node, topology.heard[node]));
    }

    /// A write was acknowledged at this epoch and LSN.
    pub(super) fn wrote(&mut self, position: (u64, u64)) {
        self.written = self.written.max(Some(position));
    }

    pub(super) fn choose(
        &mut self,
        kind: Kind,
        topology: &Topology,
        shared: &Shared,
    ) -> Result<(usize, Purpose), Nobody> {
        match kind {
            Kind::Write { .. } | Kind::LeaderRead | Kind::Opening => self.leader(topology),
            Kind::FollowerRead => self.reader(topology, shared),
            Kind::Aside => {
                let up = (0..topology.backends.len())
                    .find(|&node| topology.backends[node].up && self.trusts(node, topology));
                self.leader(topology).or(up.map(|node| (node, Purpose::Follow)).ok_or(Nobody::Now))
            }
        }
    }

    fn trusts(&self, node: usize, topology: &Topology) -> bool {
        self.distrusted.get(&node).is_none_or(|&heard| topology.heard[node] > heard)
    }

    fn leader(&self, topology: &Topology) -> Result<(usize, Purpose), Nobody> {
        let named = self.redirected.filter(|&(node, heard)| topology.heard[node] == heard).map(|(node, _)| node);
        let leader = named.or(topology.leader).filter(|&node| self.trusts(node, topology));
        leader.map(|node| (node, Purpose::Lead)).ok_or(Nobody::Now)
    }

    fn reader(&mut self, topology: &Topology, shared: &Shared) -> Result<(usize, Purpose), Nobody> {
        let flags = &shared.flags;
        let freshness = Freshness {
            max_lag_ms: flags.max_lag_ms,
            max_lag_records: flags.max_lag_records,
            after: self.written.filter(|_| flags.read_your_writes),
        };
        let mut fresh = topology.fresh(shared.now_ms(), freshness);
        fresh.retain(|&node| self.trusts(node, topology));
        if fresh.is_empty() {
            return match flags.lagging {
                Lagging::Leader => self.leader(topology),
                Lagging::Refuse => Err(Nobody::Refuse),
            };
        }
        let stuck = self.sticks_to.filter(|node| flags.sticky && fresh.contains(node));
        let node = stuck.unwrap_or_else(|| self.balance(fresh, shared));
        self.sticks_to = Some(node);
        Ok((node, Purpose::Follow))
    }

    fn balance(&mut self, mut fresh: Vec<usize>, shared: &Shared) -> usize {
        self.turn = self.turn.wrapping_add(1);
        let first = self.turn % fresh.len();
        fresh.rotate_left(first);
        match shared.flags.balance {
            Balance::RoundRobin => fresh[0],
            // Of equals the one whose turn it is.
            Balance::LeastLoaded => {
                fresh.into_iter().min_by_key(|&node| shared.unanswered(node)).expect("there is one")
            }
        }
    }
}
