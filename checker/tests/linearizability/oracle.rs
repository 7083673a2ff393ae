//! The definition of linearizability, tried out: every order of the operations that keeps real time, until one answers as
//! the history does. It shares nothing with the checker but the history's types, and it is slow.

use std::collections::{BTreeSet, HashSet};

use interregnum_checker::history::{Function, Moment, Operation, Outcome, Value};

/// Whether some order of the operations explains every answer. All of them are on one object that holds `initial` at first;
/// `failed_cas_ran` is Porcupine's reading of a failed compare-and-set that does not tell what it saw.
pub(crate) fn is_linearizable(operations: &[Operation], initial: &Value, failed_cas_ran: bool) -> bool {
    let operations: Vec<&Operation> =
        operations.iter().filter(|operation| says_something(operation, failed_cas_ran)).collect();
    assert!(operations.len() < 32, "the oracle is for small histories");
    go(&operations, (1 << operations.len()) - 1, initial, &mut HashSet::new())
}

fn says_something(operation: &Operation, failed_cas_ran: bool) -> bool {
    match (&operation.function, operation.outcome) {
        (_, Outcome::Ok) => true,
        (Function::Cas, Outcome::Fail) => failed_cas_ran || operation.seen.is_some(),
        (Function::Read, _) | (_, Outcome::Fail) => false,
        (Function::Other(name), _) if &**name == "get" => false,
        (_, Outcome::Info) => true,
    }
}

/// The operation as it was known at this rank, if it had begun; but what was refused later is known not to happen.
pub(crate) fn until(operation: &Operation, order: u64) -> Option<Operation> {
    let is_open = operation.completed.is_some_and(|completed| completed.order > order);
    let (mut outcome, mut completed) = (operation.outcome, operation.completed);
    if is_open {
        (outcome, completed) = (Outcome::Info, None);
    }
    let is_there = operation.invoked.order <= order && !(is_open && operation.outcome == Outcome::Fail);
    is_there.then(|| Operation { outcome, completed, ..operation.clone() })
}

/// The operation if all that is known of it is that it was attempted, at some time. What cannot have changed anything then
/// says nothing at all.
pub(crate) fn forgotten(operation: &Operation) -> Option<Operation> {
    if operation.outcome == Outcome::Fail || operation.function == Function::Read {
        return None;
    }
    let invoked = Moment { order: 0, time_ns: None };
    Some(Operation { invoked, outcome: Outcome::Info, completed: None, ..operation.clone() })
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
    if let Function::Other(name) = &operation.function {
        return apply_other(name, operation, state);
    }
    match (&operation.function, operation.outcome, &operation.input) {
        (Function::Read, _, _) => reads_as(state, &operation.output).then(|| state.clone()),
        (Function::Write, _, value) => Some(value.clone()),
        (Function::Delete, _, _) => Some(Value::Nil),
        (Function::Append, _, Value::Text(text)) => Some(Value::Text((text_of(state) + text).into())),
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

/// What stands in a set's state, to tell it from a list's: its elements have no order.
pub(crate) fn empty_set() -> Value {
    Value::List(vec![Value::Text("set".into())])
}

/// Whether the state reads so. An absent list reads as `nil` or as empty.
fn reads_as(state: &Value, output: &Value) -> bool {
    match (state, output) {
        (Value::List(elements), _) if elements.contains(&Value::Text("set".into())) => {
            let mut read = if let Value::List(read) = output { read.clone() } else { Vec::new() };
            read.push(Value::Text("set".into()));
            elements.iter().collect::<BTreeSet<_>>() == read.iter().collect()
        }
        (Value::Nil, Value::List(list)) => list.is_empty(),
        _ => state == output,
    }
}

/// The same of sets, counters, queues, locks and stores of texts. A lock's state is its holder and two tokens.
fn apply_other(name: &str, operation: &Operation, state: &Value) -> Option<Value> {
    let (input, output, is_ok) = (&operation.input, &operation.output, operation.outcome == Outcome::Ok);
    let mut elements = if let Value::List(elements) = state { elements.clone() } else { Vec::new() };
    match (name, input) {
        ("get", _) => (text_of(state) == text_of(output)).then(|| state.clone()),
        ("put", text) => Some(text.clone()),
        ("increment" | "add", by) if matches!(state, Value::Int(_)) => {
            let sum = number(state) + if *by == Value::Nil { 1 } else { number(by) };
            let is_told = is_ok && output != input && *output != Value::Nil;
            (!is_told || *output == Value::Int(sum)).then_some(Value::Int(sum))
        }
        ("add" | "remove", element) => {
            elements.retain(|other| other != element);
            elements.extend((name == "add").then(|| element.clone()));
            Some(Value::List(elements))
        }
        ("enqueue", element) => {
            elements.push(element.clone());
            Some(Value::List(elements))
        }
        ("dequeue", _) => {
            let first = (!elements.is_empty()).then(|| elements.remove(0));
            (!is_ok || first.unwrap_or_default() == *output).then_some(Value::List(elements))
        }
        ("acquire" | "release" | "use", _) => {
            elements.resize(3, Value::Nil);
            let me = Value::Int(operation.process.cast_signed());
            let [holder, granted, seen] = &mut elements[..] else { unreachable!("there are three") };
            match name {
                "acquire" => {
                    let token = if is_ok { output.clone() } else { Value::Nil };
                    if *holder != Value::Nil || (token != Value::Nil && token <= *granted) {
                        return None;
                    }
                    (*holder, *granted) = (me, token.max(granted.clone()));
                }
                "release" if *holder == me => *holder = Value::Nil,
                "use" if *input >= *seen => *seen = input.clone(),
                _ => return None,
            }
            Some(Value::List(elements))
        }
        other => panic!("no such operation: {other:?}"),
    }
}

fn text_of(value: &Value) -> String {
    match value {
        Value::Text(text) => text.to_string(),
        Value::Int(number) => number.to_string(),
        _ => String::new(),
    }
}

fn number(value: &Value) -> i64 {
    if let Value::Int(number) = value { *number } else { panic!("{value:?} is no number") }
}
