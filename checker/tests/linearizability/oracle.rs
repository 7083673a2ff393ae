//! The definition of linearizability, tried out: every order of the operations that keeps real time, until one answers as
//! the history does. It shares nothing with the checker but the history's types, and it is slow.

use std::collections::HashSet;

use interregnum_checker::history::{Function, History, Operation, Outcome, Value};

/// Whether some order of the operations explains every answer. All of them are on one object that holds `initial` at first;
/// `failed_cas_ran` is Porcupine's reading of a failed compare-and-set that does not tell what it saw.
pub(crate) fn is_linearizable(history: &History, initial: &Value, failed_cas_ran: bool) -> bool {
    let operations: Vec<&Operation> =
        history.operations().iter().filter(|operation| says_something(operation, failed_cas_ran)).collect();
    assert!(operations.len() < 32, "the oracle is for small histories");
    go(&operations, (1 << operations.len()) - 1, initial, &mut HashSet::new())
}

fn says_something(operation: &Operation, failed_cas_ran: bool) -> bool {
    match (&operation.function, operation.outcome) {
        (_, Outcome::Ok) => true,
        (Function::Cas, Outcome::Fail) => failed_cas_ran || operation.seen.is_some(),
        (Function::Read, _) | (_, Outcome::Fail) => false,
        (_, Outcome::Info) => true,
    }
}

fn go(operations: &[&Operation], left: u32, state: &Value, tried: &mut HashSet<(u32, Value)>) -> bool {
    let indices = || (0..operations.len()).filter(move |index| left & (1 << index) != 0);
    if indices().all(|index| operations[index].outcome == Outcome::Info) {
        return true;
    }
    if !tried.insert((left, state.clone())) {
        return false;
    }
    let precedes = |one: &Operation, other: &Operation| {
        one.completed.is_some_and(|completed| completed.order < other.invoked.order)
    };
    indices().filter(|&next| !indices().any(|other| precedes(operations[other], operations[next]))).any(|next| {
        apply(operations[next], state).is_some_and(|after| go(operations, left & !(1 << next), &after, tried))
    })
}

/// What the object holds after the operation, unless it would have answered otherwise.
fn apply(operation: &Operation, state: &Value) -> Option<Value> {
    match (&operation.function, operation.outcome, &operation.input) {
        (Function::Read, _, _) => {
            (as_list_if_list(state, &operation.output) == operation.output).then(|| state.clone())
        }
        (Function::Write, _, value) => Some(value.clone()),
        (Function::Append, _, element) => match state {
            Value::Nil => Some(Value::List(vec![element.clone()])),
            Value::List(elements) => Some(Value::List([elements.clone(), vec![element.clone()]].concat())),
            other => panic!("{other:?} is no list"),
        },
        (Function::Cas, outcome, Value::List(pair)) => match (outcome, &operation.seen) {
            (Outcome::Fail, Some(seen)) => (**seen == *state).then(|| state.clone()),
            (Outcome::Fail, None) => (pair[0] != *state).then(|| state.clone()),
            _ => (pair[0] == *state).then(|| pair[1].clone()),
        },
        other => panic!("no such operation: {other:?}"),
    }
}

/// An absent list reads as `nil` or as empty.
fn as_list_if_list(state: &Value, output: &Value) -> Value {
    if *state == Value::Nil && *output == Value::List(vec![]) { output.clone() } else { state.clone() }
}
