//! A simulated store that grants one lease, and for each node what asks it: one question at a time, answers that come late or never.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::clocks::Clock;
use crate::core::coordinated::{Holder, Lease, LeaseWish};

const TTL_MS: u64 = 300;
/// As in `crate::coordinator`: a tenth less than the lease lasts.
const RELIANCE_MS: u64 = TTL_MS - TTL_MS / 10;
const PACE_MS: u64 = 20;
/// After this a question counts as not answered.
const PATIENCE_MS: u64 = 80;

#[derive(Debug, Clone, Copy)]
enum Question {
    Ask(Option<(u64, Holder)>),
    Wish(LeaseWish, Option<u64>),
}

#[derive(Debug, Clone, Copy)]
enum Travel {
    There(Question),
    Back(Lease, Option<(u64, Holder)>),
}

/// What asks for one node; it dies with the node.
#[derive(Debug, Default)]
struct Agent {
    held: Option<(u64, Holder)>,
    wishes: VecDeque<LeaseWish>,
    /// When the question was asked that is under way.
    asked_ms: Option<u64>,
    next_ms: u64,
}

#[derive(Debug)]
pub(super) struct Coordinator {
    rng: ChaCha8Rng,
    /// Which lease there is, and when it ends.
    lease: Option<(u64, u64)>,
    granted: u64,
    holder: Option<Holder>,
    version: i64,
    agents: BTreeMap<u8, Agent>,
    /// Nodes that do not reach the store.
    cut: BTreeSet<u8>,
    travels: BTreeMap<(u64, u64), (u8, u64, Travel)>,
    sent: u64,
}

impl Coordinator {
    pub(super) fn new(seed: u64) -> Self {
        Coordinator {
            rng: ChaCha8Rng::seed_from_u64(seed),
            lease: None,
            granted: 0,
            holder: None,
            version: 0,
            agents: BTreeMap::new(),
            cut: BTreeSet::new(),
            travels: BTreeMap::new(),
            sent: 0,
        }
    }

    pub(super) fn restart(&mut self, node: u8) {
        self.agents.insert(node, Agent::default());
    }

    /// Who is cut off from the others may or may not reach the store.
    pub(super) fn cut_off(&mut self, node: u8) {
        if self.rng.random() {
            self.cut.insert(node);
        }
    }

    pub(super) fn heal(&mut self) {
        self.cut.clear();
    }

    pub(super) fn wish(&mut self, node: u8, wish: LeaseWish) {
        self.agents.get_mut(&node).expect("it runs").wishes.push_back(wish);
    }

    /// Lets one millisecond pass for a node that runs: what it is told, with times on the common clock.
    pub(super) fn run(&mut self, node: u8, now_ms: u64, position: Option<Holder>) -> Vec<Lease> {
        let mut told = Vec::new();
        // Answers to others wait until those run; they may be paused.
        let is_due = |(&at, &(to, _, travel)): (&(u64, u64), &(u8, u64, Travel))| {
            (at.0 <= now_ms && (to == node || matches!(travel, Travel::There(_)))).then_some(at)
        };
        while let Some(at) = self.travels.iter().find_map(is_due) {
            let (to, asked_ms, travel) = self.travels.remove(&at).expect("it was found");
            match travel {
                Travel::There(question) => self.answer(to, asked_ms, question, now_ms),
                Travel::Back(lease, held) => {
                    let agent = self.agents.get_mut(&to).expect("it runs");
                    // Otherwise the agent has given up, or it is the agent of a node that was started anew.
                    if agent.asked_ms == Some(asked_ms) {
                        (agent.asked_ms, agent.held) = (None, held);
                        told.push(lease);
                    }
                }
            }
        }
        self.ask(node, now_ms, position);
        told
    }

    fn ask(&mut self, node: u8, now_ms: u64, position: Option<Holder>) {
        let agent = self.agents.get_mut(&node).expect("it runs");
        if agent.asked_ms.is_some_and(|asked_ms| now_ms < asked_ms + PATIENCE_MS) {
            return;
        }
        agent.asked_ms = None;
        let question = if let Some(wish) = agent.wishes.pop_front() {
            let held = agent.held.map(|(id, _)| id);
            agent.held = agent.held.filter(|_| wish != LeaseWish::Release);
            Question::Wish(wish, held)
        } else if now_ms >= agent.next_ms {
            agent.next_ms = now_ms + PACE_MS;
            let now_told =
                |(id, last): (u64, Holder)| (id, position.filter(|now| now.epoch == last.epoch).unwrap_or(last));
            Question::Ask(agent.held.map(now_told))
        } else {
            return;
        };
        agent.asked_ms = Some(now_ms);
        self.travel(node, now_ms, now_ms, Travel::There(question));
    }

    fn travel(&mut self, node: u8, asked_ms: u64, now_ms: u64, travel: Travel) {
        if self.cut.contains(&node) {
            return;
        }
        let delay_ms = match self.rng.random_range(0..100) {
            0 => return,
            1..4 => self.rng.random_range(0..900),
            _ => self.rng.random_range(0..4),
        };
        self.sent += 1;
        self.travels.insert((now_ms + delay_ms, self.sent), (node, asked_ms, travel));
    }

    /// The store decides.
    fn answer(&mut self, node: u8, asked_ms: u64, question: Question, now_ms: u64) {
        self.lease = self.lease.filter(|(_, ends_ms)| now_ms < *ends_ms);
        let holds = |id: u64| self.lease.is_some_and(|(held, _)| held == id);
        let until_ms = asked_ms + RELIANCE_MS;
        let (lease, held) = match question {
            Question::Ask(Some((id, holder))) if holds(id) => {
                let ends_ms = self.lease.map_or(0, |(_, ends_ms)| ends_ms);
                self.lease = Some((id, ends_ms.max(asked_ms + TTL_MS)));
                (self.holder, self.version) = (Some(holder), self.version + 1);
                (Lease::Renewed { until_ms }, Some((id, holder)))
            }
            Question::Ask(None) if self.lease.is_some() => (Lease::Lost, None),
            Question::Ask(None) => (Lease::Vacant { holder: self.holder, version: self.version }, None),
            Question::Wish(LeaseWish::Bid { holder, version }, _)
                if self.lease.is_none() && version == self.version =>
            {
                self.granted += 1;
                // A real store may have begun to count at any time since it was asked; this one is as early as it can be.
                self.lease = Some((self.granted, asked_ms + TTL_MS));
                (self.holder, self.version) = (Some(holder), self.version + 1);
                (Lease::Granted { epoch: holder.epoch, until_ms }, Some((self.granted, holder)))
            }
            Question::Ask(Some(_)) | Question::Wish(LeaseWish::Bid { .. }, _) => (Lease::Lost, None),
            Question::Wish(LeaseWish::Release, id) => {
                if id.is_some_and(holds) {
                    self.lease = None;
                }
                (Lease::Lost, None)
            }
        };
        self.travel(node, asked_ms, now_ms, Travel::Back(lease, held));
    }
}

/// The same, by the clock of a core that started then: it counts from when it asked.
pub(super) fn since(lease: Lease, started_ms: u64, clock: Clock) -> Lease {
    let shown_ms = |until_ms: u64| clock.shows_ms((until_ms - RELIANCE_MS).saturating_sub(started_ms)) + RELIANCE_MS;
    match lease {
        Lease::Granted { epoch, until_ms } => Lease::Granted { epoch, until_ms: shown_ms(until_ms) },
        Lease::Renewed { until_ms } => Lease::Renewed { until_ms: shown_ms(until_ms) },
        Lease::Vacant { .. } | Lease::Lost => lease,
    }
}
