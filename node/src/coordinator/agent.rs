//! Holds the lease for a node, or looks out for it: one question to the store at a time.
//!
//! Not here: what the questions look like on the wire (`etcd`).

use std::time::{Duration, Instant};

use super::{Lease, Told, View};
use crate::core::coordinated::{Holder, LeaseWish};

/// What is asked of a store, and what was.
#[derive(Debug)]
pub(super) struct Agent<L: Lease> {
    store: L,
    ttl: Duration,
    /// The lease, and what was told with it last.
    held: Option<(L::Id, Holder)>,
    /// The store did not answer the last question; said once.
    silent: bool,
}

impl<L: Lease> Agent<L> {
    pub(super) fn new(store: L, ttl: Duration) -> Self {
        Agent { store, ttl, held: None, silent: false }
    }

    /// How long after a question was asked its answer may be relied on: the time of the lease, less a tenth for clocks that do not run
    /// equally fast and for what the node needs to stop.
    fn reliance(&self) -> Duration {
        self.ttl * 9 / 10
    }

    /// Renews the lease, or sees who has it.
    pub(super) fn ask(&mut self, position: Option<Holder>) -> Option<Told> {
        let asked = Instant::now();
        let told = match self.held {
            Some((id, last)) => {
                // The node may not have come to tell of this reign yet; what it told of an earlier one must not come back.
                let holder = position.filter(|position| position.epoch == last.epoch).unwrap_or(last);
                self.store.renew(id, holder).map(|renewed| {
                    self.held = renewed.then_some((id, holder));
                    Some(if renewed { Told::Renewed { until: asked + self.reliance() } } else { Told::Lost })
                })
            }
            None => self.store.look().map(|view| match view {
                View { held: true, .. } => Some(Told::Lost),
                View { holder, version, .. } => Some(Told::Vacant { holder, version }),
            }),
        };
        self.note(told)
    }

    /// Does what the node wants.
    pub(super) fn obey(&mut self, wish: LeaseWish) -> Option<Told> {
        match wish {
            LeaseWish::Bid { holder, version } => {
                let asked = Instant::now();
                let acquired = self.store.acquire(self.ttl, version, holder);
                let told = acquired.map(|id| {
                    self.held = id.map(|id| (id, holder)).or(self.held);
                    id.map(|_| Told::Granted { epoch: holder.epoch, until: asked + self.reliance() })
                });
                self.note(told)
            }
            LeaseWish::Release => {
                let (id, _) = self.held.take()?;
                let released = self.store.release(id);
                self.note(released.map(|()| None))
            }
        }
    }

    fn note(&mut self, told: Result<Option<Told>, super::StoreError>) -> Option<Told> {
        match told {
            Ok(told) => {
                if std::mem::take(&mut self.silent) {
                    tracing::info!("the coordinator answers again");
                }
                told
            }
            Err(error) => {
                if !std::mem::replace(&mut self.silent, true) {
                    tracing::warn!(%error, "the coordinator does not answer");
                }
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::super::StoreError;
    use super::*;
    use crate::core::message::LogEnd;

    /// A store in this process, whose lease ends when a test says so.
    #[derive(Debug, Default)]
    struct Fake {
        held: Option<u32>,
        granted: u32,
        view: Option<Holder>,
        version: i64,
        silent: bool,
    }

    type Shared = Rc<RefCell<Fake>>;

    fn answering(fake: &Shared) -> Result<std::cell::RefMut<'_, Fake>, StoreError> {
        let fake = fake.borrow_mut();
        if fake.silent { Err(StoreError("silent".to_owned())) } else { Ok(fake) }
    }

    impl Lease for Shared {
        type Id = u32;

        fn look(&mut self) -> Result<View, StoreError> {
            let fake = answering(self)?;
            Ok(View { held: fake.held.is_some(), holder: fake.view, version: fake.version })
        }

        fn acquire(&mut self, _: Duration, version: i64, holder: Holder) -> Result<Option<u32>, StoreError> {
            let mut fake = answering(self)?;
            if fake.held.is_some() || fake.version != version {
                return Ok(None);
            }
            fake.granted += 1;
            fake.held = Some(fake.granted);
            fake.view = Some(holder);
            fake.version += 1;
            Ok(fake.held)
        }

        fn renew(&mut self, id: u32, holder: Holder) -> Result<bool, StoreError> {
            let mut fake = answering(self)?;
            if fake.held != Some(id) {
                return Ok(false);
            }
            fake.view = Some(holder);
            fake.version += 1;
            Ok(true)
        }

        fn release(&mut self, id: u32) -> Result<(), StoreError> {
            let mut fake = answering(self)?;
            fake.held = fake.held.filter(|held| *held != id);
            Ok(())
        }
    }

    fn holder(epoch: u64) -> Holder {
        Holder { epoch, log: LogEnd { epoch, lsn: epoch } }
    }

    fn agents() -> (Shared, Agent<Shared>, Agent<Shared>) {
        let fake = Shared::default();
        let agent = || Agent::new(Rc::clone(&fake), Duration::from_secs(10));
        (Rc::clone(&fake), agent(), agent())
    }

    fn bid(agent: &mut Agent<Shared>, epoch: u64, version: i64) -> Option<Told> {
        agent.obey(LeaseWish::Bid { holder: holder(epoch), version })
    }

    #[test]
    fn one_agent_gets_the_lease_and_the_other_when_it_is_released() {
        let (_fake, mut a, mut b) = agents();
        assert_eq!(a.ask(None), Some(Told::Vacant { holder: None, version: 0 }));
        let before = Instant::now();
        let Some(Told::Granted { epoch: 1, until }) = bid(&mut a, 1, 0) else { panic!("not granted") };
        assert!(until - before >= Duration::from_secs(9) && until - before < Duration::from_secs(10));
        assert_eq!(bid(&mut b, 2, 0), None);
        assert_eq!(b.ask(None), Some(Told::Lost));
        assert!(matches!(a.ask(Some(holder(0))), Some(Told::Renewed { .. })), "what it told of an earlier reign");
        assert_eq!(a.obey(LeaseWish::Release), None);
        assert_eq!(b.ask(None), Some(Told::Vacant { holder: Some(holder(1)), version: 2 }));
        assert!(matches!(bid(&mut b, 2, 2), Some(Told::Granted { epoch: 2, .. })));
    }

    #[test]
    fn a_bid_made_on_old_knowledge_is_not_granted() {
        let (fake, mut a, mut b) = agents();
        bid(&mut a, 1, 0);
        fake.borrow_mut().held = None;
        assert_eq!(bid(&mut b, 1, 0), None, "another epoch was granted since it looked");
        assert_eq!(a.ask(Some(holder(1))), Some(Told::Lost));
    }

    #[test]
    fn a_store_that_is_silent_says_nothing_new() {
        let (fake, mut a, _) = agents();
        bid(&mut a, 1, 0);
        fake.borrow_mut().silent = true;
        assert_eq!(a.ask(Some(holder(1))), None, "the node's own clock decides now");
        fake.borrow_mut().silent = false;
        assert!(matches!(a.ask(Some(holder(1))), Some(Told::Renewed { .. })));
    }
}
