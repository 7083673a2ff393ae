//! Following: taking over a leader's records, saying what is held, rewinding what the leader does not have.
//!
//! Not here: what happens when the leader falls silent (`election`, `promotion`).

use std::net::SocketAddr;

use bytes::Bytes;

use super::freshness::Freshness;
use super::message::{Append, Body};
use super::promotion::Isolation;
use super::shipping::Arrival;
use super::{Core, Effect, Election, Fencing, Role};
use crate::defect::Defect;
use crate::record::{Epoch, Lsn, Member, Position, Record};

/// What only a follower has. It is about one leader's reign and starts anew with the next.
#[derive(Debug, Default)]
pub(crate) struct Follower {
    /// The log is known to agree with the leader's up to here.
    held_lsn: Lsn,
    /// The newest round of heartbeats seen, and what was last answered: the round, how far the log is durable, how far it counts as held.
    round: u64,
    answered: Option<(u64, Lsn, Lsn)>,
    /// An answer is due, whether or not it says anything new.
    answer_due: bool,
    /// How old its data are.
    pub(crate) freshness: Freshness,
    /// How far a node that is being rebuilt must get.
    pub(crate) rebuild_until: Option<Lsn>,
    /// A base snapshot that is coming in.
    pub(crate) arrival: Option<Box<Arrival>>,
    /// Set while this node, having led without a majority, waits to hear from one before it may promote itself again.
    pub(crate) isolation: Option<Isolation>,
}

impl Follower {
    pub(crate) fn held_lsn(&self) -> Lsn {
        self.held_lsn
    }

    /// The log agrees with the leader's up to there, and the leader is to know it.
    pub(crate) fn holds(&mut self, lsn: Lsn) {
        self.held_lsn = self.held_lsn.max(lsn);
        self.answer_due = true;
    }
}

impl<T> Core<T> {
    pub(crate) fn on_append(&mut self, from: Member, epoch: Epoch, append: Append) {
        if self.accept_leader(from, epoch, append.address) {
            self.leader_last_lsn = append.last_lsn;
            self.take_over(from, append);
        }
    }

    /// Follows whoever speaks as a leader, unless there is a newer one.
    pub(crate) fn accept_leader(&mut self, from: Member, epoch: Epoch, address: SocketAddr) -> bool {
        if (epoch, Some(from)) < self.standing() && !self.settings.has(Defect::AcceptOldLeader) {
            // Without fencing nobody tells the old leader; like a MySQL source, it just has no replicas any more.
            if self.settings.modes.failover.fencing != Fencing::None {
                let leader = self.leader.map(|(member, _)| member);
                self.send(from, Body::Fenced { leader });
            }
            return false;
        }
        let leads = matches!(self.role, Role::Leader(_));
        if leads && self.settings.modes.failover.election == Election::Vote && epoch == self.hard.epoch {
            self.refuse_message(from, "it leads in the epoch that this node was elected in");
            return false;
        }
        let is_unfenced = self.settings.modes.failover.fencing == Fencing::None && !self.hands_over_to(from);
        if matches!(self.role, Role::Leader(_)) && is_unfenced {
            self.note_successor(epoch, Some(from));
            return false;
        }
        if (epoch, Some((from, address))) != (self.hard.epoch, self.leader) || !matches!(self.role, Role::Follower(_)) {
            if matches!(self.role, Role::Leader(_)) {
                tracing::info!(
                    epoch,
                    lsn = self.journal.last_lsn(),
                    "stepped down: fenced by the new leader's records"
                );
            }
            self.follow(epoch, Some((from, address)));
            tracing::info!(epoch, lsn = self.journal.last_lsn(), leader = self.settings.id(from), "follower");
        }
        self.heard_ms = Some(self.now_ms);
        self.pledged_ms = Some(self.now_ms);
        self.heard_alive(from);
        self.rearm();
        true
    }

    fn take_over(&mut self, from: Member, append: Append) {
        let Append { prev_lsn, prev, records, commit_lsn, round, complete, .. } = append;
        let last_lsn = self.journal.last_lsn();
        let agrees = self.journal.lineage(prev_lsn) == prev || self.settings.has(Defect::SkipPreviousCheck);
        if prev_lsn > last_lsn || !agrees {
            // Go back to the end of this log or, if the leader has other records there, to before that whole reign.
            let hint_lsn = self.journal.reign(prev_lsn).map_or(last_lsn, |reign| reign.first_lsn - 1);
            return self.send(from, Body::Mismatch { round, rejected_lsn: prev_lsn, hint_lsn });
        }
        let Some(records) = self.decode(prev_lsn, &records) else {
            return self.refuse_message(from, "its records are not in order, or no records");
        };
        let end_lsn = prev_lsn + records.len() as Lsn;
        for (record, encoded) in records {
            let lsn = record.stamp.lsn;
            match self.journal.lineage(lsn) {
                Some(lineage) if lineage == record.stamp.lineage() => {
                    if self.settings.has(Defect::ApplyTwice) {
                        self.store.apply(&record.stamp, record.change);
                    }
                    continue;
                }
                Some(_) if self.settings.has(Defect::KeepDivergedTail) => continue,
                Some(_) if lsn <= self.retention.snapshot_lsn => {
                    return self.send(from, Body::Lacking { round, lsn }); // what a snapshot covers cannot be undone
                }
                Some(_) if lsn <= self.commit_lsn && self.keeps_what_is_committed() => {
                    return self.refuse_message(from, "it would undo what a majority holds");
                }
                Some(_) => self.rewind(lsn - 1),
                None => {}
            }
            if !self.store.fits(&record.change) {
                self.refuse_message(from, "its record does not fit what is stored here");
                return self.send(from, Body::Lacking { round, lsn }); // a base snapshot mends whichever of the two is wrong
            }
            self.compare(&record);
            self.journal.push(&record.stamp, encoded);
            let is_last = lsn == end_lsn && lsn > prev_lsn + 1;
            if !(is_last && self.settings.has(Defect::DropLastOfBatch)) {
                self.apply(record);
            }
        }
        let Role::Follower(follower) = &mut self.role else { unreachable!("only followers take records over") };
        follower.held_lsn = follower.held_lsn.max(end_lsn);
        follower.round = follower.round.max(round);
        follower.answer_due |= round > follower.answered.map_or(0, |(round, ..)| round) || end_lsn <= self.flushed_lsn;
        self.commit_lsn = self.commit_lsn.max(commit_lsn.min(follower.held_lsn));
        self.note_freshness(complete);
    }

    /// Whether no leader can have anything else where this log is committed.
    fn keeps_what_is_committed(&self) -> bool {
        self.settings.modes.failover.election == Election::Vote && !self.settings.has(Defect::AcceptOldLeader)
    }

    /// Tells the leader what has become durable since, or has come where that is enough, in one answer for all its messages.
    pub(crate) fn settle_follower(&mut self) {
        self.finish_rebuilding();
        let demands_disks = self.demands_disks();
        let Some((leader, _)) = self.leader else { return };
        let sent = self.moment();
        let Role::Follower(follower) = &mut self.role else { return };
        let durable_lsn = if self.settings.has(Defect::AckReceiptAsDurable) {
            follower.held_lsn
        } else {
            self.flushed_lsn.min(follower.held_lsn)
        };
        let counts_lsn = if demands_disks { durable_lsn } else { follower.held_lsn };
        let answer = (follower.round, durable_lsn, counts_lsn);
        if follower.answer_due || follower.answered.is_some_and(|last| last != answer) {
            follower.answer_due = false;
            follower.answered = Some(answer);
            let (round, held_lsn) = (follower.round, follower.held_lsn);
            self.send(leader, Body::Appended { round, held_lsn, durable_lsn, sent });
        }
    }

    /// Gives up every record behind `lsn`: undoes them, and has them put aside and cut off the log.
    fn rewind(&mut self, lsn: Lsn) {
        self.hand_over_writes(); // so that the log on disk holds what it will be told to cut
        self.outrun_own_sequences();
        let mut records = Vec::new();
        while self.journal.last_lsn() > lsn {
            let record = self.journal.pop().expect("records behind the snapshot are kept");
            if !self.settings.has(Defect::RewindLogOnly) {
                self.undo(&record);
            }
            records.push(record);
        }
        self.drift.rewound(lsn);
        self.store.rewound(Position { lsn, lineage: self.journal.lineage(lsn) });
        records.reverse();
        tracing::info!(epoch = self.hard.epoch, lsn, records = records.len(), "rewound");
        // The sequences of the records given up must not come back on other writes after a restart.
        self.hard.sequence_floor = self.sequence;
        self.save();
        self.generation += 1;
        self.written_lsn = lsn;
        self.flushed_lsn = self.flushed_lsn.min(lsn);
        self.commit_lsn = self.commit_lsn.min(lsn);
        self.retention.taken.take_if(|taken| taken.lsn() > lsn);
        let (epoch, generation) = (self.hard.epoch, self.generation);
        self.effects.push(Effect::Rewind { records, epoch, generation });
    }

    /// Records that stand behind `prev_lsn`, each with its encoding; `None` if any is not so.
    fn decode(&self, prev_lsn: Lsn, records: &[Bytes]) -> Option<Vec<(Record, Bytes)>> {
        (prev_lsn + 1..)
            .zip(records)
            .map(|(lsn, encoded)| {
                let record =
                    Record::decode(encoded).filter(|record| record.stamp.lsn == lsn && self.is_possible(record))?;
                Some((record, encoded.clone()))
            })
            .collect()
    }
}
