//! Wires the core to disk, sockets and clock: one task feeds it events in batches and carries out what it wants done.
//!
//! Not here: any decision.

use std::collections::BTreeMap;
use std::hash::Hasher;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval};

use crate::config::Config;
use crate::core::{Answer, Core, Effect, Settings};
use crate::data_dir::DataDir;
use crate::hard_state::HardStateFile;
use crate::log::{Log, Report};
use crate::peer::{Direction, Links, PeerEvent};
use crate::record::{Member, Record};
use crate::rewound::put_aside;
use crate::server::{self, Ask};

/// Most events of one kind taken in before the core settles: enough to share a group commit, few enough to keep a beat.
const BATCH: usize = 1024;

/// What happened while the task slept.
enum Woken {
    Tick,
    Reports,
    Peers,
    Clients,
    Stopped(&'static str),
}

/// A node at work.
struct Node {
    data: DataDir,
    members: Vec<String>,
    hard_state: HardStateFile,
    log: Log,
    links: Links,
    core: Core<oneshot::Sender<Answer>>,
    /// Which directions of each peer's link work.
    directions: BTreeMap<Member, (bool, bool)>,
    started: Instant,
}

/// Runs a node until SIGTERM or SIGINT.
pub(crate) async fn run(config: Config) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let data = DataDir::open(&config.data)?;
    let (hard_state, hard) = HardStateFile::open(data.path(), &config.id, &config.members())?;
    let (reporter, mut reports) = mpsc::unbounded_channel::<Report>();
    let report = move |report| drop(reporter.send(report)); // an error means that the node is stopping anyway
    let (log, records) = Log::open(&data.log_path(), config.segment_bytes, config.fsync, report)?;
    tracing::info!(id = config.id, epoch = hard.epoch, lsn = records.len(), "recovered");

    let clients = bind(config.listen, "--listen").await?;
    let peers = bind(config.peer_listen, "--peer-listen").await?;
    let address =
        config.advertise.map_or_else(|| clients.local_addr(), Ok).context("cannot tell the client address")?;
    tracing::info!(
        id = config.id,
        epoch = hard.epoch,
        lsn = records.len(),
        clients = %clients.local_addr()?,
        peers = %peers.local_addr()?,
        "listening"
    );

    let records = records.into_iter().map(|encoded| {
        let record = Record::decode(&encoded).expect("recovery returns records");
        (record, encoded)
    });
    let core = Core::new(settings(&config, address), hard, records);
    let mut asks = server::start(&config, address, clients);
    let (links, mut peer_events) = Links::start(&config, peers);
    let members = config.members();
    let mut node =
        Node { data, members, hard_state, log, links, core, directions: BTreeMap::new(), started: Instant::now() };

    let mut ticks = interval(Duration::from_millis((config.heartbeat_ms / 4).max(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut reported, mut said, mut asked) = (Vec::new(), Vec::new(), Vec::new());
    loop {
        let woken = tokio::select! {
            biased;
            _ = terminate.recv() => Woken::Stopped("SIGTERM"),
            _ = interrupt.recv() => Woken::Stopped("SIGINT"),
            _ = reports.recv_many(&mut reported, BATCH) => Woken::Reports,
            _ = peer_events.recv_many(&mut said, BATCH) => Woken::Peers,
            _ = asks.recv_many(&mut asked, BATCH) => Woken::Clients,
            _ = ticks.tick() => Woken::Tick,
        };
        match woken {
            Woken::Stopped(signal) => {
                tracing::info!(signal, "stopping");
                node.log.close();
                return Ok(());
            }
            Woken::Reports if reported.is_empty() => bail!("the log thread is gone"),
            Woken::Tick | Woken::Reports | Woken::Peers | Woken::Clients => {}
        }
        node.core.advance(node.started.elapsed().as_millis() as u64);
        for report in reported.drain(..) {
            let flushed =
                report.context("the log cannot be written; what is on the disk is unknown, so the node stops")?;
            node.core.flushed(flushed.generation, flushed.lsn);
        }
        said.drain(..).for_each(|event| node.hear(event));
        asked.drain(..).for_each(|ask| node.ask(ask));
        node.core.tick();
        node.carry_out()?;
    }
}

async fn bind(address: SocketAddr, flag: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {flag} {address}"))
}

fn settings(config: &Config, address: SocketAddr) -> Settings {
    let members = config.members();
    let me = members.iter().position(|id| *id == config.id).expect("the members include this node");
    Settings {
        me: Member(me as u8),
        members,
        ack: config.ack,
        election: config.election,
        fencing: config.fencing,
        heartbeat_ms: config.heartbeat_ms,
        election_timeout_ms: config.heartbeat_ms * u64::from(config.missed_heartbeats),
        demote_after_ms: config.demote_after_ms,
        seed: config.seed.unwrap_or_else(|| seed_from(&config.id)),
        address,
    }
}

/// Different ids give different timeouts, and the same id always the same ones.
fn seed_from(id: &str) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    hasher.write(id.as_bytes());
    hasher.finish()
}

impl Node {
    fn hear(&mut self, event: PeerEvent) {
        match event {
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

    fn ask(&mut self, ask: Ask) {
        match ask {
            Ask::Execute { operation, read, token } => self.core.request(token, operation, read),
            // A client that left does not wait for its answer, here and below.
            Ask::Status(token) => drop(token.send(self.core.status())),
        }
    }

    /// Does what the core wants, in order. Saving and rewinding block: nothing may be told before they are durable.
    fn carry_out(&mut self) -> anyhow::Result<()> {
        for effect in self.core.settle() {
            match effect {
                Effect::Save(state) => self.hard_state.save(&state)?,
                Effect::Rewind { records, epoch, generation } => {
                    let file = put_aside(self.data.path(), &self.members, epoch, &records)
                        .context("cannot put rewound records aside, so the node stops before it cuts them off")?;
                    let after = records.first().map_or(0, |record| record.stamp.lsn - 1);
                    tracing::info!(epoch, lsn = after, records = records.len(), file = %file.display(), "put aside");
                    self.log.truncate(after, generation);
                }
                Effect::Write { records } => self.log.write(records),
                Effect::Send { to, message } => self.links.send(to, message),
                Effect::Answer { token, answer } => drop(token.send(answer)),
            }
        }
        Ok(())
    }
}
