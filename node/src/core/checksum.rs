//! `CHECKSUM`: what this node's rows come to, all of one moment, for a person who compares two nodes.
//!
//! The rows are copied at once, which costs a pointer a page (`store::rows`; an engine that keeps a file reads it), and added up in slices
//! while writes go on. Not here: nodes that compare themselves (`verification`, `drift`).

use std::ops::Bound;

use super::{Core, Refusal};
use crate::key_range::KeyRange;
use crate::record::{Epoch, Lsn};
use crate::store::Reply;
use crate::store::checksum::{SliceBounds, Summing};
use crate::store::rows::Rows;

/// The most that is added up before events are taken in again: a millisecond or two.
const SLICE: SliceBounds = SliceBounds { rows: 10_000, bytes: 4 << 20 };
/// Most copies at once: each keeps the pages that are changed meanwhile.
const MAX_SUMS: usize = 16;

/// Rows that are being added up.
#[derive(Debug)]
pub(crate) struct Summation<T> {
    token: T,
    epoch: Epoch,
    lsn: Lsn,
    rows: Rows,
    rest: KeyRange,
    summing: Summing,
}

impl<T> Summation<T> {
    /// Adds up the next rows; whether these were the last.
    fn step(&mut self) -> bool {
        let (from, mut bytes) = (self.rest.from.clone(), 0);
        let rows = self.rows.from(Bound::Included(&from)).take_while(|(key, _)| self.rest.contains(key));
        for (number, (key, value)) in rows.enumerate() {
            if number >= SLICE.rows || bytes > SLICE.bytes {
                self.rest.from = key.clone();
                return false;
            }
            bytes += key.len() + value.size();
            self.summing.add(key, value);
        }
        true
    }
}

impl<T> Core<T> {
    pub(crate) fn ask_checksum(&mut self, token: T, rest: KeyRange) {
        let lsn = self.journal.last_lsn();
        let epoch = self.journal.epoch(lsn);
        if self.drift.sums.len() >= MAX_SUMS {
            return self.answer(token, Err(Refusal::Busy), epoch, lsn);
        }
        let (rows, summing) = (self.store.rows(), Summing::default());
        self.drift.sums.push_back(Summation { token, epoch, lsn, rows, rest, summing });
    }

    /// Goes on with the first that was asked for.
    pub(crate) fn sum_on(&mut self) {
        if self.drift.sums.front_mut().is_some_and(Summation::step)
            && let Some(Summation { token, epoch, lsn, summing, .. }) = self.drift.sums.pop_front()
        {
            let sum = summing.end();
            let told = format!("lsn={lsn},epoch={epoch},rows={},checksum={:08x}", sum.rows, sum.checksum);
            self.answer(token, Ok(Reply::Told(told)), epoch, lsn);
        }
    }
}
