//! `coordinator`: whoever holds a lease in an outside store leads, as with Patroni. Here is when a node bids for the lease, and when
//! it stops leading because the lease may run out.
//!
//! Not here: the store, and asking it (`crate::coordinator`).
//!
//! The store's lease decides that there is one leader at a time, and its holder's epoch is the fencing token: greater than every
//! epoch that the store or any member that answered knows. What a lease cannot decide is who has the records. So a bidder first asks
//! the others how far their logs reach, and leaves the lease to whoever is ahead of it.

use std::collections::{BTreeMap, BTreeSet};

use super::message::{Body, LogEnd};
use super::{Ack, Core, Effect, Election, Fencing, Role};
use crate::record::{Epoch, Member};

/// Least time for which a bidder waits for the others' answers.
const LEAST_BID_MS: u64 = 20;

/// What the store has to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lease {
    /// Nobody holds the lease. `holder` is what its last holder told of itself, and `version` says which state of the store this is.
    Vacant {
        holder: Option<Holder>,
        version: i64,
    },
    /// This node holds it until then, by its own clock and with a margin.
    Granted {
        epoch: Epoch,
        until_ms: u64,
    },
    Renewed {
        until_ms: u64,
    },
    /// Another holds it, or this node does not any more.
    Lost,
}

/// What a holder of the lease tells of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) epoch: Epoch,
    /// How far its log reached when it last told.
    pub(crate) log: LogEnd,
}

/// What is wanted of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LeaseWish {
    /// The lease, if the store is still in that state.
    Bid { holder: Holder, version: i64 },
    /// Not to have it any more.
    Release,
}

/// What a node knows of the lease.
#[derive(Debug, Default)]
pub(crate) struct Coordination {
    /// Until when this node may lead.
    until_ms: u64,
    bid: Option<Bid>,
    /// Why this node did not bid the last time; said once.
    declined: Option<&'static str>,
}

/// The others are being asked how far their logs reach.
#[derive(Debug)]
struct Bid {
    holder: Option<Holder>,
    version: i64,
    answers: BTreeMap<Member, LogEnd>,
    decide_at_ms: u64,
}

impl<T> Core<T> {
    fn coordinated(&self) -> bool {
        self.settings.modes.failover.election == Election::Coordinator
    }

    /// The store has something to say.
    pub(crate) fn lease(&mut self, lease: Lease) {
        if self.disk_trouble.is_some() {
            return self.release_lease(); // nobody leads without a disk
        }
        let leads = matches!(self.role, Role::Leader(_));
        match lease {
            Lease::Vacant { .. } | Lease::Lost if leads => self.lose_lease("the lease is lost"),
            Lease::Vacant { holder, version } if self.coordination.bid.is_none() => self.prepare_bid(holder, version),
            Lease::Vacant { .. } => {}
            Lease::Lost => (self.coordination.bid, self.coordination.declined) = (None, None),
            Lease::Granted { epoch, until_ms } if leads || epoch <= self.hard.epoch || until_ms <= self.now_ms => {
                let (own_epoch, lsn) = (self.hard.epoch, self.journal.last_lsn());
                tracing::info!(epoch = own_epoch, lsn, granted_epoch = epoch, "declined a lease that came too late");
                self.release_lease();
            }
            Lease::Granted { epoch, until_ms } => {
                self.enter_to_lead(epoch, None);
                self.coordination = Coordination { until_ms, ..Coordination::default() };
                self.lead();
            }
            Lease::Renewed { until_ms } => self.coordination.until_ms = self.coordination.until_ms.max(until_ms),
        }
    }

    fn prepare_bid(&mut self, holder: Option<Holder>, version: i64) {
        if !self.may_lead() {
            return;
        }
        let wait_ms = (2 * self.settings.modes.failover.heartbeat_ms).max(LEAST_BID_MS);
        let decide_at_ms = self.now_ms + wait_ms;
        self.coordination.bid = Some(Bid { holder, version, answers: BTreeMap::new(), decide_at_ms });
        self.broadcast(&Body::Whereabouts);
        self.decide_bid();
    }

    pub(crate) fn on_here(&mut self, from: Member, epoch: Epoch, log: LogEnd) {
        if epoch > self.hard.epoch {
            self.on_newer_epoch(epoch, None);
        }
        if let Some(bid) = &mut self.coordination.bid {
            bid.answers.insert(from, log);
            self.decide_bid();
        }
    }

    pub(crate) fn holds_coordinators_lease(&self) -> bool {
        self.now_ms < self.coordination.until_ms
    }

    /// A bid's time is up, or a leader's lease.
    pub(crate) fn tick_lease(&mut self) {
        if matches!(self.role, Role::Leader(_)) {
            if self.now_ms >= self.coordination.until_ms {
                self.lose_lease("the lease may run out and could not be renewed");
            }
        } else {
            self.decide_bid();
        }
    }

    /// Bids, or leaves it, once everybody has answered or has had the time to.
    fn decide_bid(&mut self) {
        let Some(bid) = &self.coordination.bid else { return };
        if self.now_ms < bid.decide_at_ms && bid.answers.len() < self.settings.peers().len() {
            return;
        }
        let bid = self.coordination.bid.take().expect("there is one");
        let (epoch, own) = (self.hard.epoch, self.log_end());
        if let Some(why) = self.reason_not_to_bid(&bid, own) {
            if self.coordination.declined.replace(why) != Some(why) {
                tracing::info!(epoch, lsn = own.lsn, why, "does not bid for the lease");
            }
            return;
        }
        if !self.is_old_leader_fenced() {
            return;
        }
        let known = bid.holder.map_or(0, |holder| holder.epoch).max(epoch);
        let holder = Holder { epoch: known + 1, log: own };
        tracing::info!(epoch, lsn = own.lsn, proposed_epoch = holder.epoch, "bids for the lease");
        self.effects.push(Effect::Lease(LeaseWish::Bid { holder, version: bid.version }));
    }

    fn reason_not_to_bid(&self, bid: &Bid, own: LogEnd) -> Option<&'static str> {
        let modes = &self.settings.modes;
        // In the other modes one surviving member may go on alone; that is what they are for.
        let needs_majority = !matches!(modes.acknowledgement.ack, Ack::Async | Ack::SemiSync);
        let answered: BTreeSet<Member> = bid.answers.keys().copied().collect();
        let lag_records = bid.holder.map_or(0, |holder| holder.log.lsn.saturating_sub(own.lsn));
        if bid.answers.values().any(|log| *log > own) {
            Some("another member has more records")
        } else if needs_majority && self.voters_among(&answered) < self.settings.majority() {
            Some("a majority holds every acknowledged record, and too few members answer to know that this node does")
        } else if modes.failover.max_lag_on_failover.is_some_and(|most| lag_records > most) {
            Some("further behind the last leader than --max-lag-on-failover")
        } else {
            None
        }
    }

    fn lose_lease(&mut self, why: &str) {
        // A leader that nothing fences goes on until it hears of its successor.
        if self.settings.modes.failover.fencing != Fencing::None {
            let (epoch, lsn) = (self.hard.epoch, self.journal.last_lsn());
            tracing::info!(epoch, lsn, "stepped down: {why}");
            self.follow(epoch, None);
        }
    }

    /// What a leader tells the store of itself.
    pub(crate) fn holder(&self) -> Option<Holder> {
        matches!(self.role, Role::Leader(_)).then(|| Holder { epoch: self.hard.epoch, log: self.log_end() })
    }

    /// This node does not lead any more, or does not want to.
    pub(crate) fn release_lease(&mut self) {
        if self.coordinated() {
            self.effects.push(Effect::Lease(LeaseWish::Release));
        }
    }
}
