//! The definitions of what becomes of elements, tried out on every pair of operations. It shares nothing with the
//! checker but the history's types and the names of the categories, and it is slow.

use std::collections::{BTreeMap, BTreeSet};

use interregnum_checker::elements::{Absences, Category, Reads};
use interregnum_checker::history::{Function, History, Operation, Outcome, Value};

/// What became of the elements of one key.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) lives: BTreeMap<Value, Category>,
    pub(crate) duplicated: BTreeSet<Value>,
    pub(crate) reordered: BTreeSet<Value>,
    pub(crate) absences: Absences,
    pub(crate) stable_latencies_ns: Vec<u64>,
    pub(crate) lost_latencies_ns: Vec<u64>,
}

pub(crate) fn check(history: &History, reads: Reads) -> Found {
    let key = Key(history.operations());
    let mut found = Found::default();
    for element in key.elements() {
        let category = key.life(&element, reads);
        let due = key.owing(&element).filter(|read| !shows(read, &element)).count() as u64;
        if !matches!(category, Category::Phantom | Category::Ghost | Category::Refused) {
            found.absences.owed += due;
            found.absences.ambiguous += key.misses_in_time(&element) - due;
        }
        match category {
            Category::Stable | Category::Stale => found.stable_latencies_ns.push(key.stable_latency(&element)),
            Category::Lost => found.lost_latencies_ns.push(key.lost_latency(&element)),
            _ => {}
        }
        if key.is_duplicated(&element) {
            found.duplicated.insert(element.clone());
        }
        found.lives.insert(element, category);
    }
    if !key.is_set() {
        found.reordered = key.reordered(&found.lives);
    }
    found.stable_latencies_ns.sort_unstable();
    found.lost_latencies_ns.sort_unstable();
    found
}

fn is_before(one: &Operation, other: &Operation) -> bool {
    one.completed.is_some_and(|completed| completed.order < other.invoked.order)
}

fn shown(read: &Operation) -> &[Value] {
    if let Value::List(elements) = &read.output { elements } else { &[] }
}

fn shows(read: &Operation, element: &Value) -> bool {
    shown(read).contains(element)
}

fn begin_ns(operation: &Operation) -> u64 {
    operation.invoked.time_ns.expect("a simulation has times")
}

/// The operations on one list or set, whose times are their ranks.
struct Key<'a>(&'a [Operation]);

impl<'a> Key<'a> {
    fn is_set(&self) -> bool {
        self.0.iter().any(|operation| operation.function.is_add())
    }

    fn reads(&self) -> impl Iterator<Item = &'a Operation> {
        self.0.iter().filter(|told| told.function == Function::Read && told.outcome == Outcome::Ok)
    }

    fn attempts(&self, element: &Value) -> impl Iterator<Item = &'a Operation> {
        self.0.iter().filter(move |told| told.function != Function::Read && told.input == *element)
    }

    fn showing(&self, element: &Value) -> impl Iterator<Item = &'a Operation> {
        self.reads().filter(move |read| shows(read, element))
    }

    fn elements(&self) -> BTreeSet<Value> {
        let tried = self.0.iter().filter(|told| told.function != Function::Read).map(|told| told.input.clone());
        tried.chain(self.reads().flat_map(shown).cloned()).collect()
    }

    fn known(&self, element: &Value) -> Option<u64> {
        let acknowledged = self.attempts(element).filter(|attempt| attempt.outcome == Outcome::Ok);
        acknowledged.chain(self.showing(element)).filter_map(|told| told.completed?.time_ns).min()
    }

    fn owing(&self, element: &Value) -> impl Iterator<Item = &'a Operation> {
        let known = self.known(element);
        self.reads().filter(move |read| known.is_some_and(|known| known < begin_ns(read)))
    }

    fn missing(&self, element: &Value) -> impl Iterator<Item = &'a Operation> {
        self.owing(element).filter(move |read| !shows(read, element))
    }

    /// The misses of reads that had not ended when an attempt began.
    fn misses_in_time(&self, element: &Value) -> u64 {
        let possible = || self.attempts(element).filter(|attempt| attempt.outcome != Outcome::Fail);
        let in_time = |read: &&Operation| possible().any(|attempt| !is_before(read, attempt));
        self.reads().filter(|read| !shows(read, element)).filter(in_time).count() as u64
    }

    fn life(&self, element: &Value, reads: Reads) -> Category {
        let is_refused = |attempt: &Operation| attempt.outcome == Outcome::Fail;
        let begun_before_end = |read: &'a Operation| self.attempts(element).filter(move |told| !is_before(read, told));
        let is_shown = self.showing(element).next().is_some();
        let is_acknowledged = self.attempts(element).any(|attempt| attempt.outcome == Outcome::Ok);
        if self.showing(element).any(|read| begun_before_end(read).next().is_none()) {
            Category::Phantom
        } else if self.showing(element).any(|read| begun_before_end(read).all(is_refused)) {
            Category::Ghost
        } else if !is_shown && self.attempts(element).all(is_refused) {
            Category::Refused
        } else if !is_shown && !is_acknowledged {
            Category::Unconfirmed
        } else if !is_shown && self.owing(element).next().is_none() {
            Category::NeverRead
        } else if self.missing(element).next().is_none() {
            Category::Stable
        } else if self.missing(element).any(|missed| self.showing(element).all(|shown| is_before(shown, missed))) {
            Category::Lost
        } else if self.is_resurrected(element, reads) {
            Category::Resurrected
        } else if self.showing(element).any(|shown| self.missing(element).all(|missed| is_before(missed, shown))) {
            Category::Stale
        } else {
            Category::Unsettled
        }
    }

    fn is_resurrected(&self, element: &Value, reads: Reads) -> bool {
        let is_one_view = |shown: &Operation, missed: &Operation| {
            reads != Reads::MayLag || (shown.node.is_some() && shown.node == missed.node)
        };
        self.reads().filter(|missed| !shows(missed, element)).any(|missed| {
            self.showing(element).any(|shown| is_before(shown, missed) && is_one_view(shown, missed))
                && self.showing(element).any(|shown| is_before(missed, shown))
        })
    }

    fn stable_latency(&self, element: &Value) -> u64 {
        let known = self.known(element).expect("a stable element is known");
        self.missing(element).map(|read| begin_ns(read) - known).max().unwrap_or(0)
    }

    fn lost_latency(&self, element: &Value) -> u64 {
        let known = self.known(element).expect("a lost element was known");
        self.showing(element).map(|read| begin_ns(read).saturating_sub(known)).max().unwrap_or(0)
    }

    fn is_duplicated(&self, element: &Value) -> bool {
        let possible = self.attempts(element).filter(|attempt| attempt.outcome != Outcome::Fail).count();
        let most = if self.is_set() { 1 } else { possible.max(1) };
        self.reads().any(|read| shown(read).iter().filter(|other| *other == element).count() > most)
    }

    fn reordered(&self, lives: &BTreeMap<Value, Category>) -> BTreeSet<Value> {
        let elements: Vec<Value> =
            self.elements().into_iter().filter(|element| self.showing(element).next().is_some()).collect();
        let mut ahead: Vec<Vec<bool>> = elements
            .iter()
            .map(|one| elements.iter().map(|other| one != other && self.is_ahead(one, other, lives)).collect())
            .collect();
        for through in 0..elements.len() {
            for one in 0..elements.len() {
                for other in 0..elements.len() {
                    ahead[one][other] |= ahead[one][through] && ahead[through][other];
                }
            }
        }
        elements
            .iter()
            .enumerate()
            .filter(|&(index, _)| ahead[index][index])
            .map(|(_, element)| element.clone())
            .collect()
    }

    fn is_ahead(&self, one: &Value, other: &Value, lives: &BTreeMap<Value, Category>) -> bool {
        let place = |read: &'a Operation, element: &Value| shown(read).iter().position(|shown| shown == element);
        let is_shown_so =
            |read: &'a Operation| place(read, one).zip(place(read, other)).is_some_and(|(one, other)| one < other);
        // Of what was shown before it was tried nobody knows when it began.
        let is_invented = matches!(lives[other], Category::Phantom | Category::Ghost);
        let possible = self.attempts(other).filter(|attempt| attempt.outcome != Outcome::Fail && !is_invented);
        let begun = possible.map(begin_ns).min();
        self.reads().any(is_shown_so) || self.known(one).zip(begun).is_some_and(|(known, begun)| known < begun)
    }
}
