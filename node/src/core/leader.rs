//! Leading: streaming records, counting who holds what, confirming the leadership.
//!
//! Not here: becoming leader (`election`, `promotion`), and what clients are told when (`acknowledgement`).

use std::collections::BTreeMap;

use super::freshness::Moment;
use super::lag::Marks;
use super::lease::Lease;
use super::message::{Append, Body};
use super::pending::{Pending, Waiting};
use super::progress::Progress;
use super::{Core, Election, Fencing, Refusal, Role};
use crate::defect::Defect;
use crate::membership::Membership;
use crate::record::{Change, Epoch, Lsn, Member};
use crate::sessions::Request;
use crate::store::Reply;
use crate::terms::Terms;

const TOO_LARGE: &str =
    "ERR the change comes to more than 18 MiB of bytes of the storage file; do it in parts; not executed";

/// What only a leader has.
pub(crate) struct Leader<T> {
    pub(crate) followers: BTreeMap<Member, Progress>,
    pub(crate) pending: Pending<T>,
    pub(crate) marks: Marks,
    /// The first record of this reign. Raft §5.4.2: counting holders commits nothing of earlier epochs by itself.
    pub(crate) first_lsn: Lsn,
    /// The newest round of heartbeats, and the newest one that a majority answered.
    round: u64,
    pub(crate) confirmed_round: u64,
    pub(crate) lease: Lease,
    next_heartbeat_ms: u64,
    /// The newer leader or epoch that an unfenced leader has heard of, and when it will give way.
    successor: Option<Successor>,
}

#[derive(Debug, Clone, Copy)]
struct Successor {
    epoch: Epoch,
    leader: Option<Member>,
    demote_at_ms: u64,
}

impl<T> Leader<T> {
    /// This process stood still, so nobody could have been heard.
    pub(crate) fn excuse_silence(&mut self, now_ms: u64) {
        self.followers.values_mut().for_each(|follower| follower.contact_ms = now_ms);
    }

    pub(crate) fn link_changed(&mut self, peer: Member) {
        if let Some(follower) = self.followers.get_mut(&peer) {
            follower.reconnect();
        }
    }

    /// The followers that count.
    pub(crate) fn voters<'a>(&'a self, members: &'a Membership) -> impl Iterator<Item = &'a Progress> {
        self.followers.iter().filter(|&(&member, _)| members.is_voter(member)).map(|(_, follower)| follower)
    }

    /// The greatest value that a majority reaches, the leader with `own` among it.
    fn majority_reaches(&self, members: &Membership, own: u64, of: impl Fn(&Progress) -> u64) -> u64 {
        let mut values: Vec<u64> = self.voters(members).map(of).chain([own]).collect();
        values.sort_unstable_by(|a, b| b.cmp(a));
        values[values.len() / 2]
    }

    fn begin_round(&mut self, now_ms: u64, heartbeat_ms: u64) {
        self.round += 1;
        self.next_heartbeat_ms = now_ms + heartbeat_ms;
        self.lease.begun(self.round, now_ms);
    }
}

impl<T> Core<T> {
    /// Begins a reign in the present epoch, which this node has won or taken.
    pub(crate) fn lead(&mut self) {
        let last_lsn = self.journal.last_lsn();
        let peers = self.settings.peers().into_iter();
        let followers = peers.map(|peer| (peer, Progress::new(last_lsn, self.now_ms))).collect();
        let first_lsn = if self.settings.has(Defect::CommitOlderEpoch) {
            0
        } else {
            self.create(Change::Noop, None).expect("a record of no change fits")
        };
        self.leader = Some((self.settings.me(), self.settings.address));
        self.last_leader = Some((self.hard.epoch, self.settings.me()));
        self.semi_sync.is_degraded = false;
        let mut leader = Leader {
            followers,
            pending: Pending::new(self.hard.epoch),
            marks: Marks::new(last_lsn, self.now_ms),
            first_lsn,
            round: 0,
            confirmed_round: 0,
            lease: Lease::default(),
            next_heartbeat_ms: 0,
            successor: None,
        };
        leader.begin_round(self.now_ms, self.settings.modes.failover.heartbeat_ms);
        self.role = Role::Leader(Box::new(leader));
        self.failover_ms = self.heard_ms.map(|heard_ms| self.now_ms.saturating_sub(heard_ms));
        tracing::info!(epoch = self.hard.epoch, lsn = first_lsn, failover_time_ms = self.failover_ms, "leader");
        self.begin_to_verify();
    }

    pub(crate) fn pend_write(&mut self, token: T, change: Change, reply: Reply, terms: Terms) {
        if let Some(token) = self.with_room(token) {
            self.pend_record(token, change, None, reply, terms);
        }
    }

    /// The caller made sure that there is room.
    pub(crate) fn pend_record(
        &mut self,
        token: T,
        change: Change,
        request: Option<Box<Request>>,
        reply: Reply,
        terms: Terms,
    ) {
        let Some(lsn) = self.create(change, request) else {
            return self.answer(token, Ok(Reply::Error(TOO_LARGE)), self.hard.epoch, self.journal.last_lsn());
        };
        self.meter.count(self.now_ms);
        let since_ms = self.now_ms;
        let deadline_ms = terms.ack_timeout_ms.map(|timeout_ms| since_ms.saturating_add(timeout_ms));
        let ack = terms.ack.unwrap_or(self.settings.modes.acknowledgement.ack);
        let Role::Leader(leader) = &mut self.role else { unreachable!("only a leader has room") };
        leader.pending.writes.push(ack, Waiting { token, reply, lsn, round: 0, since_ms, deadline_ms });
    }

    /// The value is captured already. It may be told when all it could have seen is acknowledged, and when a majority has
    /// answered a round that began after now: then nobody else can have acknowledged anything before now.
    pub(crate) fn pend_read(&mut self, token: T, reply: Reply) {
        let Role::Leader(leader) = &self.role else { return };
        let round = leader.round + 1;
        self.pend_captured(token, reply, round);
    }

    /// As `pend_read`, but without asking anybody: unless this node has a lease, whoever else leads may have acknowledged more.
    pub(crate) fn pend_seen(&mut self, token: T, reply: Reply) {
        self.pend_captured(token, reply, 0);
    }

    fn pend_captured(&mut self, token: T, reply: Reply, round: u64) {
        if let Some(token) = self.with_room(token) {
            let (lsn, since_ms) = (self.journal.last_lsn(), self.now_ms);
            let Role::Leader(leader) = &mut self.role else { unreachable!("only a leader has room") };
            let read = Waiting { token, reply, lsn, round, since_ms, deadline_ms: None };
            if round > 0 { leader.pending.reads.push_back(read) } else { leader.pending.seen.push_back(read) }
        }
    }

    /// Gives the token back if its operation may wait here.
    pub(crate) fn with_room(&mut self, token: T) -> Option<T> {
        match &self.role {
            Role::Leader(leader) if !leader.pending.is_full() => Some(token),
            _ => {
                self.answer(token, Err(Refusal::Busy), self.hard.epoch, self.journal.last_lsn());
                None
            }
        }
    }

    pub(crate) fn on_appended(&mut self, from: Member, round: u64, held_lsn: Lsn, durable_lsn: Lsn, sent: Moment) {
        let Role::Leader(leader) = &self.role else { return };
        let (last_lsn, next_round) = (self.journal.last_lsn(), leader.round + 1);
        if let Some(follower) = self.answering(from, round, held_lsn.max(durable_lsn)) {
            follower.inquiry.ask(sent, last_lsn, next_round);
            follower.agree(held_lsn, durable_lsn.min(held_lsn)); // nothing is durable that is not held
        }
    }

    pub(crate) fn on_mismatch(&mut self, from: Member, round: u64, rejected_lsn: Lsn, hint_lsn: Lsn) {
        if let Some(follower) = self.answering(from, round, rejected_lsn)
            && follower.shipping.is_none()
        {
            follower.disagree(rejected_lsn, hint_lsn);
        }
    }

    /// A follower that answered in this epoch, and thereby confirmed the leadership for that round.
    /// `None` also for an answer about an LSN or a round that it cannot have been told of.
    pub(crate) fn answering(&mut self, from: Member, round: u64, lsn: Lsn) -> Option<&mut Progress> {
        let Role::Leader(leader) = &self.role else { return None };
        if lsn > self.journal.last_lsn() || round > leader.round {
            self.refuse_message(from, "it answers what it was never told");
            return None;
        }
        let Role::Leader(leader) = &mut self.role else { return None };
        let follower = leader.followers.get_mut(&from)?;
        follower.contact_ms = self.now_ms;
        follower.answered_round = follower.answered_round.max(round);
        Some(follower)
    }

    /// Hears of a newer leadership without being fenced by it: goes on for a while, as a Redis primary does until Sentinel
    /// reconfigures it.
    pub(crate) fn note_successor(&mut self, epoch: Epoch, successor: Option<Member>) {
        let Role::Leader(leader) = &mut self.role else { return };
        match &mut leader.successor {
            None => {
                let demote_at_ms = self.now_ms + self.settings.modes.failover.demote_after_ms;
                leader.successor = Some(Successor { epoch, leader: successor, demote_at_ms });
                let (own_epoch, demote_after_ms) = (self.hard.epoch, self.settings.modes.failover.demote_after_ms);
                tracing::info!(epoch = own_epoch, newer_epoch = epoch, demote_after_ms, "superseded, but leading on");
            }
            Some(known) if (epoch, successor) > (known.epoch, known.leader) => {
                (known.epoch, known.leader) = (epoch, successor);
            }
            Some(_) => {}
        }
    }

    pub(crate) fn tick_leader(&mut self) {
        let Role::Leader(leader) = &mut self.role else { return };
        if let Some(successor) = leader.successor.filter(|successor| self.now_ms >= successor.demote_at_ms) {
            let (epoch, lsn) = (self.hard.epoch, self.journal.last_lsn());
            tracing::info!(epoch, lsn, newer_epoch = successor.epoch, "stepped down: reconfigured");
            return self.follow(successor.epoch, None);
        }
        if self.settings.modes.failover.election == Election::Coordinator {
            self.tick_lease();
        }
        let Role::Leader(leader) = &mut self.role else { return };
        let timeout_ms = self.settings.patience_of_leaders_ms();
        let voters = leader.voters(&self.settings.members);
        let heard = voters.filter(|follower| self.now_ms - follower.contact_ms < timeout_ms).count();
        let fencing = self.settings.modes.failover.fencing;
        let steps_down = fencing != Fencing::None && self.settings.modes.failover.is_automatic();
        if steps_down && heard + 1 < self.settings.majority() {
            let (epoch, lsn) = (self.hard.epoch, self.journal.last_lsn());
            tracing::info!(epoch, lsn, "stepped down: no answer from a majority");
            return self.step_down_isolated();
        }
        let Role::Leader(leader) = &mut self.role else { return };
        if self.now_ms >= leader.next_heartbeat_ms {
            leader.begin_round(self.now_ms, self.settings.modes.failover.heartbeat_ms);
        }
        self.tick_acknowledgement();
    }

    pub(crate) fn settle_leader(&mut self) {
        self.confirm();
        let Role::Leader(leader) = &mut self.role else { return };
        leader.marks.note(self.journal.last_lsn(), self.now_ms);
        // Reads share rounds: one is begun at once if none is under way, and those that come meanwhile ride on the next.
        if leader.pending.wanted_round() > leader.round && leader.confirmed_round == leader.round {
            leader.begin_round(self.now_ms, self.settings.modes.failover.heartbeat_ms);
        }
        let peers: Vec<Member> = leader.followers.keys().copied().collect();
        for peer in peers {
            self.stream(peer);
        }
        self.forget_removed();
        self.confirm(); // a cluster of one needs nobody's answer
        self.acknowledge();
    }

    /// Sends a follower what it has not been told yet, as far as the window allows.
    fn stream(&mut self, to: Member) {
        let Role::Leader(leader) = &mut self.role else { return };
        if !self.linked.contains(&to) {
            return;
        }
        let round = leader.round;
        let follower = leader.followers.get_mut(&to).expect("every peer has its progress");
        let ships = follower.needs_snapshot(self.journal.base_lsn());
        if ships {
            self.ship(to);
        }
        let Role::Leader(leader) = &mut self.role else { return };
        let follower = leader.followers.get_mut(&to).expect("every peer has its progress");
        let mut appends = Vec::new();
        loop {
            let prev_lsn = follower.next_lsn - 1;
            let records = if ships { Vec::new() } else { follower.take_batch(self.journal.after(prev_lsn)) };
            if records.is_empty() && follower.told_round == round {
                break;
            }
            follower.told_round = round;
            let prev = self.journal.lineage(prev_lsn);
            let (address, commit_lsn) = (self.settings.address, self.commit_lsn);
            let last_lsn = self.journal.last_lsn();
            let complete = follower.inquiry.take();
            appends.push(Append { address, prev_lsn, prev, records, commit_lsn, last_lsn, round, complete });
        }
        for append in appends {
            self.send(to, Body::Append(append));
        }
    }

    /// Counts what a majority holds and which round it answered.
    fn confirm(&mut self) {
        let members = &self.settings.members;
        let Role::Leader(leader) = &mut self.role else { return };
        leader.confirmed_round = leader.majority_reaches(members, leader.round, |follower| follower.answered_round);
        leader.lease.confirmed(leader.confirmed_round);
        leader.followers.values_mut().for_each(|follower| follower.inquiry.confirmed(leader.confirmed_round));
        let beats = if self.settings.has(Defect::AckByTheReachable) { 2 } else { u64::from(u32::MAX) };
        let since_ms = self.now_ms.saturating_sub(beats * self.settings.modes.failover.heartbeat_ms);
        let counts = |follower: &Progress| follower.contact_ms >= since_ms;
        let durable = |follower: &Progress| if counts(follower) { follower.durable_lsn } else { self.flushed_lsn };
        let mut held = leader.majority_reaches(members, self.flushed_lsn, durable);
        if self.settings.has(Defect::AckOffByOne) {
            held = (held + 1).min(self.journal.last_lsn());
        }
        if held >= leader.first_lsn {
            self.commit_lsn = self.commit_lsn.max(held);
        }
    }
}
