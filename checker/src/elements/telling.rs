//! What became of elements, in words and as a judgement. It judges no element.

use super::contents::{Contents, Element, ElementId};
use super::lives::{Evidence, Life};
use super::order::{Fact, Order};
use super::{Category, Elements, MOST_ELEMENTS, Violation};
use crate::drawing;
use crate::history::{Function, History, Operation, Value};
use crate::judgement::{Judgement, Proof, by_turns};
use crate::verdict::Verdict;
use crate::wording::{Sentence, acknowledged, at, count, noun, read, seconds, was_over};

/// The most proofs that a judgement holds.
const MOST_PROOFS: usize = 10;

/// A violation in words.
pub(super) struct Told {
    pub(super) elements: Vec<Value>,
    pub(super) operations: Vec<usize>,
    pub(super) sentence: Sentence,
}

/// An element whose life breaks a promise.
pub(super) fn life(history: &History, value: &Value, life: &Life) -> Told {
    let Evidence { attempt, shown, missed, shown_last } = life.evidence;
    let operation = |index: usize| &history.operations()[index];
    let shows = |read_of: usize| format!("{}, which shows {value}", read(operation(read_of)));
    let last = shown_last.map(shows);
    let sentence = match (life.category, missed) {
        (Category::Phantom, _) => {
            let begun = attempt.map(operation).map(|told| format!("{} began only at {}", noun(told), at(told.invoked)));
            let why = begun.unwrap_or_else(|| "nobody ever tried to write it".to_owned());
            format!("{}, but {why}", last.unwrap_or_default())
        }
        (Category::Ghost, _) => {
            let refused = attempt.map(operation).map_or_else(String::new, noun);
            format!("{}, but {refused} was refused", last.unwrap_or_default())
        }
        (category, missed) => {
            let known = shown
                .map(shows)
                .or_else(|| attempt.map(operation).map(|told| format!("{} was {}", noun(told), acknowledged(told))));
            let missed = missed.map(|missed| read(operation(missed))).unwrap_or_default();
            let then = match (category, last) {
                (Category::Lost, _) => format!("which does not show {value}, nor does any read that ended later"),
                (Category::Resurrected, Some(last)) => format!("which does not show {value}; and then {last} again"),
                (Category::Unsettled, Some(last)) => format!("which does not show {value}; at the same time {last}"),
                (_, Some(last)) => format!("which does not show {value}; later {last}"),
                (_, None) => format!("which does not show {value}"),
            };
            format!("{}, but {missed}, {then}", known.unwrap_or_default())
        }
    };
    let operations = [attempt, shown, missed, shown_last].into_iter().flatten().collect();
    Told { elements: vec![value.clone()], operations, sentence }
}

/// An element that a read shows too often.
pub(super) fn duplicated(history: &History, element: &Element<'_>, found_by: usize, times: u64) -> Told {
    let value = element.value;
    let attempt = element.attempts.first_possible.or(element.attempts.first);
    let by = attempt.map_or_else(|| "nobody".to_owned(), |attempt| noun(&history.operations()[attempt]));
    let shows = format!("{}, which has {value} in it {times} times", read(&history.operations()[found_by]));
    let sentence = match element.attempts.possible {
        0 | 1 => format!("{shows}, but it was written once at most, by {by}"),
        possible => format!("{shows}, but it was written {possible} times at most, first by {by}"),
    };
    Told { elements: vec![value.clone()], operations: attempt.into_iter().chain([found_by]).collect(), sentence }
}

/// Elements that no order explains.
pub(super) fn reordered(history: &History, contents: &Contents<'_>, order: &Order<'_>, disorder: &[ElementId]) -> Told {
    let value = |id: ElementId| contents.elements[id].value;
    let cycle = order.cycle(history, disorder);
    let is_told = |id: &&ElementId| !cycle.iter().any(|fact| fact.ahead == **id);
    let elements = cycle.iter().map(|fact| &fact.ahead).chain(disorder.iter().filter(is_told));
    let elements = elements.take(MOST_ELEMENTS).map(|&id| value(id).clone()).collect();
    let mut operations: Vec<usize> = Vec::new();
    let mut sentences: Vec<Sentence> = Vec::new();
    for Fact { ahead, behind, read: by } in cycle {
        let (used, sentence) = if let Some(by) = by {
            let index = contents.reads[by].operation;
            let told = read(&history.operations()[index]);
            (vec![index], format!("{told}, which shows {} before {}", value(ahead), value(behind)))
        } else {
            let known = order.known(ahead).map(|known| known.operation);
            let attempt = contents.elements[behind].attempts.first_possible;
            (known.into_iter().chain(attempt).collect(), known_before(history, value(ahead), known, attempt))
        };
        operations.extend(used.into_iter().filter(|index| !operations.contains(index)).collect::<Vec<_>>());
        sentences.push(sentence);
    }
    Told { elements, operations, sentence: sentences.join(", but ") }
}

/// That an element was known before the attempt to write another began.
fn known_before(history: &History, value: &Value, known: Option<usize>, attempt: Option<usize>) -> Sentence {
    let operation = |index: usize| &history.operations()[index];
    let shows = |knower: &Operation| {
        let is_read = knower.function == Function::Read;
        if is_read { format!("{}, which shows {value}", was_over(knower)) } else { was_over(knower) }
    };
    let known = known.map(operation).map(shows).unwrap_or_default();
    let begun = attempt.map(operation).map(|told| format!("{} began at {}", noun(told), at(told.invoked)));
    format!("{known}, before {}", begun.unwrap_or_default())
}

impl Elements {
    /// The answer under the checker's word, `elements`: a violation if there is any in [`Elements::violations`].
    ///
    /// It is inconclusive if a key could not be judged, or if no element could.
    #[must_use]
    pub fn judgement(&self, history: &History) -> Judgement {
        let undecided = self.why_undecided.as_ref().map_or_else(String::new, |why| {
            format!("; {} not decided, of which the first: {why}", count(self.undecided_keys, "key"))
        });
        let summary = self.tally() + &undecided;
        let verdict = if !self.violations.is_empty() {
            Verdict::Violation
        } else if self.undecided_keys > 0 || self.judged() == 0 {
            Verdict::Inconclusive
        } else {
            Verdict::Pass
        };
        let clearest = by_turns(&self.violations, |violation| violation.category).into_iter().take(MOST_PROOFS);
        let proofs: Vec<Proof> = clearest.map(|violation| violation.proof(history)).collect();
        let proofs_left_out = self.violations.len() - proofs.len() + self.violations_left_out as usize;
        Judgement { checker: "elements".to_owned(), verdict, summary, proofs, proofs_left_out }
    }

    fn count(&self, category: Category) -> u64 {
        self.counts.get(&category).copied().unwrap_or(0)
    }

    /// How many elements a read showed, or missed though it owed them.
    fn judged(&self) -> u64 {
        let judged = [Category::Stable, Category::Stale, Category::Unsettled, Category::Lost, Category::Resurrected];
        judged.iter().chain(&[Category::Ghost, Category::Phantom]).map(|&category| self.count(category)).sum()
    }

    /// `2 of 1204 elements lost, 1 resurrected; 1198 stable, 3 stale for up to 0.120 s, 7 never read`.
    fn tally(&self) -> Sentence {
        let judged = self.judged();
        if judged == 0 {
            let never_read = self.count(Category::NeverRead);
            return format!("nothing was judged: no read showed an element or owed one ({never_read} never read)");
        }
        let told = |category: Category| match self.count(category) {
            0 => None,
            number => Some(format!("{number} {category}")),
        };
        let lost = match self.count(Category::Lost) {
            0 => "none".to_owned(),
            lost => lost.to_string(),
        };
        let wrong =
            [Category::Resurrected, Category::Phantom, Category::Ghost, Category::Duplicated, Category::Reordered];
        let wrong: Vec<Sentence> = [format!("{lost} of {} lost", count(judged, "element"))]
            .into_iter()
            .chain(wrong.into_iter().filter_map(told))
            .collect();
        let stale =
            self.stable_latency_ns.map_or_else(String::new, |latency| format!(" for up to {}", seconds(latency.max)));
        let stale = told(Category::Stale).map(|told| told + &stale);
        let others = [Category::Unsettled, Category::NeverRead, Category::Unconfirmed].map(told);
        let others: Vec<Sentence> = [told(Category::Stable), stale].into_iter().chain(others).flatten().collect();
        let others = if others.is_empty() { String::new() } else { format!("; {}", others.join(", ")) };
        wrong.join(", ") + &others
    }
}

impl Violation {
    fn proof(&self, history: &History) -> Proof {
        let drawing = drawing::draw(history, &self.operations);
        Proof { key: self.key.clone(), sentence: self.sentence.clone(), operations: self.operations.clone(), drawing }
    }
}
