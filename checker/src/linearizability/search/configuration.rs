//! Ways in which the past can have gone, and sets of them in which none can do all that another can. It takes no steps.

use std::hash::Hash;

use rustc_hash::FxHashMap;

/// Open calls, a bit for the slot of each.
pub(super) type Slots = u128;

/// How many calls of unknown outcome took effect, by kind. Kinds that were not heard of yet have no entry.
pub(super) type Used = Vec<u32>;

/// One way in which the past can have gone, or several that differ in what nobody can have seen.
#[derive(Clone, Debug)]
pub(super) struct Configuration<S> {
    /// What the object holds.
    pub(super) state: S,
    /// The open calls that took effect.
    pub(super) done: Slots,
    /// The open calls that took effect or did not, as one likes: what they left was overwritten at once.
    pub(super) perhaps: Slots,
    /// The calls of unknown outcome that took effect.
    pub(super) used: Used,
}

impl<S: Eq> Configuration<S> {
    /// Whether whatever can follow the other one can follow this one.
    fn covers(&self, other: &Self) -> bool {
        other.perhaps & !self.perhaps == 0
            && (self.done ^ other.done) & !self.perhaps == 0
            && self.state == other.state
            && uses_no_more(&self.used, &other.used)
    }
}

fn uses_no_more(one: &Used, other: &Used) -> bool {
    one.iter().enumerate().all(|(kind, &count)| count <= other.get(kind).copied().unwrap_or(0))
}

/// Up to so many configurations are compared one by one, without an index.
const FEW: usize = 24;

/// The most configurations of one state that every new one is compared with: those that came of the fewest steps, which
/// cover the most. Covering is worth finding and need not be found; looking everywhere would take time quadratic in their
/// number.
const MOST_RIVALS: usize = 32;

/// Configurations of which, as far as was looked, none covers another.
pub(super) struct Frontier<S> {
    all: Vec<Configuration<S>>,
    index: Index<S>,
}

/// Places of configurations, once there are more than a few.
struct Index<S> {
    /// Those that differ in `used` only.
    alike: FxHashMap<(S, Slots, Slots), Vec<usize>>,
    /// The first ones of each state.
    first: FxHashMap<S, Vec<usize>>,
}

impl<S: Eq + Hash + Clone> Frontier<S> {
    pub(super) fn new() -> Self {
        Self { all: Vec::new(), index: Index { alike: FxHashMap::default(), first: FxHashMap::default() } }
    }

    /// Adds it unless one that is there covers it; says whether it was added.
    pub(super) fn add(&mut self, configuration: Configuration<S>) -> bool {
        if self.all.len() < FEW {
            if self.all.iter().any(|rival| rival.covers(&configuration)) {
                return false;
            }
            self.all.retain(|rival| !configuration.covers(rival));
            self.all.push(configuration);
            return true;
        }
        if self.index.first.is_empty() {
            for (place, configuration) in self.all.iter().enumerate() {
                self.index.insert(configuration, place);
            }
        }
        let is_covered = self.index.rivals(&configuration).any(|place| self.all[place].covers(&configuration));
        if !is_covered {
            self.index.insert(&configuration, self.all.len());
            self.all.push(configuration);
        }
        !is_covered
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(super) fn as_slice(&self) -> &[Configuration<S>] {
        &self.all
    }

    /// Takes everything out.
    pub(super) fn take(&mut self) -> Vec<Configuration<S>> {
        self.index.alike.clear();
        self.index.first.clear();
        std::mem::take(&mut self.all)
    }
}

impl<S: Eq + Hash + Clone> Index<S> {
    fn insert(&mut self, configuration: &Configuration<S>, place: usize) {
        let Configuration { state, done, perhaps, .. } = configuration;
        self.alike.entry((state.clone(), *done, *perhaps)).or_default().push(place);
        let first = self.first.entry(state.clone()).or_default();
        if first.len() < MOST_RIVALS {
            first.push(place);
        }
    }

    fn rivals(&self, of: &Configuration<S>) -> impl Iterator<Item = usize> {
        let alike = self.alike.get(&(of.state.clone(), of.done, of.perhaps));
        let first = self.first.get(&of.state);
        alike.into_iter().chain(first).flatten().copied()
    }
}
