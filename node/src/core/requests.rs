//! What clients ask: who may answer it, on what terms, and reads that wait until this node has seen enough.
//!
//! Not here: the promises of leaders (`leader`, `acknowledgement`).

use bytes::Bytes;

use super::pending::MAX_PENDING;
use super::{Core, Refusal, Role};
use crate::config::{ReadMode, Visible};
use crate::defect::Defect;
use crate::sessions::Numbered;
use crate::store::{Operation, Plan};
use crate::terms::{Terms, Token};

/// What a client asks, while it is held back (`throttle`, `handover`).
#[derive(Debug)]
pub(crate) enum Asked<T> {
    Plain(T, Operation, Terms),
    Once(T, Operation, Numbered),
    Session(T, Bytes),
}

impl<T> Asked<T> {
    pub(crate) fn into_token(self) -> T {
        let (Asked::Plain(token, ..) | Asked::Once(token, ..) | Asked::Session(token, ..)) = self;
        token
    }
}

/// A read that waits for a record.
#[derive(Debug)]
pub(crate) struct Parked<T> {
    token: T,
    operation: Operation,
    terms: Terms,
    after: Token,
    deadline_ms: u64,
}

impl<T> Core<T> {
    /// A client asks. The answer follows as an effect, at once or later.
    pub(crate) fn request(&mut self, token: T, operation: Operation, terms: impl Into<Terms>) {
        let terms = terms.into();
        let read = match &self.role {
            _ if !operation.is_read() => ReadMode::Leader,
            Role::Follower(_) if self.settings.has(Defect::ForgetToRedirect) => ReadMode::Follower,
            Role::Leader(_) if self.settings.has(Defect::ReadUnconfirmed) => ReadMode::LeaderLocal,
            _ => terms.read,
        };
        let asked = Asked::Plain(token, operation, terms);
        let allowed = if read.is_anywhere() { Some(asked) } else { self.hold(asked) };
        let Some(Asked::Plain(mut token, mut operation, mut terms)) = allowed else { return };
        if !matches!(self.role, Role::Leader(_)) && !read.is_anywhere() {
            let refusal = self.not_leading();
            return self.refuse(token, refusal);
        }
        if terms.ack.is_some_and(|ack| !self.can_satisfy(ack)) {
            return self.refuse(token, Refusal::TooFewMembers);
        }
        if let Some(after) = terms.after.filter(|&after| operation.is_read() && !self.has_seen(after)) {
            return self.park(token, operation, terms, after);
        }
        if operation.is_read() && !read.is_confirmed() && self.is_too_old(terms) {
            return self.refuse(token, Refusal::Lagging);
        }
        if !operation.is_read() {
            let Some(Asked::Plain(allowed, write, with)) = self.throttle(Asked::Plain(token, operation, terms)) else {
                return;
            };
            (token, operation, terms) = (allowed, write, with);
        }
        let visible = self.settings.modes.acknowledgement.visible;
        match self.store.plan(operation) {
            // Asked after the read arrived: the runtime tells the time anew before each request.
            Plan::Read(reply) if read == ReadMode::LeaderLease && self.has_lease() => self.pend_seen(token, reply),
            Plan::Read(reply) if read.is_confirmed() => self.pend_read(token, reply),
            Plan::Read(reply) if read == ReadMode::LeaderLocal && visible == Visible::AfterSync => {
                self.pend_seen(token, reply);
            }
            Plan::Read(reply) => {
                let lsn = self.journal.last_lsn();
                self.answer(token, Ok(reply), self.journal.epoch(lsn), lsn);
            }
            Plan::Write(change, reply) => self.pend_write(token, change, reply, terms),
        }
    }

    fn is_too_old(&self, terms: Terms) -> bool {
        terms.max_lag_ms.is_some_and(|most_ms| self.age_ms().is_none_or(|age_ms| age_ms > most_ms))
    }

    /// Takes up what was held back.
    pub(crate) fn take_up(&mut self, asked: Asked<T>) {
        match asked {
            Asked::Plain(token, operation, terms) => self.request(token, operation, terms),
            Asked::Once(token, operation, numbered) => self.request_once(token, operation, numbered),
            Asked::Session(token, client) => self.open_session(token, client),
        }
    }

    pub(crate) fn refuse(&mut self, token: T, refusal: Refusal) {
        self.answer(token, Err(refusal), self.hard.epoch, self.journal.last_lsn());
    }

    /// Whether this node has that very record: one that took its place after a rewind belongs to another epoch.
    fn has_seen(&self, Token { epoch, lsn }: Token) -> bool {
        let is_that = || self.journal.epoch(lsn) == epoch || self.settings.has(Defect::CompareTokensByLsn);
        lsn <= self.journal.last_lsn() && is_that()
    }

    fn park(&mut self, token: T, operation: Operation, terms: Terms, after: Token) {
        if self.parked.len() >= MAX_PENDING {
            return self.refuse(token, Refusal::Busy);
        }
        let deadline_ms = self.now_ms.saturating_add(terms.after_timeout_ms);
        self.parked.push(Parked { token, operation, terms, after, deadline_ms });
    }

    /// Goes on with the reads whose record has come, and refuses those whose time is up.
    pub(crate) fn wake_parked(&mut self) {
        if self.parked.is_empty() {
            return;
        }
        for parked in std::mem::take(&mut self.parked) {
            if self.has_seen(parked.after) {
                self.request(parked.token, parked.operation, Terms { after: None, ..parked.terms });
            } else if self.now_ms >= parked.deadline_ms {
                self.refuse(parked.token, Refusal::Behind);
            } else {
                self.parked.push(parked);
            }
        }
    }
}
