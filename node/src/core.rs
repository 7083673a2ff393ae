//! The heart: a state machine that elects, replicates, acknowledges and rewinds. Events go in, effects come out.
//!
//! Not here: sockets, files, clocks, threads. Time is a number it is told, randomness comes from a seed, and what it wants done
//! is a list of [`Effect`]s, to be carried out in order. So whole clusters of it run in a deterministic simulation (`simulation`).
//!
//! How to drive it: [`Core::advance`] the time, feed any number of events, [`Core::tick`], then carry out what
//! [`Core::settle`] returns. Everything fed between two settlements shares one write to the log and one message per follower.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use bytes::Bytes;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::config::{Ack, Election, Fencing};
use crate::defect::Defect;
use crate::record::{Epoch, Lsn, Member, Record};
use crate::sessions::Sessions;
use crate::store::Store;
use acknowledgement::SemiSync;
pub(crate) use answer::{Answer, Refusal};
use disk_trouble::DiskTrouble;
pub(crate) use effect::Effect;
use journal::Journal;
use leader::Leader;
use message::{Body, Message};
use requests::Parked;
use retention::Retention;
pub(crate) use settings::Settings;
use slots::Slots;
use snapshot::Snapshot;

mod acknowledgement;
pub(crate) mod admin;
mod answer;
pub(crate) mod changes;
mod checksum;
pub(crate) mod coordinated;
pub(crate) mod disk_trouble;
pub(crate) mod drift;
mod durable;
mod effect;
mod effects;
mod election;
mod exactly_once;
mod fold;
mod follower;
pub(crate) mod freshness;
mod gtids;
mod handover;
mod history;
mod journal;
mod lag;
mod leader;
pub(crate) mod leadership;
mod lease;
pub(crate) mod members;
pub(crate) mod message;
mod pending;
mod plausible;
mod progress;
mod promotion;
mod rebuild;
mod replay;
mod requests;
pub(crate) mod retention;
#[cfg(test)]
mod scenarios;
mod settings;
mod shipping;
#[cfg(test)]
mod simulation;
pub(crate) mod slots;
pub(crate) mod snapshot;
pub(crate) mod status;
pub(crate) mod stonith;
pub(crate) mod throttle;
mod timer;
mod verification;
mod writes;

/// What must never be forgotten, whatever the log says; on the disk before anything that depends on it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct HardState {
    /// The greatest epoch known.
    pub(crate) epoch: Epoch,
    /// Whom this node voted for in it.
    pub(crate) voted_for: Option<Member>,
    /// Sequences of this node's GTIDs up to here may stand on records that were rewound.
    pub(crate) sequence_floor: u64,
    /// How often this node was rebuilt, and whether that goes on (`rebuild`).
    pub(crate) life: u64,
    pub(crate) rebuilding: bool,
}

/// The state machine. `T` stands for a client's request until it is answered.
pub(crate) struct Core<T> {
    settings: Settings,
    now_ms: u64,
    rng: ChaCha8Rng,
    hard: HardState,
    journal: Journal,
    store: Store,
    sessions: Sessions,
    /// The last sequence that this node gave to a record.
    sequence: u64,
    /// How much of the journal was handed to the log on disk, and how much of that is durable there.
    written_lsn: Lsn,
    flushed_lsn: Lsn,
    /// Counts rewinds; a report of the log thread from before the last one says nothing about the present log.
    generation: u64,
    /// What a majority is known to hold.
    commit_lsn: Lsn,
    retention: Retention,
    slots: Slots,
    /// Peers with working connections both ways.
    linked: BTreeSet<Member>,
    lives: BTreeMap<Member, rebuild::Known>,
    /// Who leads, as far as this node knows (it may be itself), and where that node serves clients.
    leader: Option<(Member, SocketAddr)>,
    semi_sync: SemiSync,
    parked: Vec<Parked<T>>,
    waiting: Vec<changes::Waiting<T>>,
    /// When that leader was last heard.
    heard_ms: Option<u64>,
    /// When this node last pledged itself to a leader (`lease`).
    pledged_ms: Option<u64>,
    /// When a follower or candidate loses patience.
    deadline_ms: u64,
    coordination: coordinated::Coordination,
    role: Role<T>,
    /// Who has granted what this node asked for when it last became a candidate.
    grants: BTreeSet<Member>,
    /// Who led last, as far as this node knows, and how far its own log was known to reach.
    last_leader: Option<(Epoch, Member)>,
    leader_last_lsn: Lsn,
    stonith: stonith::Stonith,
    /// Whether this node led the newest epoch when it was stopped.
    led_last: bool,
    /// Leadership that passes on as planned. Outlives the role: who waited is told where the new leader is.
    handover: Option<handover::Handover<T>>,
    /// How long nobody led, from the last that was heard of a leader until this node led; of its last promotion.
    failover_ms: Option<u64>,
    meter: lag::Meter,
    throttle: throttle::Throttle<T>,
    /// Set when the disk takes no writes any more; then this node does nothing that would need one.
    disk_trouble: Option<DiskTrouble>,
    /// How many messages of peers were refused because they cannot be true.
    refused_messages: u64,
    drift: drift::Drift<T>,
    effects: Vec<Effect<T>>,
}

enum Role<T> {
    Follower(follower::Follower),
    Candidate(election::Candidate),
    Leader(Box<Leader<T>>),
}

impl<T> Core<T> {
    /// A node as its disk describes it: always a follower at first.
    pub(crate) fn new(
        settings: Settings,
        hard: HardState,
        store: Store,
        snapshot: Option<Snapshot>,
        log: impl IntoIterator<Item = (Record, Bytes)>,
    ) -> Self {
        let mut core = Core {
            now_ms: 0,
            rng: ChaCha8Rng::seed_from_u64(settings.seed),
            hard,
            journal: Journal::default(),
            store,
            sessions: Sessions::default(),
            sequence: hard.sequence_floor,
            written_lsn: 0,
            flushed_lsn: 0,
            generation: 0,
            commit_lsn: 0,
            retention: Retention::default(),
            slots: Slots::default(),
            linked: BTreeSet::new(),
            lives: BTreeMap::new(),
            leader: None,
            semi_sync: SemiSync::default(),
            parked: Vec::new(),
            waiting: Vec::new(),
            heard_ms: None,
            pledged_ms: None,
            deadline_ms: 0,
            coordination: coordinated::Coordination::default(),
            role: Role::Follower(follower::Follower::default()),
            grants: BTreeSet::new(),
            last_leader: None,
            leader_last_lsn: 0,
            stonith: stonith::Stonith::default(),
            led_last: false,
            handover: None,
            failover_ms: None,
            meter: lag::Meter::default(),
            throttle: throttle::Throttle::default(),
            disk_trouble: None,
            refused_messages: 0,
            drift: drift::Drift::default(),
            effects: Vec::new(),
            settings,
        };
        core.recover(snapshot, log);
        let last = core.journal.lineage(core.journal.last_lsn());
        if core.settings.has(Defect::ForgetVote) {
            core.hard.voted_for = None;
        }
        if core.settings.has(Defect::ForgetEpoch) {
            core.hard = HardState { epoch: last.map_or(0, |last| last.epoch), voted_for: None, ..core.hard };
        }
        core.last_leader = last.map(|last| (last.epoch, last.origin));
        core.await_others_before_promotion();
        core.led_last = last.is_some_and(|last| last.epoch == core.hard.epoch && last.origin == core.settings.me());
        core.outrun_own_sequences();
        // A killed node may have sent out records that its own disk never saw. More than `MAX_PENDING` cannot be on their way.
        core.sequence += if core.settings.has(Defect::ReuseGtids) { 0 } else { pending::MAX_PENDING as u64 };
        core.written_lsn = core.journal.last_lsn();
        core.flushed_lsn = core.written_lsn;
        core.deadline_ms = core.first_deadline();
        core.pledged_ms = (!core.is_brand_new()).then_some(0);
        core
    }

    /// Lets the timers fire that are due.
    pub(crate) fn tick(&mut self) {
        if self.disk_trouble.is_some() {
            return self.tick_in_trouble();
        }
        if matches!(self.role, Role::Leader(_)) {
            self.tick_leader();
        } else {
            match self.settings.modes.failover.election {
                Election::Vote => self.tick_election(),
                Election::Timeout => self.tick_promotion(),
                Election::Manual | Election::Supervisor => self.tick_manual(),
                Election::Coordinator => self.tick_lease(),
            }
        }
    }

    /// A connection to a peer came up (in both directions) or went down.
    pub(crate) fn link(&mut self, peer: Member, up: bool) {
        if up {
            self.linked.insert(peer);
        } else {
            self.linked.remove(&peer);
        }
        if let Role::Leader(leader) = &mut self.role {
            leader.link_changed(peer);
        }
    }

    /// A message arrived.
    pub(crate) fn receive(&mut self, from: Member, message: Message) {
        if !self.is_of_newest_life(from, &message) {
            return;
        }
        if self.disk_trouble.is_some() {
            return self.overhear(from, &message);
        }
        if !self.is_plausible(message.epoch) {
            return self.refuse_message(from, "its epoch is too far ahead");
        }
        let knows_this_life = message.addressee_life == self.hard.life;
        let Message { epoch, body, .. } = message;
        match body {
            Body::Append(append) => {
                let commit_lsn = append.commit_lsn;
                self.on_append(from, epoch, append);
                if knows_this_life && epoch == self.hard.epoch {
                    self.rebuild_until(from, commit_lsn);
                }
            }
            Body::Part(part) => self.on_part(from, epoch, part),
            Body::PreVote { log } => self.on_pre_vote(from, epoch, log),
            Body::Vote { log, handed_over } => self.on_vote(from, epoch, log, handed_over),
            Body::TakeOver => self.on_take_over(from, epoch),
            Body::Ping => self.send(from, Body::Pong),
            // Who lost its log says nothing: a majority that answered would hold every acknowledged record otherwise.
            Body::Whereabouts if self.hard.rebuilding => {}
            Body::Whereabouts => {
                let log = self.log_end();
                self.send(from, Body::Here { log });
            }
            Body::Here { log } => self.on_here(from, epoch, log),
            // All others are answers. An answer from a later epoch means that this node fell behind; one from an earlier epoch
            // answers a question that is no longer asked.
            _ if epoch > self.hard.epoch => self.on_newer_epoch(epoch, None),
            // These two are as good from one who is behind; a pre-vote's answer names the epoch it is about.
            Body::Pong => self.on_pong(from),
            Body::PreVoteReply { proposed, granted } => self.on_pre_vote_reply(from, proposed, granted),
            _ if epoch < self.hard.epoch && !self.settings.has(Defect::CountLateAnswers) => {}
            Body::VoteReply { granted } => self.on_vote_reply(from, granted),
            Body::Appended { round, held_lsn, durable_lsn, sent } => {
                self.on_appended(from, round, held_lsn, durable_lsn, sent);
            }
            Body::Mismatch { round, rejected_lsn, hint_lsn } => self.on_mismatch(from, round, rejected_lsn, hint_lsn),
            Body::Lacking { round, lsn } => self.on_lacking(from, round, lsn),
            Body::PartTaken { lsn, lineage, next } => self.on_part_taken(from, (lsn, lineage), next),
            Body::Verified { since_lsn, verified_lsn, drifted } => {
                self.on_verified(from, since_lsn, verified_lsn, drifted);
            }
            Body::Fenced { leader } => self.on_newer_epoch(epoch, leader),
        }
    }

    /// Ends a batch of events and says what is to be done.
    pub(crate) fn settle(&mut self) -> Vec<Effect<T>> {
        self.wake_parked();
        self.tick_handover();
        self.tick_throttle();
        self.settle_drift();
        self.sum_on();
        if self.disk_trouble.is_some() {
            return self.settle_in_trouble();
        }
        match self.role {
            Role::Leader(_) => self.settle_leader(),
            Role::Follower(_) => self.settle_follower(),
            Role::Candidate(_) => {}
        }
        self.wake_consumers();
        self.hand_over_writes();
        self.write_arrival();
        self.retain();
        std::mem::take(&mut self.effects)
    }

    /// Becomes a follower, of `leader` if one is known. Whatever this node was waiting for as a leader, it cannot promise any more.
    fn follow(&mut self, epoch: Epoch, leader: Option<(Member, SocketAddr)>) {
        if epoch > self.hard.epoch {
            self.hard = HardState { epoch, voted_for: None, ..self.hard };
            self.save();
        }
        self.leader = leader;
        let former = std::mem::replace(&mut self.role, Role::Follower(follower::Follower::default()));
        if let Role::Leader(former) = former {
            self.heard_ms = None;
            self.release_lease();
            let refusal = self.not_leading();
            let Leader { pending, .. } = *former;
            for write in pending.writes.into_all() {
                let told =
                    if self.settings.has(Defect::AckUncertain) { Ok(write.reply) } else { Err(Refusal::Uncertain) };
                self.answer(write.token, told, epoch, write.lsn);
            }
            for retry in pending.retries {
                self.answer(retry.token, Err(Refusal::Uncertain), retry.epoch, retry.lsn);
            }
            for wait in pending.waits {
                self.answer(wait.into_token(), Err(refusal), epoch, 0);
            }
            for read in pending.reads.into_iter().chain(pending.seen) {
                self.answer(read.token, Err(refusal), epoch, read.lsn);
            }
        }
        self.rearm();
    }

    /// Somebody is in a later epoch, or follows a greater leader in this one.
    fn on_newer_epoch(&mut self, epoch: Epoch, leader: Option<Member>) {
        if (epoch, leader) <= self.standing() {
            return;
        }
        if matches!(self.role, Role::Leader(_)) && self.settings.modes.failover.fencing == Fencing::None {
            return self.note_successor(epoch, leader);
        }
        if matches!(self.role, Role::Leader(_)) {
            tracing::info!(epoch, lsn = self.journal.last_lsn(), "stepped down: fenced by a newer leader or epoch");
        }
        // Where that leader serves clients, it will say itself.
        self.follow(epoch, None);
    }

    /// The newest leadership this node knows, itself included. Under `vote` an epoch has one leader, and the epoch decides; leaders
    /// that promoted themselves to the same epoch are told apart by their ids.
    fn standing(&self) -> (Epoch, Option<Member>) {
        (self.hard.epoch, self.leader.map(|(member, _)| member))
    }

    fn not_leading(&self) -> Refusal {
        match (self.leader, &self.disk_trouble) {
            (Some((member, address)), _) if member != self.settings.me() => Refusal::Redirect(address),
            (_, Some(trouble)) => Refusal::Disk(trouble.ailment),
            (_, None) => Refusal::NoLeader,
        }
    }
}
