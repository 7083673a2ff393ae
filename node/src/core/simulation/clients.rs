//! The clients of a simulated cluster: each appends unique numbers to lists and reads them, one operation at a time.
//!
//! Not here: whether what they saw is right (`judge`).

use bytes::Bytes;
use rand::RngExt;

use super::judge::{Operated, Outcome};
use super::{KEYS, PATIENCE_MS, READER, World};
use crate::core::{Answer, Refusal};
use crate::record::End;
use crate::store::{Operation, Reply};

pub(super) struct Client {
    /// The operation under way and when it was sent.
    pub(super) current: Option<(usize, u64)>,
    pub(super) target: u8,
    pub(super) idle_until_ms: u64,
}

impl World {
    pub(super) fn run_clients(&mut self) {
        for (client, patience_ms) in PATIENCE_MS.into_iter().enumerate() {
            let Client { current, idle_until_ms, .. } = self.clients[client];
            match current {
                Some((_, sent_ms)) if sent_ms + patience_ms > self.now_ms => continue,
                Some(_) => self.clients[client].target = self.rng.random_range(0..self.setup.nodes),
                None if idle_until_ms > self.now_ms => continue,
                None => {}
            }
            self.invoke(client);
        }
    }

    fn invoke(&mut self, client: usize) {
        let token = self.history.len();
        let key = self.rng.random_range(0..KEYS);
        let reads = self.rng.random_range(0..3) == 0 || client == READER;
        self.moment += 1;
        let horizon = self.horizon().filter(|_| reads);
        if horizon.is_some() && client == READER {
            self.clients[client].target = self.rng.random_range(0..self.setup.nodes);
        }
        self.history.push(Operated { client, key, invoked: self.moment, horizon, completed: None });
        self.clients[client].current = Some((token, self.now_ms));
        let key = Bytes::from(vec![b'a' + key]);
        let operation = if reads {
            Operation::Range { key, start: 0, stop: -1 }
        } else {
            Operation::Push { key, end: End::Back, elements: vec![Bytes::from(token.to_string())] }
        };
        let target = self.clients[client].target;
        if self.out_of_reach.contains(&(client, target)) {
            return;
        }
        let node = &mut self.nodes[usize::from(target)];
        if node.core.is_some() {
            node.requests.push((token, operation));
        } else {
            let answer = Answer { outcome: Err(Refusal::NoLeader), epoch: 0, lsn: 0 };
            self.complete(token, &answer);
        }
    }

    pub(super) fn complete(&mut self, token: usize, answer: &Answer) {
        self.moment += 1;
        let operation = &mut self.history[token];
        let outcome = match &answer.outcome {
            Ok(Reply::List(elements)) => {
                let number = |element: &Bytes| std::str::from_utf8(element).unwrap().parse().unwrap();
                Outcome::Read(elements.iter().map(number).collect())
            }
            Ok(_) => Outcome::Appended,
            Err(Refusal::Uncertain) => Outcome::Unknown,
            Err(_) => Outcome::Failed,
        };
        let leisure_ms = self.leisure_ms[operation.client];
        let client = &mut self.clients[operation.client];
        if client.current.is_none_or(|(current, _)| current != token) {
            return; // it gave up before, and will never know
        }
        client.target = match answer.outcome {
            Ok(_) => client.target,
            Err(Refusal::Redirect(address)) => (address.port() - 1) as u8,
            Err(_) => self.rng.random_range(0..self.setup.nodes),
        };
        client.current = None;
        client.idle_until_ms = self.now_ms + self.rng.random_range(1..leisure_ms);
        operation.completed = Some((self.moment, outcome));
    }
}
