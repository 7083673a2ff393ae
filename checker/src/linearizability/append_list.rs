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

use std::collections::{HashMap, HashSet};

use super::calls::{self, Call};
use super::explain::Contradiction;
use super::groups::{Group, Inversion, Sequence};
use super::intervals::Decision;
use super::least::Least;
use crate::history::{Function, History, Outcome, Value};

/// What is done to a list.
#[derive(Clone, Copy, Debug)]
pub(super) enum Action<'a> {
    /// This is behind all others from now on.
    Append(&'a Value),
    /// It held these, in this order.
    Read(&'a [Value]),
}

/// The calls of one list.
pub(super) struct ListCalls<'a> {
    /// In order of invocation.
    pub(super) calls: Vec<Call<Action<'a>>>,
    /// For elements whose append was refused, the last such operation.
    pub(super) refused: HashMap<&'a Value, usize>,
}

impl<'a> ListCalls<'a> {
    /// What the operations did to a list; an error says which of them is none of a list's.
    pub(super) fn gather(history: &'a History, operations: &[usize]) -> Result<Self, String> {
        let mut list = Self { calls: Vec::with_capacity(operations.len()), refused: HashMap::new() };
        for &index in operations {
            let operation = &history.operations()[index];
            let action = match (&operation.function, operation.outcome) {
                (Function::Append, Outcome::Fail) => {
                    list.refused.insert(&operation.input, index);
                    continue;
                }
                (Function::Append, _) => Action::Append(&operation.input),
                (Function::Read, Outcome::Ok) => Action::Read(elements(&operation.output)?),
                (Function::Read, _) => continue,
                (other, _) => {
                    return Err(format!("the function `{other}` is unknown here; a list knows `append` and `read`"));
                }
            };
            list.calls.push(Call::new(index, operation, action));
        }
        Ok(list)
    }

    fn append_of(&self, element: &Value) -> Option<usize> {
        let appends = |call: &&Call<Action<'_>>| matches!(call.action, Action::Append(appended) if appended == element);
        self.calls.iter().find(appends).map(|call| call.operation)
    }

    /// The calls of these operations, and of all others begun until then only that their appends were attempted.
    fn only(&self, operations: &[usize], until: u64) -> Self {
        let of = |operation: &usize| calls::of_operation(&self.calls, *operation);
        let calls: Vec<_> = operations.iter().filter_map(of).map(|index| self.calls[index].clone()).collect();
        let shown = |call: &Call<Action<'a>>| if let Action::Read(shown) = call.action { shown } else { &[] };
        let shown: HashSet<&Value> = calls.iter().flat_map(shown).collect();
        let forget = |call: &Call<Action<'a>>| {
            let is_shown = matches!(call.action, Action::Append(element) if shown.contains(element));
            (is_shown && call.start <= until && !operations.contains(&call.operation))
                .then(|| call.forgotten(call.action))
        };
        let forgotten: Vec<_> = self.calls.iter().filter_map(forget).collect();
        Self { calls: [forgotten, calls].concat(), refused: self.refused.clone() }
    }
}

/// Decides the calls of one list.
pub(super) fn decide(list: &ListCalls<'_>) -> Decision {
    match contradiction(list) {
        None => Decision::NotApplicable,
        Some(Ok(())) => Decision::Linearizable,
        Some(Err(contradiction)) => {
            let among = |operations: &[usize], until: u64| {
                let contradiction = contradiction_of(&list.only(operations, until))?;
                Some(contradiction.told_with_append(|element| list.append_of(element)))
            };
            let (operations, end) =
                (contradiction.operations(), |operations: &[usize]| calls::end(&list.calls, operations));
            Decision::Contradiction(Least::of(contradiction, operations, end, among))
        }
    }
}

fn contradiction_of(list: &ListCalls<'_>) -> Option<Contradiction> {
    contradiction(list)?.err()
}

/// `None` if an element was, or may have been, appended twice.
fn contradiction(list: &ListCalls<'_>) -> Option<Result<(), Contradiction>> {
    let list = AppendList::gather(list)?;
    Some(list.check_elements().and_then(|()| list.check_prefixes()).and_then(|()| list.check_real_time()))
}

struct Read<'a> {
    call: usize,
    operation: usize,
    elements: &'a [Value],
}

struct AppendList<'a> {
    list: &'a ListCalls<'a>,
    /// The appends that happened or may have, by their element.
    appends: HashMap<&'a Value, usize>,
    /// The acknowledged reads, in order of invocation.
    reads: Vec<Read<'a>>,
    /// The first of the longest reads.
    longest: Option<usize>,
}

impl<'a> AppendList<'a> {
    fn gather(list: &'a ListCalls<'a>) -> Option<Self> {
        let (mut appends, mut reads) = (HashMap::new(), Vec::new());
        for (index, call) in list.calls.iter().enumerate() {
            match call.action {
                Action::Append(element) if appends.insert(element, index).is_some() => return None,
                Action::Append(_) => {}
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
                return Err(Contradiction::NeverAppended {
                    read: longest.operation,
                    element: element.clone(),
                    refused,
                });
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

/// The elements of what a read returned; an absent list has none.
pub(crate) fn elements(list: &Value) -> Result<&[Value], String> {
    match list {
        Value::Nil => Ok(&[]),
        Value::List(elements) => Ok(elements),
        other => Err(format!("a read returned {other}; expected a list")),
    }
}
