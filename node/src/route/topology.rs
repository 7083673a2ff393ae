//! What is known of the nodes, and what follows: who leads, how far behind each follower is.
//!
//! Not here: asking them (`watching`). Time is a number that it is told, so that all of it can be tested by hand.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

/// Samples of the leader's log that are remembered, to tell since when a follower lacks something. At 50 ms a look this is a minute;
/// a follower that is further behind counts as behind since before that.
const MAX_SAMPLES: usize = 1200;

/// What a node told of itself in `INFO replication`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Report {
    pub(super) leads: bool,
    pub(super) epoch: u64,
    pub(super) leader_id: String,
    pub(super) leader_address: Option<SocketAddr>,
    pub(super) last_lsn: u64,
    /// Of a leader: up to where each follower's log is known to agree with it, durably, and whether it is connected.
    pub(super) followers: BTreeMap<String, (u64, bool)>,
}

impl Report {
    /// Reads `INFO replication`, whatever else may stand in it. `None` when what is needed is not there.
    pub(super) fn parse(info: &str) -> Option<Self> {
        let mut report = Report::default();
        let mut seen = 0;
        for (name, value) in info.lines().filter_map(|line| line.split_once(':')) {
            match name {
                "role" => (report.leads, seen) = (value == "leader", seen | 1),
                "epoch" => (report.epoch, seen) = (value.parse().ok()?, seen | 2),
                "last_lsn" => (report.last_lsn, seen) = (value.parse().ok()?, seen | 4),
                "leader_id" => value.clone_into(&mut report.leader_id),
                "leader_address" => report.leader_address = value.parse().ok(),
                _ if name.starts_with("follower") => {
                    let fields: BTreeMap<&str, &str> =
                        value.split(',').filter_map(|field| field.split_once('=')).collect();
                    let follower = || Some((*fields.get("id")?, fields.get("match_lsn")?.parse().ok()?));
                    if let Some((id, match_lsn)) = follower() {
                        let connected = fields.get("state").is_some_and(|state| *state != "offline");
                        report.followers.insert(id.to_owned(), (match_lsn, connected));
                    }
                }
                _ => {}
            }
        }
        (seen == 7).then_some(report)
    }
}

/// One node as the router sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Backend {
    pub(super) id: String,
    pub(super) address: SocketAddr,
    /// What it told last; of use only while it is up.
    report: Report,
    /// Looks in a row that it left unanswered.
    missed: u32,
    /// It has answered since it was last taken for dead.
    pub(super) up: bool,
    /// When it is known to have had all that the leader had.
    complete_ms: Option<u64>,
    /// Records that it lacked at the last look at the leader.
    pub(super) lag_records: Option<u64>,
    match_lsn: u64,
}

impl Backend {
    /// How long ago the node was known to be complete.
    pub(super) fn lag_ms(&self, now_ms: u64) -> Option<u64> {
        self.complete_ms.map(|complete_ms| now_ms.saturating_sub(complete_ms))
    }

    pub(super) fn role(&self) -> &'static str {
        if self.report.leads { "leader" } else { "follower" }
    }

    pub(super) fn epoch(&self) -> u64 {
        self.report.epoch
    }
}

/// Bounds on which followers get a read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Freshness {
    pub(super) max_lag_ms: u64,
    pub(super) max_lag_records: Option<u64>,
    /// The epoch and LSN of what the client wrote itself and must see.
    pub(super) after: Option<(u64, u64)>,
}

/// All nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Topology {
    pub(super) backends: Vec<Backend>,
    /// Who leads.
    pub(super) leader: Option<usize>,
    /// Counts what was heard of each node: a refusal is believed until the node has told more.
    pub(super) heard: Vec<u64>,
    /// The leader's log over time: when it was found to end at which LSN.
    samples: VecDeque<(u64, u64)>,
    misses: u32,
}

impl Topology {
    pub(super) fn new(nodes: impl IntoIterator<Item = (String, SocketAddr)>, misses: u32) -> Self {
        let backend = |(id, address)| Backend {
            id,
            address,
            report: Report::default(),
            missed: 0,
            up: false,
            complete_ms: None,
            lag_records: None,
            match_lsn: 0,
        };
        let backends: Vec<_> = nodes.into_iter().map(backend).collect();
        Topology { leader: None, heard: vec![0; backends.len()], samples: VecDeque::new(), misses, backends }
    }

    /// A node answered. The look began at `asked_ms`, so what it told was true some time after that.
    pub(super) fn hear(&mut self, node: usize, report: Report, asked_ms: u64) {
        let backend = &mut self.backends[node];
        backend.report = report;
        backend.missed = 0;
        backend.up = true;
        self.heard[node] += 1;
        self.choose_leader();
        if self.leader == Some(node) {
            self.measure(node, asked_ms);
        }
    }

    /// A node left a look unanswered, or cannot be connected to.
    pub(super) fn miss(&mut self, node: usize) {
        let backend = &mut self.backends[node];
        backend.missed = backend.missed.saturating_add(1);
        if backend.missed >= self.misses {
            backend.up = false;
        }
        self.heard[node] += 1;
        self.choose_leader();
    }

    /// The node that says it leads in the greatest epoch of which anybody says that it has a leader. So a deposed leader that does
    /// not know it is not believed once its successor is heard of, even if only others can reach that.
    fn choose_leader(&mut self) {
        let up = || self.backends.iter().enumerate().filter(|(_, backend)| backend.up);
        let claim = |backend: &Backend| (backend.report.epoch, backend.report.leader_id.clone());
        let greatest = up().map(|(_, backend)| claim(backend)).filter(|(_, leader_id)| !leader_id.is_empty()).max();
        let leads = |(_, backend): &(usize, &Backend)| {
            backend.report.leads && Some((backend.report.epoch, backend.id.clone())) >= greatest
        };
        let leader = up().find(leads).map(|(node, _)| node);
        if leader.is_some() && leader != self.leader {
            self.samples.clear();
            self.backends.iter_mut().for_each(|backend| backend.lag_records = None);
        }
        self.leader = leader;
    }

    /// Works out how far behind the followers are, from what the leader told.
    fn measure(&mut self, leader: usize, asked_ms: u64) {
        let report = self.backends[leader].report.clone();
        if self.samples.len() == MAX_SAMPLES {
            self.samples.pop_front();
        }
        self.samples.push_back((asked_ms, report.last_lsn));
        for (node, backend) in self.backends.iter_mut().enumerate() {
            if node == leader {
                (backend.complete_ms, backend.lag_records, backend.match_lsn) =
                    (Some(asked_ms), Some(0), report.last_lsn);
                continue;
            }
            let Some((match_lsn, true)) = report.followers.get(&backend.id).copied() else { continue };
            backend.match_lsn = match_lsn;
            backend.lag_records = Some(report.last_lsn.saturating_sub(match_lsn));
            // It has all that the leader had when its log ended there.
            let complete = self.samples.iter().rev().find(|(_, last_lsn)| *last_lsn <= match_lsn);
            backend.complete_ms = complete.map(|(at_ms, _)| *at_ms).max(backend.complete_ms);
        }
    }

    /// The followers that may answer a read.
    pub(super) fn fresh(&self, now_ms: u64, freshness: Freshness) -> Vec<usize> {
        let leader_epoch = self.leader.map_or(0, |leader| self.backends[leader].report.epoch);
        let fits = |(node, backend): &(usize, &Backend)| {
            let within = backend.lag_ms(now_ms).is_some_and(|lag_ms| lag_ms <= freshness.max_lag_ms);
            let few = freshness
                .max_lag_records
                .is_none_or(|most| backend.lag_records.is_some_and(|lag_records| lag_records <= most));
            // Only a leader knows what agrees with its own log, and only of a leader of that epoch or a later one is it known
            // that the client's write is in it, or given up.
            let has = freshness.after.is_none_or(|(epoch, lsn)| leader_epoch >= epoch && backend.match_lsn >= lsn);
            Some(*node) != self.leader && backend.up && within && few && has
        };
        self.backends.iter().enumerate().filter(fits).map(|(node, _)| node).collect()
    }

    /// The node that the cluster knows by this address, where clients are sent.
    pub(super) fn at(&self, address: SocketAddr) -> Option<usize> {
        let told = self.backends.iter().find(|backend| backend.report.leader_address == Some(address));
        let known = |backend: &Backend| {
            backend.address == address || told.is_some_and(|told| told.report.leader_id == backend.id)
        };
        self.backends.iter().position(known)
    }
}

#[cfg(test)]
mod tests;
