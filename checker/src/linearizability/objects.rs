//! What each key of a history holds, and the algorithm that decides it. It is no algorithm itself.

use std::collections::BTreeSet;

use super::append_list;
use super::budget::{Budget, Supervision};
use super::calls::{self, Call, Transactions};
use super::collections::CollectionCalls;
use super::core::Problem;
use super::explain::Contradiction;
use super::grow_set;
use super::intervals::{self, Decision};
use super::least::Least;
use super::narrow::narrow;
use super::search::{Found, search};
use super::witness::{Witness, witness};
use super::{KeyOutcome, Method, ModelKind, Object, Options};
use crate::collection::Collection;
use crate::history::{Function, History, Operation, Outcome, Value};
use crate::model::Model;
use crate::model::counter::Counter;
use crate::model::key_value::KeyValue;
use crate::model::list::List;
use crate::model::lock::Lock;
use crate::model::multi_register::MultiRegister;
use crate::model::queue::{self, Queue};
use crate::model::register::Register;
use crate::model::set::Set;

/// What was found of one object.
pub(super) struct Decided {
    pub(super) outcome: KeyOutcome,
    pub(super) witness: Witness,
}

impl Decided {
    pub(super) fn unknown(how_far: String) -> Self {
        KeyOutcome::Unknown { how_far }.into()
    }
}

impl From<KeyOutcome> for Decided {
    fn from(outcome: KeyOutcome) -> Self {
        Self { outcome, witness: Witness::Untold }
    }
}

/// Decides the objects of one history.
pub(super) struct Decider<'a> {
    pub(super) history: &'a History,
    pub(super) options: &'a Options,
    pub(super) supervision: &'a Supervision<'a>,
}

impl<'a> Decider<'a> {
    /// The keys; where one operation is on several registers, all of the history is one object.
    pub(super) fn objects(&self) -> Vec<Object<'a>> {
        let is_transaction = |operation: &Operation| operation.function.name() == "txn";
        let is_one = match self.options.model {
            ModelKind::MultiRegister => true,
            ModelKind::Auto => self.history.operations().iter().any(is_transaction),
            _ => false,
        };
        match is_one {
            true if self.history.operations().is_empty() => Vec::new(),
            true => vec![(None, (0..self.history.operations().len()).collect())],
            false => self.history.by_key().into_iter().collect(),
        }
    }

    pub(super) fn decide(&self, key: Option<&str>, operations: &[usize]) -> Decided {
        self.try_decide(key, operations).unwrap_or_else(Decided::unknown)
    }

    /// An error says why it cannot be decided.
    fn try_decide(&self, key: Option<&str>, operations: &[usize]) -> Result<Decided, String> {
        let told = || operations.iter().map(|&index| &self.history.operations()[index]);
        let kind = match self.options.model {
            ModelKind::Auto => kind_of(&told()),
            kind => kind,
        };
        match kind {
            ModelKind::Auto | ModelKind::Register => self.register(key, operations),
            ModelKind::MultiRegister => self.multi_register(),
            ModelKind::AppendList => self.append_list(key, operations),
            ModelKind::Set => self.set(key, operations),
            ModelKind::Counter => Ok(self.search(key, &Counter, &self.calls(operations, Counter::told)?)),
            ModelKind::Queue => {
                let queue = Queue::of(told());
                let calls = self.calls(operations, |operation| queue.told(operation))?;
                Ok(self.solve(key, &Problem { model: &queue, calls: &calls, prepare: &without_unseen_elements }))
            }
            ModelKind::Lock => Ok(self.search(key, &Lock::Held, &self.calls(operations, Lock::told)?)),
            ModelKind::Lease => Ok(self.search(key, &Lock::Lease, &self.calls(operations, Lock::told)?)),
            ModelKind::KeyValue => Ok(self.search(key, &KeyValue, &self.calls(operations, KeyValue::told)?)),
        }
    }

    fn calls<A>(
        &self,
        operations: &[usize],
        told: impl Fn(&Operation) -> Result<Option<A>, String>,
    ) -> Result<Vec<Call<A>>, String> {
        Call::all(self.history, operations, told)
    }

    fn register(&self, key: Option<&str>, operations: &[usize]) -> Result<Decided, String> {
        let register = calls::of_register(self.history, operations, self.options)?;
        let (model, values) = (Register { values: &register.values }, register.values.len());
        let is_asked = self.options.method == Method::Fastest;
        let outcome = match is_asked.then(|| intervals::decide(&register)) {
            Some(Decision::Linearizable) => Some(self.decided(operations.len())),
            Some(Decision::Contradiction(contradiction)) => Some(self.least(key, &contradiction)),
            Some(Decision::NotApplicable) | None => None,
        };
        let problem = Problem { model: &model, calls: &register.calls, prepare: &|calls| narrow(calls, values) };
        Ok(match outcome {
            Some(outcome) => Decided { outcome, witness: witness(self.history, key, &model, &register.calls) },
            None => self.solve(key, &problem),
        })
    }

    fn multi_register(&self) -> Result<Decided, String> {
        let Transactions { calls, registers, values } = calls::of_multi_register(self.history, self.options)?;
        Ok(self.search(None, &MultiRegister { registers: &registers, values: &values }, &calls))
    }

    fn append_list(&self, key: Option<&str>, operations: &[usize]) -> Result<Decided, String> {
        if self.options.method == Method::Fastest {
            match append_list::decide(&CollectionCalls::gather(self.history, operations, Collection::List)?) {
                Decision::Linearizable => return Ok(self.decided(operations.len()).into()),
                Decision::Contradiction(contradiction) => return Ok(self.least(key, &contradiction).into()),
                Decision::NotApplicable => {}
            }
        }
        let list = List::of(operations.iter().map(|&index| &self.history.operations()[index]))?;
        Ok(self.search(key, &list, &self.calls(operations, |operation| list.told(operation))?))
    }

    fn set(&self, key: Option<&str>, operations: &[usize]) -> Result<Decided, String> {
        let told = || operations.iter().map(|&index| &self.history.operations()[index]);
        let only_grows = told().all(|operation| operation.function.is_add() || operation.function == Function::Read);
        if self.options.method == Method::Fastest && only_grows {
            match grow_set::decide(&CollectionCalls::gather(self.history, operations, Collection::Set)?) {
                Decision::Linearizable => return Ok(self.decided(operations.len()).into()),
                Decision::Contradiction(contradiction) => return Ok(self.least(key, &contradiction).into()),
                Decision::NotApplicable => {}
            }
        }
        let set = Set::of(told());
        Ok(self.search(key, &set, &self.calls(operations, |operation| set.told(operation))?))
    }

    /// Decides calls of any model by the positions that they tell, or else by search.
    pub(super) fn search<M: Model>(&self, key: Option<&str>, model: &M, calls: &[Call<M::Action>]) -> Decided {
        self.solve(key, &Problem { model, calls, prepare: &|calls| calls })
    }

    fn solve<M: Model>(&self, key: Option<&str>, problem: &Problem<'_, M>) -> Decided {
        let witness = witness(self.history, key, problem.model, problem.calls);
        let is_enough = witness == Witness::Holds && self.options.method == Method::Fastest;
        let outcome = if is_enough { self.decided(problem.calls.len()) } else { self.searched(key, problem) };
        Decided { outcome, witness }
    }

    fn searched<M: Model>(&self, key: Option<&str>, problem: &Problem<'_, M>) -> KeyOutcome {
        let options = self.options;
        let mut budget = Budget::new(self.supervision, options.max_configurations, options.max_memory_bytes);
        let prepared = (problem.prepare)(problem.calls.to_vec());
        let found = search(problem.model, &prepared, &mut budget);
        self.supervision.advance(budget.untold());
        match found {
            Found::Linearization => KeyOutcome::Linearizable,
            Found::NoPlace { stuck, .. } if options.max_proof_work == 0 => {
                self.violation(key, &Contradiction::NotExplained { stuck: prepared[stuck].operation })
            }
            Found::NoPlace { .. } => self.violation(key, &Contradiction::NoPlace(problem.core(options.max_proof_work))),
            Found::GaveUp { placed, why } => {
                let completed = problem.calls.iter().filter(|call| call.is_certain()).count();
                let how_far =
                    format!("the first {placed} of {completed} completed operations have an order; then {why}");
                KeyOutcome::Unknown { how_far }
            }
        }
    }

    /// So many operations turned out to be linearizable without a search.
    fn decided(&self, operations: usize) -> KeyOutcome {
        self.supervision.advance(operations as u64);
        KeyOutcome::Linearizable
    }

    fn least(&self, key: Option<&str>, contradiction: &Least) -> KeyOutcome {
        KeyOutcome::NotLinearizable { proof: contradiction.proof(self.history, key) }
    }

    fn violation(&self, key: Option<&str>, contradiction: &Contradiction) -> KeyOutcome {
        let operations = contradiction.operations().into_iter();
        KeyOutcome::NotLinearizable { proof: contradiction.proof(self.history, key, operations) }
    }
}

/// Without the elements that perhaps were enqueued, and that no answer shows: taken out of a linearization, with the calls of
/// unknown outcome that took them, they leave all else as it is.
fn without_unseen_elements(mut calls: Vec<Call<queue::Action>>) -> Vec<Call<queue::Action>> {
    let shown = |call: &Call<queue::Action>| {
        if let queue::Action::Dequeue(element) = call.action { Some(element) } else { None }
    };
    let shown: BTreeSet<_> = calls.iter().filter_map(shown).collect();
    calls.retain(|call| match call.action {
        queue::Action::Enqueue(element) => call.is_certain() || shown.contains(&element),
        _ => true,
    });
    calls
}

/// What a key holds, by the functions that were used on it, and, where they leave it open, by what was read.
fn kind_of<'a>(operations: &(impl Iterator<Item = &'a Operation> + Clone)) -> ModelKind {
    let is_used = |names: &[&str]| operations.clone().any(|operation| names.contains(&operation.function.name()));
    let reads_list = || operations.clone().any(reads_list);
    if is_used(&["txn"]) {
        ModelKind::MultiRegister
    } else if is_used(&["get", "put"]) {
        ModelKind::KeyValue
    } else if is_used(&["enqueue", "dequeue"]) {
        ModelKind::Queue
    } else if is_used(&["acquire", "release"]) {
        ModelKind::Lock
    } else if is_used(&["remove"]) || (is_used(&["add"]) && reads_list()) {
        ModelKind::Set
    } else if is_used(&["add", "increment", "incr", "inc", "decrement", "decr", "dec"]) {
        ModelKind::Counter
    } else if is_list(operations.clone()) {
        ModelKind::AppendList
    } else {
        ModelKind::Register
    }
}

/// Whether a key holds a list: somebody appended to it, or nobody wrote to it and a list was read.
pub(crate) fn is_list<'a>(mut operations: impl Iterator<Item = &'a Operation> + Clone) -> bool {
    let is_written =
        |operation: &Operation| matches!(operation.function, Function::Write | Function::Cas | Function::Delete);
    let mut functions = operations.clone().map(|operation| &operation.function);
    functions.any(|function| *function == Function::Append)
        || (!operations.clone().any(is_written) && operations.any(reads_list))
}

fn reads_list(operation: &Operation) -> bool {
    operation.outcome == Outcome::Ok && matches!(operation.output, Value::List(_))
}
