//! A search for a linearization, in time order: Lowe's just-in-time linearization, for any sequential specification.
//! It knows no values and explains nothing. Exponential in the concurrency at worst, linear in the length.
//!
//! After Lowe, *Testing for Linearizability* (Concurrency and Computation 29, 2017), as in Knossos's `linear`.
//!
//! A *configuration* is one way in which the past can have gone: the object's state, which of the open calls took effect, and
//! which calls of unknown outcome did. Events are taken in the order of time. At a completion, each configuration in which
//! the call has not taken effect is replaced by all that come of it by letting open calls take effect, the completing one
//! last. The history is linearizable iff a configuration is left at the end. Three things keep their number small:
//!
//! - A read takes effect as soon as it is open and its answer fits. Moved to the front of a linearization's rest, it leaves
//!   all else as it is.
//! - Calls of unknown outcome that do the same are interchangeable, and are counted, not told apart. None has an end, so the
//!   one invoked first may as well go first.
//! - Of two configurations that differ only in that one used up fewer calls of unknown outcome of each kind, that one can do
//!   all that the other can, and the other is dropped.

use std::collections::BTreeMap;

use super::calls::Call;
use crate::model::Model;

/// The most calls of known outcome that may be open at once: each has one bit in a configuration.
pub(super) const MOST_OPEN: usize = 128;

/// A search's result and what it took.
pub(super) struct Report {
    pub(super) found: Found,
    /// How many configurations were looked at.
    pub(super) configurations: u64,
}

/// What the search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Linearization,
    /// No way is left in which the call at this index could have been answered; so many ended before and have an order.
    NoPlace {
        stuck: usize,
        placed: usize,
    },
    /// So many calls of known outcome have an order, and then this happened.
    GaveUp {
        placed: usize,
        why: GaveUp,
    },
}

/// Why a search was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GaveUp {
    /// The configurations are used up.
    Budget,
    /// More than [`MOST_OPEN`] calls of known outcome are open at once.
    TooManyOpen,
}

/// Searches for a linearization of calls that are in order of invocation, looking at so many configurations at most.
pub(super) fn search<M: Model>(model: &M, calls: &[Call<M::Action>], max_configurations: u64) -> Report {
    let mut search = Search::new(model, calls, max_configurations);
    let found = search.run();
    Report { found, configurations: max_configurations - search.budget }
}

/// Indices of calls in order of their events; `true` for completions, which come last among events of equal rank,
/// since those are concurrent.
fn events<A>(calls: &[Call<A>]) -> Vec<(usize, bool)> {
    let mut events: Vec<(u64, bool, usize)> =
        calls.iter().enumerate().map(|(i, call)| (call.start, false, i)).collect();
    events.extend(calls.iter().enumerate().filter(|(_, call)| call.is_certain()).map(|(i, call)| (call.end, true, i)));
    events.sort_unstable();
    events.into_iter().map(|(_, is_completion, index)| (index, is_completion)).collect()
}

/// How many calls of unknown outcome took effect, by kind. Kinds that were not heard of yet have no entry.
type Used = Vec<u32>;

/// One way in which the past can have gone.
#[derive(Clone)]
struct Configuration<S> {
    state: S,
    /// Which of the open calls took effect, by slot.
    done: u128,
    used: Used,
}

/// Configurations of which none can do all that another can.
struct Frontier<S>(BTreeMap<(S, u128), Vec<Used>>);

impl<S: Ord + Clone> Frontier<S> {
    fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Adds it unless another one can do as much; says whether it was added.
    fn add(&mut self, configuration: Configuration<S>) -> bool {
        let Configuration { state, done, used } = configuration;
        let rivals = self.0.entry((state, done)).or_default();
        if rivals.iter().any(|rival| uses_no_more(rival, &used)) {
            return false;
        }
        rivals.retain(|rival| !uses_no_more(&used, rival));
        rivals.push(used);
        true
    }

    fn into_configurations(self) -> impl Iterator<Item = Configuration<S>> {
        self.0.into_iter().flat_map(|((state, done), rivals)| {
            rivals.into_iter().map(move |used| Configuration { state: state.clone(), done, used })
        })
    }
}

fn uses_no_more(one: &Used, other: &Used) -> bool {
    one.iter().enumerate().all(|(kind, &count)| count <= other.get(kind).copied().unwrap_or(0))
}

/// The configurations at the completion of one call.
struct Expansion<S> {
    /// The call's slot.
    bit: u128,
    /// Those in which the call took effect; its slot is free again in them.
    left: Frontier<S>,
    /// Those in which it has not.
    seen: Frontier<S>,
    /// Those of `seen` whose successors are still to be looked at.
    pending: Vec<Configuration<S>>,
}

impl<S: Ord + Clone> Expansion<S> {
    fn add(&mut self, mut configuration: Configuration<S>) {
        if configuration.done & self.bit != 0 {
            configuration.done &= !self.bit;
            self.left.add(configuration);
        } else if self.seen.add(configuration.clone()) {
            self.pending.push(configuration);
        }
    }
}

struct Search<'a, M: Model> {
    model: &'a M,
    calls: &'a [Call<M::Action>],
    /// The open calls of known outcome, by slot.
    open: Vec<Option<usize>>,
    /// The kinds of calls of unknown outcome so far, and how many there are of each.
    kinds: BTreeMap<&'a M::Action, usize>,
    unknown: Vec<(&'a M::Action, u32)>,
    configurations: Vec<Configuration<M::State>>,
    budget: u64,
}

impl<'a, M: Model> Search<'a, M> {
    fn new(model: &'a M, calls: &'a [Call<M::Action>], budget: u64) -> Self {
        let initial = Configuration { state: model.initial(), done: 0, used: Used::new() };
        let (open, kinds, unknown) = (Vec::new(), BTreeMap::new(), Vec::new());
        Self { model, calls, open, kinds, unknown, configurations: vec![initial], budget }
    }

    fn run(&mut self) -> Found {
        let mut placed = 0;
        for (index, is_completion) in events(self.calls) {
            let step = if is_completion { self.complete(index) } else { self.invoke(index).map(|()| true) };
            match step {
                Ok(true) => placed += usize::from(is_completion),
                Ok(false) => return Found::NoPlace { stuck: index, placed },
                Err(why) => return Found::GaveUp { placed, why },
            }
        }
        Found::Linearization
    }

    fn invoke(&mut self, index: usize) -> Result<(), GaveUp> {
        let call = &self.calls[index];
        if !call.is_certain() {
            if !self.model.is_read(&call.action) {
                let kind = *self.kinds.entry(&call.action).or_insert_with(|| {
                    self.unknown.push((&call.action, 0));
                    self.unknown.len() - 1
                });
                self.unknown[kind].1 += 1;
            }
            return Ok(());
        }
        let slot = self.open.iter().position(Option::is_none).unwrap_or(self.open.len());
        if slot == MOST_OPEN {
            return Err(GaveUp::TooManyOpen);
        }
        if slot == self.open.len() {
            self.open.push(None);
        }
        self.open[slot] = Some(index);
        if self.model.is_read(&call.action) {
            for configuration in &mut self.configurations {
                if self.model.step(&configuration.state, &call.action).is_some() {
                    configuration.done |= 1 << slot;
                }
            }
        }
        Ok(())
    }

    /// Whether a configuration is left in which the call took effect.
    fn complete(&mut self, index: usize) -> Result<bool, GaveUp> {
        let slot = self.open.iter().position(|&open| open == Some(index)).expect("a call completes after it began");
        let bit = 1_u128 << slot;
        let mut expansion = Expansion { bit, left: Frontier::new(), seen: Frontier::new(), pending: Vec::new() };
        for configuration in std::mem::take(&mut self.configurations) {
            expansion.add(configuration);
        }
        while let Some(configuration) = expansion.pending.pop() {
            for next in self.successors(&configuration) {
                self.budget = self.budget.checked_sub(1).ok_or(GaveUp::Budget)?;
                expansion.add(next);
            }
        }
        self.open[slot] = None;
        self.configurations = expansion.left.into_configurations().collect();
        Ok(!self.configurations.is_empty())
    }

    /// What comes of a configuration by letting one more call take effect.
    fn successors(&self, from: &Configuration<M::State>) -> Vec<Configuration<M::State>> {
        let mut successors = Vec::new();
        for (slot, index) in self.open.iter().enumerate() {
            if let Some(index) = index.filter(|_| from.done & (1 << slot) == 0)
                && let Some(state) = self.model.step(&from.state, &self.calls[index].action)
            {
                let done = from.done | 1 << slot;
                successors.push(self.with_reads(Configuration { state, done, used: from.used.clone() }));
            }
        }
        for (kind, &(action, available)) in self.unknown.iter().enumerate() {
            let used = from.used.get(kind).copied().unwrap_or(0);
            if used < available
                && let Some(state) = self.model.step(&from.state, action)
                && state != from.state
            {
                let mut next = Configuration { state, done: from.done, used: from.used.clone() };
                next.used.resize(next.used.len().max(kind + 1), 0);
                next.used[kind] += 1;
                successors.push(self.with_reads(next));
            }
        }
        successors
    }

    /// Lets every open read take effect whose answer fits.
    fn with_reads(&self, mut configuration: Configuration<M::State>) -> Configuration<M::State> {
        for (slot, index) in self.open.iter().enumerate() {
            if let Some(index) = *index
                && self.model.is_read(&self.calls[index].action)
                && self.model.step(&configuration.state, &self.calls[index].action).is_some()
            {
                configuration.done |= 1 << slot;
            }
        }
        configuration
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linearizability::calls::NEVER;
    use crate::model::register::{Action, Register};

    /// Searches calls `(start, end, action)`, in order of invocation.
    fn check(told: &[(u64, u64, Action)], budget: u64, expected: &Found) {
        let call = |(operation, &(start, end, action)): (usize, &_)| Call { operation, start, end, action };
        let calls: Vec<Call<Action>> = told.iter().enumerate().map(call).collect();
        assert_eq!(search(&Register, &calls, budget).found, *expected, "{told:?}");
    }

    #[test]
    fn the_call_that_has_no_place_is_told() {
        let stale = [(1, 2, Action::Write(1)), (3, 4, Action::Write(2)), (5, 6, Action::Read(1))];
        check(&stale, 100, &Found::NoPlace { stuck: 2, placed: 2 });
        check(&stale[..2], 100, &Found::Linearization);
        let other = [(1, 2, Action::Write(1)), (3, 4, Action::ReadOtherThan(1))];
        check(&other, 100, &Found::NoPlace { stuck: 1, placed: 1 });
    }

    #[test]
    fn an_unknown_call_may_happen_at_any_later_time_but_once() {
        let story = [
            (1, NEVER, Action::Write(1)),
            (2, 3, Action::Write(2)),
            (4, 5, Action::Read(1)),
            (6, 7, Action::Write(3)),
            (8, 9, Action::Read(1)),
        ];
        check(&story[..4], 100, &Found::Linearization);
        check(&story, 100, &Found::NoPlace { stuck: 4, placed: 3 });
    }

    #[test]
    fn a_search_that_is_not_finished_says_how_far_it_got() {
        let concurrent: Vec<_> = (1..=8).map(|value| (3, 100, Action::Write(value))).collect();
        let story = [vec![(1, 2, Action::Write(9))], concurrent, vec![(101, 102, Action::Read(10))]].concat();
        check(&story, 1_000, &Found::GaveUp { placed: 1, why: GaveUp::Budget });
        check(&story, 1_000_000, &Found::NoPlace { stuck: 9, placed: 9 });
        let crowd = vec![(1, 2, Action::Write(1)); MOST_OPEN + 1];
        check(&crowd, 1_000, &Found::GaveUp { placed: 0, why: GaveUp::TooManyOpen });
    }

    /// Told apart, forty crashed writes would be 2^40 configurations.
    #[test]
    fn unknown_calls_that_do_the_same_are_counted() {
        let value = |time: u64| 1 + (time % 2) as u32;
        let crashed = (1..=40).map(|time| (time, NEVER, Action::Write(value(time))));
        let reads = (50..70).map(|time| (2 * time, 2 * time + 1, Action::Read(value(time))));
        check(&crashed.chain(reads).collect::<Vec<_>>(), 10_000, &Found::Linearization);
    }
}
