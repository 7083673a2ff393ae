//! Whether a history is linearizable: whether each operation can be thought to take effect at one instant between its
//! invocation and its completion, so that the objects behave as if used by one client alone.

pub(crate) mod append_list;
pub(crate) mod calls;
mod core;
mod explain;
pub(crate) mod groups;
mod intervals;
mod search;

use self::calls::{Call, Transactions};
use self::core::core;
use self::explain::Contradiction;
use self::intervals::Decision;
use self::search::{Found, GaveUp, MOST_OPEN, search};
use crate::history::{Function, History, Operation, Value};
use crate::judgement::{Judgement, Proof};
use crate::model::Model;
use crate::model::multi_register::MultiRegister;
use crate::model::register::Register;
use crate::verdict::Verdict;
use crate::wording::count;

/// What the objects of a history are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ModelKind {
    /// What the functions tell, key by key.
    #[default]
    Auto,
    /// `read`, `write`, `cas`.
    Register,
    /// `append` of unique elements, `read` of the whole list.
    AppendList,
    /// `txn`: several reads and writes of named registers in one operation. Decided for the whole history at once.
    MultiRegister,
}

/// What `fail` says of a compare-and-set that does not tell what it saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FailedCas {
    /// Jepsen's reading and our own: it did not happen, so it says nothing.
    #[default]
    DidNotHappen,
    /// Porcupine's reading of the etcd logs: it ran, and saw a value other than the expected one.
    SawAnotherValue,
}

/// How to check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// What the objects are.
    pub model: ModelKind,
    /// How to read a failed compare-and-set that does not tell what it saw.
    pub failed_cas: FailedCas,
    /// What a register holds before the first write.
    pub initial: Value,
    /// The most configurations that the search may look at, per key. Keys decided without a search need none.
    pub max_configurations: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            model: ModelKind::Auto,
            failed_cas: FailedCas::DidNotHappen,
            initial: Value::Nil,
            max_configurations: 2_000_000,
        }
    }
}

/// What was found, key by key.
#[derive(Clone, Debug, PartialEq)]
pub struct Linearizability {
    /// One result per key, in order of the keys.
    pub keys: Vec<KeyResult>,
}

/// What was found of one key.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyResult {
    /// The key, where the history has keys.
    pub key: Option<String>,
    /// How many of the history's operations are on it.
    pub operations: usize,
    /// Whether they are linearizable.
    pub outcome: KeyOutcome,
}

/// Whether the operations on a key are linearizable.
#[derive(Clone, Debug, PartialEq)]
pub enum KeyOutcome {
    /// They are.
    Linearizable,
    /// They are not.
    NotLinearizable {
        /// The operations that prove it.
        proof: Proof,
    },
    /// It could not be decided.
    Unknown {
        /// How far the checker got, and why no further, in plain words.
        how_far: String,
    },
}

/// Decides each key of the history.
#[must_use]
pub fn check(history: &History, options: &Options) -> Linearizability {
    let is_multi_register = match options.model {
        ModelKind::MultiRegister => true,
        ModelKind::Auto => history.operations().iter().any(|operation| is_transaction(&operation.function)),
        ModelKind::Register | ModelKind::AppendList => false,
    };
    if is_multi_register {
        let outcome = check_multi_register(history, options);
        return Linearizability {
            keys: vec![KeyResult { key: None, operations: history.operations().len(), outcome }],
        };
    }
    let check_key = |(key, operations): (Option<&str>, Vec<usize>)| KeyResult {
        key: key.map(str::to_owned),
        operations: operations.len(),
        outcome: check_one(history, key, &operations, options),
    };
    Linearizability { keys: history.by_key().into_iter().map(check_key).collect() }
}

fn is_transaction(function: &Function) -> bool {
    function.name() == "txn"
}

fn check_one(history: &History, key: Option<&str>, operations: &[usize], options: &Options) -> KeyOutcome {
    let is_list = match options.model {
        ModelKind::AppendList => true,
        ModelKind::Auto => is_list(operations.iter().map(|&index| &history.operations()[index])),
        ModelKind::Register | ModelKind::MultiRegister => false,
    };
    let outcome = if is_list {
        append_list::decide(history, operations).map(|decision| match decision {
            Ok(()) => KeyOutcome::Linearizable,
            Err(contradiction) => KeyOutcome::violation(history, key, &contradiction),
        })
    } else {
        check_register(history, key, operations, options)
    };
    outcome.unwrap_or_else(|why| KeyOutcome::Unknown { how_far: why })
}

/// Whether a key holds a list: somebody appended to it, or nobody wrote to it and a list was read.
pub(crate) fn is_list<'a>(mut operations: impl Iterator<Item = &'a Operation> + Clone) -> bool {
    let is_written = |operation: &Operation| matches!(operation.function, Function::Write | Function::Cas);
    let reads_list = |operation: &Operation| matches!(operation.output, Value::List(_));
    let mut functions = operations.clone().map(|operation| &operation.function);
    functions.any(|function| *function == Function::Append)
        || (!operations.clone().any(is_written) && operations.any(reads_list))
}

fn check_register(
    history: &History,
    key: Option<&str>,
    operations: &[usize],
    options: &Options,
) -> Result<KeyOutcome, String> {
    let register = calls::of_register(history, operations, options)?;
    Ok(match intervals::decide(&register) {
        Decision::Linearizable => KeyOutcome::Linearizable,
        Decision::Contradiction(contradiction) => KeyOutcome::violation(history, key, &contradiction),
        Decision::NotApplicable => search_outcome(history, key, &Register, &register.calls, options),
    })
}

fn check_multi_register(history: &History, options: &Options) -> KeyOutcome {
    match calls::of_multi_register(history, options) {
        Ok(Transactions { calls, registers }) => {
            search_outcome(history, None, &MultiRegister { registers }, &calls, options)
        }
        Err(why) => KeyOutcome::Unknown { how_far: why },
    }
}

fn search_outcome<M: Model>(
    history: &History,
    key: Option<&str>,
    model: &M,
    calls: &[Call<M::Action>],
    options: &Options,
) -> KeyOutcome {
    let report = search(model, calls, options.max_configurations);
    match report.found {
        Found::Linearization => KeyOutcome::Linearizable,
        Found::NoPlace { stuck, placed } => {
            let (stuck, others) = (calls[stuck].operation, core(model, calls, stuck));
            KeyOutcome::violation(history, key, &Contradiction::NoPlace { stuck, placed, others })
        }
        Found::GaveUp { placed, why } => {
            let completed = calls.iter().filter(|call| call.is_certain()).count();
            let why = match why {
                GaveUp::Budget => format!("the budget of {} configurations is used up", report.configurations),
                GaveUp::TooManyOpen => format!("more than {MOST_OPEN} operations are open at once"),
            };
            KeyOutcome::Unknown {
                how_far: format!("the first {placed} of {completed} completed operations have an order; then {why}"),
            }
        }
    }
}

/// The most proofs that a judgement holds: a person reads the first few, and a report has to stay small.
const MOST_PROOFS: usize = 10;

impl Linearizability {
    /// The answer under the checker's word, `linearizable`.
    ///
    /// A history without operations passes, for it is linearizable. That a run did something is for its gates to demand.
    #[must_use]
    pub fn judgement(&self, history: &History) -> Judgement {
        let mut proofs: Vec<&Proof> = self.keys.iter().filter_map(|key| key.outcome.proof()).collect();
        let violated = proofs.len();
        proofs.sort_by_key(|proof| proof.operations.len()); // the shorter, the clearer; keys in order where equal
        let unknown: Vec<(&KeyResult, &str)> =
            self.keys.iter().filter_map(|key| Some((key, key.outcome.how_far()?))).collect();
        let keys = count(self.keys.len() as u64, "key");
        let (verdict, summary) = match (proofs.first(), unknown.first()) {
            (Some(Proof { key: None, .. }), _) => (Verdict::Violation, "not linearizable".to_owned()),
            (Some(_), _) => (Verdict::Violation, format!("{violated} of {keys} not linearizable")),
            (None, Some((KeyResult { key: None, .. }, how_far))) => {
                (Verdict::Inconclusive, format!("not decided: {how_far}"))
            }
            (None, Some((KeyResult { key: Some(key), .. }, how_far))) => {
                let undecided = unknown.len();
                (
                    Verdict::Inconclusive,
                    format!("{undecided} of {keys} not decided; on {}, {how_far}", key.escape_debug()),
                )
            }
            (None, None) if self.keys.is_empty() => {
                (Verdict::Pass, "there are no operations; the empty history is linearizable".to_owned())
            }
            (None, None) => {
                let operations = count(history.operations().len() as u64, "operation");
                (Verdict::Pass, format!("{operations} on {keys} are linearizable"))
            }
        };
        let proofs: Vec<Proof> = proofs.into_iter().take(MOST_PROOFS).cloned().collect();
        let proofs_left_out = violated - proofs.len();
        Judgement { checker: "linearizable".to_owned(), verdict, summary, proofs, proofs_left_out }
    }
}

impl KeyOutcome {
    fn violation(history: &History, key: Option<&str>, contradiction: &Contradiction) -> Self {
        Self::NotLinearizable { proof: contradiction.proof(history, key) }
    }

    fn proof(&self) -> Option<&Proof> {
        match self {
            Self::NotLinearizable { proof } => Some(proof),
            Self::Linearizable | Self::Unknown { .. } => None,
        }
    }

    fn how_far(&self) -> Option<&str> {
        match self {
            Self::Unknown { how_far } => Some(how_far),
            Self::Linearizable | Self::NotLinearizable { .. } => None,
        }
    }
}
