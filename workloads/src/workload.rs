//! A workload: a stream of operations for each client, and the checkers that judge the history they make.

use std::collections::BTreeSet;

use interregnum_checker::history::History;
use interregnum_checker::judgement::Judgement;
use interregnum_checker::lost_writes::FaultWindow;
use interregnum_checker::{leadership, linearizability, lost_writes, sessions, split_brain};

use crate::client::{Completion, Invocation, Object};
use crate::seed::Seed;

/// What the clients of a run do, and how to judge it.
///
/// Every value that a workload writes is unique for its key in the run: that is what makes its histories decidable in
/// O(n log n) (DESIGN.md, section 7).
pub trait Workload: Send + Sync {
    /// The name in flags and reports.
    fn name(&self) -> &'static str;

    /// The operations of client number `client` (from 0) of `clients`.
    fn stream(&self, seed: Seed, client: usize, clients: usize) -> Box<dyn OperationStream>;

    /// The operations of a client that only reads. It has nothing to wait for, so it goes on where those who write are stuck: at a leader
    /// that leads no more.
    fn reader(&self, seed: Seed, client: usize) -> Box<dyn OperationStream>;

    /// What its keys hold.
    fn object(&self) -> Object;

    /// What to read when everything has healed, given all keys that the run touched.
    fn final_reads(&self, keys: &BTreeSet<String>) -> Vec<Invocation> {
        keys.iter().map(|key| Invocation::read(self.object(), key)).collect()
    }

    /// What the history means: by default, every promise that a linearizable store keeps. `faults` lets a loss name the
    /// faults it happened under.
    fn judge(&self, history: &History, faults: &[FaultWindow]) -> Vec<Judgement> {
        every_promise(history, faults)
    }
}

/// The promises that a linearizable store keeps, whatever its keys hold.
pub(crate) fn every_promise(history: &History, faults: &[FaultWindow]) -> Vec<Judgement> {
    vec![
        linearizability::check(history, &linearizability::Options::default()).judgement(history),
        lost_writes::check(history, faults).judgement(history),
        sessions::check(history).judgement(history),
        split_brain::check(history).judgement(history),
        leadership::check(history).judgement(history),
    ]
}

/// One client's endless stream of operations.
pub trait OperationStream: Send {
    /// The next operation.
    fn next(&mut self) -> Invocation;

    /// How an operation of this stream ended, so that a later one can build on it (a compare-and-set wants to expect
    /// what is there). Called once for each, before `next`.
    fn observe(&mut self, invocation: &Invocation, completion: &Completion);
}
