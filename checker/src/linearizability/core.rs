//! From a search that found no linearization to a counterexample as small as can be. It decides nothing that the search did
//! not decide.

use super::budget::{Budget, Supervision};
use super::calls::{Call, NEVER};
use super::search::{Found, search};
use crate::model::{Effect, Model};

/// The most configurations of one attempt; one that takes more is no help to a reader who waits.
const MOST_CONFIGURATIONS: u64 = 100_000;
/// The most bytes of one attempt.
const MOST_BYTES: u64 = 256 << 20;

/// Operations that cannot all be.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Core {
    /// The one that has no place.
    pub(super) stuck: usize,
    /// How many had ended before it.
    pub(super) ended: usize,
    /// Those that leave it none.
    pub(super) others: Vec<usize>,
    /// Whether what had ended before is known to have an order, and each of the others to be needed.
    pub(super) is_minimal: bool,
    /// What the object may have held instead.
    pub(super) held: Vec<String>,
}

/// Makes calls easier to search, linearizable iff they were.
type Prepare<'a, A> = &'a dyn Fn(Vec<Call<A>>) -> Vec<Call<A>>;

/// Calls, and what makes them ready for the search.
pub(super) struct Problem<'a, M: Model> {
    pub(super) model: &'a M,
    pub(super) calls: &'a [Call<M::Action>],
    pub(super) prepare: Prepare<'a, M::Action>,
}

impl<M: Model> Problem<'_, M> {
    /// The first call that has no place, and those that leave it none, of calls that have no linearization. None of them can
    /// be forgotten, unless the work ran out first. What began only when it had ended is no part of it.
    ///
    /// A call is *forgotten* by letting it take effect at any time or never, whatever it was answered; a read then says
    /// nothing. A linearization of the whole history is one of the loosened history too, so if that one has none, the calls
    /// that were not forgotten are a counterexample. What cannot be forgotten now cannot be forgotten later either, when
    /// still more is: so one look at each call by itself is enough, once many were forgotten together.
    pub(super) fn core(&self, work: u64) -> Core {
        let mut ends: Vec<u64> = self.calls.iter().filter(|call| call.is_certain()).map(|call| call.end).collect();
        ends.sort_unstable();
        let mut smaller = Smaller { problem: self, work, is_exact: true, held: Vec::new() };
        let end = smaller.first_impossible_end(&ends);
        let is_first = smaller.is_exact;
        let calls = self.until(end);
        let mut others = smaller.least(&calls);
        // Unless the work ran out, that is one that ended just then: what had ended before has an order.
        let end_of = |operation: usize| calls.iter().find(|call| call.operation == operation).map(|call| call.end);
        let when = |operation: usize| end_of(operation).filter(|&end| end != NEVER);
        let stuck = (0..others.len()).max_by_key(|&index| when(others[index])).expect("what is forgotten has an order");
        let stuck = others.remove(stuck);
        let ended = ends.partition_point(|&other| other < end);
        Core { stuck, ended, others, is_minimal: is_first && smaller.is_exact, held: smaller.held }
    }

    /// The calls as they were known then: what ended later is open, and its answer not known.
    fn until(&self, end: u64) -> Vec<Call<M::Action>> {
        let open =
            |call: &Call<M::Action>| Call { end: NEVER, action: self.model.forget(&call.action), ..call.clone() };
        let begun = self.calls.iter().filter(|call| call.start <= end);
        begun.map(|call| if call.end <= end { call.clone() } else { open(call) }).collect()
    }

    fn is_read(&self, call: &Call<M::Action>) -> bool {
        self.model.effect(&call.action) == Effect::Reads
    }
}

/// Attempts to make a problem smaller.
struct Smaller<'a, M: Model> {
    problem: &'a Problem<'a, M>,
    work: u64,
    /// Whether no attempt was given up.
    is_exact: bool,
    /// What the object may have held, as the last attempt without a linearization tells it.
    held: Vec<String>,
}

impl<M: Model> Smaller<'_, M> {
    /// The first of these ends until which there is no linearization.
    fn first_impossible_end(&mut self, ends: &[u64]) -> u64 {
        let (mut linearizable, mut not) = (0, ends.len() - 1);
        while linearizable < not {
            let middle = usize::midpoint(linearizable, not);
            if self.has_none(self.problem.until(ends[middle])) {
                not = middle;
            } else {
                linearizable = middle + 1;
            }
        }
        ends[not]
    }

    /// Of these calls, as few operations as have no linearization.
    fn least(&mut self, calls: &[Call<M::Action>]) -> Vec<usize> {
        let problem = self.problem;
        let says_something = |call: &&Call<M::Action>| call.is_certain() || !problem.is_read(call);
        let mut kept: Vec<usize> = calls.iter().filter(says_something).map(|call| call.operation).collect();
        let mut size = kept.len();
        while size > 0 {
            self.is_exact = true; // only the last round, in which each call is by itself, can tell
            let mut begin = kept.len();
            while begin > 0 {
                begin = begin.saturating_sub(size);
                let rest = [&kept[..begin], &kept[(begin + size).min(kept.len())..]].concat();
                let is_kept = |call: &Call<M::Action>| rest.binary_search(&call.operation).is_ok();
                let loosen =
                    |call: &Call<M::Action>| if is_kept(call) { Some(call.clone()) } else { self.forget(call) };
                let loosened = calls.iter().filter_map(loosen).collect();
                if self.has_none(loosened) {
                    kept = rest;
                }
            }
            size /= 2;
        }
        kept
    }

    fn forget(&self, call: &Call<M::Action>) -> Option<Call<M::Action>> {
        let action = self.problem.model.forget(&call.action);
        (self.problem.model.effect(&action) != Effect::Reads).then(|| call.forgotten(action))
    }

    /// Whether it is known that the calls have no linearization.
    fn has_none(&mut self, calls: Vec<Call<M::Action>>) -> bool {
        let events = 2 * calls.len() as u64;
        if self.work < events {
            self.is_exact = false;
            return false;
        }
        let most = (self.work - events).min(MOST_CONFIGURATIONS);
        let supervision = Supervision::new(&|_| true, 0); // the work is bounded, and no progress on the history
        let mut budget = Budget::new(&supervision, most, MOST_BYTES);
        let found = search(self.problem.model, &(self.problem.prepare)(calls), &mut budget);
        self.work -= events + budget.looked_at().min(most);
        self.is_exact &= !matches!(found, Found::GaveUp { .. });
        if let Found::NoPlace { held, .. } = found {
            self.held = held;
            return true;
        }
        false
    }
}
