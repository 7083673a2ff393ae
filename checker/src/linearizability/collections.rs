//! The calls of a list or a set: elements are put into it, and all of it is read. It decides nothing.

use std::collections::{HashMap, HashSet};

use super::calls::{self, Call};
use super::explain::Contradiction;
use super::intervals::Decision;
use super::least::Least;
use crate::collection::Collection;
use crate::history::{Function, History, Outcome, Value};

/// What is done to a list or a set.
#[derive(Clone, Copy, Debug)]
pub(super) enum Action<'a> {
    /// This is in it from now on.
    Add(&'a Value),
    /// It held these.
    Read(&'a [Value]),
}

/// The calls of one list or set.
pub(super) struct CollectionCalls<'a> {
    /// In order of invocation.
    pub(super) calls: Vec<Call<Action<'a>>>,
    /// For elements that were refused, the last such operation.
    pub(super) refused: HashMap<&'a Value, usize>,
}

impl<'a> CollectionCalls<'a> {
    /// What the operations did to a list or set; an error says which of them is none of its kind.
    pub(super) fn gather(history: &'a History, operations: &[usize], kind: Collection) -> Result<Self, String> {
        let mut gathered = Self { calls: Vec::with_capacity(operations.len()), refused: HashMap::new() };
        for &index in operations {
            let operation = &history.operations()[index];
            let is_added = Collection::of_function(&operation.function) == Some(kind);
            let action = match (&operation.function, operation.outcome) {
                (_, Outcome::Fail) if is_added => {
                    gathered.refused.insert(&operation.input, index);
                    continue;
                }
                (_, _) if is_added => Action::Add(&operation.input),
                (Function::Read, Outcome::Ok) => Action::Read(elements(&operation.output)?),
                (Function::Read, _) => continue,
                (other, _) => {
                    let knows = match kind {
                        Collection::List => "a list knows `append` and `read`",
                        Collection::Set => "a set that only grows knows `add` and `read`",
                    };
                    return Err(format!("the function `{other}` is unknown here; {knows}"));
                }
            };
            gathered.calls.push(Call::new(index, operation, action));
        }
        Ok(gathered)
    }

    /// Decides by what finds a contradiction in calls, if it applies to them, and tells as few operations as prove one.
    pub(super) fn decide(
        &self,
        contradiction: impl Fn(&CollectionCalls<'_>) -> Option<Result<(), Contradiction>>,
    ) -> Decision {
        match contradiction(self) {
            None => Decision::NotApplicable,
            Some(Ok(())) => Decision::Linearizable,
            Some(Err(found)) => {
                let among = |operations: &[usize], until: u64| {
                    let found = contradiction(&self.only(operations, until))?.err()?;
                    Some(found.told_with_append(|element| self.add_of(element)))
                };
                let end = |operations: &[usize]| calls::end(&self.calls, operations);
                let operations = found.operations();
                Decision::Contradiction(Least::of(found, operations, end, among))
            }
        }
    }

    fn add_of(&self, element: &Value) -> Option<usize> {
        let adds = |call: &&Call<Action<'_>>| matches!(call.action, Action::Add(added) if added == element);
        self.calls.iter().find(adds).map(|call| call.operation)
    }

    /// The calls of these operations, and of all others begun until then only that elements were to be put in.
    fn only(&self, operations: &[usize], until: u64) -> Self {
        let of = |operation: &usize| calls::of_operation(&self.calls, *operation);
        let calls: Vec<_> = operations.iter().filter_map(of).map(|index| self.calls[index].clone()).collect();
        let shown = |call: &Call<Action<'a>>| if let Action::Read(shown) = call.action { shown } else { &[] };
        let shown: HashSet<&Value> = calls.iter().flat_map(shown).collect();
        let forget = |call: &Call<Action<'a>>| {
            let is_shown = matches!(call.action, Action::Add(element) if shown.contains(element));
            let is_left_out = call.start <= until && !operations.contains(&call.operation);
            (is_shown && is_left_out).then(|| call.forgotten(call.action))
        };
        let forgotten: Vec<_> = self.calls.iter().filter_map(forget).collect();
        Self { calls: [forgotten, calls].concat(), refused: self.refused.clone() }
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
