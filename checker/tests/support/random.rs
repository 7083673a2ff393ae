//! Random small histories for the checkers that promise something of linearizable ones.

#[path = "../linearizability/simulation.rs"]
mod simulation;

use interregnum_checker::history::{Event, EventType, Function, History, Value};
use interregnum_checker::linearizability::{self, Options};
use interregnum_checker::verdict::Verdict;
use proptest::collection::vec;
use proptest::prelude::any;
use proptest::test_runner::{Config, RngSeed, TestCaseResult, TestRunner};
pub(crate) use simulation::Object;

/// Operations per history: enough for a chain of cas, a crash and a few reads of each process.
const OPERATIONS: usize = 20;

/// Runs a test on random histories, each with whether it is linearizable. Each operation tells a node of its own, and as
/// its position when it ended.
pub(crate) fn for_random_histories(object: Object, cases: u32, test: impl Fn(&History, bool) -> TestCaseResult) {
    let config = Config { cases, rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..Config::default() };
    let result = TestRunner::new(config).run(&vec(any::<u8>(), 8 * OPERATIONS..20 * OPERATIONS), |bytes| {
        let mut events = simulation::events(object, OPERATIONS, &bytes);
        if bytes[0] % 2 == 0 {
            lag(&mut events, &bytes);
        }
        for (number, event) in events.iter_mut().enumerate() {
            event.lsn = Some(number as u64).filter(|_| event.event_type != EventType::Invoke);
            event.node = Some(format!("n{number}").into());
        }
        let Some(history) = simulation::history(&events) else { return Ok(()) };
        let verdict = linearizability::check(&history, &Options { max_proof_work: 0, ..Options::default() })
            .judgement(&history)
            .verdict;
        test(&history, verdict == Verdict::Pass)
    });
    result.unwrap_or_else(|error| panic!("{object:?}: {error}"));
}

/// Lets a third of the reads return what a client was told earlier, as a follower does that lags behind.
fn lag(events: &mut [Event], bytes: &[u8]) {
    let mut told = vec![Value::Nil];
    for (event, &byte) in events.iter_mut().zip(bytes).filter(|(event, _)| event.event_type == EventType::Ok) {
        if event.function == Function::Read && byte % 3 == 0 {
            event.value = told[usize::from(byte) % told.len()].clone();
        } else if matches!(event.function, Function::Read | Function::Write) {
            told.push(event.value.clone());
        }
    }
}
