//! Whole clusters of cores in one thread, on a simulated clock, network and disks, from a seed.
//!
//! The network loses, delays and reorders; nodes crash and lose what their disks had not taken yet; they are paused; links are cut one
//! way or both. Clients append unique numbers to lists and read them. What they saw is judged in `judge`.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::message::Message;
use crate::config::Modes;
use crate::defect::Defect;
use crate::membership::Membership;
use crate::record::{Epoch, Gtid, Member};

mod clients;
mod clocks;
mod consumers;
mod coordinator;
mod defects;
mod disk;
mod drift;
mod faults;
mod freshness;
mod judge;
mod members;
mod network;
mod nodes;
mod numbered;
mod promises;
mod rebuilds;
mod sessions;
mod stonith;
mod verdict;

use clients::{Client, Habit};
use consumers::Consumer;
use faults::Hazard;
use judge::Operated;
use nodes::Node;

/// How long faults are injected, and how long a healed cluster may take to work again.
const FAULTS_MS: u64 = 4_000;
const RECOVERY_MS: u64 = 1_200;
const CLIENTS: usize = 4;
const KEYS: u8 = 2;
/// After this each client gives its operation up and does not know what became of it. Who is impatient finds a new leader while the old one
/// still believes to lead.
const PATIENCE_MS: [u64; CLIENTS] = [60, 60, 400, 400];
/// This one only reads, so nothing keeps it from asking a leader that cannot write any more.
const READER: usize = 3;

/// What a cluster runs with.
#[derive(Debug, Clone, Copy)]
struct Setup {
    nodes: u8,
    /// The modes of every node, as flags.
    flags: &'static str,
    /// What clients do beside one operation after another.
    habits: &'static [Habit],
    /// What happens beside crashes, pauses and cut links.
    hazards: &'static [Hazard],
    /// A bug that its nodes have.
    defect: Option<Defect>,
}

/// The default modes.
const SOUND: Setup = Setup { nodes: 3, flags: "", habits: &[], hazards: &[], defect: None };

/// What a run met, so that a test can tell that it met something.
#[derive(Debug, Clone, Copy, Default)]
struct Met {
    /// Base snapshots that were installed.
    installed: usize,
    /// Logs that were lost, and base snapshots that were interrupted.
    rebuilt: usize,
    interrupted: usize,
    /// Corrupted rows, and how many rows differed when they were looked at.
    corrupted: usize,
    found_to_differ: usize,
    /// How many lists of members were in force.
    memberships: usize,
    /// Nodes that a command killed.
    executed: usize,
    /// For how many milliseconds some node held writes back.
    held_ms: usize,
    /// How often a node was seen to have a lease.
    leases: usize,
    /// Reads of bounded staleness that were answered.
    bounded_reads: usize,
}

impl Met {
    fn and(self, other: Met) -> Met {
        Met {
            installed: self.installed + other.installed,
            rebuilt: self.rebuilt + other.rebuilt,
            interrupted: self.interrupted + other.interrupted,
            corrupted: self.corrupted + other.corrupted,
            found_to_differ: self.found_to_differ + other.found_to_differ,
            memberships: self.memberships + other.memberships,
            executed: self.executed + other.executed,
            held_ms: self.held_ms + other.held_ms,
            leases: self.leases + other.leases,
            bounded_reads: self.bounded_reads + other.bounded_reads,
        }
    }
}

impl Setup {
    fn parse(self) -> Modes {
        Modes { defect: self.defect, ..Modes::default().with(self.flags).unwrap() }
    }
}

struct World {
    setup: Setup,
    modes: Modes,
    rng: ChaCha8Rng,
    now_ms: u64,
    nodes: Vec<Node>,
    /// Messages by when they arrive.
    network: BTreeMap<(u64, u64), (Member, Member, Message)>,
    sent: u64,
    cut: BTreeSet<(Member, Member)>,
    /// Clients that do not reach a node, because they are on the other side of a partition.
    out_of_reach: BTreeSet<(usize, u8)>,
    coordinator: coordinator::Coordinator,
    clients: Vec<Client>,
    /// How long each client thinks at most before its next operation.
    leisure_ms: [u64; CLIENTS],
    consumers: Vec<Consumer>,
    history: Vec<Operated>,
    /// Counts invocations and completions: real time.
    moment: u64,
    /// Which moment it was at each millisecond.
    moments: Vec<u64>,
    /// How stale reads may be; `None` when all are to be linearizable.
    max_lag_ms: Option<u64>,
    leaders: BTreeMap<Epoch, BTreeSet<Member>>,
    /// The first lease that a node should not have had.
    broken_lease: Option<String>,
    /// The record that each GTID is the name of, and one that is the name of two.
    gtids: BTreeMap<Gtid, Bytes>,
    /// The most messages that a node refused because no sound peer sends them.
    refused: u64,
    twice: Option<Gtid>,
    met: Met,
    /// What was seen to be wrong on the way.
    complaints: Vec<String>,
    /// Commands that kill.
    executions: Vec<stonith::Execution>,
    /// Who made a check of its rows, and who found that they are others than its leader's.
    verified: BTreeSet<u8>,
    drifted: BTreeSet<u8>,
}

/// Runs one cluster to the end: what is wrong with it, if anything; or what it met.
fn run(setup: Setup, seed: u64) -> Result<Met, String> {
    World::new(setup, seed).run()
}

impl World {
    fn new(setup: Setup, seed: u64) -> Self {
        let spares = if setup.hazards.contains(&Hazard::Members) { members::SPARES } else { 0 };
        let mut world = World {
            setup,
            modes: setup.parse(),
            rng: ChaCha8Rng::seed_from_u64(seed),
            now_ms: 0,
            nodes: (0..setup.nodes + spares).map(|_| Node::default()).collect(),
            network: BTreeMap::new(),
            sent: 0,
            cut: BTreeSet::new(),
            out_of_reach: BTreeSet::new(),
            coordinator: coordinator::Coordinator::new(seed),
            leisure_ms: [12; CLIENTS],
            clients: (0..CLIENTS).map(|_| Client::default()).collect(),
            consumers: Vec::new(),
            history: Vec::new(),
            moment: 0,
            moments: Vec::new(),
            max_lag_ms: None,
            leaders: BTreeMap::new(),
            broken_lease: None,
            gtids: BTreeMap::new(),
            refused: 0,
            twice: None,
            met: Met::default(),
            complaints: Vec::new(),
            executions: Vec::new(),
            verified: BTreeSet::new(),
            drifted: BTreeSet::new(),
        };
        let founded = Membership::founded((0..setup.nodes).map(members::id));
        for node in world.nodes.iter_mut().take(usize::from(setup.nodes)) {
            node.disk.first_members = founded.clone();
        }
        world.consumers = world.consumers();
        (0..setup.nodes + spares).for_each(|index| world.start(index));
        world
    }

    fn run(mut self) -> Result<Met, String> {
        while self.now_ms < FAULTS_MS {
            self.injure();
            self.step();
        }
        self.heal();
        let healed_at = self.history.len();
        let healed_lsn = self.nodes.iter().filter_map(|node| node.core.as_ref()).map(|core| core.commit_lsn).max();
        let recovery_ms = if self.met.corrupted > 0 { drift::RECOVERY_MS } else { RECOVERY_MS };
        while self.now_ms < FAULTS_MS + recovery_ms {
            if self.now_ms == FAULTS_MS + drift::REPAIR_AFTER_MS && self.met.corrupted > 0 {
                self.find_drift_and_repair();
            }
            self.step();
        }
        let is_stale = |operation: &&Operated| operation.horizon.is_some() && operation.is_acknowledged();
        let bounded_reads = self.history.iter().filter(is_stale).count();
        let met = Met { bounded_reads, ..self.met };
        self.verdict(healed_at, healed_lsn.unwrap_or(0)).map(|()| met)
    }

    /// One millisecond.
    fn step(&mut self) {
        self.note_moment();
        self.now_ms += 1;
        while let Some(entry) = self.network.first_entry().filter(|entry| entry.key().0 <= self.now_ms) {
            let (from, to, message) = entry.remove();
            if let Some(member) = self.let_in(to.0, from) {
                self.nodes[usize::from(to.0)].inbox.push((member, message));
            }
        }
        self.run_executions();
        self.run_clients();
        self.run_consumers();
        self.write_large_rows();
        for index in 0..self.nodes.len() as u8 {
            let node = &mut self.nodes[usize::from(index)];
            if node.restart_ms.is_some_and(|restart_ms| restart_ms <= self.now_ms) {
                node.restart_ms = None;
                self.start(index);
            } else if node.paused_until_ms <= self.now_ms {
                self.run_node(index);
            }
        }
        self.look_for_two_leaders();
    }
}
