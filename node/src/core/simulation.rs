//! Whole clusters of cores in one thread, on a simulated clock, network and disks, from a seed.
//!
//! The network loses, delays and reorders; nodes crash and lose what their disks had not taken yet; they are paused; links are cut one
//! way or both. Clients append unique numbers to lists and read them. What they saw is judged in `judge`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};

use bytes::Bytes;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::message::Message;
use super::{Answer, Core, Effect, Refusal, Settings};
use crate::config::{Election, Modes, ReadMode};
use crate::membership::Membership;
use crate::record::{End, Epoch, Member, Record};
use crate::store::{Operation, Plan, Reply};

mod coordinator;
mod disk;
mod drift;
mod faults;
mod judge;
mod promises;

use disk::{Command, Disk};
use judge::{Operated, Outcome};

/// How long faults are injected, and how long a healed cluster may take to work again.
const FAULTS_MS: u64 = 4_000;
const RECOVERY_MS: u64 = 1_200;
const CLIENTS: usize = 4;
const KEYS: u8 = 2;
/// After this a client gives its operation up and does not know what became of it.
const PATIENCE_MS: u64 = 400;

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

#[derive(Default)]
struct Node {
    /// `None` while it is down.
    core: Option<Core<usize>>,
    disk: Disk,
    started_ms: u64,
    restart_ms: Option<u64>,
    paused_until_ms: u64,
    inbox: Vec<(Member, Message)>,
    requests: Vec<(usize, Operation)>,
}

struct Client {
    /// The operation under way and when it was sent.
    current: Option<(usize, u64)>,
    target: u8,
    idle_until_ms: u64,
}

struct World {
    setup: Setup,
    rng: ChaCha8Rng,
    now_ms: u64,
    nodes: Vec<Node>,
    /// Messages by when they arrive.
    network: BTreeMap<(u64, u64), (Member, Member, Message)>,
    sent: u64,
    cut: BTreeSet<(Member, Member)>,
    coordinator: coordinator::Coordinator,
    clients: Vec<Client>,
    history: Vec<Operated>,
    /// Counts invocations and completions: real time.
    moment: u64,
    leaders: BTreeMap<Epoch, BTreeSet<Member>>,
    /// How many base snapshots were installed.
    installed: usize,
    /// Who made a check of its rows, and who found that they are others than its leader's.
    verified: BTreeSet<u8>,
    drifted: BTreeSet<u8>,
}

/// Runs one cluster to the end: what is wrong with it, if anything; or how many base snapshots were installed.
fn run(setup: Setup, seed: u64) -> Result<usize, String> {
    let mut world = World::new(setup, seed);
    while world.now_ms < FAULTS_MS {
        world.injure();
        world.step();
    }
    world.heal();
    let healed_at = world.history.len();
    while world.now_ms < FAULTS_MS + RECOVERY_MS {
        world.step();
    }
    let installed = world.installed;
    world.verdict(healed_at).map(|()| installed)
}

impl World {
    fn new(setup: Setup, seed: u64) -> Self {
        let clients = (0..CLIENTS).map(|_| Client { current: None, target: 0, idle_until_ms: 0 }).collect();
        let mut world = World {
            setup,
            rng: ChaCha8Rng::seed_from_u64(seed),
            now_ms: 0,
            nodes: (0..setup.nodes).map(|_| Node::default()).collect(),
            network: BTreeMap::new(),
            sent: 0,
            cut: BTreeSet::new(),
            coordinator: coordinator::Coordinator::new(seed),
            clients,
            history: Vec::new(),
            moment: 0,
            leaders: BTreeMap::new(),
            installed: 0,
            verified: BTreeSet::new(),
            drifted: BTreeSet::new(),
        };
        (0..setup.nodes).for_each(|index| world.start(index));
        world
    }

    fn start(&mut self, index: u8) {
        let settings = Settings {
            me: Member(index),
            members: Membership::founded((0..self.setup.nodes).map(|index| format!("n{}", index + 1))),
            modes: self.setup.parse(),
            seed: self.rng.next_u64(),
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, u16::from(index) + 1)),
        };
        let node = &mut self.nodes[usize::from(index)];
        node.disk.recover();
        let store = node.disk.store(&settings.modes.storage);
        let log = node.disk.records.iter().map(|encoded| (Record::decode(encoded).unwrap(), encoded.clone()));
        let mut core = Core::new(settings, node.disk.hard, store, node.disk.snapshot.clone(), log);
        node.disk.generation = 0;
        node.started_ms = self.now_ms;
        for peer in (0..self.setup.nodes).filter(|&peer| peer != index) {
            core.link(Member(peer), true);
        }
        node.core = Some(core);
        self.coordinator.restart(index);
        self.link_to(index, true);
    }

    fn link_to(&mut self, peer: u8, up: bool) {
        for (index, node) in self.nodes.iter_mut().enumerate() {
            if let Some(core) = node.core.as_mut().filter(|_| index != usize::from(peer)) {
                core.link(Member(peer), up);
            }
        }
    }

    /// The process dies. Its disk may have done some of what it was asked, in order.
    fn crash(&mut self, index: u8) {
        let node = &mut self.nodes[usize::from(index)];
        if node.core.take().is_none() {
            return;
        }
        for _ in 0..self.rng.random_range(0..=node.disk.queue.len()) {
            let (_, command) = node.disk.queue.pop_front().unwrap();
            node.disk.carry_out(command);
        }
        node.disk.queue.clear();
        node.disk.writing = None;
        node.inbox.clear();
        node.requests.clear();
        node.restart_ms = Some(self.now_ms + self.rng.random_range(20..400));
        self.link_to(index, false);
    }

    /// One millisecond.
    fn step(&mut self) {
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

    fn run_node(&mut self, index: u8) {
        let node = &mut self.nodes[usize::from(index)];
        let Some(core) = &mut node.core else { return };
        core.advance(self.now_ms - node.started_ms);
        while let Some((_, command)) = node.disk.queue.pop_front_if(|(due_ms, _)| *due_ms <= self.now_ms) {
            node.disk.carry_out(command);
            core.flushed(node.disk.generation, node.disk.last_lsn());
            core.synced(node.disk.generation, node.disk.last_lsn());
        }
        if let Some((_, key)) = node.disk.writing.take_if(|(due_ms, _)| *due_ms <= self.now_ms) {
            core.snapshot_written(key, true);
        }
        node.inbox.drain(..).for_each(|(from, message)| core.receive(from, message));
        for (token, operation) in node.requests.drain(..) {
            core.request(token, operation, ReadMode::Leader);
        }
        if self.setup.flags.contains("coordinator") {
            let since_start = |lease| coordinator::since(lease, node.started_ms);
            let told = self.coordinator.run(index, self.now_ms, core.holder());
            told.into_iter().map(since_start).for_each(|lease| core.lease(lease));
        }
        core.tick();
        let effects = core.settle();
        assert!(core.store().failure().is_none());
        let status = core.status();
        assert_eq!(status.refused_messages, 0, "a message of a sound peer was refused");
        self.verified.extend((status.verified_lsn > 0).then_some(index));
        self.drifted.extend((status.drifted_ranges > 0).then_some(index));
        if status.role == "leader" {
            self.leaders.entry(status.epoch).or_default().insert(Member(index));
        }
        for effect in effects {
            self.carry_out(index, effect);
        }
    }

    fn carry_out(&mut self, index: u8, effect: Effect<usize>) {
        let disk = &mut self.nodes[usize::from(index)].disk;
        let due_ms = self.now_ms + self.rng.random_range(0..6);
        match effect {
            Effect::Save(hard) => disk.hard = hard,
            Effect::Write { records } => disk.queue.push_back((due_ms, Command::Write(records))),
            Effect::Rewind { records, generation, .. } => {
                let after = records[0].stamp.lsn - 1;
                disk.queue.push_back((due_ms, Command::Truncate { after, generation }));
            }
            Effect::WriteSnapshot(snapshot) => {
                let key = (snapshot.lsn(), snapshot.lineage());
                disk.written = Some(snapshot);
                disk.writing = Some((self.now_ms + self.rng.random_range(0..60), key));
            }
            Effect::SaveSlots(_) | Effect::Members(_) => {}
            Effect::AdoptSnapshot { lsn } => disk.adopt(lsn),
            Effect::CutFront { lsn } => disk.queue.push_back((due_ms, Command::CutFront(lsn))),
            Effect::InstallSnapshot { lsn, generation, .. } => {
                disk.adopt(lsn);
                self.installed += 1;
                disk.queue.push_back((due_ms, Command::Reset { lsn, generation }));
            }
            Effect::Send { to, message } => self.send(Member(index), to, message),
            Effect::Stonith { .. } => unreachable!("no simulated cluster is fenced by a command"),
            Effect::Lease(wish) => self.coordinator.wish(index, wish),
            Effect::Answer { token, answer } => self.complete(token, &answer),
        }
    }

    fn send(&mut self, from: Member, to: Member, message: Message) {
        // Some of what a cut link carries is held back until long after, the rest is lost.
        let delay_ms = match self.rng.random_range(0..100) {
            0 => return,
            1..4 => self.rng.random_range(0..900),
            _ if self.cut.contains(&(from, to)) => match self.rng.random_range(0..20) {
                0 => self.rng.random_range(500..2000),
                _ => return,
            },
            _ => self.rng.random_range(0..3),
        };
        self.sent += 1;
        self.network.insert((self.now_ms + delay_ms, self.sent), (from, to, message));
    }

    fn run_clients(&mut self) {
        for client in 0..CLIENTS {
            let Client { current, idle_until_ms, .. } = self.clients[client];
            match current {
                Some((_, sent_ms)) if sent_ms + PATIENCE_MS > self.now_ms => continue,
                Some(_) => self.clients[client].target = self.rng.random_range(0..self.setup.nodes),
                None if idle_until_ms > self.now_ms => continue,
                None => {}
            }
            self.invoke(client);
        }
    }

    fn invoke(&mut self, client: usize) {
        let token = self.history.len();
        let key = self.rng.random_range(0..KEYS);
        let reads = self.rng.random_range(0..3) == 0;
        self.moment += 1;
        self.history.push(Operated { client, key, invoked: self.moment, completed: None });
        self.clients[client].current = Some((token, self.now_ms));
        let key = Bytes::from(vec![b'a' + key]);
        let operation = if reads {
            Operation::Range { key, start: 0, stop: -1 }
        } else {
            Operation::Push { key, end: End::Back, elements: vec![Bytes::from(token.to_string())] }
        };
        let node = &mut self.nodes[usize::from(self.clients[client].target)];
        if node.core.is_some() {
            node.requests.push((token, operation));
        } else {
            let answer = Answer { outcome: Err(Refusal::NoLeader), epoch: 0, lsn: 0 };
            self.complete(token, &answer);
        }
    }

    fn complete(&mut self, token: usize, answer: &Answer) {
        self.moment += 1;
        let operation = &mut self.history[token];
        let outcome = match &answer.outcome {
            Ok(Reply::List(elements)) => {
                let number = |element: &Bytes| std::str::from_utf8(element).unwrap().parse().unwrap();
                Outcome::Read(elements.iter().map(number).collect())
            }
            Ok(_) => Outcome::Appended,
            Err(Refusal::Uncertain) => Outcome::Unknown,
            Err(_) => Outcome::Failed,
        };
        let client = &mut self.clients[operation.client];
        if client.current.is_none_or(|(current, _)| current != token) {
            return; // it gave up before, and will never know
        }
        client.target = match answer.outcome {
            Ok(_) => client.target,
            Err(Refusal::Redirect(address)) => (address.port() - 1) as u8,
            Err(_) => self.rng.random_range(0..self.setup.nodes),
        };
        client.current = None;
        client.idle_until_ms = self.now_ms + self.rng.random_range(1..12);
        operation.completed = Some((self.moment, outcome));
    }

    fn verdict(mut self, healed_at: usize) -> Result<(), String> {
        self.no_drift()?;
        if self.setup.parse().failover.election != Election::Timeout
            && let Some((epoch, leaders)) = self.leaders.iter().find(|(_, leaders)| leaders.len() > 1)
        {
            return Err(format!("election safety: {leaders:?} all led epoch {epoch}"));
        }
        let worked = self.history[healed_at..].iter().filter(|operation| operation.is_acknowledged()).count();
        if worked < 20 {
            return Err(format!("liveness: {worked} operations acknowledged after everything was healed"));
        }
        let mut finals: Vec<BTreeMap<u8, Vec<usize>>> = Vec::new();
        for node in &mut self.nodes {
            let core = node.core.as_mut().ok_or("liveness: a node is still down")?;
            let lists = (0..KEYS).map(|key| (key, final_list(core, key)));
            finals.push(lists.collect());
        }
        self.log_matching()?;
        // Followers may lag by what is on its way; the longest list is the leader's.
        let longest = |key: u8| finals.iter().map(|lists| &lists[&key]).max_by_key(|list| list.len()).unwrap();
        (0..KEYS).try_for_each(|key| judge::judge(key, &self.history, longest(key)))
    }

    /// Where two logs have a record of one lineage at one LSN, they are equal up to it.
    fn log_matching(&self) -> Result<(), String> {
        let cores: Vec<&Core<usize>> = self.nodes.iter().filter_map(|node| node.core.as_ref()).collect();
        for (a, b) in cores.iter().flat_map(|&a| cores.iter().map(move |&b| (&a.journal, &b.journal))) {
            let common = a.history().agrees_until(b.history());
            let held = a.base_lsn().max(b.base_lsn());
            let until = common.saturating_sub(held) as usize;
            if held < common && !a.after(held).take(until).eq(b.after(held).take(until)) {
                return Err(format!("log matching: two logs agree at LSN {common} but not before"));
            }
        }
        Ok(())
    }
}

fn final_list(core: &Core<usize>, key: u8) -> Vec<usize> {
    let key = Bytes::from(vec![b'a' + key]);
    match core.store.plan(Operation::Range { key, start: 0, stop: -1 }) {
        Plan::Read(Reply::List(elements)) => {
            elements.iter().map(|element| std::str::from_utf8(element).unwrap().parse().unwrap()).collect()
        }
        other => panic!("a list was expected, not {other:?}"),
    }
}
