//! Makes the counterexample of a search as small as can be. It decides nothing that the search did not decide.

use super::budget::{Budget, Supervision};
use super::calls::{Call, NEVER};
use super::search::{Found, search};
use crate::model::{Effect, Model};

/// The most configurations of one attempt; one that takes more is no help to a reader who waits.
const MOST_CONFIGURATIONS: u64 = 100_000;
/// The most bytes of one attempt.
const MOST_BYTES: u64 = 256 << 20;

/// Operations that leave no place for another one.
pub(super) struct Core {
    pub(super) operations: Vec<usize>,
    /// Whether each of them is known to be needed.
    pub(super) is_minimal: bool,
}

/// Calls that leave no place for the one that a search got stuck at, whatever all others did: none of them can be
/// forgotten, unless the work ran out first.
///
/// A call is *forgotten* by letting it take effect at any time or never, whatever it found; a read then says nothing. A
/// linearization of the whole history is one of the loosened history too, so if that one has none, the calls that were not
/// forgotten are a counterexample. A search of it gets as far as before, and is stuck at the same call. What cannot be
/// forgotten now cannot be forgotten later either, when still more is: so one look at each call by itself is enough, once
/// many were forgotten together.
pub(super) fn core<M: Model>(model: &M, calls: &[Call<M::Action>], stuck: usize, work: u64) -> Core {
    let end = calls[stuck].end;
    let had_ended = |&index: &usize| calls[index].is_certain() && calls[index].end <= end && index != stuck;
    let kept: Vec<usize> = (0..calls.len()).filter(had_ended).collect();
    let mut smaller = Smaller { model, calls, stuck, work, kept, is_minimal: true };
    let mut size = smaller.kept.len();
    while size > 0 {
        smaller.is_minimal = true; // only the last round, in which each call is by itself, can tell
        let mut begin = smaller.kept.len();
        while begin > 0 {
            begin = begin.saturating_sub(size);
            smaller.try_without(begin, size);
        }
        size /= 2;
    }
    let operations = smaller.kept.iter().map(|&index| calls[index].operation).collect();
    Core { operations, is_minimal: smaller.is_minimal }
}

struct Smaller<'a, M: Model> {
    model: &'a M,
    calls: &'a [Call<M::Action>],
    stuck: usize,
    work: u64,
    /// The calls that are not forgotten, besides the one that has no place.
    kept: Vec<usize>,
    /// Whether no attempt was given up.
    is_minimal: bool,
}

impl<M: Model> Smaller<'_, M> {
    /// Forgets so many calls, if the rest still is a counterexample.
    fn try_without(&mut self, begin: usize, size: usize) {
        let end = (begin + size).min(self.kept.len());
        let rest = [&self.kept[..begin], &self.kept[end..]].concat();
        let loosened = self.loosened(&rest);
        let events = 2 * loosened.len() as u64;
        if self.work < events {
            self.is_minimal = false;
            return;
        }
        let most = (self.work - events).min(MOST_CONFIGURATIONS);
        let supervision = Supervision::new(&|_| true, 0); // the work is bounded, and no progress on the history
        let mut budget = Budget::new(&supervision, most, MOST_BYTES);
        let found = search(self.model, &loosened, &mut budget);
        self.work -= events + budget.looked_at().min(most);
        match found {
            Found::NoPlace { .. } => self.kept = rest,
            Found::GaveUp { .. } => self.is_minimal = false,
            Found::Linearization => {}
        }
    }

    /// The history as it was when the stuck call ended, with all calls forgotten but these and that one.
    fn loosened(&self, kept: &[usize]) -> Vec<Call<M::Action>> {
        let end = self.calls[self.stuck].end;
        let mut is_kept = vec![false; self.calls.len()];
        kept.iter().chain([&self.stuck]).for_each(|&index| is_kept[index] = true);
        let loosen = |(index, call): (usize, &Call<M::Action>)| {
            let is_read = self.model.effect(&call.action) == Effect::Reads;
            if is_kept[index] {
                Some(call.clone())
            } else if is_read || call.start > end {
                None
            } else {
                Some(Call { start: 0, end: NEVER, action: self.model.forget(&call.action), ..call.clone() })
            }
        };
        self.calls.iter().enumerate().filter_map(loosen).collect()
    }
}
