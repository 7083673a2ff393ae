//! Drift: rows of a follower that are others than its leader's, although the two agree about the log. Finding it, telling it, asking about it.
//!
//! A comparison goes through the log: a [`Change::Check`] tells what the leader's rows of a range came to at that place of the log, and whoever
//! takes the record over computes the same of its own rows, at exactly the same place, whenever that is. So nobody has to wait for
//! anybody, writes go on, and neither a lagging follower nor a rewind can raise a false alarm. `pt-table-checksum` does it so with `MySQL`'s
//! statements.
//!
//! Not here: going through the rows, and repairing them (`verification`).

use std::collections::VecDeque;

use bytes::Bytes;

use super::checksum::Summation;
use super::message::Body;
use super::verification::Walk;
use super::{Core, Role};
use crate::key_range::{KeyRange, KeyRanges};
use crate::record::Change;
use crate::record::{Epoch, Lsn, Member, Record};
use crate::store::Reply;

/// A report may be lost, so it is sent again; often enough for a person who waits, and seldom enough to cost nothing.
const TELL_AGAIN_MS: u64 = 1_000;

/// What can be asked about drift.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DriftAsk {
    /// What is known of it here.
    List,
    /// Compare now.
    Verify { range: KeyRange },
    /// Have the followers take the leader's rows of that range, or of every range that is known to differ. `force`: although this node's own
    /// rows were found to differ from those of a leader before it.
    Repair { range: Option<KeyRange>, force: bool },
    /// `checksum`
    Checksum { range: KeyRange },
    /// For tests: put a row in its place, or nothing, here and without a record.
    Corrupt { key: Bytes, value: Option<Bytes> },
}

/// How the rows of a node compare with those of its leaders.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Findings {
    /// Every check between these two was made; 0: none.
    pub(crate) since_lsn: Lsn,
    pub(crate) verified_lsn: Lsn,
    /// Ranges that differed when they were last compared.
    pub(crate) drifted: KeyRanges,
}

/// What a node knows of drift, and what it does about it.
#[derive(Debug)]
pub(crate) struct Drift<T> {
    pub(crate) own: Findings,
    /// What was last told, to whom, and when.
    told: Option<((Member, Epoch, Lsn), u64)>,
    /// Of a leader, in their order: only the first is under way.
    pub(crate) walks: VecDeque<Walk<T>>,
    pub(crate) next_pass_ms: u64,
    pub(crate) sums: VecDeque<Summation<T>>,
}

impl<T> Default for Drift<T> {
    fn default() -> Self {
        let (walks, sums) = (VecDeque::new(), VecDeque::new());
        Drift { own: Findings::default(), told: None, walks, next_pass_ms: 0, sums }
    }
}

impl<T> Drift<T> {
    /// The records behind `lsn` were given up; what they told of the rows before them still holds.
    pub(crate) fn rewound(&mut self, lsn: Lsn) {
        self.own.verified_lsn = self.own.verified_lsn.min(lsn);
        if self.own.since_lsn > lsn {
            (self.own.since_lsn, self.own.verified_lsn) = (0, 0);
        }
    }

    /// All rows are the leader's.
    pub(crate) fn replaced(&mut self) {
        self.own.drifted = KeyRanges::default();
    }
}

impl<T> Core<T> {
    pub(crate) fn ask_drift(&mut self, token: T, ask: DriftAsk) {
        let (epoch, lsn) = (self.hard.epoch, self.journal.last_lsn());
        match ask {
            DriftAsk::List => {
                let lines = self.drift_lines();
                self.answer(token, Ok(Reply::List(lines)), epoch, lsn);
            }
            DriftAsk::Checksum { range } => self.ask_checksum(token, range),
            DriftAsk::Corrupt { .. } if !self.settings.modes.verification.allow_corruption => {
                self.answer(token, Ok(Reply::Error("ERR unknown command 'DEBUG'")), epoch, lsn);
            }
            DriftAsk::Corrupt { key, value } => {
                tracing::warn!(epoch, lsn, key = %key.escape_ascii(), "a row was corrupted, as asked for (--allow-corruption)");
                self.store.corrupt(key, value);
                self.answer(token, Ok(Reply::Ok), epoch, lsn);
            }
            DriftAsk::Verify { .. } | DriftAsk::Repair { .. } if !matches!(self.role, Role::Leader(_)) => {
                let refusal = self.not_leading();
                self.answer(token, Err(refusal), epoch, lsn);
            }
            DriftAsk::Verify { range } => self.begin_walk(Some(token), [range], false),
            DriftAsk::Repair { range, force } => self.ask_repair(token, range, force),
        }
    }

    /// Compares what is here with what a leader said of its own, if the next record says something of it.
    pub(crate) fn compare(&mut self, record: &Record) {
        let Change::Check { range, sum } = &record.change else { return };
        let (epoch, lsn) = (self.hard.epoch, record.stamp.lsn);
        let found = self.store.sum(range);
        let own = &mut self.drift.own;
        own.verified_lsn = lsn;
        if own.since_lsn == 0 {
            own.since_lsn = lsn;
        }
        if found != *sum {
            if !own.drifted.covers(range) {
                let (id, rows, leaders_rows) = (&self.settings.id, found.rows, sum.rows);
                tracing::warn!(epoch, lsn, id, %range, rows, leaders_rows, "drifted: the rows are others than the leader's");
            }
            own.drifted.insert(range.clone());
        } else if !own.drifted.is_empty() {
            own.drifted.remove(range);
            if own.drifted.is_empty() {
                tracing::info!(epoch, lsn, "not drifted any more: the rows are the leader's");
            }
        }
    }

    /// Tells the leader what was found, when there is something new and now and then again; nothing of records that it may not have.
    pub(crate) fn tell_findings(&mut self) {
        let (Role::Follower(follower), Some((leader, _))) = (&self.role, self.leader) else { return };
        let Findings { since_lsn, verified_lsn, .. } = self.drift.own;
        let what = (leader, self.hard.epoch, verified_lsn);
        let known =
            self.drift.told.is_some_and(|(told, told_ms)| told == what && self.now_ms < told_ms + TELL_AGAIN_MS);
        if (1..=follower.held_lsn()).contains(&verified_lsn) && !known {
            self.drift.told = Some((what, self.now_ms));
            let drifted = self.drift.own.drifted.iter().cloned().collect();
            self.send(leader, Body::Verified { since_lsn, verified_lsn, drifted });
        }
    }

    /// A follower has compared its rows.
    pub(crate) fn on_verified(&mut self, from: Member, since_lsn: Lsn, verified_lsn: Lsn, drifted: Vec<KeyRange>) {
        let Some(follower) = self.answering(from, 0, verified_lsn) else { return };
        if verified_lsn < follower.findings.verified_lsn {
            return; // overtaken by a later one
        }
        let drifted: KeyRanges = drifted.into_iter().collect();
        let before = std::mem::replace(&mut follower.findings, Findings { since_lsn, verified_lsn, drifted });
        let (ranges, ranges_before) = (follower.findings.drifted.len(), before.drifted.len());
        let (epoch, id) = (self.hard.epoch, self.settings.id(from));
        match (ranges_before, ranges) {
            (0, 1..) => tracing::warn!(epoch, lsn = verified_lsn, id, ranges, "a follower has drifted"),
            (1.., 0) => tracing::info!(epoch, lsn = verified_lsn, id, "a follower has the leader's rows again"),
            _ => {}
        }
    }

    /// What is known here: at a leader of its followers, and of this node where there is no leader or it differed from one.
    fn drift_lines(&self) -> Vec<Bytes> {
        let mut lines = Vec::new();
        if let Role::Leader(leader) = &self.role {
            let told = leader.followers.iter().map(|(&member, follower)| (member, &follower.findings));
            lines.extend(told.flat_map(|(member, known)| self.findings_lines(member, known, known.verified_lsn > 0)));
        }
        let own = &self.drift.own;
        if lines.is_empty() || !own.drifted.is_empty() {
            lines.extend(self.findings_lines(self.settings.me(), own, own.verified_lsn > 0));
        }
        lines
    }

    /// A line about a node and one for each range of it that differs. `is_verified`: everything that is to be known was compared.
    pub(crate) fn findings_lines(&self, member: Member, findings: &Findings, is_verified: bool) -> Vec<Bytes> {
        let Findings { verified_lsn, drifted, .. } = findings;
        let id = self.settings.id(member);
        let state = match (drifted.is_empty(), is_verified) {
            (false, _) => "drifted",
            (true, true) => "equal",
            (true, false) => "unverified",
        };
        let head = format!("id={id},state={state},verified_lsn={verified_lsn},drifted_ranges={}", drifted.len());
        let ranges = drifted.iter().map(|range| format!("id={id},{range}"));
        std::iter::once(head).chain(ranges).map(Bytes::from).collect()
    }
}
