//! Wires the core to disk, sockets and clock: one task feeds it events in batches and carries out what it wants done.
//!
//! Not here: any decision.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::clock::Clock;
use crate::config::{Config, Engine, LogKind, Storage};
use crate::coordinator::{Coordinator, Told};
use crate::core::coordinated::Lease;
use crate::core::retention::SnapshotKey;
use crate::core::status::Status;
use crate::core::{Answer, Core, Effect, Refusal};
use crate::data_dir::DataDir;
use crate::hard_state::HardStateFile;
use crate::log::{Flushed, Log, Report};
use crate::pause_points;
use crate::peer::{Direction, Links, PeerEvent};
use crate::rebuild;
use crate::record::{Change, Lsn, Member, Record};
use crate::server::{self, Ask, Doors};
use crate::slots_file::SlotsFile;
use crate::snapshot_file::SnapshotDir;
use crate::store::Store;
use executioner::Executioner;
use recovery::{Patience, Recovered, recover, trouble};

mod aside;
mod executioner;
mod recovery;

/// Most events of one kind taken in before the core settles: enough to share a group commit, few enough to keep a beat.
const BATCH: usize = 1024;

/// How long a leader that is told to end may take to hand over: an election and a round trip, many times over. Supervisors of
/// services wait longer before they kill.
const RETIREMENT: Duration = Duration::from_secs(5);

/// Linux' number on all but MIPS, whose 25 is another signal that means no harm.
const SIGXFSZ: i32 = 25;

/// Of which record a snapshot was written, and whether that worked.
type SnapshotReport = (SnapshotKey, bool);

/// A node at work.
struct Node {
    data: DataDir,
    hard_state: HardStateFile,
    slots: SlotsFile,
    snapshots: SnapshotDir,
    snapshot_reporter: mpsc::UnboundedSender<SnapshotReport>,
    /// Kills old leaders, where `--fencing stonith` asks for it.
    executioner: Executioner,
    log: Log,
    links: Links,
    /// The last change of members that is known to be committed.
    settled_lsn: Option<Lsn>,
    core: Core<oneshot::Sender<Answer>>,
    /// Which directions of each peer's link work.
    directions: BTreeMap<Member, (bool, bool)>,
    coordinator: Option<Coordinator>,
    /// Keeps that source of events open where there is no coordinator.
    _teller: mpsc::UnboundedSender<Told>,
    clock: Clock,
    address: SocketAddr,
    /// Who wants to know this node's state. They are told when all that it rests on is durable.
    status_asks: Vec<oneshot::Sender<Status>>,
    /// Snapshots that other threads are writing.
    snapshots_under_way: usize,
    patience: Patience,
}

/// Where events come from.
struct Sources {
    log: mpsc::UnboundedReceiver<Report>,
    snapshots: mpsc::UnboundedReceiver<SnapshotReport>,
    stonith: mpsc::UnboundedReceiver<(Member, bool)>,
    peers: mpsc::Receiver<PeerEvent>,
    lease: mpsc::UnboundedReceiver<Told>,
    clients: mpsc::Receiver<Ask>,
    ticks: Interval,
    terminate: Signal,
    interrupt: Signal,
    /// Held for its effect.
    _file_size_limit: Signal,
}

/// Events that were taken in together.
#[derive(Default)]
struct Batch {
    log: Vec<Report>,
    snapshots: Vec<SnapshotReport>,
    stonith: Vec<(Member, bool)>,
    peers: Vec<PeerEvent>,
    lease: Vec<Told>,
    clients: Vec<Ask>,
}

/// Runs a node until SIGTERM or SIGINT.
pub(crate) async fn run(config: Config) -> anyhow::Result<()> {
    pause_points::start(&config.id);
    let (mut node, mut sources, doors) = start(&config).await?;
    let mut batch = Batch::default();
    let longest_part = Duration::from_millis(config.modes.failover.heartbeat_ms) / 4;
    let mut ends_by = None;
    while ends_by.is_none_or(|ends_by| Instant::now() < ends_by && !node.core.has_retired()) {
        if let Some(signal) = sources.take(&mut batch).await? {
            tracing::info!(signal, "stopping");
            if ends_by.replace(Instant::now() + RETIREMENT).is_some() {
                break; // told twice
            }
            node.core.retire(RETIREMENT.as_millis() as u64);
        }
        node.core.advance(node.clock.now_ms());
        for report in batch.log.drain(..) {
            match report {
                Ok(Flushed { generation, lsn, synced_lsn }) => {
                    pause_points::flushed(lsn);
                    node.core.flushed(generation, lsn);
                    node.core.synced(generation, synced_lsn);
                }
                Err(error) => node.core.disk_failed(trouble(&error.into())),
            }
        }
        for (key, written) in batch.snapshots.drain(..) {
            node.snapshots_under_way -= 1;
            node.core.snapshot_written(key, written);
        }
        for (member, succeeded) in batch.stonith.drain(..) {
            node.core.stonith_ended(member, succeeded);
        }
        for event in batch.peers.drain(..) {
            node.hear(event);
        }
        for told in batch.lease.drain(..) {
            node.lease(told);
        }
        // What takes long is done in parts, for heartbeats must go out and answers come in meanwhile.
        let part_ends = Instant::now() + longest_part;
        let mut asks = std::mem::take(&mut batch.clients).into_iter();
        for ask in asks.by_ref() {
            let now = Instant::now();
            // Whether a lease holds, or data are fresh enough, is asked of a time after the request came.
            node.core.advance(node.clock.ms_at(now));
            node.ask(ask);
            if now >= part_ends {
                break;
            }
        }
        batch.clients = asks.collect();
        let alive = !sources.log.is_closed() || !sources.log.is_empty() || node.core.disk_trouble().is_some();
        ensure!(alive, "the log thread is gone");
        node.core.tick();
        node.carry_out().await?;
        node.tell_status();
        node.start_over_if_there_is_room(&config, &mut sources)?;
    }
    node.core.resign();
    node.carry_out().await?;
    doors.close().await;
    node.stop(&mut sources.log)
}

/// Recovers what is on the disk, then opens the doors.
async fn start(config: &Config) -> anyhow::Result<(Node, Sources, Doors)> {
    let terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    // Whoever listens is not killed by it: a file that reaches the process' limit is an error of the write, like a full disk.
    let file_size_limit = signal(SignalKind::from_raw(SIGXFSZ)).context("cannot listen for SIGXFSZ")?;
    let data = DataDir::open(&config.data)?;
    if config.rebuild {
        rebuild::begin(config, data.path())?;
    }
    let clients = bind(config.listen, "--listen").await?;
    let peers = bind(config.peer_listen, "--peer-listen").await?;
    let metrics = match config.metrics {
        Some(address) => Some(bind(address, "--metrics").await?),
        None => None,
    };
    let (client_address, peer_address) = (clients.local_addr()?, peers.local_addr()?);
    let advertised = config.advertise.unwrap_or(client_address);
    if let Some(defect) = config.modes.defect {
        tracing::error!(%defect, "THIS NODE IS BROKEN ON PURPOSE (--defect): {}", defect.about().sentence);
    }
    let Recovered { hard_state, slots, snapshots, log, reports, core } = recover(config, &data, advertised)?;
    let status = core.status();
    tracing::info!(epoch = status.epoch, lsn = status.last_lsn, clients = %client_address, peers = %peer_address, "listening");
    let (clients, doors) = server::start(config, advertised, clients, metrics);
    let (links, peers) = Links::start(config, core.members().clone(), peers);
    let mut ticks = interval(Duration::from_millis((config.modes.failover.heartbeat_ms / 4).max(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let directions = BTreeMap::new();
    let (snapshot_reporter, snapshot_reports) = mpsc::unbounded_channel();
    let (stonith_reporter, stonith) = mpsc::unbounded_channel();
    let executioner =
        Executioner { command: config.modes.failover.stonith_command.clone(), reporter: stonith_reporter };
    let clock = Clock::start();
    let (teller, lease) = mpsc::unbounded_channel();
    let coordinator = Coordinator::start(config, teller.clone()).context("cannot start the coordinator's thread")?;
    let node = Node {
        data,
        hard_state,
        slots,
        snapshots,
        snapshot_reporter,
        executioner,
        log,
        links,
        settled_lsn: None,
        core,
        directions,
        coordinator,
        _teller: teller,
        clock,
        address: advertised,
        status_asks: Vec::new(),
        snapshots_under_way: 0,
        patience: Patience::default(),
    };
    Ok((
        node,
        Sources {
            log: reports,
            snapshots: snapshot_reports,
            stonith,
            peers,
            lease,
            clients,
            ticks,
            terminate,
            interrupt,
            _file_size_limit: file_size_limit,
        },
        doors,
    ))
}

impl Sources {
    /// Sleeps until there are events, and takes in what is there of the first kind that has some; or says which signal came.
    async fn take(&mut self, batch: &mut Batch) -> anyhow::Result<Option<&'static str>> {
        tokio::select! {
            biased; // what others are waiting for comes before what clients ask anew
            _ = self.terminate.recv() => return Ok(Some("SIGTERM")),
            _ = self.interrupt.recv() => return Ok(Some("SIGINT")),
            // A thread that is gone has said why, and nothing more will come.
            _ = self.log.recv_many(&mut batch.log, BATCH), if !self.log.is_closed() || !self.log.is_empty() => {}
            _ = self.snapshots.recv_many(&mut batch.snapshots, BATCH) => {}
            _ = self.stonith.recv_many(&mut batch.stonith, BATCH) => {}
            _ = self.peers.recv_many(&mut batch.peers, BATCH) => {}
            _ = self.lease.recv_many(&mut batch.lease, BATCH) => {}
            // The connections' tasks run on this thread, too.
            () = tokio::task::yield_now(), if !batch.clients.is_empty() => {}
            _ = self.clients.recv_many(&mut batch.clients, BATCH) => {}
            _ = self.ticks.tick() => {}
        }
        Ok(None)
    }
}

/// The records of a log are all of one kind, and so is what is kept of them.
fn check_kind(kind: LogKind, data: &DataDir, records: &[Bytes]) -> anyhow::Result<()> {
    let mut changes = records.iter().filter_map(|encoded| Record::decode(encoded)).map(|record| record.change);
    let found = match changes.find(Change::is_of_one_kind) {
        Some(Change::Bytes(_)) => LogKind::Physical,
        Some(_) => LogKind::Logical,
        None if data.image_path().exists() => LogKind::Physical,
        None => return Ok(()),
    };
    ensure!(
        found == kind,
        "{} has a log of kind `{found}`, but this node was started with --log {kind}; start it as before, or empty the directory and \
         let the node start over",
        data.path().display(),
    );
    Ok(())
}

fn open_store(storage: &Storage, data: &DataDir, records: &[Bytes]) -> anyhow::Result<Store> {
    check_kind(storage.log, data, records)?;
    let store = match (storage.log, storage.storage) {
        (LogKind::Physical, _) => Store::open_physical(&data.image_path(), storage.checkpoint_bytes)?,
        (LogKind::Logical, Engine::Memory) => Store::default(),
        (LogKind::Logical, Engine::Redb) => Store::open(&data.store_path(), storage.checkpoint_bytes)?,
    };
    tracing::info!(engine = %storage.storage, log = %storage.log, kept_lsn = store.applied().lsn, "store opened");
    Ok(store)
}

async fn bind(address: SocketAddr, flag: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {flag} {address}"))
}

impl Node {
    fn hear(&mut self, event: PeerEvent) {
        match event {
            PeerEvent::Introduced(members) => self.core.introduce(members),
            PeerEvent::Message(from, message) => self.core.receive(from, message),
            PeerEvent::Link { peer, direction, up } => {
                let (outgoing, incoming) = self.directions.entry(peer).or_default();
                match direction {
                    Direction::Outgoing => *outgoing = up,
                    Direction::Incoming => *incoming = up,
                }
                let both = *outgoing && *incoming;
                self.core.link(peer, both);
            }
        }
    }

    fn tell_status(&mut self) {
        for token in std::mem::take(&mut self.status_asks) {
            drop(token.send(self.core.status())); // who left does not wait for it
        }
    }

    /// Hands on what the coordinator says, in the core's time.
    fn lease(&mut self, told: Told) {
        let ms = |until: Instant| self.clock.ms_until(until);
        self.core.lease(match told {
            Told::Vacant { holder, version } => Lease::Vacant { holder, version },
            Told::Granted { epoch, until } => Lease::Granted { epoch, until_ms: ms(until) },
            Told::Renewed { until } => Lease::Renewed { until_ms: ms(until) },
            Told::Lost => Lease::Lost,
        });
    }

    fn ask(&mut self, ask: Ask) {
        match ask {
            Ask::Execute { operation, terms, token } => self.core.request(token, operation, terms),
            Ask::Wait { followers, timeout_ms, token } => self.core.wait(token, followers, timeout_ms),
            Ask::Admin { admin, token } => self.core.admin(token, admin),
            // A client that left does not wait for its answer, here and below.
            Ask::ExecuteOnce { operation, numbered, token } => self.core.request_once(token, operation, numbered),
            Ask::OpenSession { client, token } => self.core.open_session(token, client),
            Ask::Status(token) => self.status_asks.push(token),
        }
    }

    /// Makes everything durable: the log first, and the store only if that worked.
    fn stop(mut self, reports: &mut mpsc::UnboundedReceiver<Report>) -> anyhow::Result<()> {
        self.log.end();
        if self.core.disk_trouble().is_some() {
            return Ok(()); // told when it happened
        }
        while let Ok(report) = reports.try_recv() {
            report.context("the log could not be written to its end")?;
        }
        self.core.store().keep().context("cannot write the store down")
    }

    /// Does what the core wants, in order. Saving and rewinding block: nothing may be told before they are durable.
    async fn carry_out(&mut self) -> anyhow::Result<()> {
        let effects = self.core.settle();
        pause_points::leads(self.core.holder().map(|holder| holder.epoch));
        if let Some(error) = self.core.store().failure() {
            return Err(error)
                .context("the store cannot be used any longer, so the node stops before it tells anything of it");
        }
        let mut effects = effects.into_iter();
        let mut has_sent = false;
        while let Some(effect) = effects.next() {
            has_sent |= matches!(effect, Effect::Send { .. });
            if has_sent && matches!(effect, Effect::Write { .. }) {
                tokio::task::yield_now().await; // let the links send: others' disks are farther away than the own one
            }
            if let Err(error) = self.carry_out_one(effect) {
                // What stands behind may depend on it. Messages may be lost; a client that was to be answered is told that nobody knows.
                self.core.disk_failed(trouble(&error));
                for effect in effects {
                    if let Effect::Answer { token, answer } = effect {
                        let outcome = answer.outcome.and(Err(Refusal::Uncertain));
                        drop(token.send(Answer { outcome, ..answer }));
                    }
                }
                return Ok(());
            }
        }
        if let Some(members) = self.core.committed_members()
            && self.settled_lsn != Some(members.changed_lsn)
        {
            self.settled_lsn = Some(members.changed_lsn);
            self.links.let_go(members.removed());
        }
        if let (Some(coordinator), Some(holder)) = (&self.coordinator, self.core.holder()) {
            coordinator.note(holder);
        }
        Ok(())
    }

    fn carry_out_one(&mut self, effect: Effect<oneshot::Sender<Answer>>) -> anyhow::Result<()> {
        pause_points::before(&effect);
        match effect {
            Effect::Save(state) => self.hard_state.save(&state)?,
            Effect::Rewind { records, epoch, generation } => {
                let after = self.put_aside(epoch, &records)?;
                pause_points::put_aside();
                self.log.truncate(after, generation);
            }
            Effect::WriteSnapshot(snapshot) => self.write_snapshot(snapshot),
            Effect::AdoptSnapshot { lsn } => {
                self.snapshots.adopt(lsn).context("cannot put a snapshot in its place")?;
                tracing::info!(lsn, "snapshot");
            }
            Effect::Members(listed) => {
                self.hard_state.set_members(&listed.members)?;
                self.links.set_members(listed);
            }
            Effect::SaveSlots(slots) => self.slots.save(&slots)?,
            Effect::CutFront { lsn } => self.log.cut_front(lsn),
            Effect::InstallSnapshot { lsn, records, epoch, generation } => {
                if !records.is_empty() {
                    self.put_aside(epoch, &records)?;
                }
                self.snapshots.adopt(lsn).context("cannot put the leader's snapshot in its place")?;
                self.log.reset(lsn, generation);
            }
            Effect::Write { records } => self.log.write(records),
            Effect::Stonith { member } => self.executioner.kill(member, self.core.members().id(member)),
            Effect::Send { to, message } => self.links.send(to, message),
            Effect::Lease(wish) => {
                if let Some(coordinator) = &self.coordinator {
                    coordinator.wish(wish);
                }
            }
            Effect::Answer { token, answer } => drop(token.send(answer)),
        }
        Ok(())
    }
}
