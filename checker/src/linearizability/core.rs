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
    /// How many had ended before it, and have an order, if that is known.
    pub(super) placed: Option<usize>,
    /// Those that leave it none.
    pub(super) others: Vec<usize>,
    /// Whether each of them is known to be needed.
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
    /// The calls that have no linearization together: none of them can be forgotten, unless the work ran out first.
    ///
    /// A call is *forgotten* by letting it take effect at any time or never, whatever it was answered; a read then says
    /// nothing. A linearization of the whole history is one of the loosened history too, so if that one has none, the calls that were
    /// not forgotten are a counterexample. What cannot be forgotten now cannot be forgotten later either, when still more
    /// is: so one look at each call by itself is enough, once many were forgotten together.
    pub(super) fn core(&self, work: u64) -> Core {
        let mut completions: Vec<usize> =
            (0..self.calls.len()).filter(|&index| self.calls[index].is_certain()).collect();
        completions.sort_by_key(|&index| self.calls[index].end);
        let mut smaller = Smaller { problem: self, work, is_exact: true, stuck: 0, held: Vec::new() };
        let placed = smaller.longest_prefix(&completions);
        let (stuck, is_prefix_exact) = (completions[placed], smaller.is_exact);
        let operation = |index: usize| self.calls[index].operation;
        let mut kept = smaller.least(stuck);
        let mut told = operation(stuck);
        // What was answered later may be a contradiction by itself; then the last of it is told as the one without a place.
        if smaller.has_none(&self.only(&kept)) {
            told = kept.pop().map_or(told, operation);
            smaller.held.retain(|_| told == smaller.stuck);
        }
        let others = kept.into_iter().map(operation).collect();
        let is_placed = is_prefix_exact && told == operation(stuck);
        Core {
            stuck: told,
            placed: is_placed.then_some(placed),
            others,
            is_minimal: smaller.is_exact,
            held: smaller.held,
        }
    }

    /// The calls when those in `ended` had just ended: the others that had begun are still open.
    fn until(&self, end: u64, ended: &[usize]) -> Vec<Call<M::Action>> {
        let told = |index: usize, has_ended: bool| {
            let call = &self.calls[index];
            match has_ended {
                true => Some(call.clone()),
                false if call.start > end || self.is_read(index) => None,
                false => Some(Call { end: NEVER, ..call.clone() }),
            }
        };
        self.prepared(ended, told)
    }

    /// The calls with all but these forgotten.
    fn only(&self, kept: &[usize]) -> Vec<Call<M::Action>> {
        let told = |index: usize, is_kept: bool| {
            let call = &self.calls[index];
            match is_kept {
                true => Some(call.clone()),
                false if self.is_read(index) => None,
                false => Some(call.forgotten(self.model.forget(&call.action))),
            }
        };
        self.prepared(kept, told)
    }

    fn prepared(
        &self,
        chosen: &[usize],
        told: impl Fn(usize, bool) -> Option<Call<M::Action>>,
    ) -> Vec<Call<M::Action>> {
        let mut is_chosen = vec![false; self.calls.len()];
        for &index in chosen {
            is_chosen[index] = true;
        }
        (self.prepare)((0..self.calls.len()).filter_map(|index| told(index, is_chosen[index])).collect())
    }

    fn is_read(&self, index: usize) -> bool {
        self.model.effect(&self.calls[index].action) == Effect::Reads
    }
}

/// Attempts to make a problem smaller.
struct Smaller<'a, M: Model> {
    problem: &'a Problem<'a, M>,
    work: u64,
    /// Whether no attempt was given up.
    is_exact: bool,
    /// The operation without a place, and what the object may have held instead, in the last calls without linearization.
    stuck: usize,
    held: Vec<String>,
}

impl<M: Model> Smaller<'_, M> {
    /// How many completions there are before the first one that has no place.
    fn longest_prefix(&mut self, completions: &[usize]) -> usize {
        let (mut linearizable, mut not) = (0, completions.len() - 1);
        while linearizable < not {
            let middle = usize::midpoint(linearizable, not);
            let end = self.problem.calls[completions[middle]].end;
            if self.has_none(&self.problem.until(end, &completions[..=middle])) {
                not = middle;
            } else {
                linearizable = middle + 1;
            }
        }
        not
    }

    /// As few calls as leave no place for the stuck one.
    fn least(&mut self, stuck: usize) -> Vec<usize> {
        let problem = self.problem;
        let end = problem.calls[stuck].end;
        // What began later may matter too: by having begun later. What goes on later goes first, as it rarely does.
        let may_matter = |&index: &usize| {
            let has_ended = problem.calls[index].is_certain() && problem.calls[index].end <= end;
            index != stuck && (has_ended || !problem.is_read(index))
        };
        let mut kept: Vec<usize> = (0..problem.calls.len()).filter(may_matter).collect();
        kept.sort_by_key(|&index| problem.calls[index].end);
        let mut size = kept.len();
        while size > 0 {
            self.is_exact = true; // only the last round, in which each call is by itself, can tell
            let mut begin = kept.len();
            while begin > 0 {
                begin = begin.saturating_sub(size);
                let rest = [&kept[..begin], &kept[(begin + size).min(kept.len())..]].concat();
                if self.has_none(&problem.only(&[rest.as_slice(), &[stuck]].concat())) {
                    kept = rest;
                }
            }
            size /= 2;
        }
        kept
    }

    /// Whether it is known that the calls have no linearization.
    fn has_none(&mut self, calls: &[Call<M::Action>]) -> bool {
        let events = 2 * calls.len() as u64;
        if self.work < events {
            self.is_exact = false;
            return false;
        }
        let most = (self.work - events).min(MOST_CONFIGURATIONS);
        let supervision = Supervision::new(&|_| true, 0); // the work is bounded, and no progress on the history
        let mut budget = Budget::new(&supervision, most, MOST_BYTES);
        let found = search(self.problem.model, calls, &mut budget);
        self.work -= events + budget.looked_at().min(most);
        self.is_exact &= !matches!(found, Found::GaveUp { .. });
        if let Found::NoPlace { stuck, held, .. } = found {
            (self.stuck, self.held) = (calls[stuck].operation, held);
            return true;
        }
        false
    }
}
