//! The clients of a simulated cluster: each appends unique numbers to lists and reads them, one operation at a time unless it has
//! another habit.
//!
//! Not here: asking again under a number (`numbered`), consumers of changes (`consumers`), whether what they saw is right (`judge`).

use std::collections::VecDeque;

use bytes::Bytes;
use rand::RngExt;

use super::judge::{Kind, Operated, Outcome};
use super::nodes::Ask;
use super::numbered::Numbering;
use super::{CLIENTS, KEYS, PATIENCE_MS, READER, World};
use crate::config::{Ack, ReadMode};
use crate::core::{Answer, Refusal};
use crate::record::End;
use crate::store::{Operation, Reply};
use crate::terms::{Terms, Token};

/// How many appends a burst has.
const BURST: usize = 4;
/// Most milliseconds between two of them.
const BURST_PAUSE_MS: u64 = 40;
/// Large rows, how large, and how often one is written.
const LARGE_ROWS: u64 = 12;
const LARGE_BYTES: usize = 140 << 10;
const LARGE_PACE_MS: u64 = 40;
/// How long a read may wait for its position.
const AFTER_TIMEOUT_MS: u64 = 60;

/// What clients do beside one operation after another at the leader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Habit {
    /// Half of their reads are at any node.
    ReadAnywhere,
    /// Those ask for what the client has written and seen before.
    CarryPositions,
    /// Appends have numbers, and are asked again until they are answered.
    Number,
    /// Appends come several in a row, at one node, without waiting for answers.
    Burst,
    /// Every append says itself who must hold it.
    AskFor(Ack),
    OnlyWrite,
    /// Somebody writes rows so large that a base snapshot has more parts than are on their way at once.
    LargeRows,
    /// There are consumers of changes beside them.
    Consume,
}

/// Who waits for a core's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asker {
    /// The client of this operation.
    Client(usize),
    /// This client, which wants a session.
    Session(usize),
    /// This consumer of changes, by its question of this number.
    Consumer(usize, u64),
    /// Whoever changes members and repairs rows does not listen.
    Operator,
}

#[derive(Default)]
pub(super) struct Client {
    /// The operations under way.
    pub(super) current: Vec<usize>,
    /// The rest of a burst: when and where to send it.
    later: VecDeque<(u64, u8, usize)>,
    /// After this it gives up or asks again.
    pub(super) deadline_ms: u64,
    pub(super) target: u8,
    pub(super) idle_until_ms: u64,
    /// The latest position that it wrote or saw.
    position: Option<Token>,
    pub(super) numbering: Numbering,
}

impl World {
    pub(super) fn has(&self, habit: Habit) -> bool {
        self.setup.habits.contains(&habit)
    }

    pub(super) fn any_node(&mut self) -> u8 {
        self.rng.random_range(0..self.nodes.len() as u8)
    }

    pub(super) fn run_clients(&mut self) {
        for client in 0..CLIENTS {
            while let Some((_, target, token)) =
                self.clients[client].later.pop_front_if(|(at_ms, ..)| *at_ms <= self.now_ms)
            {
                self.ask(token, target);
            }
            let Client { current, deadline_ms, idle_until_ms, .. } = &self.clients[client];
            if !current.is_empty() {
                if *deadline_ms > self.now_ms {
                    continue;
                }
                if self.has(Habit::Number) && self.asks_again(client) {
                    continue;
                }
                self.clients[client].target = self.any_node();
                self.clients[client].current.clear();
                self.clients[client].later.clear();
            } else if *idle_until_ms > self.now_ms {
                continue;
            }
            if !self.has(Habit::Number) || self.has_session(client) {
                self.invoke(client);
            }
        }
    }

    /// Writes the large rows again and again; whether that works each time is no matter.
    pub(super) fn write_large_rows(&mut self) {
        if !self.has(Habit::LargeRows) || !self.now_ms.is_multiple_of(LARGE_PACE_MS) {
            return;
        }
        let round = self.now_ms / LARGE_PACE_MS;
        let key = Bytes::from(format!("large {}", round % LARGE_ROWS));
        let value = Bytes::from(vec![round as u8; LARGE_BYTES]);
        let leader = self.leader().unwrap_or_default();
        let set = Operation::Set { key, value, if_equals: None };
        self.submit(leader, Asker::Operator, Ask::Operation(set, ReadMode::Leader.into()));
    }

    fn invoke(&mut self, client: usize) {
        let key = self.rng.random_range(0..KEYS);
        let reads = !self.has(Habit::OnlyWrite) && (self.rng.random_range(0..3) == 0 || client == READER);
        let anywhere = reads && self.has(Habit::ReadAnywhere) && self.rng.random();
        let kind = match (reads, anywhere) {
            (false, _) => Kind::Append,
            (true, false) => Kind::Read,
            (true, true) => Kind::ReadAnywhere,
        };
        self.clients[client].deadline_ms = self.now_ms + PATIENCE_MS[client];
        self.clients[client].numbering.next();
        let count = if !reads && self.has(Habit::Burst) { BURST } else { 1 };
        let first = self.history.len();
        let horizon = self.horizon().filter(|_| reads);
        if horizon.is_some() && client == READER {
            self.clients[client].target = self.any_node();
        }
        for _ in 0..count {
            self.moment += 1;
            let invoked = self.moment;
            let operated = Operated { client, key, kind, burst: first, invoked, horizon, completed: None };
            self.history.push(operated);
        }
        let (target, mut at_ms) = (self.clients[client].target, self.now_ms);
        self.clients[client].current = (first..first + count).collect();
        for token in first + 1..first + count {
            at_ms += self.rng.random_range(0..BURST_PAUSE_MS);
            self.clients[client].later.push_back((at_ms, target, token));
        }
        self.ask(first, target);
    }

    /// Sends an operation, perhaps once more.
    pub(super) fn ask(&mut self, token: usize, target: u8) {
        let Operated { client, key, kind, .. } = self.history[token];
        let Client { position, .. } = self.clients[client];
        let key = Bytes::from(vec![b'a' + key]);
        let append = |key| Operation::Push { key, end: End::Back, elements: vec![Bytes::from(token.to_string())] };
        let range = |key| Operation::Range { key, start: 0, stop: -1 };
        let (target, ask) = match kind {
            Kind::Append if self.has(Habit::Number) => {
                (target, Ask::Once(append(key), self.clients[client].numbering.numbered(client)))
            }
            Kind::Append => {
                let ack = self.setup.habits.iter().find_map(|habit| match habit {
                    Habit::AskFor(ack) => Some(*ack),
                    _ => None,
                });
                (target, Ask::Operation(append(key), Terms { ack, ..Terms::from(&self.modes.reads) }))
            }
            Kind::Read => (target, Ask::Operation(range(key), Terms::from(&self.modes.reads))),
            Kind::ReadAnywhere => {
                let after = position.filter(|_| self.has(Habit::CarryPositions));
                let terms = Terms { after, after_timeout_ms: AFTER_TIMEOUT_MS, ..ReadMode::Follower.into() };
                (self.any_node(), Ask::Operation(range(key), terms))
            }
        };
        if !self.out_of_reach.contains(&(client, target)) {
            self.submit(target, Asker::Client(token), ask);
        }
    }

    /// Nobody is there at a node that is down.
    pub(super) fn submit(&mut self, target: u8, asker: Asker, ask: Ask) {
        let node = &mut self.nodes[usize::from(target)];
        if node.core.is_some() {
            node.requests.push((asker, ask));
        } else {
            self.answered(asker, &Answer { outcome: Err(Refusal::NoLeader), epoch: 0, lsn: 0 });
        }
    }

    pub(super) fn answered(&mut self, asker: Asker, answer: &Answer) {
        match asker {
            Asker::Client(token) => self.complete(token, answer),
            Asker::Session(client) => self.session_opened(client, answer),
            Asker::Consumer(consumer, question) => self.changes_told(consumer, question, answer),
            Asker::Operator => {}
        }
    }

    fn complete(&mut self, token: usize, answer: &Answer) {
        self.moment += 1;
        let Operated { client: number, kind, .. } = self.history[token];
        if !self.clients[number].current.contains(&token) {
            return; // it gave up before, and will never know
        }
        let outcome = match &answer.outcome {
            Ok(Reply::List(elements)) => Outcome::Read(elements.iter().map(to_number).collect()),
            Ok(Reply::Integer(length)) => Outcome::Appended(length.cast_unsigned() as usize),
            Ok(Reply::Nil) => Outcome::Read(Vec::new()),
            Ok(other) => panic!("{other:?} answers neither an append nor a read"),
            Err(Refusal::Uncertain | Refusal::NotAcknowledged) => Outcome::Unknown,
            Err(_) => Outcome::Failed,
        };
        if kind != Kind::ReadAnywhere {
            self.clients[number].target = self.next_target(self.clients[number].target, answer);
        }
        let outcome = match (kind, &answer.outcome) {
            (Kind::Append, Err(refusal)) if self.has(Habit::Number) => {
                let Some(outcome) = self.numbered_refused(number, *refusal) else { return };
                outcome
            }
            _ => outcome,
        };
        let idle_ms = self.rng.random_range(1..self.leisure_ms[number]);
        let client = &mut self.clients[number];
        if answer.outcome.is_ok() {
            client.position = client.position.max(Some(Token { epoch: answer.epoch, lsn: answer.lsn }));
        }
        client.current.retain(|current| *current != token);
        client.idle_until_ms = self.now_ms + idle_ms;
        self.history[token].completed = Some((self.moment, outcome));
    }

    /// Where to ask next after this answer.
    pub(super) fn next_target(&mut self, target: u8, answer: &Answer) -> u8 {
        match answer.outcome {
            Ok(_) => target,
            Err(Refusal::Redirect(address)) => (address.port() - 1) as u8,
            Err(_) => self.any_node(),
        }
    }
}

pub(super) fn to_number(element: &Bytes) -> usize {
    std::str::from_utf8(element).unwrap().parse().unwrap()
}
