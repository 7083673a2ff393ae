//! Bringing a base snapshot to a follower whose records the leader does not have any more: in parts, a window at a time, beside the
//! heartbeats. What is lost is sent again; a new connection or a new leader starts over.
//!
//! Not here: what a snapshot is (`snapshot`).

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use super::message::{Body, Part};
use super::retention::SnapshotKey;
use super::snapshot::{Assembler, Parts, Snapshot};
use super::{Core, Effect, Election, Role};
use crate::record::{Epoch, Member};

/// Parts on their way at once. A part is 128 KiB as a rule, so this keeps a link busy and a queue short.
const WINDOW_PARTS: usize = 8;

/// A snapshot on its way to one follower.
#[derive(Debug)]
pub(crate) struct Shipping {
    key: SnapshotKey,
    parts: Parts,
    /// Parts that the follower has not confirmed, from number `first` on, and how many of them were sent.
    unconfirmed: VecDeque<Bytes>,
    first: u64,
    sent: usize,
    /// When parts were last sent anew or confirmed, and when they were last confirmed.
    moved_ms: u64,
    confirmed_ms: u64,
}

impl Shipping {
    pub(crate) fn new(snapshot: Snapshot, now_ms: u64) -> Self {
        let key = (snapshot.lsn(), snapshot.lineage());
        let parts = snapshot.into_parts();
        Shipping { key, parts, unconfirmed: VecDeque::new(), first: 0, sent: 0, moved_ms: now_ms, confirmed_ms: now_ms }
    }

    pub(crate) fn key(&self) -> SnapshotKey {
        self.key
    }

    /// The parts to send now, with their numbers.
    fn take(&mut self, now_ms: u64, patience_ms: u64) -> Vec<(u64, Bytes)> {
        while self.unconfirmed.len() < WINDOW_PARTS
            && let Some(part) = self.parts.next()
        {
            self.unconfirmed.push_back(part);
        }
        if now_ms.saturating_sub(self.moved_ms) > patience_ms {
            self.sent = 0;
            self.moved_ms = now_ms;
        }
        let from = self.first;
        let unsent = (from..).zip(&self.unconfirmed).skip(self.sent).map(|(number, part)| (number, part.clone()));
        let unsent = unsent.collect();
        self.sent = self.unconfirmed.len();
        unsent
    }

    /// The follower has all parts before `next`. False when it began anew, and so must this: it has fewer than it had, and nothing else
    /// was heard for so long. Sooner, that may be an answer which a later one has overtaken.
    fn confirm(&mut self, next: u64, now_ms: u64, patience_ms: u64) -> bool {
        let confirmed = next.saturating_sub(self.first).min(self.sent as u64) as usize;
        if confirmed > 0 {
            self.unconfirmed.drain(..confirmed);
            self.first += confirmed as u64;
            self.sent -= confirmed;
            (self.moved_ms, self.confirmed_ms) = (now_ms, now_ms);
        }
        next >= self.first || now_ms.saturating_sub(self.confirmed_ms) <= patience_ms
    }
}

/// A snapshot that is coming in.
#[derive(Debug)]
pub(crate) struct Arrival {
    key: SnapshotKey,
    next: u64,
    /// Parts that have overtaken others; at most as many as are on their way at once.
    early: BTreeMap<u64, Bytes>,
    assembler: Assembler,
    /// Whole, and being written to the disk.
    whole: Option<Snapshot>,
}

impl<T> Core<T> {
    /// Sends a follower the next parts, beginning with a snapshot of now if none is under way.
    pub(crate) fn ship(&mut self, to: Member) {
        let patience_ms = self.settings.modes.failover.election_timeout_ms();
        let under_way = matches!(&self.role, Role::Leader(leader) if leader.followers.get(&to).is_some_and(|follower| follower.shipping.is_some()));
        let fresh = (!under_way).then(|| self.snapshot());
        let Role::Leader(leader) = &mut self.role else { return };
        let Some(follower) = leader.followers.get_mut(&to) else { return };
        if let Some(snapshot) = fresh {
            let (epoch, lsn) = (self.hard.epoch, snapshot.lsn());
            tracing::info!(epoch, lsn, to = self.settings.id(to), "base snapshot begun");
            follower.begin_shipping(Shipping::new(snapshot, self.now_ms));
        }
        let Some(shipping) = &mut follower.shipping else { return };
        let ((lsn, lineage), address) = (shipping.key, self.settings.address);
        let mut parts = Vec::new();
        for (number, bytes) in shipping.take(self.now_ms, patience_ms) {
            let part = Part { address, lsn, lineage, number, bytes };
            parts.push(part);
        }
        for part in parts {
            self.send(to, Body::Part(part));
        }
    }

    pub(crate) fn on_part_taken(&mut self, from: Member, key: SnapshotKey, next: u64) {
        let patience_ms = self.settings.modes.failover.election_timeout_ms();
        let Role::Leader(leader) = &mut self.role else { return };
        let Some(follower) = leader.followers.get_mut(&from) else { return };
        follower.contact_ms = self.now_ms;
        if let Some(shipping) = follower.shipping.as_mut().filter(|shipping| shipping.key == key)
            && !shipping.confirm(next, self.now_ms, patience_ms)
        {
            follower.shipping = None; // the next settlement begins anew
        }
    }

    /// The follower cannot go back as far as the logs differ.
    pub(crate) fn on_lacking(&mut self, from: Member, round: u64, lsn: crate::record::Lsn) {
        if let Some(follower) = self.answering(from, round, lsn) {
            follower.lacks(lsn);
        }
    }

    pub(crate) fn on_part(&mut self, from: Member, epoch: Epoch, part: Part) {
        if !self.accept_leader(from, epoch, part.address) {
            return;
        }
        let Part { lsn, lineage, number, bytes, .. } = part;
        let known = lineage.is_some() && self.journal.lineage(lsn) == lineage;
        let Role::Follower(follower) = &mut self.role else { unreachable!("a leader was accepted") };
        if known {
            return follower.holds(lsn); // the log came the other way, or this part came twice
        }
        let key = (lsn, lineage);
        let is_first = number == 0 && follower.arrival.as_ref().is_none_or(|arrival| arrival.key != key);
        let is_later = number < WINDOW_PARTS as u64 && follower.arrival.as_ref().is_none_or(|known| known.key.0 < lsn);
        if is_first || is_later {
            let (early, assembler) = (BTreeMap::new(), Assembler::default());
            follower.arrival = Some(Box::new(Arrival { key, next: 0, early, assembler, whole: None }));
        }
        let mut next = 0;
        if let Some(arrival) = follower.arrival.as_mut().filter(|arrival| arrival.key == key) {
            let window = arrival.next..arrival.next.saturating_add(WINDOW_PARTS as u64);
            if window.contains(&number) && arrival.whole.is_none() {
                arrival.early.insert(number, bytes);
            }
            while let Some(bytes) = arrival.early.remove(&arrival.next) {
                if let Err(error) = arrival.assembler.add(&bytes) {
                    let from = self.settings.id(from);
                    tracing::warn!(epoch = self.hard.epoch, lsn, from, %error, "gave up a base snapshot");
                    follower.arrival = None;
                    return;
                }
                arrival.next += 1;
            }
            next = arrival.next;
            if arrival.assembler.is_whole() {
                let whole = std::mem::take(&mut arrival.assembler).finish().ok();
                arrival.whole = whole.filter(|snapshot| (snapshot.lsn(), snapshot.lineage()) == key);
            }
        }
        self.send(from, Body::PartTaken { lsn, lineage, next });
    }

    /// Writes a snapshot that has arrived, as soon as no other is being written.
    pub(crate) fn write_arrival(&mut self) {
        let Role::Follower(follower) = &self.role else { return };
        if self.retention.writing.is_none()
            && let Some(whole) = follower.arrival.as_ref().and_then(|arrival| arrival.whole.as_ref())
        {
            self.write_snapshot(whole.clone());
        }
    }

    /// The snapshot that was written, if it is one that a leader sent who still leads.
    pub(crate) fn take_shipped(&mut self, key: SnapshotKey) -> Option<Snapshot> {
        let Role::Follower(follower) = &mut self.role else { return None };
        let arrival = follower.arrival.take_if(|arrival| arrival.key == key && arrival.whole.is_some())?;
        arrival.whole
    }

    /// Takes a leader's snapshot, which is durable, for the state of this node. Records of its own that are not in it are put aside.
    pub(crate) fn install(&mut self, snapshot: Snapshot) {
        let (lsn, epoch) = (snapshot.lsn(), self.hard.epoch);
        let agreed_lsn = self.journal.history().agrees_until(&snapshot.history);
        if self.settings.modes.failover.election == Election::Vote && agreed_lsn > 0 && agreed_lsn < self.commit_lsn {
            let (leader, _) = self.leader.unwrap_or((self.settings.me(), self.settings.address));
            return self.refuse_message(leader, "its base snapshot would undo what a majority holds");
        }
        let mut records = Vec::new();
        while self.journal.last_lsn() > agreed_lsn
            && let Some(record) = self.journal.pop()
        {
            records.push(record);
        }
        records.reverse();
        tracing::info!(epoch, lsn, records = records.len(), "base snapshot installed");
        self.sequence = self.sequence.max(snapshot.history.gtids().get(&self.settings.me()).copied().unwrap_or(0));
        self.hard.sequence_floor = self.sequence;
        self.save();
        self.generation += 1;
        (self.written_lsn, self.flushed_lsn) = (lsn, lsn);
        self.commit_lsn = self.commit_lsn.min(agreed_lsn);
        self.adopt_state(snapshot);
        self.drift.replaced();
        self.retention = super::retention::Retention { snapshot_lsn: lsn, ..Default::default() };
        self.effects.push(Effect::InstallSnapshot { lsn, records, epoch, generation: self.generation });
        let Role::Follower(follower) = &mut self.role else { unreachable!("only a follower is sent snapshots") };
        follower.holds(lsn);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_was_overtaken_is_no_reason_to_begin_anew_but_one_that_stays_is() {
        let mut shipping = Shipping::new(Snapshot::default(), 0);
        assert_eq!(shipping.take(0, 100).len(), 2);
        assert!(shipping.confirm(2, 10, 100));
        assert!(shipping.confirm(1, 11, 100), "that was said before");
        assert!(!shipping.confirm(0, 111, 100), "the follower has lost what it had");
    }
}
