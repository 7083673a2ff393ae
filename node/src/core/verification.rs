//! Going through the rows as a leader, a slice at a time, to have them compared (`VERIFY`, `--verify-interval-ms`) or replaced
//! (`REPAIR`) on every follower.
//!
//! A slice is a record or two. A [`Change::Repair`] carries the leader's rows of it, so followers hold these from that record on, in whatever
//! state they were, and however they come to it: live, from the log after a restart, or behind a snapshot of their own that still has the
//! drift. Taking the record back leaves the rows, because they were the leader's before it as well. A [`Change::Check`] follows, so
//! that a repair proves itself.
//!
//! A slice is begun only when a majority has the one before: nothing piles up for followers that are slow.
//!
//! Not here: what a follower does about a check (`drift`).

use std::collections::VecDeque;

use super::drift::Findings;
use super::{Core, Refusal, Role};
use crate::key_range::{KeyRange, KeyRanges};
use crate::record::{Change, Epoch, Lsn};
use crate::store::checksum::{SliceBounds, Sum};
use crate::store::{MAX_RECORD_BYTES, Reply};

/// The most that is compared or carried at once: well below a millisecond's work, so that no write waits for longer.
const SLICE: SliceBounds = SliceBounds { rows: 1_000, bytes: 256 << 10 };
/// Room in a record for what is not rows.
const RECORD_ROOM: usize = 64 << 10;
/// Most passes that wait for their turn: people who ask.
const MAX_WALKS: usize = 16;
/// How long followers have to tell what they found after the last slice; they tell at once what they have compared.
const PATIENCE_MS: u64 = 5_000;

/// A pass through ranges of keys.
#[derive(Debug)]
pub(crate) struct Walk<T> {
    /// In which reign; with it the pass ends.
    epoch: Epoch,
    /// Whom to tell what came of it, if anybody asked.
    token: Option<T>,
    /// What is still to be gone through.
    rest: VecDeque<KeyRange>,
    repairs: bool,
    slices: u64,
    rows: u64,
    /// The first and the last check; 0 before there is one.
    first_lsn: Lsn,
    last_lsn: Lsn,
    not_before_ms: u64,
    /// Since when it has only waited for followers.
    ended_ms: Option<u64>,
}

impl<T> Core<T> {
    /// Begins a pass when those before it are through; an operator who gave a token is told what came of it.
    pub(crate) fn begin_walk(&mut self, token: Option<T>, ranges: impl IntoIterator<Item = KeyRange>, repairs: bool) {
        if self.drift.walks.len() >= MAX_WALKS
            && let Some(token) = token
        {
            return self.answer(token, Err(Refusal::Busy), self.hard.epoch, self.journal.last_lsn());
        }
        let rest = ranges.into_iter().collect();
        let (epoch, not_before_ms) = (self.hard.epoch, self.now_ms);
        let (slices, rows, first_lsn, last_lsn, ended_ms) = (0, 0, 0, 0, None);
        let walk = Walk { epoch, token, rest, repairs, slices, rows, first_lsn, last_lsn, not_before_ms, ended_ms };
        self.drift.walks.push_back(walk);
    }

    pub(crate) fn ask_repair(&mut self, token: T, range: Option<KeyRange>, force: bool) {
        let Role::Leader(leader) = &self.role else { unreachable!("the caller made sure that this node leads") };
        let (epoch, lsn) = (self.hard.epoch, self.journal.last_lsn());
        let own = self.drift.own.drifted.len();
        if own > 0 && !force {
            let why = format!(
                "ERR this leader's own rows differed from those of a leader before it, in {own} ranges (see DRIFT); hand over to another \
                 node with FAILOVER TO and repair there, or give FORCE to take this node's rows for the right ones; nothing was done"
            );
            return self.answer(token, Ok(Reply::Failure(why)), epoch, lsn);
        }
        let followers = leader.followers.values();
        let known = || followers.flat_map(|follower| follower.findings.drifted.iter().cloned());
        let ranges: KeyRanges = match range {
            Some(range) => std::iter::once(range).collect(),
            None => known().chain(self.drift.own.drifted.iter().cloned()).collect(),
        };
        if ranges.is_empty() {
            let told = "nothing is known to differ; VERIFY compares now".to_owned();
            return self.answer(token, Ok(Reply::Told(told)), epoch, lsn);
        }
        self.begin_walk(Some(token), ranges.iter().cloned(), true);
    }

    /// Goes on with what a leader is going through; whoever does not lead any more gives it up, and tells its findings instead.
    pub(crate) fn settle_drift(&mut self) {
        let reign = matches!(self.role, Role::Leader(_)).then_some(self.hard.epoch);
        while let Some(given_up) = self.drift.walks.pop_front_if(|walk| Some(walk.epoch) != reign) {
            if let Some(token) = given_up.token {
                let refusal = self.not_leading();
                self.answer(token, Err(refusal), self.hard.epoch, self.journal.last_lsn());
            }
        }
        match self.role {
            Role::Leader(_) => {
                self.begin_due_pass();
                self.walk();
            }
            Role::Follower(_) => self.tell_findings(),
            Role::Candidate(_) => {}
        }
    }

    /// A reign begins. Its leader has the right rows by definition; a person may know better.
    pub(crate) fn begin_to_verify(&mut self) {
        self.drift.next_pass_ms = self.now_ms + self.settings.modes.verification.verify_interval_ms;
        let ranges = self.drift.own.drifted.len();
        if ranges > 0 {
            let (epoch, lsn) = (self.hard.epoch, self.drift.own.verified_lsn);
            tracing::warn!(epoch, lsn, ranges, "this leader's own rows differed from those of a leader before it");
        }
    }

    fn begin_due_pass(&mut self) {
        let interval_ms = self.settings.modes.verification.verify_interval_ms;
        if interval_ms > 0 && self.drift.walks.is_empty() && self.now_ms >= self.drift.next_pass_ms {
            self.drift.next_pass_ms = self.now_ms + interval_ms;
            self.begin_walk(None, [KeyRange::all()], false);
        }
    }

    /// The next slice of the first pass, if it is time for it; or its end.
    fn walk(&mut self) {
        let Some(walk) = self.drift.walks.front_mut() else { return };
        if self.now_ms < walk.not_before_ms || self.commit_lsn < walk.last_lsn {
            return;
        }
        let Some(range) = walk.rest.pop_front() else { return self.end_walk() };
        let repairs = walk.repairs;
        let (slice, rows) = self.store.slice(&range, SLICE);
        let (sum, count) = (Sum::of(&rows), rows.len() as u64);
        if repairs {
            let repair = Change::Repair { range: slice.clone(), rows };
            if repair.size() + RECORD_ROOM > MAX_RECORD_BYTES || self.create(repair, None).is_none() {
                return self
                    .fail_walk("ERR a row and the keys beside it do not fit a record; what was before it is repaired");
            }
            self.drift.own.drifted.remove(&slice); // these rows are the right ones from now on
        }
        let lsn = self.create(Change::Check { range: slice.clone(), sum }, None).expect("a check fits a record");
        let pause_ms = count * 1000 / self.settings.modes.verification.verify_rows_per_s;
        let Some(walk) = self.drift.walks.front_mut() else { return };
        if slice.to != range.to
            && let Some(next) = slice.to
        {
            walk.rest.push_front(KeyRange { from: next, to: range.to });
        }
        walk.slices += 1;
        walk.rows += count;
        walk.first_lsn = if walk.first_lsn == 0 { lsn } else { walk.first_lsn };
        walk.last_lsn = lsn;
        walk.not_before_ms = self.now_ms + pause_ms;
    }

    fn fail_walk(&mut self, why: &'static str) {
        if let Some(Walk { token: Some(token), .. }) = self.drift.walks.pop_front() {
            self.answer(token, Ok(Reply::Error(why)), self.hard.epoch, self.journal.last_lsn());
        }
    }

    /// Ends the first pass; one that somebody asked for, when every follower that can be reached has told what it found, or had the time
    /// to. Who was restarted may have a check in its log and nothing to tell of it, and the next pass must not wait for that.
    fn end_walk(&mut self) {
        let (Some(walk), Role::Leader(leader)) = (self.drift.walks.front_mut(), &self.role) else { return };
        let ended_ms = *walk.ended_ms.get_or_insert(self.now_ms);
        let (first_lsn, last_lsn) = (walk.first_lsn, walk.last_lsn);
        let mut present = leader.followers.iter().filter(|(member, _)| self.linked.contains(member));
        let waits = walk.token.is_some() && present.any(|(_, follower)| follower.findings.verified_lsn < last_lsn);
        if waits && self.now_ms < ended_ms + PATIENCE_MS {
            return;
        }
        let Some(Walk { token, slices, rows, repairs, .. }) = self.drift.walks.pop_front() else { return };
        let epoch = self.hard.epoch;
        if repairs {
            tracing::info!(epoch, lsn = last_lsn, rows, "repaired: followers have the leader's rows of these ranges");
        } else {
            tracing::debug!(epoch, lsn = last_lsn, rows, slices, "verified");
        }
        let (Some(token), Role::Leader(leader)) = (token, &self.role) else { return };
        let made =
            |findings: &Findings| (1..=first_lsn).contains(&findings.since_lsn) && findings.verified_lsn >= last_lsn;
        let done = if repairs { "repaired" } else { "verified" };
        let head = format!("{done}_lsn={last_lsn},rows={rows},slices={slices}");
        let followers = leader.followers.iter();
        let told = followers
            .flat_map(|(&member, follower)| self.findings_lines(member, &follower.findings, made(&follower.findings)));
        let lines = std::iter::once(head.into()).chain(told).collect();
        self.answer(token, Ok(Reply::List(lines)), epoch, last_lsn);
    }
}
