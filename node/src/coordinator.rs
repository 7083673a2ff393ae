//! The coordinator: an outside store that grants a lease to one node at a time. Here is what is asked of it, and the thread that asks.
//!
//! Not here: when a node wants the lease and what it does with it (`core::coordinated`).

use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedSender;

use crate::config::{Config, Election};
use crate::core::coordinated::{Holder, LeaseWish};
use agent::Agent;
use etcd::EtcdLease;

mod agent;
mod etcd;

/// A store cannot be asked, or does not answer as it should.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct StoreError(String);

/// What the store knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) held: bool,
    /// What the present or last holder told of itself.
    pub(crate) holder: Option<Holder>,
    /// Changes whenever `holder` does.
    pub(crate) version: i64,
}

/// A store with one lease for each cluster.
pub(crate) trait Lease {
    /// What a lease is known by while it is held.
    type Id: Copy;

    /// Who holds the lease.
    fn look(&mut self) -> Result<View, StoreError>;

    /// Takes the lease for so long, if nobody holds it and the store is in that version; tells the holder. `None` if that is not so.
    fn acquire(&mut self, ttl: Duration, version: i64, holder: Holder) -> Result<Option<Self::Id>, StoreError>;

    /// Starts its time anew, and tells the holder. `false` if it is held no more.
    fn renew(&mut self, id: Self::Id, holder: Holder) -> Result<bool, StoreError>;

    /// Gives it up at once.
    fn release(&mut self, id: Self::Id) -> Result<(), StoreError>;
}

/// What the agent tells the node. Times of leases are those of its own clock, taken before the store was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    Vacant { holder: Option<Holder>, version: i64 },
    Granted { epoch: u64, until: Instant },
    Renewed { until: Instant },
    Lost,
}

/// The node's end: what it wants, and how far its log reaches.
#[derive(Debug)]
pub(crate) struct Coordinator {
    wishes: Option<mpsc::Sender<LeaseWish>>,
    position: Arc<Mutex<Option<Holder>>>,
    thread: Option<JoinHandle<()>>,
}

impl Coordinator {
    /// Starts asking, if this cluster has a coordinator. What it says goes to `told`.
    pub(crate) fn start(config: &Config, told: UnboundedSender<Told>) -> std::io::Result<Option<Self>> {
        let failover = &config.modes.failover;
        let (Election::Coordinator, Some(etcd)) = (failover.election, &config.coordination.coordinator) else {
            return Ok(None);
        };
        let ttl = Duration::from_millis(failover.lease_ttl_ms);
        let store = EtcdLease::new(&etcd.endpoints, &config.coordination.scope, &config.id, patience(ttl));
        let position = Arc::new(Mutex::new(None));
        let (wishes, receiver) = mpsc::channel();
        let agent = Agent::new(store, ttl);
        let shared = Arc::clone(&position);
        let thread = std::thread::Builder::new()
            .name("coordinator".to_owned())
            .spawn(move || work(agent, ttl, &receiver, &shared, &told))?;
        Ok(Some(Coordinator { wishes: Some(wishes), position, thread: Some(thread) }))
    }

    pub(crate) fn wish(&self, wish: LeaseWish) {
        if let Some(wishes) = &self.wishes {
            let _ = wishes.send(wish); // the thread ends only after this
        }
    }

    /// Notes what is told to the store at the next renewal.
    pub(crate) fn note(&self, holder: Holder) {
        *self.position.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(holder);
    }
}

impl Drop for Coordinator {
    /// Gives the lease up, so that the next leader need not wait for its end.
    fn drop(&mut self) {
        self.wish(LeaseWish::Release);
        self.wishes = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // one request with a time limit
        }
    }
}

/// How long the store may take for one answer: several must fit into a lease.
fn patience(ttl: Duration) -> Duration {
    (ttl / 6).clamp(Duration::from_millis(100), Duration::from_secs(2))
}

/// How often the store is asked.
fn pace(ttl: Duration) -> Duration {
    (ttl / 10).clamp(Duration::from_millis(50), Duration::from_secs(1))
}

fn work<L: Lease>(
    mut agent: Agent<L>,
    ttl: Duration,
    wishes: &Receiver<LeaseWish>,
    position: &Mutex<Option<Holder>>,
    told: &UnboundedSender<Told>,
) {
    let mut next = Instant::now();
    loop {
        let news = match wishes.recv_timeout(next.saturating_duration_since(Instant::now())) {
            Ok(wish) => agent.obey(wish),
            Err(RecvTimeoutError::Timeout) => {
                next = Instant::now() + pace(ttl);
                let position = *position.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                agent.ask(position)
            }
            Err(RecvTimeoutError::Disconnected) => return,
        };
        if news.is_some_and(|news| told.send(news).is_err()) {
            return;
        }
    }
}
