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
use crate::record::{Epoch, Gtid, Member};

mod clients;
mod clocks;
mod coordinator;
mod defects;
mod disk;
mod drift;
mod faults;
mod freshness;
mod judge;
mod network;
mod nodes;
mod promises;
mod verdict;

use clients::Client;
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
}

impl Setup {
    fn parse(self) -> Modes {
        Modes::default().with(self.flags).unwrap()
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
    history: Vec<Operated>,
    /// Counts invocations and completions: real time.
    moment: u64,
    /// Which moment it was at each millisecond.
    moments: Vec<u64>,
    /// How stale reads may be; `None` when all are to be linearizable.
    max_lag_ms: Option<u64>,
    leaders: BTreeMap<Epoch, BTreeSet<Member>>,
    /// How often a node was seen to have a lease, and the first that should not have had it.
    leases: usize,
    broken_lease: Option<String>,
    /// How many base snapshots were installed.
    installed: usize,
    /// The record that each GTID is the name of, and one that is the name of two.
    gtids: BTreeMap<Gtid, Bytes>,
    /// The most messages that a node refused because no sound peer sends them.
    refused: u64,
    twice: Option<Gtid>,
    /// Who made a check of its rows, and who found that they are others than its leader's.
    verified: BTreeSet<u8>,
    drifted: BTreeSet<u8>,
}

/// What a sound run met.
#[derive(Debug, Clone, Copy)]
struct Ran {
    /// Base snapshots that were installed.
    installed: usize,
    /// How often a node was seen to have a lease.
    leases: usize,
    /// Reads of bounded staleness that were answered.
    bounded_reads: usize,
}

/// Runs one cluster to the end: what is wrong with it, if anything; or how many base snapshots were installed.
fn run(setup: Setup, seed: u64) -> Result<usize, String> {
    World::new(setup, seed).run().map(|ran| ran.installed)
}

impl World {
    fn new(setup: Setup, seed: u64) -> Self {
        let clients = (0..CLIENTS).map(|_| Client { current: None, target: 0, idle_until_ms: 0 }).collect();
        let mut world = World {
            setup,
            modes: setup.parse(),
            rng: ChaCha8Rng::seed_from_u64(seed),
            now_ms: 0,
            nodes: (0..setup.nodes).map(|_| Node::default()).collect(),
            network: BTreeMap::new(),
            sent: 0,
            cut: BTreeSet::new(),
            out_of_reach: BTreeSet::new(),
            coordinator: coordinator::Coordinator::new(seed),
            clients,
            leisure_ms: [12; CLIENTS],
            history: Vec::new(),
            moment: 0,
            moments: Vec::new(),
            max_lag_ms: None,
            leaders: BTreeMap::new(),
            leases: 0,
            broken_lease: None,
            installed: 0,
            gtids: BTreeMap::new(),
            refused: 0,
            twice: None,
            verified: BTreeSet::new(),
            drifted: BTreeSet::new(),
        };
        (0..setup.nodes).for_each(|index| world.start(index));
        world
    }

    fn run(mut self) -> Result<Ran, String> {
        while self.now_ms < FAULTS_MS {
            self.injure();
            self.step();
        }
        self.heal();
        let healed_at = self.history.len();
        while self.now_ms < FAULTS_MS + RECOVERY_MS {
            self.step();
        }
        let is_stale = |operation: &&Operated| operation.horizon.is_some() && operation.is_acknowledged();
        let bounded_reads = self.history.iter().filter(is_stale).count();
        let ran = Ran { installed: self.installed, leases: self.leases, bounded_reads };
        self.verdict(healed_at).map(|()| ran)
    }

    /// One millisecond.
    fn step(&mut self) {
        self.note_moment();
        self.now_ms += 1;
        while let Some(entry) = self.network.first_entry().filter(|entry| entry.key().0 <= self.now_ms) {
            let (from, to, message) = entry.remove();
            let node = &mut self.nodes[usize::from(to.0)];
            if node.core.is_some() {
                node.inbox.push((from, message));
            }
        }
        self.run_clients();
        for index in 0..self.setup.nodes {
            let node = &mut self.nodes[usize::from(index)];
            if node.restart_ms.is_some_and(|restart_ms| restart_ms <= self.now_ms) {
                node.restart_ms = None;
                self.start(index);
            } else if node.paused_until_ms <= self.now_ms {
                self.run_node(index);
            }
        }
    }
}
