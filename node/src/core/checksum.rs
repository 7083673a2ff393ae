//! `CHECKSUM`: what this node's rows come to, all of one moment, for a person who compares two nodes.
//!
//! The rows are those of a view (`store::view`), added up in slices while writes go on. Not here: nodes that compare themselves (`verification`, `drift`).

use super::{Core, Refusal};
use crate::key_range::KeyRange;
use crate::record::{Epoch, Lsn};
use crate::store::Reply;
use crate::store::checksum::{SliceBounds, Summing};
use crate::store::view::View;

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
    rows: View,
    rest: KeyRange,
    summing: Summing,
}

impl<T> Summation<T> {
    /// Adds up the next rows; whether these were the last.
    fn step(&mut self) -> bool {
        let (from, mut number, mut bytes) = (self.rest.from.clone(), 0, 0);
        let Summation { rows, rest, summing, .. } = self;
        let mut is_last = true;
        rows.scan(&from, &mut |key, value| {
            if !rest.contains(key) {
                return false;
            }
            if number >= SLICE.rows || bytes > SLICE.bytes {
                (rest.from, is_last) = (key.clone(), false);
                return false;
            }
            number += 1;
            bytes += key.len() + value.size();
            summing.add(key, value);
            true
        });
        is_last
    }
}

impl<T> Core<T> {
    pub(crate) fn ask_checksum(&mut self, token: T, rest: KeyRange) {
        let lsn = self.journal.last_lsn();
        let epoch = self.journal.epoch(lsn);
        if self.drift.sums.len() >= MAX_SUMS {
            return self.answer(token, Err(Refusal::Busy), epoch, lsn);
        }
        let (rows, summing) = (self.store.view(), Summing::default());
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
