//! The life of each element of one list or set: in which category it falls, and what proves it. The categories are
//! defined in [`super`].

use std::collections::BTreeMap;

use super::contents::{Contents, Element, ElementId, Read, ReadId, Shown};
use super::extremes::Extremes;
use super::{Absences, Category};
use crate::history::{History, Moment, Value};
use crate::linearizability::calls::interval;

/// What became of one element.
pub(super) struct Life {
    pub(super) category: Category,
    pub(super) evidence: Evidence,
    pub(super) absences: Absences,
    /// From when to when its latency is measured, where its category has one.
    pub(super) latency: Option<(Moment, Moment)>,
}

/// The operations that put an element into its category, by their indices in the history.
#[derive(Clone, Copy, Default)]
pub(super) struct Evidence {
    /// An attempt to write it.
    pub(super) attempt: Option<usize>,
    /// The read that showed it before it was missed; without one the attempt was acknowledged.
    pub(super) shown: Option<usize>,
    /// The read that misses it.
    pub(super) missed: Option<usize>,
    /// A read that shows it in the end, or that should not.
    pub(super) shown_last: Option<usize>,
}

/// When an element was known to be there, and by which operation.
#[derive(Clone, Copy)]
pub(super) struct Known {
    pub(super) at: u64,
    pub(super) operation: usize,
}

/// Which reads owe an element that one of them misses.
#[derive(Clone, Copy)]
struct Due {
    known: Known,
    /// The first read that began after that; all that follow did.
    first: ReadId,
    /// The last of these to begin that misses it.
    last_miss: ReadId,
}

/// A read that showed an element, and one that began after that and misses it.
#[derive(Clone, Copy)]
pub(super) struct TakenBack {
    shown: usize,
    missed: Read,
}

/// For each element that somebody took back the one that was over first.
pub(super) type AllTakenBack<'a> = BTreeMap<&'a Value, TakenBack>;

/// The elements of one list or set and what is needed to judge each.
pub(super) struct Lives<'c, 'h> {
    history: &'h History,
    contents: &'c Contents<'h>,
    extremes: Extremes,
    /// When the reads ended, in order of time.
    ends: Vec<u64>,
}

impl<'c, 'h> Lives<'c, 'h> {
    pub(super) fn new(history: &'h History, contents: &'c Contents<'h>) -> Self {
        let mut ends: Vec<u64> = contents.reads.iter().map(|read| read.end).collect();
        let extremes = Extremes::of(ends.clone());
        ends.sort_unstable();
        Self { history, contents, extremes, ends }
    }

    /// When the element's first attempt began that may have put it there. Of what was shown before that, and so is a
    /// ghost or a phantom, nobody knows.
    pub(super) fn begun(&self, id: ElementId) -> Option<u64> {
        let element = &self.contents.elements[id];
        let begun = self.begin(element.attempts.first_possible?);
        let is_early = element.shown.as_ref().is_some_and(|shown| self.contents.reads[shown.first_over].end < begun);
        Some(begun).filter(|_| !is_early)
    }

    /// The end of the attempt that was acknowledged first, or of the read that showed it first, whichever was earlier.
    pub(super) fn known(&self, id: ElementId) -> Option<Known> {
        let element = &self.contents.elements[id];
        let end = |operation: usize| Known { at: interval(&self.history.operations()[operation]).1, operation };
        let acknowledged = element.attempts.acknowledged.map(end);
        let shown = element.shown.as_ref().map(|shown| end(self.contents.reads[shown.first_over].operation));
        acknowledged.into_iter().chain(shown).min_by_key(|known| known.at)
    }

    /// The elements that were shown and later missed. The first such miss to end leaves most time to come back.
    pub(super) fn gather_taken_back(&self, found: &mut AllTakenBack<'h>) {
        for element in &self.contents.elements {
            let Some(taken_back) = self.taken_back(element) else { continue };
            let first = found.entry(element.value).or_insert(taken_back);
            if taken_back.missed.end < first.missed.end {
                *first = taken_back;
            }
        }
    }

    fn taken_back(&self, element: &Element<'_>) -> Option<TakenBack> {
        let reads = &self.contents.reads;
        let shown = reads[element.shown.as_ref()?.first_over];
        let gaps = element.gaps(self.first_after(shown.end), reads.len());
        let missed = gaps.filter_map(|gap| self.extremes.earliest(gap)).min_by_key(|&read| reads[read].end)?;
        Some(TakenBack { shown: shown.operation, missed: reads[missed] })
    }

    /// Judges one element.
    pub(super) fn judge(&self, id: ElementId, taken_back: &AllTakenBack<'_>) -> Life {
        let element = &self.contents.elements[id];
        if let Some(invented) = element.shown.as_ref().and_then(|shown| self.invented(element, shown)) {
            return invented;
        }
        let Some(known) = self.known(id) else {
            let (category, absences) = match element.attempts.first_possible {
                Some(_) => (Category::Unconfirmed, self.absences(element, self.contents.reads.len())),
                None => (Category::Refused, Absences::default()),
            };
            return Life { category, evidence: Evidence::default(), absences, latency: None };
        };
        let due = self.first_after(known.at);
        let absences = self.absences(element, due);
        let Some(last_miss) = element.gaps(due, self.contents.reads.len()).next_back().map(|gap| gap.end - 1) else {
            let category = if element.shown.is_some() { Category::Stable } else { Category::NeverRead };
            let at = self.history.operations()[known.operation].completed;
            let latency = at.filter(|_| category == Category::Stable).map(|at| (at, at));
            return Life { category, evidence: Evidence::default(), absences, latency };
        };
        let due = Due { known, first: due, last_miss };
        Life { absences, ..self.missed(element, due, taken_back) }
    }

    /// A ghost or a phantom: shown by a read that was over before an attempt began that may have put it there.
    fn invented(&self, element: &Element<'_>, shown: &Shown) -> Option<Life> {
        let read = self.contents.reads[shown.first_over];
        let is_early = |attempt: Option<usize>| attempt.is_none_or(|attempt| read.end < self.begin(attempt));
        let attempts = &element.attempts;
        let category = match (is_early(attempts.first), is_early(attempts.first_possible)) {
            (true, _) => Category::Phantom,
            (false, true) => Category::Ghost,
            (false, false) => return None,
        };
        let evidence = Evidence { attempt: attempts.first, shown_last: Some(read.operation), ..Evidence::default() };
        Some(Life { category, evidence, absences: Absences::default(), latency: None })
    }

    /// An element that a read misses which owes it.
    fn missed(&self, element: &Element<'_>, due: Due, taken_back: &AllTakenBack<'_>) -> Life {
        let last_miss = self.contents.reads[due.last_miss];
        let is_shown_later = |shown: &&Shown| self.contents.reads[shown.last_over].end >= last_miss.begin;
        let (category, evidence) = match element.shown.as_ref().filter(is_shown_later) {
            Some(shown) => self.shown_later(element, shown, due, taken_back),
            None => (Category::Lost, self.evidence(element, due.known, last_miss, None)),
        };
        let begun = |read: ReadId| self.history.operations()[self.contents.reads[read].operation].invoked;
        let known = self.history.operations()[due.known.operation].completed;
        let until = match category {
            Category::Lost => element.shown.as_ref().map_or(known, |shown| Some(begun(shown.last_begun()))),
            Category::Stale => Some(begun(due.last_miss)),
            _ => None,
        };
        Life { category, evidence, absences: Absences::default(), latency: known.zip(until) }
    }

    /// An element that was missed but not lost: a read shows it that ended after the last miss began.
    fn shown_later(
        &self,
        element: &Element<'_>,
        shown: &Shown,
        due: Due,
        taken_back: &AllTakenBack<'_>,
    ) -> (Category, Evidence) {
        let reads = &self.contents.reads;
        let last = reads[shown.last_begun()];
        if let Some(back) = taken_back.get(element.value).filter(|back| back.missed.end < last.begin) {
            let evidence = self.evidence(element, due.known, back.missed, Some(last));
            let (attempt, shown) = (element.attempts.first_possible, Some(back.shown));
            let evidence = Evidence { attempt, shown, ..evidence };
            return (Category::Resurrected, evidence);
        }
        let latest = element.gaps(due.first, reads.len()).filter_map(|gap| self.extremes.latest(gap));
        let latest = latest.map(|read| reads[read]).max_by_key(|miss| miss.end);
        match latest.filter(|miss| miss.end >= last.begin) {
            // No read that shows it is after this miss; the one that ended last is not before it either.
            Some(miss) => (Category::Unsettled, self.evidence(element, due.known, miss, Some(reads[shown.last_over]))),
            None => (Category::Stale, self.evidence(element, due.known, reads[due.last_miss], Some(last))),
        }
    }

    /// Known by its acknowledgement, unless that came too late for this miss.
    fn evidence(&self, element: &Element<'_>, known: Known, miss: Read, shown_last: Option<Read>) -> Evidence {
        let attempts = &element.attempts;
        let is_in_time = |attempt: usize| interval(&self.history.operations()[attempt]).1 < miss.begin;
        let acknowledged = attempts.acknowledged.filter(|&attempt| is_in_time(attempt));
        Evidence {
            attempt: acknowledged.or(attempts.first_possible),
            shown: acknowledged.is_none().then_some(known.operation),
            missed: Some(miss.operation),
            shown_last: shown_last.map(|read| read.operation),
        }
    }

    /// How many reads lack it; those from `due` on began after it was known.
    fn absences(&self, element: &Element<'_>, due: ReadId) -> Absences {
        let reads = self.contents.reads.len();
        let missing = |from: ReadId| element.gaps(from, reads).map(|gap| gap.len() as u64).sum::<u64>();
        let owed = missing(due);
        let begun = element.attempts.first_possible.map_or(0, |attempt| self.begin(attempt));
        // Every read that shows it ended after that, or it would be a ghost or a phantom.
        let too_early = self.ends.partition_point(|&end| end < begun) as u64;
        Absences { owed, ambiguous: missing(0) - too_early - owed }
    }

    /// The first read that began after this rank, and all that follow did.
    fn first_after(&self, rank: u64) -> ReadId {
        self.contents.reads.partition_point(|read| read.begin <= rank)
    }

    fn begin(&self, operation: usize) -> u64 {
        interval(&self.history.operations()[operation]).0
    }
}
