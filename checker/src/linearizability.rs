//! Whether a history is linearizable: whether each operation can be thought to take effect at one instant between its
//! invocation and its completion, so that the objects behave as if used by one client alone.
//!
//! After Herlihy & Wing, *Linearizability: A Correctness Condition for Concurrent Objects* (TOPLAS 12, 1990). It is a local
//! property: a history is linearizable iff each object's part of it is. So keys are decided one by one, and in parallel.

mod append_list;
mod budget;
pub(crate) mod calls;
pub(crate) mod collections;
mod core;
mod explain;
pub(crate) mod groups;
mod grow_set;
mod intervals;
mod least;
mod narrow;
mod objects;
mod search;
mod telling;
mod witness;

use rayon::prelude::*;

use self::budget::Supervision;
pub use self::budget::{GoOn, Progress};
use self::calls::Call;
pub(crate) use self::objects::is_list;
use self::objects::{Decided, Decider};
pub use self::witness::Witness;
use crate::history::{History, Operation, Value};
use crate::judgement::Proof;
use crate::model::Model;

/// What the objects of a history are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ModelKind {
    /// What the functions tell, key by key.
    #[default]
    Auto,
    /// `read`, `write`, `delete`, `cas`.
    Register,
    /// `txn`: several reads and writes of named registers in one operation. Decided for the whole history at once.
    MultiRegister,
    /// `append`, and `read` of the whole list.
    AppendList,
    /// `add`, `remove`, and `read` of all elements, in any order.
    Set,
    /// `add`, `increment`, `decrement`, and `read` of the sum.
    Counter,
    /// `enqueue`, and `dequeue` of what was enqueued first.
    Queue,
    /// `acquire`, perhaps told a fencing token, `release`, and `use` of a token. Nobody acquires it while it is held.
    Lock,
    /// As a lock, but it may lapse, and be acquired by another, at any time. [`Auto`](Self::Auto) never means this.
    Lease,
    /// `get`, `put` and `append` of texts.
    KeyValue,
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

/// By which algorithm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// The fastest that decides the key at hand.
    #[default]
    Fastest,
    /// The search, whatever the key: to compare it with the others.
    Search,
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
    /// By which algorithm.
    pub method: Method,
    /// The most configurations that the search may look at, per key. Keys decided without a search need none.
    pub max_configurations: u64,
    /// About how many bytes the search may hold, per key that is being searched: as many as there are threads.
    pub max_memory_bytes: u64,
    /// The most work, in events and configurations looked at, to make the proof of one search small; 0 leaves it at the
    /// operation that has no place.
    pub max_proof_work: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            model: ModelKind::Auto,
            failed_cas: FailedCas::DidNotHappen,
            initial: Value::Nil,
            method: Method::Fastest,
            max_configurations: 20_000_000, // some ten seconds
            max_memory_bytes: 1 << 30,      // on few enough cores, within what a laptop has to spare
            max_proof_work: 1_000_000,      // a second or two, for who then saves an hour
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
    /// Whether the positions that the answers tell are a linearization. Asked of registers, and of whatever needs a search.
    pub witness: Witness,
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
    check_while(history, options, &|_| true)
}

/// Decides each key of the history, as long as it is told to go on: the checker has no clock, but its caller may. A key
/// that is then not yet decided is [`Unknown`](KeyOutcome::Unknown). Asked at least every few milliseconds of a search.
#[must_use]
pub fn check_while(history: &History, options: &Options, go_on: GoOn<'_>) -> Linearizability {
    let supervision = Supervision::new(go_on, history.operations().len());
    let decider = Decider { history, options, supervision: &supervision };
    each(history, decider.objects(), |key, operations| decider.decide(key, operations))
}

/// Decides each key of the history by a model of one's own. `told` says what an operation did, or may have done if its
/// outcome is unknown; `None` says nothing, as a read of unknown outcome and whatever failed usually do. Its error says why
/// an operation is none of the model's, and leaves the key [`Unknown`](KeyOutcome::Unknown).
///
/// `options` tell the budget; what they say of models does not count.
pub fn check_by<M: Model>(
    history: &History,
    model: &M,
    told: impl Fn(&Operation) -> Result<Option<M::Action>, String> + Sync,
    options: &Options,
    go_on: GoOn<'_>,
) -> Linearizability {
    let supervision = Supervision::new(go_on, history.operations().len());
    let decider = Decider { history, options, supervision: &supervision };
    let keys = history.by_key().into_iter().collect();
    each(history, keys, |key, operations| match Call::all(history, operations, &told) {
        Ok(calls) => decider.search(key, model, &calls),
        Err(how_far) => Decided::unknown(how_far),
    })
}

/// A key, and the indices of its operations.
type Object<'a> = (Option<&'a str>, Vec<usize>);

fn each(
    history: &History,
    objects: Vec<Object<'_>>,
    decide: impl Fn(Option<&str>, &[usize]) -> Decided + Sync,
) -> Linearizability {
    let result = |(key, operations): Object<'_>| {
        let Decided { outcome, witness } = decide(key, &operations);
        KeyResult { key: key.map(str::to_owned), operations: operations.len(), outcome, witness }
    };
    debug_assert!(objects.iter().map(|(_, operations)| operations.len()).sum::<usize>() <= history.operations().len());
    Linearizability { keys: objects.into_par_iter().map(result).collect() }
}
