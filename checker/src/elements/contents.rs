//! The operations on one list or set, gathered by element: what was tried with it, and which reads show it. It judges
//! nothing.

use std::collections::HashMap;
use std::ops::Range;

use crate::collection::Collection;
use crate::history::{Function, History, Operation, Outcome, Value};
use crate::linearizability::calls::interval;
use crate::linearizability::collections::elements;

/// An element by its number, in order of first mention.
pub(super) type ElementId = usize;
/// An acknowledged read by its number, in order of invocation.
pub(super) type ReadId = usize;

/// What clients know of one list or set.
pub(super) struct Contents<'a> {
    pub(super) collection: Collection,
    pub(super) reads: Vec<Read>,
    pub(super) elements: Vec<Element<'a>>,
    /// Neighbours: the read shows the one element right ahead of the other, for the first time both. Pairs that many
    /// reads show are there once, as a rule.
    pub(super) neighbours: Vec<(ElementId, ElementId, ReadId)>,
    /// The first of the reads that return most.
    pub(super) longest: Option<ReadId>,
}

/// An acknowledged read.
#[derive(Clone, Copy)]
pub(super) struct Read {
    /// Its index in the history.
    pub(super) operation: usize,
    /// The rank of its invocation.
    pub(super) begin: u64,
    /// The rank of its completion.
    pub(super) end: u64,
}

/// What was tried with one element, and which reads show it.
pub(super) struct Element<'a> {
    pub(super) value: &'a Value,
    pub(super) attempts: Attempts,
    pub(super) shown: Option<Shown>,
}

/// The operations that tried to put one element there, by their indices in the history.
#[derive(Default)]
pub(super) struct Attempts {
    /// The first that began, whatever came of it.
    pub(super) first: Option<usize>,
    /// The first that began and was not refused.
    pub(super) first_possible: Option<usize>,
    /// How many were not refused.
    pub(super) possible: u64,
    /// The acknowledged one that ended first.
    pub(super) acknowledged: Option<usize>,
}

/// The reads that show one element.
pub(super) struct Shown {
    /// All of them, as runs of consecutive numbers in ascending order: an element that stays is one run.
    pub(super) runs: Vec<Range<ReadId>>,
    /// The one that ended first.
    pub(super) first_over: ReadId,
    /// The one that ended last.
    pub(super) last_over: ReadId,
    /// How often the element is in the read that shows it most often, and that read.
    pub(super) most_times: (u64, ReadId),
    times_in_last: u64,
}

impl Element<'_> {
    /// The reads from this one on that do not show it, as ranges; `reads` is the number of all reads.
    pub(super) fn gaps(&self, from: ReadId, reads: usize) -> impl DoubleEndedIterator<Item = Range<ReadId>> {
        let runs = self.shown.as_ref().map_or(&[][..], |shown| &shown.runs);
        let first = runs.partition_point(|run| run.end <= from);
        let gaps = (first..=runs.len()).map(move |run| {
            let start = run.checked_sub(1).map_or(0, |before| runs[before].end).max(from);
            start..runs.get(run).map_or(reads, |run| run.start)
        });
        gaps.filter(|gap| !gap.is_empty())
    }
}

impl Shown {
    fn in_one(read: ReadId) -> Self {
        Self {
            runs: std::iter::once(read..read + 1).collect(),
            first_over: read,
            last_over: read,
            most_times: (1, read),
            times_in_last: 1,
        }
    }

    /// The one that began last.
    pub(super) fn last_begun(&self) -> ReadId {
        self.runs.last().map_or(0, |run| run.end - 1)
    }

    /// Whether this is the first time that the read shows it.
    fn add(&mut self, read: ReadId, reads: &[Read]) -> bool {
        let last = self.runs.last_mut().expect("there is a first run from the beginning");
        let is_first = last.end <= read;
        if last.end == read {
            last.end += 1;
        } else if is_first {
            self.runs.push(read..read + 1);
        }
        if is_first {
            let end = |read: ReadId| reads[read].end;
            self.first_over = if end(read) < end(self.first_over) { read } else { self.first_over };
            self.last_over = if end(read) > end(self.last_over) { read } else { self.last_over };
        }
        self.times_in_last = if is_first { 1 } else { self.times_in_last + 1 };
        if self.times_in_last > self.most_times.0 {
            self.most_times = (self.times_in_last, read);
        }
        is_first
    }
}

impl<'a> Contents<'a> {
    /// `None` if the key holds neither a list nor a set. Fails, saying why, on operations that are none of either's.
    pub(super) fn gather(history: &'a History, operations: &[usize]) -> Result<Option<Self>, String> {
        let told = || operations.iter().map(|&index| (index, &history.operations()[index]));
        let Some(collection) = collection(history, operations)? else { return Ok(None) };
        let contents =
            Self { collection, reads: Vec::new(), elements: Vec::new(), neighbours: Vec::new(), longest: None };
        let mut gathering =
            Gathering { contents, numbers: HashMap::new(), longest: Vec::new(), successors: Vec::new() };
        for (index, operation) in told() {
            match (&operation.function, operation.outcome) {
                (Function::Read, Outcome::Ok) => gathering.read(index, operation)?,
                (Function::Read, _) => {}
                _ => gathering.attempt(history, index, operation),
            }
        }
        Ok(Some(gathering.contents))
    }
}

/// What the key holds. A key that nobody wrote to holds a list if reads say so.
fn collection(history: &History, operations: &[usize]) -> Result<Option<Collection>, String> {
    let operations = || operations.iter().map(|&index| &history.operations()[index]);
    let others = || operations().filter(|operation| operation.function != Function::Read);
    let collection = others().find_map(|operation| Collection::of_function(&operation.function));
    let Some(collection) = collection else {
        let reads_list = operations().any(|operation| matches!(operation.output, Value::List(_)));
        return Ok(Some(Collection::List).filter(|_| reads_list && others().next().is_none()));
    };
    match others().find(|operation| Collection::of_function(&operation.function) != Some(collection)) {
        Some(stray) => Err(format!(
            "the function `{}` is unknown here; a list knows `append` and `read`, a set `add` and `read`, and a key \
             holds one of the two",
            stray.function
        )),
        None => Ok(Some(collection)),
    }
}

struct Gathering<'a> {
    contents: Contents<'a>,
    numbers: HashMap<&'a Value, ElementId>,
    /// The longest read so far. Others mostly agree with it, and then its numbers are theirs, without looking them up.
    longest: Vec<(&'a Value, ElementId)>,
    /// For each element the one that a read showed right behind it last.
    successors: Vec<Option<ElementId>>,
}

impl<'a> Gathering<'a> {
    fn number(&mut self, value: &'a Value) -> ElementId {
        *self.numbers.entry(value).or_insert_with(|| {
            self.contents.elements.push(Element { value, attempts: Attempts::default(), shown: None });
            self.successors.push(None);
            self.contents.elements.len() - 1
        })
    }

    fn attempt(&mut self, history: &History, index: usize, operation: &'a Operation) {
        let id = self.number(&operation.input);
        let attempts = &mut self.contents.elements[id].attempts;
        attempts.first.get_or_insert(index);
        if operation.outcome == Outcome::Fail {
            return;
        }
        attempts.first_possible.get_or_insert(index);
        attempts.possible += 1;
        if operation.outcome == Outcome::Ok {
            let end = |index: usize| interval(&history.operations()[index]).1;
            let is_first = attempts.acknowledged.is_none_or(|first| end(index) < end(first));
            attempts.acknowledged = if is_first { Some(index) } else { attempts.acknowledged };
        }
    }

    fn read(&mut self, index: usize, operation: &'a Operation) -> Result<(), String> {
        let shown = elements(&operation.output)?;
        let read = self.contents.reads.len();
        let (begin, end) = interval(operation);
        self.contents.reads.push(Read { operation: index, begin, end });
        let is_longest = shown.len() > self.longest.len();
        let mut numbers = Vec::with_capacity(if is_longest { shown.len() } else { 0 });
        let mut before = None;
        for (place, value) in shown.iter().enumerate() {
            let id = self.recognise(value, place, before).unwrap_or_else(|| self.number(value));
            if is_longest {
                numbers.push((value, id));
            }
            if self.show(id, read) {
                if let Some(before) = before {
                    self.neighbours(before, id, read);
                }
                before = Some(id);
            }
        }
        if is_longest {
            self.longest = numbers;
            self.contents.longest = Some(read);
        }
        Ok(())
    }

    /// What needs no looking up: what the longest read shows at this place, and what was mentioned first right behind
    /// the element before it, as the next append mostly was.
    fn recognise(&self, value: &Value, place: usize, before: Option<ElementId>) -> Option<ElementId> {
        let at_place = self.longest.get(place).filter(|&&(other, _)| other == value).map(|&(_, id)| id);
        let next =
            || Some(before? + 1).filter(|&id| self.contents.elements.get(id).is_some_and(|next| next.value == value));
        at_place.or_else(next)
    }

    /// Whether this is the first time that the read shows it.
    fn show(&mut self, id: ElementId, read: ReadId) -> bool {
        let Contents { reads, elements, .. } = &mut self.contents;
        match &mut elements[id].shown {
            Some(shown) => shown.add(read, reads),
            none => {
                *none = Some(Shown::in_one(read));
                true
            }
        }
    }

    fn neighbours(&mut self, one: ElementId, next: ElementId, read: ReadId) {
        let is_new = self.successors[one].replace(next) != Some(next);
        if is_new && self.contents.collection == Collection::List {
            self.contents.neighbours.push((one, next, read));
        }
    }
}
