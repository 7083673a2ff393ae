//! Writes that wait for those who must hold them, each as its client asked or as the node demands.
//!
//! Not here: who holds what (`acknowledgement`).

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::pending::Waiting;
use crate::config::Ack;
use crate::record::Lsn;

/// One queue for each way of acknowledgement, in the order of LSN, so that only the fronts need to be looked at.
#[derive(Debug)]
pub(crate) struct Writes<T> {
    queues: BTreeMap<Ack, VecDeque<Waiting<T>>>,
    /// Of those that do not wait for ever.
    deadlines: BTreeSet<(u64, Ack, Lsn)>,
    len: usize,
}

impl<T> Default for Writes<T> {
    fn default() -> Self {
        Writes { queues: BTreeMap::new(), deadlines: BTreeSet::new(), len: 0 }
    }
}

impl<T> Writes<T> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn push(&mut self, ack: Ack, write: Waiting<T>) {
        self.deadlines.extend(write.deadline_ms.map(|deadline_ms| (deadline_ms, ack, write.lsn)));
        self.queues.entry(ack).or_default().push_back(write);
        self.len += 1;
    }

    /// The ways of acknowledgement that somebody waits for.
    pub(crate) fn acks(&self) -> Vec<Ack> {
        self.queues.iter().filter(|(_, queue)| !queue.is_empty()).map(|(&ack, _)| ack).collect()
    }

    /// Since when the first of those waits that are to be acknowledged so.
    pub(crate) fn oldest_ms(&self, ack: Ack) -> Option<u64> {
        Some(self.queues.get(&ack)?.front()?.since_ms)
    }

    /// The next write that is acknowledged, if those of this way are up to `acked_lsn`.
    pub(crate) fn pop(&mut self, ack: Ack, acked_lsn: Lsn) -> Option<Waiting<T>> {
        let write = self.queues.get_mut(&ack)?.pop_front_if(|write| write.lsn <= acked_lsn)?;
        self.forget(ack, &write);
        Some(write)
    }

    /// The next write whose time is up.
    pub(crate) fn expire(&mut self, now_ms: u64) -> Option<Waiting<T>> {
        let &(_, ack, lsn) = self.deadlines.first().filter(|&&(deadline_ms, ..)| deadline_ms <= now_ms)?;
        let queue = self.queues.get_mut(&ack).expect("a write with a deadline waits");
        let index = queue.binary_search_by_key(&lsn, |write| write.lsn).expect("a write with a deadline waits");
        let write = queue.remove(index).expect("it was just found");
        self.forget(ack, &write);
        Some(write)
    }

    fn forget(&mut self, ack: Ack, write: &Waiting<T>) {
        if let Some(deadline_ms) = write.deadline_ms {
            self.deadlines.remove(&(deadline_ms, ack, write.lsn));
        }
        self.len -= 1;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn into_all(self) -> impl Iterator<Item = Waiting<T>> {
        self.queues.into_values().flatten()
    }
}
