//! A search for a linearization, in time order: Lowe's just-in-time linearization, for any sequential specification.
//! It knows no values and explains nothing. Exponential in the concurrency at worst, linear in the length.
//!
//! After Lowe, *Testing for Linearizability* (Concurrency and Computation 29, 2017), as in Knossos's `linear`.
//!
//! A *configuration* is one way in which the past can have gone: the object's state, which of the open calls took effect, and
//! which calls of unknown outcome did. Events are taken in the order of time. At a completion, each configuration in which
//! the call has not taken effect is replaced by all that come of it by letting open calls take effect, the completing one
//! last. The history is linearizable iff a configuration is left at the end. Where no call is open, a configuration is no
//! more than a state, so memory grows with the concurrency only. These things keep the number of configurations small:
//!
//! - A read takes effect as soon as it is open and its answer fits. Moved to the front of a linearization's rest, it leaves
//!   all else as it is.
//! - What a call left that every state accepts can be overwritten at once, and then nobody sees it. So whenever a call that
//!   overwrites everything takes effect, each open call that is always accepted may have done so just before or may not have:
//!   one configuration, in which they are *perhaps* done, stands for all these. Without this, n overlapping writes are 2^n.
//! - Open calls that do the same are interchangeable, and the one that ends first may as well go first.
//! - Calls of unknown outcome that do the same are interchangeable, and are counted, not told apart. None has an end, so the
//!   one invoked first may as well go first; and it may as well wait for an open call that does the same.
//! - Of two configurations, one *covers* the other if it can do all that the other can: it has used up no more calls of
//!   unknown outcome of each kind, and perhaps did whatever they differ in. The other is dropped.

mod configuration;

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use self::configuration::{Configuration, Frontier, Slots, Used};
use super::budget::{Budget, GaveUp};
use super::calls::Call;
use crate::model::{Effect, Model};

/// The most calls of known outcome that may be open at once: each has one bit in a configuration.
const MOST_OPEN: usize = Slots::BITS as usize;

/// What the search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Linearization,
    /// No way is left in which the call at this index could have been answered; so many ended before and have an order.
    NoPlace {
        stuck: usize,
        placed: usize,
        /// What the object may have held instead while the call was open, as the model shows it: a few, in order.
        held: Vec<String>,
    },
    /// So many calls of known outcome have an order, and then this happened.
    GaveUp {
        placed: usize,
        why: GaveUp,
    },
}

/// Searches for a linearization of calls that are in order of invocation.
pub(super) fn search<M: Model>(model: &M, calls: &[Call<M::Action>], budget: &mut Budget<'_>) -> Found {
    Search::new(model, calls, budget).run()
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

/// Calls that do the same have the same number.
type Kind = usize;

/// An open call of known outcome.
#[derive(Clone, Copy)]
struct Open {
    call: usize,
    kind: Kind,
    end: u64,
}

/// Calls of unknown outcome that do the same.
struct Unknown {
    kind: Kind,
    /// How many were invoked so far.
    available: u32,
}

struct Search<'a, 'b, M: Model> {
    model: &'a M,
    calls: &'a [Call<M::Action>],
    budget: &'a mut Budget<'b>,
    /// What the calls of each kind do, and what is known of it.
    kinds: Vec<(&'a M::Action, Effect)>,
    kind_of_call: Vec<Kind>,
    /// By slot.
    open: Vec<Option<Open>>,
    /// The slots of open reads, and of open calls that every state accepts and that may change it.
    reads: Slots,
    always: Slots,
    unknown: Vec<Unknown>,
    unknown_of_kind: FxHashMap<Kind, usize>,
    configurations: Vec<Configuration<M::State>>,
}

impl<'a, 'b, M: Model> Search<'a, 'b, M> {
    fn new(model: &'a M, calls: &'a [Call<M::Action>], budget: &'a mut Budget<'b>) -> Self {
        let mut kinds = Vec::new();
        let mut numbers: FxHashMap<&M::Action, Kind> = FxHashMap::default();
        let kind = |call: &'a Call<M::Action>| {
            *numbers.entry(&call.action).or_insert_with(|| {
                kinds.push((&call.action, model.effect(&call.action)));
                kinds.len() - 1
            })
        };
        let kind_of_call = calls.iter().map(kind).collect();
        let initial = Configuration { state: model.initial(), done: 0, perhaps: 0, used: Used::new() };
        Self {
            model,
            calls,
            budget,
            kinds,
            kind_of_call,
            open: Vec::new(),
            reads: 0,
            always: 0,
            unknown: Vec::new(),
            unknown_of_kind: FxHashMap::default(),
            configurations: vec![initial],
        }
    }

    fn run(mut self) -> Found {
        let mut placed = 0;
        for (index, is_completion) in events(self.calls) {
            let step = if is_completion { self.complete(index) } else { self.invoke(index).map(|()| Ok(())) };
            match step {
                Ok(Ok(())) => placed += usize::from(is_completion),
                Ok(Err(held)) => return Found::NoPlace { stuck: index, placed, held },
                Err(why) => return Found::GaveUp { placed, why },
            }
        }
        Found::Linearization
    }

    fn invoke(&mut self, index: usize) -> Result<(), GaveUp> {
        let (call, kind) = (&self.calls[index], self.kind_of_call[index]);
        let effect = self.kinds[kind].1;
        if !call.is_certain() {
            if effect != Effect::Reads {
                let place = *self.unknown_of_kind.entry(kind).or_insert(self.unknown.len());
                if place == self.unknown.len() {
                    self.unknown.push(Unknown { kind, available: 0 });
                }
                self.unknown[place].available += 1;
            }
            return Ok(());
        }
        let slot = self.open.iter().position(Option::is_none).unwrap_or(self.open.len());
        if slot == MOST_OPEN {
            return Err(GaveUp::Open(MOST_OPEN));
        }
        if slot == self.open.len() {
            self.open.push(None);
        }
        self.open[slot] = Some(Open { call: index, kind, end: call.end });
        let bit = 1 << slot;
        match effect {
            Effect::Reads => {
                self.reads |= bit;
                for configuration in &mut self.configurations {
                    if self.model.accepts(&configuration.state, &call.action) {
                        configuration.done |= bit;
                    }
                }
            }
            Effect::Overwrites | Effect::Always => self.always |= bit,
            Effect::Depends => {}
        }
        Ok(())
    }

    /// Keeps the configurations in which the call took effect. The inner error tells what else the object may have held.
    fn complete(&mut self, index: usize) -> Result<Result<(), Vec<String>>, GaveUp> {
        let is_it = |open: &Option<Open>| open.is_some_and(|open| open.call == index);
        let slot = self.open.iter().position(is_it).expect("a call completes after it began");
        let bit = 1 << slot;
        let mut expansion = Expansion { bit, left: Frontier::new(), seen: Frontier::new(), pending: VecDeque::new() };
        for configuration in std::mem::take(&mut self.configurations) {
            expansion.add(configuration);
        }
        while let Some(configuration) = expansion.pending.pop_front() {
            self.budget.hold(size_of_val(&configuration) + self.model.size_bytes(&configuration.state))?;
            self.expand(&configuration, &mut expansion)?;
        }
        self.open[slot] = None;
        self.reads &= !bit;
        self.always &= !bit;
        if expansion.left.is_empty() {
            return Ok(Err(self.shown(&expansion.seen)));
        }
        self.configurations = expansion.left.take();
        // Those that used up the least cover the most, and are to be there when others are compared with what is there.
        self.configurations.sort_by_key(|kept| kept.used.iter().map(|&used| u64::from(used)).sum::<u64>());
        let size = |kept: &Configuration<M::State>| size_of_val(kept) + self.model.size_bytes(&kept.state);
        let held = self.configurations.iter().map(size).sum();
        self.budget.release_all_but(held);
        self.budget.placed()?;
        Ok(Ok(()))
    }

    /// Adds what comes of a configuration by letting one more call take effect.
    fn expand(&mut self, from: &Configuration<M::State>, into: &mut Expansion<M::State>) -> Result<(), GaveUp> {
        for slot in 0..self.open.len() {
            let Some(open) = self.open[slot].filter(|_| from.done & (1 << slot) == 0) else { continue };
            let (action, effect) = self.kinds[open.kind];
            if self.may_wait(slot, open, from) {
                continue;
            }
            if let Some(state) = self.model.step(&from.state, action) {
                self.budget.look()?;
                let done = from.done | 1 << slot;
                into.add(self.after(state, effect, Configuration { done, ..from.clone() }));
            }
        }
        for place in 0..self.unknown.len() {
            let Unknown { kind, available } = self.unknown[place];
            let used = from.used.get(place).copied().unwrap_or(0);
            if used == available || self.is_open_undone(kind, from) {
                continue;
            }
            let (action, effect) = self.kinds[kind];
            if let Some(state) = self.model.step(&from.state, action).filter(|state| *state != from.state) {
                self.budget.look()?;
                let mut next = from.clone();
                next.used.resize(next.used.len().max(place + 1), 0);
                next.used[place] += 1;
                into.add(self.after(state, effect, next));
            }
        }
        Ok(())
    }

    /// Whether another open call does the same and has to go first.
    fn may_wait(&self, slot: usize, open: Open, from: &Configuration<M::State>) -> bool {
        let is_first = |(other_slot, other): (usize, &Option<Open>)| {
            let is_undone = (from.done | from.perhaps) & (1 << other_slot) == 0;
            other
                .is_some_and(|other| is_undone && other.kind == open.kind && (other.end, other_slot) < (open.end, slot))
        };
        from.perhaps & (1 << slot) == 0 && self.open.iter().enumerate().any(is_first)
    }

    fn is_open_undone(&self, kind: Kind, from: &Configuration<M::State>) -> bool {
        let is_undone = |slot: usize| (from.done | from.perhaps) & (1 << slot) == 0;
        self.open.iter().enumerate().any(|(slot, open)| open.is_some_and(|open| open.kind == kind) && is_undone(slot))
    }

    /// The configuration once an action of this effect has led to the state: what it overwrote unseen, and which open
    /// reads now fit.
    fn after(
        &self,
        state: M::State,
        effect: Effect,
        mut configuration: Configuration<M::State>,
    ) -> Configuration<M::State> {
        configuration.perhaps =
            if effect == Effect::Overwrites { self.always } else { configuration.perhaps } & !configuration.done;
        let mut reads = self.reads & !configuration.done;
        while reads != 0 {
            let slot = reads.trailing_zeros() as usize;
            reads &= reads - 1;
            let read = self.open[slot].expect("an open read's slot is taken");
            if self.model.accepts(&state, self.kinds[read.kind].0) {
                configuration.done |= 1 << slot;
            }
        }
        Configuration { state, ..configuration }
    }

    /// A few of the states in the configurations.
    fn shown(&self, seen: &Frontier<M::State>) -> Vec<String> {
        const MOST_SHOWN: usize = 4;
        let mut shown: Vec<String> = seen.as_slice().iter().map(|seen| self.model.show(&seen.state)).collect();
        shown.sort_unstable();
        shown.dedup();
        if shown.len() > MOST_SHOWN { Vec::new() } else { shown }
    }
}

/// The configurations at the completion of one call.
struct Expansion<S> {
    /// The call's slot.
    bit: Slots,
    /// Those in which the call took effect; its slot is free again in them.
    left: Frontier<S>,
    /// Those in which it has not.
    seen: Frontier<S>,
    /// Those of `seen` whose successors are still to be looked at, those of the fewest steps first.
    pending: VecDeque<Configuration<S>>,
}

impl<S: Clone + Eq + std::hash::Hash> Expansion<S> {
    fn add(&mut self, configuration: Configuration<S>) {
        let (done, perhaps) = (configuration.done & !self.bit, configuration.perhaps & !self.bit);
        let is_done = configuration.done & self.bit != 0;
        if is_done || configuration.perhaps & self.bit != 0 {
            self.left.add(Configuration { done, perhaps, ..configuration.clone() });
        }
        if !is_done {
            // Where it perhaps took effect, unseen, it may also be that it has not yet.
            let configuration = Configuration { perhaps, ..configuration };
            if self.seen.add(configuration.clone()) {
                self.pending.push_back(configuration);
            }
        }
    }
}
#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Value;
    use crate::linearizability::budget::Supervision;
    use crate::linearizability::calls::NEVER;
    use crate::model::register::{Action, Register};

    /// Searches calls `(start, end, action)`, in order of invocation.
    fn check(told: &[(u64, u64, Action)], budget: u64, expected: &Found) {
        let call = |(operation, &(start, end, action)): (usize, &_)| Call { operation, start, end, action };
        let calls: Vec<Call<Action>> = told.iter().enumerate().map(call).collect();
        let values: Vec<Value> = (0..16).map(Value::Int).collect();
        let supervision = Supervision::new(&|_| true, calls.len());
        let mut budget = Budget::new(&supervision, budget, 1 << 20);
        let found = search(&Register { values: &values.iter().collect::<Vec<_>>() }, &calls, &mut budget);
        assert_eq!(found, *expected, "{told:?}");
    }

    fn no_place(stuck: usize, placed: usize, held: &[&str]) -> Found {
        Found::NoPlace { stuck, placed, held: held.iter().map(|&held| held.to_owned()).collect() }
    }

    #[test]
    fn the_call_that_has_no_place_is_told() {
        let stale = [(1, 2, Action::Write(1)), (3, 4, Action::Write(2)), (5, 6, Action::Read(1))];
        check(&stale, 100, &no_place(2, 2, &["2"]));
        check(&stale[..2], 100, &Found::Linearization);
        let other = [(1, 2, Action::Write(1)), (3, 4, Action::ReadOtherThan(1))];
        check(&other, 100, &no_place(1, 1, &["1"]));
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
        check(&story, 100, &no_place(4, 3, &["3"]));
    }

    #[test]
    fn a_search_that_is_not_finished_says_how_far_it_got() {
        let concurrent: Vec<_> = (1..=8).map(|value| (3, 100, Action::Write(value))).collect();
        let story = [vec![(1, 2, Action::Write(9))], concurrent, vec![(101, 102, Action::Read(10))]].concat();
        check(&story, 10, &Found::GaveUp { placed: 1, why: GaveUp::Configurations(10) });
        check(&story, 1_000, &no_place(9, 9, &[]));
        let crowd = vec![(1, 2, Action::Write(1)); MOST_OPEN + 1];
        check(&crowd, 1_000, &Found::GaveUp { placed: 0, why: GaveUp::Open(MOST_OPEN) });
    }

    /// Told apart, they would be 2^40 configurations.
    #[test]
    fn writes_that_overlap_are_overwritten_unseen() {
        let writes = (0..40).map(|value| (1, 1_000 + u64::from(value), Action::Write(value % 16)));
        let reads = [(1_500, 1_501, Action::Read(7)), (1_502, 1_503, Action::Read(8))];
        let story: Vec<_> = writes.chain(reads).collect();
        check(&story[..41], 50_000, &Found::Linearization);
        check(&story, 50_000, &no_place(41, 41, &["7"]));
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
