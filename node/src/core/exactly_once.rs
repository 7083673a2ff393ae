//! Exactly once: a write that its client asks again is found in the table of sessions and answered as before.
//!
//! Every numbered write leaves a record, even one that changes nothing (a comparison that failed): its number is used up, so that a
//! first attempt that was held back on its way can't be executed after its retry was answered.
//!
//! Not here: the table (`sessions`).

use bytes::Bytes;

use super::requests::Asked;
use super::{Core, Refusal, Role};
use crate::config::ReadMode;
use crate::record::{Change, Epoch, Lsn};
use crate::sessions::{Found, Numbered};
use crate::store::{Operation, Plan, Reply};

/// A request that was asked again before its first attempt was acknowledged.
#[derive(Debug)]
pub(crate) struct Retry<T> {
    pub(crate) token: T,
    pub(crate) reply: Reply,
    pub(crate) epoch: Epoch,
    pub(crate) lsn: Lsn,
}

impl<T> Core<T> {
    /// A client asks for a session: the answer is its number.
    pub(crate) fn open_session(&mut self, token: T, client: Bytes) {
        let Some(Asked::Session(token, client)) = self.hold(Asked::Session(token, client)) else { return };
        if let Some(token) = self.if_leading(token) {
            // The session's number is the LSN that this record is about to get.
            let reply = Reply::Integer(self.journal.last_lsn().cast_signed() + 1);
            self.pend_numbered(token, client, 0, Change::Noop, reply);
        }
    }

    /// A client asks to write what it may have asked before. The answer follows as an effect.
    pub(crate) fn request_once(&mut self, token: T, operation: Operation, numbered: Numbered) {
        let allowed = self.hold(Asked::Once(token, operation, numbered));
        let Some(Asked::Once(token, operation, numbered)) = allowed else { return };
        let Some(token) = self.if_leading(token) else { return };
        let (epoch, lsn) = (self.hard.epoch, self.journal.last_lsn());
        match self.sessions.find(&numbered) {
            Found::New => {
                let write = self.throttle(Asked::Once(token, operation, numbered));
                let Some(Asked::Once(token, operation, numbered)) = write else { return };
                let (change, reply) = match self.store.plan(operation) {
                    Plan::Write(change, reply) => (change, reply),
                    Plan::Read(reply) => (Change::Noop, reply),
                };
                self.pend_numbered(token, numbered.client, numbered.number, change, reply);
            }
            Found::Repeated(session) => {
                let Role::Leader(leader) = &mut self.role else { unreachable!("only a leader comes here") };
                let (epoch, lsn) = (session.epoch, session.lsn);
                leader.pending.retries.push(Retry { token, reply: session.reply.reply(), epoch, lsn });
            }
            Found::Superseded => self.answer(token, Err(Refusal::Superseded), epoch, lsn),
            Found::NoSession => self.answer(token, Err(Refusal::NoSession), epoch, lsn),
        }
    }

    fn if_leading(&mut self, token: T) -> Option<T> {
        if matches!(self.role, Role::Leader(_)) {
            return self.with_room(token);
        }
        let refusal = self.not_leading();
        self.answer(token, Err(refusal), self.hard.epoch, self.journal.last_lsn());
        None
    }

    fn pend_numbered(&mut self, token: T, client: Bytes, number: u64, change: Change, reply: Reply) {
        let most = self.settings.modes.clients.sessions as usize;
        let request = self.sessions.request(client, number, &reply, most);
        // Retries wait for what the node demands, so the first attempt does too.
        self.pend_record(token, change, Some(Box::new(request)), reply, ReadMode::Leader.into());
    }

    /// Answers the retries whose first attempt is acknowledged.
    pub(crate) fn acknowledge_retries(&mut self, acked_lsn: Lsn) {
        let Role::Leader(leader) = &mut self.role else { return };
        let due: Vec<Retry<T>> = leader.pending.retries.extract_if(.., |retry| retry.lsn <= acked_lsn).collect();
        for Retry { token, reply, epoch, lsn } in due {
            self.answer(token, Ok(reply), epoch, lsn);
        }
    }
}
