//! The sessions of one append list. What counts as broken is said in [`super`].
//!
//! The two guarantees on reads are inclusions of sets; looking for what is missing ends where something is, and so
//! costs no more than the read shows. The two on writes depend on what a read shows and not on who reads, and a prefix
//! of a list breaks them iff the list does so within that prefix: the longest read is judged place by place, and by
//! themselves only the reads that differ from it. So the cost is that of looking up what was read, unless many reads
//! differ.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};

use super::telling::in_its_own_past;
use super::{Audit, Guarantee, Told};
use crate::appends::{Element, List, Marks, Step};
use crate::history::History;
use crate::linearizability::calls::interval;
use crate::wording::{at, noun, read as read_told, was_over};

/// Fails, saying why, on operations that are none of a list's, and on elements that are not unique.
pub(super) fn check(audit: &mut Audit<'_>, operations: &[usize]) -> Result<(), String> {
    let list = List::gather(audit.history, operations)?;
    let appends = check_reads(audit, &list);
    check_writes(audit, &list, &appends);
    Ok(())
}

/// What a session did before its next operation: elements, each with the operation that appended it or first showed it.
#[derive(Default)]
struct Session<'a> {
    appended: BTreeMap<Element, usize>,
    has_read: bool,
    read: BTreeMap<Element, usize>,
    /// What others had appended and it read since its last append.
    read_since: Vec<(Element, usize)>,
    /// How many appends it began.
    appends: usize,
    /// What it did last, which may have ended in the nanosecond in which its next operation began: the two are
    /// concurrent.
    recent: VecDeque<(u64, &'a Step)>,
}

impl Session<'_> {
    /// Takes in what had ended before this.
    fn settle(&mut self, start: u64) {
        while let Some((_, step)) = self.recent.pop_front_if(|&mut (end, _)| end < start) {
            match *step {
                Step::Append { operation, element } => {
                    self.appended.insert(element, operation);
                }
                Step::Read { operation, ref shown } => self.take_in(operation, shown),
            }
        }
    }

    fn take_in(&mut self, read: usize, shown: &[Element]) {
        self.has_read = true;
        for &element in shown {
            if let Entry::Vacant(unread) = self.read.entry(element) {
                unread.insert(read);
                if !self.appended.contains_key(&element) {
                    self.read_since.push((element, read));
                }
            }
        }
    }

    fn begin_append(&mut self, operation: usize, process: u64) -> Append {
        let (number, earlier) = (self.appends, self.appended.len());
        self.appends += 1;
        Append { operation, process, number, earlier, read_before: std::mem::take(&mut self.read_since) }
    }
}

/// An append that happened or may have, and what has to be before it.
struct Append {
    operation: usize,
    process: u64,
    /// Its number among its session's appends, from 0.
    number: usize,
    /// How many of its session's appends had ended before it began: the first ones.
    earlier: usize,
    /// What the session had read since its append before, each element with the read that first showed it.
    read_before: Vec<(Element, usize)>,
}

/// Judges what each read owes to its session, and gathers what each append has to follow.
fn check_reads(audit: &mut Audit<'_>, list: &List<'_>) -> BTreeMap<Element, Append> {
    let mut sessions: BTreeMap<u64, Session<'_>> = BTreeMap::new();
    let mut appends = BTreeMap::new();
    let mut marks = Marks::new(list.values.len());
    for step in &list.steps {
        let (Step::Append { operation, .. } | Step::Read { operation, .. }) = *step;
        let told = &audit.history.operations()[operation];
        let (start, end) = interval(told);
        let session = sessions.entry(told.process).or_default();
        session.settle(start);
        match *step {
            Step::Append { element, .. } => {
                appends.insert(element, session.begin_append(operation, told.process));
            }
            Step::Read { ref shown, .. } => {
                marks.clear();
                for &element in shown {
                    marks.mark(element);
                }
                if !session.appended.is_empty() {
                    let breach = missing(list, &session.appended, &marks, operation);
                    audit.judge(Guarantee::ReadYourWrites, operation, breach);
                }
                if session.has_read {
                    let breach = missing(list, &session.read, &marks, operation);
                    audit.judge(Guarantee::MonotonicReads, operation, breach);
                }
            }
        }
        session.recent.push_back((end, step));
    }
    appends
}

/// The first of the elements that is not marked, told as the reason why the read should have shown it.
fn missing<'a>(
    list: &'a List<'_>,
    owed: &BTreeMap<Element, usize>,
    shown: &Marks,
    read: usize,
) -> Option<impl FnOnce(&History) -> Told + use<'a>> {
    let (element, before) =
        owed.iter().map(|(&element, &before)| (element, before)).find(|&(element, _)| !shown.has(element))?;
    let value = list.values[element];
    Some(move |history: &History| {
        let [told, past] = [read, before].map(|index| &history.operations()[index]);
        let sentence = format!("{}, which does not show {value}, after {}", read_told(told), in_its_own_past(past));
        (vec![before, read], sentence)
    })
}

/// Judges what each read shows of the order of appends.
fn check_writes(audit: &mut Audit<'_>, list: &List<'_>, appends: &BTreeMap<Element, Append>) {
    let reads = || {
        list.steps.iter().filter_map(|step| match step {
            Step::Read { operation, shown } => Some((*operation, shown.as_slice())),
            Step::Append { .. } => None,
        })
    };
    let Some((_, longest)) = reads().rev().max_by_key(|(_, shown)| shown.len()) else { return };
    let mut marks = Marks::new(list.values.len());
    let agreed = Judged::of(longest, appends, &mut marks);
    for (read, shown) in reads() {
        let differs = !longest.starts_with(shown);
        let own = differs.then(|| Judged::of(shown, appends, &mut marks));
        for (guarantee, rule) in own.as_ref().unwrap_or(&agreed).rules() {
            if rule.applies_from.is_some_and(|place| place < shown.len()) {
                let breach = rule.broken.filter(|breach| breach.place < shown.len());
                audit.judge(
                    guarantee,
                    read,
                    breach.map(|breach| move |history: &History| breach.tell(history, list, read)),
                );
            }
        }
    }
}

/// What a list says of the two guarantees.
#[derive(Default)]
struct Judged {
    monotonic_writes: Rule,
    writes_follow_reads: Rule,
}

#[derive(Default)]
struct Rule {
    /// The place of the first append that had to follow something.
    applies_from: Option<usize>,
    broken: Option<Breach>,
}

/// An append is shown, and not before it what it had to follow.
#[derive(Clone, Copy)]
struct Breach {
    place: usize,
    append: usize,
    missing: Element,
    /// The operation by which the session knew of what is missing: its own append, or a read.
    before: usize,
}

impl Judged {
    fn of(shown: &[Element], appends: &BTreeMap<Element, Append>, marks: &mut Marks) -> Self {
        let mut judged = Self::default();
        let mut by_session: BTreeMap<u64, usize> = BTreeMap::new();
        marks.clear();
        for (place, &element) in shown.iter().enumerate() {
            let is_new = marks.mark(element);
            let Some(append) = appends.get(&element).filter(|_| is_new) else { continue };
            let so_far = by_session.entry(append.process).or_default();
            if append.earlier > 0 {
                let first_missing = || first_missing(append, appends, marks);
                let is_broken = judged.monotonic_writes.broken.is_some();
                let missing = (*so_far < append.earlier && !is_broken).then(first_missing).flatten();
                judged.monotonic_writes.note(place, append, missing);
            }
            *so_far += 1;
            if !append.read_before.is_empty() {
                let missing = append.read_before.iter().copied().find(|&(read, _)| !marks.has(read));
                judged.writes_follow_reads.note(place, append, missing);
            }
        }
        judged
    }

    fn rules(&self) -> [(Guarantee, &Rule); 2] {
        [
            (Guarantee::MonotonicWrites, &self.monotonic_writes),
            (Guarantee::WritesFollowReads, &self.writes_follow_reads),
        ]
    }
}

/// The first append of the same session that is not marked.
fn first_missing(append: &Append, appends: &BTreeMap<Element, Append>, marks: &Marks) -> Option<(Element, usize)> {
    let is_missing = |&(element, other): &(&Element, &Append)| other.process == append.process && !marks.has(*element);
    let missing = appends.iter().filter(is_missing).min_by_key(|(_, other)| other.number)?;
    Some((*missing.0, missing.1.operation))
}

impl Rule {
    /// Takes in an append to which the rule applies; only the first breach is kept.
    fn note(&mut self, place: usize, append: &Append, missing: Option<(Element, usize)>) {
        self.applies_from.get_or_insert(place);
        if let (None, Some((missing, before))) = (self.broken, missing) {
            self.broken = Some(Breach { place, append: append.operation, missing, before });
        }
    }
}

impl Breach {
    fn tell(self, history: &History, list: &List<'_>, read: usize) -> Told {
        let [shown, append, before] = [read, self.append, self.before].map(|index| &history.operations()[index]);
        let missing = list.values[self.missing];
        let sentence = format!(
            "{}, which shows {} and not {missing} before it; but {}, before {} began at {}",
            read_told(shown),
            append.input,
            was_over(before),
            noun(append),
            at(append.invoked),
        );
        (vec![self.before, self.append, read], sentence)
    }
}
