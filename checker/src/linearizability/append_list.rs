//! Append lists whose elements are unique, decided in time linear in the size of what was read.
//!
//! Each read tells the whole order of appends so far. Let L be the longest list read. The history is linearizable iff
//!
//! 1. every element of L was appended, by an append that was not refused, and is in L once;
//! 2. every read is a prefix of L;
//! 3. no operation ends before one of an earlier group begins, in this sequence of groups: reads of length 0, the append of
//!    L's first element, reads of length 1, the append of its second element, …, reads of L's length, and last the
//!    acknowledged appends that L does not show.
//!
//! Each is necessary: a linearization's order of appends, cut off behind L's last element, is L; a read of length k is
//! between the k-th append and the next; and an append that L does not show cannot be before L's last element or before any
//! read, or L or that read would show it. They suffice: sorted by group and then by start, the operations are in an order
//! that keeps real time (see [`Sequence`]) and in which each read returns just what was appended before it. An append of
//! unknown outcome that L does not show is dropped, as no answer depends on it; one that L shows happened, and has no end.

use std::collections::HashMap;

use super::calls::Call;
use super::collections::{Action, CollectionCalls};
use super::explain::Contradiction;
use super::groups::{Group, Inversion, Sequence};
use super::intervals::Decision;
use crate::history::Value;

/// Decides the calls of one list.
pub(super) fn decide(list: &CollectionCalls<'_>) -> Decision {
    list.decide(contradiction)
}

/// `None` if an element was, or may have been, appended twice.
fn contradiction(list: &CollectionCalls<'_>) -> Option<Result<(), Contradiction>> {
    let list = AppendList::gather(list)?;
    Some(list.check_elements().and_then(|()| list.check_prefixes()).and_then(|()| list.check_real_time()))
}

struct Read<'a> {
    call: usize,
    operation: usize,
    elements: &'a [Value],
}

struct AppendList<'a> {
    list: &'a CollectionCalls<'a>,
    /// The appends that happened or may have, by their element.
    appends: HashMap<&'a Value, usize>,
    /// The acknowledged reads, in order of invocation.
    reads: Vec<Read<'a>>,
    /// The first of the longest reads.
    longest: Option<usize>,
}

impl<'a> AppendList<'a> {
    fn gather(list: &'a CollectionCalls<'a>) -> Option<Self> {
        let (mut appends, mut reads) = (HashMap::new(), Vec::new());
        for (index, call) in list.calls.iter().enumerate() {
            match call.action {
                Action::Add(element) if appends.insert(element, index).is_some() => return None,
                Action::Add(_) => {}
                Action::Read(elements) => reads.push(Read { call: index, operation: call.operation, elements }),
            }
        }
        let length = reads.iter().map(|read| read.elements.len()).max();
        let longest = reads.iter().position(|read| Some(read.elements.len()) == length);
        Some(Self { list, appends, reads, longest })
    }

    fn longest(&self) -> Option<&Read<'a>> {
        self.longest.map(|index| &self.reads[index])
    }

    /// Condition 1.
    fn check_elements(&self) -> Result<(), Contradiction> {
        let Some(longest) = self.longest() else { return Ok(()) };
        let mut places = HashMap::with_capacity(longest.elements.len());
        for (place, element) in longest.elements.iter().enumerate() {
            if !self.appends.contains_key(element) {
                let refused = self.list.refused.get(element).copied();
                return Err(Contradiction::NeverAdded { read: longest.operation, element: element.clone(), refused });
            }
            if let Some(first) = places.insert(element, place) {
                let append = self.operation(self.appends[element]);
                let places = [first, place];
                return Err(Contradiction::Duplicated { read: longest.operation, append, places });
            }
        }
        Ok(())
    }

    /// Condition 2.
    fn check_prefixes(&self) -> Result<(), Contradiction> {
        let Some(longest) = self.longest() else { return Ok(()) };
        for read in &self.reads {
            if let Some(place) = read.elements.iter().zip(longest.elements).position(|(one, other)| one != other) {
                return Err(Contradiction::Disagreeing { reads: [read.operation, longest.operation], place });
            }
        }
        Ok(())
    }

    /// Condition 3.
    fn check_real_time(&self) -> Result<(), Contradiction> {
        let order = self.longest().map_or(&[][..], |longest| longest.elements);
        let mut reads_of_length = vec![Group::EMPTY; order.len() + 1];
        for read in &self.reads {
            reads_of_length[read.elements.len()].merge(self.group(read.call));
        }
        let inverted = |inversion| self.inverted(inversion);
        let mut sequence = Sequence::new();
        sequence.push(reads_of_length[0]).map_err(inverted)?;
        for (element, &reads) in order.iter().zip(&reads_of_length[1..]) {
            sequence.push(self.group(self.appends[element])).map_err(inverted)?;
            sequence.push(reads).map_err(inverted)?;
        }
        // A read by itself says more clearly what it lacks than together with the appends that it shows.
        let all_reads = reads_of_length.into_iter().fold(Group::EMPTY, Group::merged);
        self.check_unseen(order, [all_reads, sequence.whole()])
    }

    /// The last group of condition 3.
    fn check_unseen(&self, order: &[Value], shown: [Group; 2]) -> Result<(), Contradiction> {
        let mut unseen = self.appends.clone();
        for element in order {
            unseen.remove(element);
        }
        let mut unseen: Vec<usize> = unseen.into_values().collect();
        unseen.sort_unstable(); // the first one is told, so which one that is must not depend on the map
        for (append, shown) in unseen.into_iter().flat_map(|append| shown.map(|shown| (append, shown))) {
            let Err(inversion) = Sequence::of(shown).push(self.group(append)) else { continue };
            let append = self.operation(append);
            let read = self.longest().expect("something was shown").operation;
            return Err(Contradiction::Missing { append, before: inversion.ahead, read });
        }
        Ok(())
    }

    fn inverted(&self, Inversion { ahead, behind }: Inversion) -> Contradiction {
        let is_read = |operation: usize| self.reads.iter().any(|read| read.operation == operation);
        match self.longest() {
            _ if is_read(ahead) => Contradiction::Shrunk { read: ahead, before: behind },
            Some(longest) if !is_read(behind) => {
                Contradiction::Reordered { shown_first: ahead, ended_first: behind, read: longest.operation }
            }
            _ => Contradiction::ShownEarly { read: behind, append: ahead },
        }
    }

    fn operation(&self, call: usize) -> usize {
        self.list.calls[call].operation
    }

    fn group(&self, call: usize) -> Group {
        let Call { operation, start, end, .. } = self.list.calls[call];
        Group::of(operation, start, end)
    }
}
