//! The definitions of the session guarantees, tried out on every pair of operations. It shares nothing with the checker
//! but the history's types, and it is slow.

use std::collections::BTreeSet;

use interregnum_checker::history::{Function, History, Operation, Outcome, Value};
use interregnum_checker::sessions::Guarantee;

use crate::certain_order::{Register, made, seen};

/// The reads that break a guarantee. The two on writes count as one, for a gap in a session's appends may be told as
/// either.
pub(crate) type Broken = BTreeSet<(Guarantee, usize)>;

fn is_before(one: &Operation, other: &Operation) -> bool {
    one.process == other.process && one.completed.is_some_and(|completed| completed.order < other.invoked.order)
}

pub(crate) fn of_register(history: &History) -> Broken {
    let (operations, register) = (history.operations(), Register(history.operations()));
    let mut broken = Broken::new();
    for (index, read) in operations.iter().enumerate().filter(|(_, read)| read.completed.is_some()) {
        let Some(shown) = seen(read) else { continue };
        for before in operations.iter().filter(|before| is_before(before, read)) {
            let is_newer = |value: Option<Value>| value.is_some_and(|value| register.is_newer(&value, &shown));
            broken.extend(is_newer(made(before)).then_some((Guarantee::ReadYourWrites, index)));
            broken.extend(is_newer(seen(before)).then_some((Guarantee::MonotonicReads, index)));
        }
    }
    broken
}

pub(crate) fn of_list(history: &History) -> Broken {
    let operations = history.operations();
    let appends: Vec<&Operation> =
        operations.iter().filter(|told| told.function == Function::Append && told.outcome != Outcome::Fail).collect();
    let mut broken = Broken::new();
    for (index, read) in operations.iter().enumerate().filter(|(_, told)| is_read(told)) {
        let shown = elements(read);
        for before in operations.iter().filter(|before| before.outcome == Outcome::Ok && is_before(before, read)) {
            let (guarantee, owed) = match before.function {
                Function::Append => (Guarantee::ReadYourWrites, std::slice::from_ref(&before.input)),
                _ => (Guarantee::MonotonicReads, elements(before)),
            };
            broken.extend(owed.iter().any(|owed| !shown.contains(owed)).then_some((guarantee, index)));
        }
        for append in &appends {
            let Some(place) = shown.iter().position(|element| *element == append.input) else { continue };
            let is_owed = |element: &Value| *element == append.input || shown[..place].contains(element);
            let breaks = !owed_before(append, operations, &appends).iter().all(is_owed);
            broken.extend(breaks.then_some((Guarantee::MonotonicWrites, index)));
        }
    }
    broken
}

/// What has to be before an append: its session's earlier appends, and what its session had read.
fn owed_before(append: &Operation, operations: &[Operation], appends: &[&Operation]) -> Vec<Value> {
    let own = appends.iter().filter(|own| is_before(own, append)).map(|own| own.input.clone());
    let reads = operations.iter().filter(|read| is_read(read) && is_before(read, append));
    let is_demanded = |read: &&Operation| {
        let next = appends.iter().find(|next| is_before(read, next)).expect("there is this one");
        next.input == append.input || is_before(next, append)
    };
    own.chain(reads.filter(is_demanded).flat_map(elements).cloned()).collect()
}

fn is_read(operation: &Operation) -> bool {
    operation.function == Function::Read && operation.outcome == Outcome::Ok
}

fn elements(read: &Operation) -> &[Value] {
    if let Value::List(elements) = &read.output { elements } else { &[] }
}
