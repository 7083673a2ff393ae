//! One key of a store of texts: `get` it, `put` another, `append` to its end. An absent key holds the empty text.
//! After the lab of MIT's 6.824, whose store Porcupine's own histories come from.

use std::sync::Arc;

use super::{Effect, Model, Told, unknown};
use crate::history::{Operation, Outcome, Value};

/// What is done to a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    /// It held this.
    Get(Arc<str>),
    /// It holds this from now on.
    Put(Arc<str>),
    /// This is at its end from now on.
    Append(Arc<str>),
}

/// The specification.
pub(crate) struct KeyValue;

impl KeyValue {
    pub(crate) fn told(operation: &Operation) -> Told<Action> {
        match (operation.function.name(), operation.outcome) {
            ("get", Outcome::Ok) => text(operation, &operation.output).map(|text| Some(Action::Get(text))),
            ("get", _) | ("put" | "append", Outcome::Fail) => Ok(None),
            ("put", _) => text(operation, &operation.input).map(|text| Some(Action::Put(text))),
            ("append", _) => text(operation, &operation.input).map(|text| Some(Action::Append(text))),
            _ => unknown(operation, "a store of texts knows `get`, `put` and `append`"),
        }
    }
}

fn text(operation: &Operation, value: &Value) -> Result<Arc<str>, String> {
    match value {
        Value::Nil => Ok("".into()),
        Value::Int(number) => Ok(number.to_string().into()),
        Value::Text(text) => Ok(text.clone()),
        Value::List(_) => Err(format!("a {} has the value {value}; expected text", operation.function)),
    }
}

impl Model for KeyValue {
    type State = Arc<str>;
    type Action = Action;

    fn initial(&self) -> Arc<str> {
        "".into()
    }

    fn step(&self, state: &Arc<str>, action: &Action) -> Option<Arc<str>> {
        match action {
            Action::Get(text) => (state == text).then(|| state.clone()),
            Action::Put(text) => Some(text.clone()),
            Action::Append(text) => Some([&**state, text].concat().into()),
        }
    }

    fn accepts(&self, state: &Arc<str>, action: &Action) -> bool {
        !matches!(action, Action::Get(text) if text != state)
    }

    fn effect(&self, action: &Action) -> Effect {
        match action {
            Action::Get(_) => Effect::Reads,
            Action::Put(_) => Effect::Overwrites,
            Action::Append(text) if text.is_empty() => Effect::Reads,
            Action::Append(_) => Effect::Always,
        }
    }

    fn show(&self, state: &Arc<str>) -> String {
        Value::Text(state.clone()).to_string()
    }

    fn size_bytes(&self, state: &Arc<str>) -> usize {
        size_of_val(state) + state.len()
    }
}
