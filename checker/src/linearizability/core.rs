//! Makes the counterexample of a search small enough for a person. It decides nothing that the search did not decide.

use super::calls::{Call, NEVER};
use super::search::{Found, search};
use crate::model::Model;

/// The most work on one counterexample, in events looked at plus configurations: a small fraction of a second.
const MOST_WORK: u64 = 100_000;

/// Calls that leave no place for the one that a search got stuck at, whatever all others did.
///
/// A call is left out by letting it end never, and by dropping it if it is a read. A linearization of the whole history is
/// one of the loosened history too, so if that one has none, the calls that were not loosened are a counterexample. A search
/// of it gets as far as before, and is stuck at the same call.
pub(super) fn core<M: Model>(model: &M, calls: &[Call<M::Action>], stuck: usize) -> Vec<usize> {
    let mut core = Core { model, calls: until_the_end_of(calls, stuck), stuck, work: MOST_WORK };
    let mut size = core.calls.len();
    while size > 0 {
        for begin in (0..core.calls.len()).step_by(size) {
            core.try_without(begin..(begin + size).min(core.calls.len()));
        }
        size /= 2;
    }
    let others = core.calls.iter().enumerate().filter(|&(index, call)| call.is_certain() && index != stuck);
    others.map(|(_, call)| call.operation).collect()
}

/// The history as it was when the call at this index ended: what ended later, was open. Indices stay what they were.
fn until_the_end_of<A: Clone>(calls: &[Call<A>], stuck: usize) -> Vec<Call<A>> {
    let end = calls[stuck].end;
    let begun = calls.iter().filter(|call| call.start <= end).cloned();
    begun.map(|call| if call.end > end { Call { end: NEVER, ..call } } else { call }).collect()
}

struct Core<'a, M: Model> {
    model: &'a M,
    calls: Vec<Call<M::Action>>,
    stuck: usize,
    work: u64,
}

impl<M: Model> Core<'_, M> {
    /// Loosens the calls in the range, if the rest still is a counterexample.
    fn try_without(&mut self, range: std::ops::Range<usize>) {
        let can_go = |index: usize| self.calls[index].is_certain() && index != self.stuck;
        let events = 2 * self.calls.len() as u64;
        if self.work < events || !range.clone().any(can_go) {
            return;
        }
        let mut loosened = self.calls.clone();
        for index in range.filter(|&index| index != self.stuck) {
            loosened[index].end = NEVER;
        }
        let budget = (self.work - events).min(MOST_WORK / 20);
        let report = search(self.model, &loosened, budget);
        self.work -= events + report.configurations;
        if matches!(report.found, Found::NoPlace { .. }) {
            self.calls = loosened;
        }
    }
}
