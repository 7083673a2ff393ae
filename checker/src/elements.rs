//! What became of every element of the lists and sets, told by all reads and not only by the final ones, which
//! `lost_writes.rs` asks. Whether there is one order of all operations is not asked.
//!
//! After Jepsen's checker [`set-full`](https://github.com/jepsen-io/jepsen/blob/main/jepsen/src/jepsen/checker.clj),
//! with these differences: an operation is before another only if it had ended when the other began, where `set-full`
//! goes by the order of invocation; an element that came back is told apart from one that came late; refused and
//! invented elements are judged; duplicates are found; and lists are asked for their order too.
//!
//! An *attempt* is an `append` to a list or an `add` to a set, a *read* an acknowledged read of the same key. A read
//! *shows* or *misses* an element. An element is *known* from the end of its first acknowledged attempt to end, or of
//! the first read to end that shows it, whichever is earlier. A read that began after that *owes* it: a miss is held
//! against the system. Any other miss is *ambiguous* and blames nobody: the read overlaps the attempt, or nobody knows
//! whether that happened at all.
//!
//! Every element is in one category, the first of these that fits; a read is *later* that began after another's end:
//!
//! | category | of an element |
//! |---|---|
//! | phantom | that a read shows which had ended before any attempt began |
//! | ghost | that a read shows before whose end only attempts began that were refused |
//! | refused | all of whose attempts were refused; not shown |
//! | unconfirmed | with an attempt of unknown outcome, none acknowledged; not shown: perhaps it never was there |
//! | never read | acknowledged, not shown, and no read owes it: nothing can be said |
//! | stable | that no read misses which owes it |
//! | lost | that a read misses which owes it and is later than every read that shows it |
//! | resurrected | that one read shows, a later one misses, and a still later one shows: rolled back, and back again |
//! | stale | that a read misses which owes it, but a read that is later than all of these shows it |
//! | unsettled | whose last misses overlap the last reads that show it: stale or lost, and nobody knows which |
//!
//! Besides, whatever its category, an element is
//!
//! - **duplicated** if a read of a list shows it more often than it had attempts that were not refused, or a read of a
//!   set more than once;
//! - **reordered** if it is ahead of itself. One element of a list is *ahead of* another if a read shows the first
//!   occurrence of the one before that of the other, if it was known before the other's first attempt began, or by a
//!   chain of these. So two reads that disagree on an order are found, and three that do so only together, as by a
//!   cycle of Adya's (*Weak Consistency*, 1999).
//!
//! The *stable latency* of a stable or stale element is the time from when it was known until the last read that owes
//! and misses it began, 0 if there is none. The *lost latency* of a lost one is the time from when it was known until
//! the last read that shows it began, 0 if there is none: so long it was there.
//!
//! A linearizable history has no element in `lost`, `resurrected`, `stale`, `unsettled`, `ghost`, `phantom`, and none
//! duplicated or reordered. What of this is a violation depends on what the system promises, see [`Reads`].

mod components;
mod contents;
mod extremes;
mod lives;
mod order;
mod telling;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use self::contents::Contents;
use self::lives::{AllTakenBack, Life, Lives};
use self::order::Order;
use crate::collection::Collection;
use crate::history::{Function, History, Moment, Operation, Outcome, Value};
use crate::staleness::Quantiles;

/// What a system promises of its reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reads {
    /// Any node answers, and it may lag behind. An element that one node shows and another does not yet is stale, and
    /// stale elements are reported, not violations. It is resurrected only if the node that misses it had shown it. It
    /// still is lost if no read shows it in the end: let the followers catch up before the last reads.
    MayLag,
    /// A leader answers. One that was replaced may still do so for a while: stale elements are reported, not
    /// violations.
    #[default]
    FromLeader,
    /// Every read shows all that was known when it began: stale and unsettled elements are violations too, as in
    /// `set-full` with `:linearizable? true`.
    Fresh,
}

/// How to check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// What the system promises of its reads.
    pub reads: Reads,
}

/// What can become of an element. The module's documentation defines the categories.
///
/// Every element is in one of them, but for the last two, in which it may be besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Category {
    /// Known, and gone for good.
    Lost,
    /// Shown, gone, and back again.
    Resurrected,
    /// Shown, though nobody had tried to write it.
    Phantom,
    /// Shown, though it was refused.
    Ghost,
    /// Stale or lost.
    Unsettled,
    /// Known, missed by a read, and then there to stay.
    Stale,
    /// There since it was known.
    Stable,
    /// Acknowledged, and no read began after that.
    NeverRead,
    /// Of unknown outcome, and not shown.
    Unconfirmed,
    /// Refused, and not shown, as it should be.
    Refused,
    /// Shown more often than it was written.
    Duplicated,
    /// Shown in an order that contradicts another read or real time.
    Reordered,
}

impl Category {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Lost,
        Self::Resurrected,
        Self::Phantom,
        Self::Ghost,
        Self::Unsettled,
        Self::Stale,
        Self::Stable,
        Self::NeverRead,
        Self::Unconfirmed,
        Self::Refused,
        Self::Duplicated,
        Self::Reordered,
    ];

    /// Whether a system that promises this of its reads must have no such element.
    #[must_use]
    pub fn is_violation(self, reads: Reads) -> bool {
        match self {
            Self::Lost | Self::Resurrected | Self::Phantom | Self::Ghost | Self::Duplicated | Self::Reordered => true,
            Self::Stale | Self::Unsettled => reads == Reads::Fresh,
            Self::Stable | Self::NeverRead | Self::Unconfirmed | Self::Refused => false,
        }
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Lost => "lost",
            Self::Resurrected => "resurrected",
            Self::Phantom => "phantom",
            Self::Ghost => "ghost",
            Self::Unsettled => "unsettled",
            Self::Stale => "stale",
            Self::Stable => "stable",
            Self::NeverRead => "never read",
            Self::Unconfirmed => "unconfirmed",
            Self::Refused => "refused",
            Self::Duplicated => "duplicated",
            Self::Reordered => "reordered",
        })
    }
}

/// How many times a read missed an element whose attempt had begun before the read ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Absences {
    /// By reads that began after it was known.
    pub owed: u64,
    /// By others, which blame nobody.
    pub ambiguous: u64,
}

/// Something that breaks a promise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// In which way.
    pub category: Category,
    /// The key.
    pub key: Option<String>,
    /// The elements: one, but of reordered ones all that no order explains, up to 10.
    pub elements: Vec<Value>,
    /// The operations that prove it, by their indices in [`History::operations`], in the order they are told.
    pub operations: Vec<usize>,
    /// Why, in plain words.
    pub sentence: String,
}

/// What became of the elements of a history.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Elements {
    /// The number of elements of each category; all categories are there.
    pub counts: BTreeMap<Category, u64>,
    /// How often reads missed an element.
    pub absences: Absences,
    /// How long stable and stale elements took to become so, in nanoseconds. `None` if the history does not tell its
    /// times.
    pub stable_latency_ns: Option<Quantiles>,
    /// How long lost elements were there, in nanoseconds. `None` if the history does not tell its times.
    pub lost_latency_ns: Option<Quantiles>,
    /// What breaks a promise, of each category the first 100 by key.
    pub violations: Vec<Violation>,
    /// How many more there are of them.
    pub violations_left_out: u64,
    /// The keys that hold lists and sets with operations that are unknown here.
    pub undecided_keys: u64,
    /// Why the first of them is undecided.
    pub why_undecided: Option<String>,
}

/// The most violations of one category that are told one by one: enough for any report, and each costs a sentence or a
/// search for what proves it.
const MOST_TOLD: u64 = 100;

/// The most elements of a violation that are told: of a list read backwards all are reordered.
const MOST_ELEMENTS: usize = 10;

/// Finds what became of every element of every list and set. Other objects are passed over.
#[must_use]
pub fn check(history: &History, options: &Options) -> Elements {
    let counts = Category::ALL.into_iter().map(|category| (category, 0)).collect();
    let found = Elements { counts, ..Elements::default() };
    let mut audit = Audit {
        history,
        reads: options.reads,
        found,
        told: BTreeMap::new(),
        stable: Latencies::default(),
        lost: Latencies::default(),
    };
    for (key, operations) in history.by_key() {
        match Contents::gather(history, &operations) {
            Ok(Some(contents)) => audit.check_key(key, &operations, &contents),
            Ok(None) => {}
            Err(why) => {
                audit.found.undecided_keys += 1;
                audit.found.why_undecided.get_or_insert(why);
            }
        }
    }
    audit.found.stable_latency_ns = audit.stable.quantiles();
    audit.found.lost_latency_ns = audit.lost.quantiles();
    audit.found
}

/// A check in the middle of it.
struct Audit<'h> {
    history: &'h History,
    reads: Reads,
    found: Elements,
    /// How many violations of each category there are.
    told: BTreeMap<Category, u64>,
    stable: Latencies,
    lost: Latencies,
}

impl<'h> Audit<'h> {
    fn operation(&self, index: usize) -> &'h Operation {
        &self.history.operations()[index]
    }

    fn check_key(&mut self, key: Option<&str>, operations: &[usize], contents: &Contents<'h>) {
        let lives = Lives::new(self.history, contents);
        let taken_back = match self.reads {
            Reads::MayLag => self.taken_back_by_node(operations),
            Reads::FromLeader | Reads::Fresh => {
                let mut found = AllTakenBack::new();
                lives.gather_taken_back(&mut found);
                found
            }
        };
        for (id, element) in contents.elements.iter().enumerate() {
            let life = lives.judge(id, &taken_back);
            self.count(life.category, 1);
            self.found.absences.owed += life.absences.owed;
            self.found.absences.ambiguous += life.absences.ambiguous;
            self.measure(&life);
            if life.category.is_violation(self.reads) {
                self.tell(life.category, key, |history| telling::life(history, element.value, &life));
            }
            let most_times = contents.collection.most_times(element.attempts.possible);
            if let Some(shown) = element.shown.as_ref().filter(|shown| shown.most_times.0 > most_times) {
                let read = contents.reads[shown.most_times.1].operation;
                self.count(Category::Duplicated, 1);
                let tell = |history: &History| telling::duplicated(history, element, read, shown.most_times.0);
                self.tell(Category::Duplicated, key, tell);
            }
        }
        if contents.collection == Collection::List {
            self.check_order(key, contents, &lives);
        }
    }

    fn check_order(&mut self, key: Option<&str>, contents: &Contents<'h>, lives: &Lives<'_, 'h>) {
        let order = Order::new(contents, lives);
        for disorder in order.disorders() {
            self.count(Category::Reordered, disorder.len() as u64);
            let tell = |history: &History| telling::reordered(history, contents, &order, &disorder);
            self.tell(Category::Reordered, key, tell);
        }
    }

    /// What each node by itself took back of what it had shown.
    fn taken_back_by_node(&self, operations: &[usize]) -> AllTakenBack<'h> {
        let is_read = |operation: &Operation| operation.function == Function::Read && operation.outcome == Outcome::Ok;
        let mut by_node: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for &index in operations {
            let operation = self.operation(index);
            if let Some(node) = operation.node.as_deref().filter(|_| is_read(operation)) {
                by_node.entry(node).or_default().push(index);
            }
        }
        let mut found = AllTakenBack::new();
        for reads in by_node.values() {
            // A node of which nothing was read but absent lists showed nothing.
            if let Ok(Some(contents)) = Contents::gather(self.history, reads) {
                Lives::new(self.history, &contents).gather_taken_back(&mut found);
            }
        }
        found
    }

    fn count(&mut self, category: Category, elements: u64) {
        *self.found.counts.entry(category).or_default() += elements;
    }

    fn measure(&mut self, life: &Life) {
        match life.category {
            Category::Stable | Category::Stale => self.stable.add(life.latency),
            Category::Lost => self.lost.add(life.latency),
            _ => {}
        }
    }

    fn tell(&mut self, category: Category, key: Option<&str>, tell: impl FnOnce(&History) -> telling::Told) {
        let told = self.told.entry(category).or_default();
        *told += 1;
        if *told > MOST_TOLD {
            self.found.violations_left_out += 1;
            return;
        }
        let telling::Told { elements, operations, sentence } = tell(self.history);
        let key = key.map(str::to_owned);
        self.found.violations.push(Violation { category, key, elements, operations, sentence });
    }
}

/// How long it took, element by element.
#[derive(Default)]
struct Latencies {
    known_ns: Vec<u64>,
    has_untimed: bool,
}

impl Latencies {
    fn add(&mut self, latency: Option<(Moment, Moment)>) {
        let time_ns = latency.and_then(|(from, to)| Some(to.time_ns?.saturating_sub(from.time_ns?)));
        match time_ns {
            Some(time_ns) => self.known_ns.push(time_ns),
            None => self.has_untimed = true,
        }
    }

    fn quantiles(self) -> Option<Quantiles> {
        (!self.has_untimed).then(|| Quantiles::of(self.known_ns))
    }
}
