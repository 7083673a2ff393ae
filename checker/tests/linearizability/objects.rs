//! What clients ask of objects that are neither registers nor lists, and what these answer, for the simulation.

use interregnum_checker::history::{Function, Value};

use super::{Answer, Choices, Object};

/// The functions whose answer tells something that can be meddled with.
pub(crate) const ANSWERING: [&str; 4] = ["dequeue", "acquire", "get", "increment"];

/// A function and its argument; `fresh` was never used before.
pub(crate) fn request(object: Object, choices: &mut Choices<'_>, fresh: u32) -> (Function, Value) {
    let (kind, few) = (choices.below(4), Value::Int(choices.below(3).into()));
    let fresh = Value::Int(fresh.into());
    let other = |name: &str, input: Value| (Function::Other(name.into()), input);
    let text = |value: &Value| Value::Text(format!("t{value}").into());
    match (object, kind) {
        (Object::Set | Object::GrowSet | Object::Counter, 0 | 1) => (Function::Read, Value::Nil),
        (Object::GrowSet, _) => other("add", fresh),
        (Object::Set | Object::Counter, 2) => other("add", few),
        (Object::Set, _) => other("remove", few),
        (Object::Counter, _) => other("increment", Value::Nil),
        (Object::Queue, 0 | 1) => other("enqueue", if choices.one_in(3) { few } else { fresh }),
        (Object::Queue, _) => other("dequeue", Value::Nil),
        (Object::Lock, 0 | 1) => other("acquire", Value::Nil),
        (Object::Lock, 2) => other("release", Value::Nil),
        (Object::Lock, _) => other("use", few),
        (_, 0 | 1) => other("get", Value::Nil),
        (_, 2) => other("put", text(&few)),
        _ => (Function::Append, text(&few)),
    }
}

/// Changes the state and answers; `None` for objects that are not told here.
pub(crate) fn take_effect(
    object: Object,
    state: &mut Value,
    function: &Function,
    input: &Value,
    process: u64,
) -> Option<Answer> {
    let ok = |value: &Value| Some(Answer::Ok(value.clone()));
    let name = function.name();
    match object {
        Object::Set | Object::GrowSet => {
            let mut elements = list(state);
            elements.retain(|element| element != input);
            if name == "add" {
                elements.push(input.clone());
            }
            *state = Value::List(elements);
            ok(if name == "read" { state } else { input })
        }
        Object::Counter => {
            let by = if name == "read" { 0 } else { number(input).unwrap_or(1) };
            *state = Value::Int(number(state).unwrap_or(0) + by);
            ok(if name == "add" { input } else { state })
        }
        Object::Queue => {
            let mut elements = list(state);
            let answer = match name {
                "enqueue" => {
                    elements.push(input.clone());
                    input.clone()
                }
                _ if elements.is_empty() => Value::Nil,
                _ => elements.remove(0),
            };
            *state = Value::List(elements);
            ok(&answer)
        }
        Object::Lock => Some(lock(state, name, input, process)),
        Object::KeyValue => {
            let text = |value: &Value| if let Value::Text(text) = value { text.to_string() } else { String::new() };
            let held = text(state);
            let left = match name {
                "put" => text(input),
                "append" => held + &text(input),
                _ => held,
            };
            *state = Value::Text(left.into());
            ok(if name == "get" { state } else { input })
        }
        _ => None,
    }
}

/// The state is who holds the lock, the greatest token given, and the greatest that the resource saw.
fn lock(state: &mut Value, name: &str, input: &Value, process: u64) -> Answer {
    let [holder, granted, seen] = <[Value; 3]>::try_from(list(state)).unwrap_or_default();
    let me = Value::Int(process.cast_signed());
    let token = Value::Int(number(&granted).unwrap_or(0) + 1);
    let (next, answer) = match name {
        "acquire" if holder == Value::Nil => (vec![me, token.clone(), seen], token),
        "release" if holder == me => (vec![Value::Nil, granted, seen], Value::Nil),
        "use" if *input >= seen => (vec![holder, granted, input.clone()], input.clone()),
        _ => return Answer::Refused { seen: Value::Nil },
    };
    *state = Value::List(next);
    Answer::Ok(answer)
}

/// Another answer, or none.
pub(crate) fn meddled(answer: &Value, other: Value, how: u32) -> Value {
    match (answer, other) {
        (_, _) if how == 0 => Value::Nil,
        (Value::Text(text), _) => Value::Text(format!("{text}t0").into()),
        (_, other) => other,
    }
}

fn list(value: &Value) -> Vec<Value> {
    if let Value::List(elements) = value { elements.clone() } else { Vec::new() }
}

fn number(value: &Value) -> Option<i64> {
    if let Value::Int(number) = value { Some(*number) } else { None }
}
