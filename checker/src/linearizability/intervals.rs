//! Registers whose written values are unique, decided in O(n log n) whatever the concurrency and however many operations
//! crashed. It reads no values, only their numbers, and explains nothing. Other registers go to the search.
//!
//! After Gibbons & Korach, *Testing Shared Memories* (SIAM J. Comput. 26, 1997), extended by compare-and-set.
//!
//! An observed value and the operations that wrote, returned or expected it belong together. A write or cas of unknown
//! outcome whose value nobody observed is dropped: taken out of any linearization, it leaves all other answers as they are.
//! One whose value somebody observed happened, and has no end; if it is a cas, it observed in turn. The initial value was
//! written before time.
//!
//! A value's writer comes first, then its readers, then the cas from it, if there is one, which is the next value's writer.
//! So each write (and the initial value) heads a *block* of values whose inner order is fixed, and between two operations of
//! a block no other block can write. The history is linearizable iff
//!
//! 1. every observed value was written, no value has two successful cas from it, and every value is in a block
//!    (cas that wrote each other's expected values in a circle are in none);
//! 2. inside a block no operation ends before an operation begins that the inner order puts ahead of it;
//! 3. no two blocks A and B each have an operation that ended before one of the other began:
//!    `first_end(A) < last_start(B)` and `first_end(B) < last_start(A)`.
//!
//! Each is necessary. They suffice: A must precede B iff `first_end(A) < last_start(B)`, and the blocks can be put in a row
//! unless these constraints form a cycle. In a cycle take the block M with the greatest `last_start`, its successor S and
//! S's successor T: `first_end(S) < last_start(T) <= last_start(M)`, so S must precede M too, and M and S break (3).

use std::collections::BTreeSet;

use super::calls::{self, Call, RegisterCalls};
use super::explain::Contradiction;
use super::groups::{End, Group, Sequence};
use super::least::Least;
use crate::model::register::{Action, INITIAL, observed, written};
use crate::numbers::ValueId;

/// What the intervals tell.
pub(super) enum Decision {
    Linearizable,
    Contradiction(Least),
    /// Some value was, or may have been, written twice, or some answer does not name a value.
    NotApplicable,
}

/// Decides the calls of one register.
pub(super) fn decide(register: &RegisterCalls<'_>) -> Decision {
    let Some(writers) = Writers::unique(register) else { return Decision::NotApplicable };
    match contradiction(register, &writers) {
        None => Decision::Linearizable,
        Some(contradiction) => {
            let operations = writers.with_evidence(&register.calls, contradiction.operations());
            let end = |operations: &[usize]| calls::end(&register.calls, operations);
            let among = |operations: &[usize], until: u64| {
                let contradiction = contradiction_of(&only(register, &writers, operations, until))?;
                Some(contradiction.told_with_writer(|observer| writers.of_observed(register, observer)))
            };
            Decision::Contradiction(Least::of(contradiction, operations, end, among))
        }
    }
}

fn contradiction(register: &RegisterCalls<'_>, writers: &Writers) -> Option<Contradiction> {
    Clusters::gather(register, writers).and_then(|clusters| clusters.check_blocks(register, writers)).err()
}

fn contradiction_of(register: &RegisterCalls<'_>) -> Option<Contradiction> {
    contradiction(register, &Writers::unique(register)?)
}

/// The calls of these operations, and of all others begun until then only that they were attempted. Few of these matter:
/// those whose value was observed, by one that matters.
fn only<'a>(register: &RegisterCalls<'a>, writers: &Writers, operations: &[usize], until: u64) -> RegisterCalls<'a> {
    let of = |operation: &usize| calls::of_operation(&register.calls, *operation);
    let kept: BTreeSet<usize> = operations.iter().filter_map(of).collect();
    let mut matter = kept.clone();
    let mut news: Vec<usize> = kept.iter().copied().collect();
    while let Some(observer) = news.pop() {
        let writer = observed(register.calls[observer].action).and_then(|value| writers.of(value));
        let is_news = |&writer: &usize| register.calls[writer].start <= until && matter.insert(writer);
        news.extend(writer.filter(is_news));
    }
    let call = |index: usize| {
        let call = &register.calls[index];
        if kept.contains(&index) { call.clone() } else { call.forgotten(call.action) }
    };
    RegisterCalls {
        calls: matter.into_iter().map(call).collect(),
        values: register.values.clone(),
        refused: register.refused.clone(),
    }
}

/// For each value the index of the call that wrote it, if any did or may have.
struct Writers(Vec<Option<usize>>);

impl Writers {
    /// `None` if the intervals do not apply.
    fn unique(register: &RegisterCalls<'_>) -> Option<Self> {
        let mut writers = vec![None; register.values.len()];
        for (index, call) in register.calls.iter().enumerate() {
            if matches!(call.action, Action::ReadOtherThan(_)) {
                return None;
            }
            let Some(written) = written(call.action) else { continue };
            let is_repeated = written == INITIAL || writers[written as usize].replace(index).is_some();
            if is_repeated {
                return None;
            }
        }
        Some(Self(writers))
    }

    fn of(&self, value: ValueId) -> Option<usize> {
        self.0[value as usize]
    }

    /// The operation that wrote what this one observed, if any did.
    fn of_observed(&self, register: &RegisterCalls<'_>, operation: usize) -> Option<usize> {
        let observer = calls::of_operation(&register.calls, operation)?;
        Some(register.calls[self.of(observed(register.calls[observer].action)?)?].operation)
    }

    /// By which call we know that each one happened: by itself if it was acknowledged, or by one that observed its value and
    /// happened; `None` if it may not have.
    fn known_by(&self, calls: &[Call<Action>]) -> Vec<Option<usize>> {
        let known = |(index, call): (usize, &Call<Action>)| call.is_certain().then_some(index);
        let mut known_by: Vec<Option<usize>> = calls.iter().enumerate().map(known).collect();
        let mut news: Vec<usize> = known_by.iter().flatten().copied().collect();
        while let Some(observer) = news.pop() {
            let writer = observed(calls[observer].action).and_then(|value| self.of(value));
            if let Some(writer) = writer.filter(|&writer| known_by[writer].is_none()) {
                known_by[writer] = Some(observer);
                news.push(writer);
            }
        }
        known_by
    }

    /// Operations, and those by which we know that they happened.
    fn with_evidence(&self, calls: &[Call<Action>], operations: Vec<usize>) -> Vec<usize> {
        let known_by = self.known_by(calls);
        let mut evident = operations;
        let mut next = 0;
        while next < evident.len() {
            let call = calls::of_operation(calls, evident[next]);
            let observer = call.and_then(|call| known_by[call]).map(|observer| calls[observer].operation);
            evident.extend(observer.filter(|observer| !evident.contains(observer)));
            next += 1;
        }
        evident
    }
}

/// What happened to each value.
struct Clusters {
    /// The readers of each value.
    readers: Vec<Group>,
    /// The call that compared each value with success and replaced it.
    replaced_by: Vec<Option<usize>>,
    /// Which calls happened.
    happened: Vec<bool>,
}

impl Clusters {
    fn gather(register: &RegisterCalls<'_>, writers: &Writers) -> Result<Self, Contradiction> {
        let mut clusters = Self {
            readers: vec![Group::EMPTY; register.values.len()],
            replaced_by: vec![None; register.values.len()],
            happened: writers.known_by(&register.calls).iter().map(Option::is_some).collect(),
        };
        for (index, call) in register.calls.iter().enumerate() {
            let Some(value) = observed(call.action).filter(|_| clusters.happened[index]) else { continue };
            if value != INITIAL && writers.of(value).is_none() {
                let refused = register.refused.get(&value).copied();
                return Err(Contradiction::NeverWritten { observer: call.operation, refused });
            }
            if matches!(call.action, Action::Read(_)) {
                clusters.readers[value as usize].merge(group(call));
            } else if let Some(first) = clusters.replaced_by[value as usize].replace(index) {
                let writer = writers.of(value).map(|writer| register.calls[writer].operation);
                let first = register.calls[first].operation;
                return Err(Contradiction::ReplacedTwice { writer, first, second: call.operation });
            }
        }
        Ok(clusters)
    }

    /// Conditions 1 (its last part), 2 and 3.
    fn check_blocks(&self, register: &RegisterCalls<'_>, writers: &Writers) -> Result<(), Contradiction> {
        let mut is_placed = vec![false; register.calls.len()];
        let mut blocks = vec![self.block(register, INITIAL, Group::INITIAL, &mut is_placed)?];
        for (index, call) in register.calls.iter().enumerate() {
            if let Action::Write(value) = call.action
                && self.happened[index]
            {
                blocks.push(self.block(register, value, group(call), &mut is_placed)?);
            }
        }
        let is_astray = |&index: &usize| {
            matches!(register.calls[index].action, Action::Cas(..)) && self.happened[index] && !is_placed[index]
        };
        if let Some(stray) = (0..register.calls.len()).find(is_astray) {
            return Err(circle(register, writers, stray));
        }
        match entangled(&mut blocks) {
            Some((a, b)) => Err(Contradiction::entangled(a, b)),
            None => Ok(()),
        }
    }

    /// The block that begins with this value, as one group; the cas in it are marked as placed.
    fn block(
        &self,
        register: &RegisterCalls<'_>,
        head: ValueId,
        writer: Group,
        is_placed: &mut [bool],
    ) -> Result<Group, Contradiction> {
        let mut sequence = Sequence::new();
        let mut push = |group| sequence.push(group).map_err(Contradiction::Inverted);
        push(writer)?;
        let mut value = head;
        loop {
            push(self.readers[value as usize])?;
            let Some(cas) = self.replaced_by[value as usize] else { return Ok(sequence.whole()) };
            let Action::Cas(_, replacement) = register.calls[cas].action else {
                unreachable!("only a cas replaces a value by comparison")
            };
            push(group(&register.calls[cas]))?;
            is_placed[cas] = true;
            value = replacement;
        }
    }
}

fn group(call: &Call<Action>) -> Group {
    Group::of(call.operation, call.start, call.end)
}

/// The cas that each need another's value, found by going from writer to writer until one comes round again.
fn circle(register: &RegisterCalls<'_>, writers: &Writers, stray: usize) -> Contradiction {
    let predecessor = |index: usize| {
        let expected = observed(register.calls[index].action).expect("a cas observes");
        writers.of(expected).expect("a value outside of every block was written by a cas")
    };
    let mut on_circle = stray;
    for _ in 0..register.calls.len() {
        on_circle = predecessor(on_circle);
    }
    let mut operations = vec![register.calls[on_circle].operation];
    let mut next = predecessor(on_circle);
    while next != on_circle {
        operations.push(register.calls[next].operation);
        next = predecessor(next);
    }
    operations.reverse();
    Contradiction::Circle { operations }
}

/// Two blocks of which each must precede the other. For each block B, among the blocks that must precede it (a prefix,
/// once they are sorted by `first_end`), the one with the greatest `last_start` is the one that B precedes, if any is.
fn entangled(blocks: &mut [Group]) -> Option<(Group, Group)> {
    blocks.sort_unstable_by_key(|block| (block.first_end.at, block.last_start.at));
    let mut greatest: Vec<(usize, Option<usize>)> = Vec::with_capacity(blocks.len());
    for (index, block) in blocks.iter().enumerate() {
        let is_above = |other: usize| block.last_start.at > blocks[other].last_start.at;
        greatest.push(match greatest.last() {
            None => (index, None),
            Some(&(first, _)) if is_above(first) => (index, Some(first)),
            Some(&(first, second)) if second.is_none_or(is_above) => (first, Some(index)),
            Some(&same) => same,
        });
    }
    blocks.iter().enumerate().find_map(|(index, block)| {
        let before = blocks.partition_point(|other| other.first_end.at < block.last_start.at);
        let (first, second) = *greatest[..before].last()?;
        let other = if first == index { second? } else { first };
        let End { at: ends, .. } = block.first_end;
        (ends < blocks[other].last_start.at).then(|| (blocks[other], *block))
    })
}
