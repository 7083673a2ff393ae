//! Clients that number their appends and ask again, at whatever node, until one of the attempts is answered. Each append is then in its
//! list once, and its answer is the same whichever attempt got it.
//!
//! Not here: judging that; a list with an element twice, or an answer with another length, is wrong for everybody (`judge`).

use bytes::Bytes;
use rand::RngExt;

use super::clients::Asker;
use super::judge::Outcome;
use super::nodes::Ask;
use super::{PATIENCE_MS, World};
use crate::core::{Answer, Refusal};
use crate::record::Lsn;
use crate::sessions::Numbered;
use crate::store::Reply;

/// How long after an attempt that was refused the next one comes at most.
const PAUSE_MS: u64 = 12;

/// What a client knows of its session.
#[derive(Debug, Default)]
pub(super) struct Numbering {
    session: Option<Lsn>,
    number: u64,
    /// When it asks for a session again.
    opens_ms: u64,
    /// The last attempt was refused, so the next one goes to another node that was chosen then.
    was_refused: bool,
}

impl Numbering {
    pub(super) fn next(&mut self) {
        self.number += 1;
    }

    pub(super) fn numbered(&self, client: usize) -> Numbered {
        let session = self.session.expect("only who has a session asks");
        Numbered { client: name(client), session, number: self.number }
    }
}

fn name(client: usize) -> Bytes {
    Bytes::from(format!("c{client}"))
}

impl World {
    /// Whether the client has a session; it asks for one if not.
    pub(super) fn has_session(&mut self, client: usize) -> bool {
        let Numbering { session, opens_ms, .. } = self.clients[client].numbering;
        if session.is_none() && opens_ms <= self.now_ms {
            self.clients[client].numbering.opens_ms = self.now_ms + PATIENCE_MS[client];
            let target = self.clients[client].target;
            if !self.out_of_reach.contains(&(client, target)) {
                self.submit(target, Asker::Session(client), Ask::OpenSession(name(client)));
            }
        }
        session.is_some()
    }

    pub(super) fn session_opened(&mut self, client: usize, answer: &Answer) {
        if self.clients[client].numbering.session.is_some() {
            return; // of an attempt that it has given up
        }
        let target = self.next_target(self.clients[client].target, answer);
        self.clients[client].target = target;
        let pause_ms = self.rng.random_range(1..PAUSE_MS);
        let numbering = &mut self.clients[client].numbering;
        match answer.outcome {
            Ok(Reply::Integer(session)) => {
                (numbering.session, numbering.number) = (Some(session.cast_unsigned()), 0);
            }
            _ => numbering.opens_ms = self.now_ms + pause_ms,
        }
    }

    /// Asks again what was not answered in time. False if that was a read, which nobody needs any more.
    pub(super) fn asks_again(&mut self, client: usize) -> bool {
        let Some(&token) = self.clients[client].current.first() else { return false };
        if !self.history[token].is_append() {
            return false;
        }
        if !std::mem::take(&mut self.clients[client].numbering.was_refused) {
            self.clients[client].target = self.any_node();
        }
        self.clients[client].deadline_ms = self.now_ms + PATIENCE_MS[client];
        let target = self.clients[client].target;
        self.ask(token, target);
        true
    }

    /// What an append came to whose last attempt was refused; `None` if it will be asked again.
    pub(super) fn numbered_refused(&mut self, client: usize, refusal: Refusal) -> Option<Outcome> {
        match refusal {
            Refusal::NoSession => {
                self.clients[client].numbering.session = None;
                Some(Outcome::Unknown)
            }
            Refusal::Superseded => {
                self.complaints.push(format!("superseded: client {client} asks for one append after another"));
                Some(Outcome::Unknown)
            }
            _ => {
                let pause_ms = self.rng.random_range(1..PAUSE_MS);
                let client = &mut self.clients[client];
                client.deadline_ms = self.now_ms + pause_ms;
                client.numbering.was_refused = true;
                None
            }
        }
    }
}
