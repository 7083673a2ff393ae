//! Every algorithm against an oracle that tries every order, on random small histories, both verdicts in numbers; and what
//! must not change a verdict.

#[path = "linearizability/oracle.rs"]
mod oracle;
#[path = "linearizability/simulation.rs"]
mod simulation;

use std::cell::Cell;

use interregnum_checker::history::{Event, EventType, Function, History, Operation, Outcome, Value, jsonl};
use interregnum_checker::judgement::Proof;
use interregnum_checker::linearizability::{FailedCas, KeyOutcome, Method, ModelKind, Options, check};
use proptest::collection::vec;
use proptest::prelude::{any, prop_assert, prop_assert_eq};
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner};
use simulation::Object;

/// Operations per random history: enough for two blocks, a chain and a crash, few enough for the oracle.
const OPERATIONS: usize = 8;

/// `name` from the environment: more cases, or other ones, than the suite has time for.
fn setting(name: &str, default: u32) -> u32 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

/// Runs a test on random events; `INTERREGNUM_CASES` and `INTERREGNUM_SEED` ask for more and for others.
fn for_random_events(
    object: Object,
    operations: usize,
    cases: u32,
    test: impl Fn(Vec<Event>) -> Result<(), TestCaseError>,
) {
    let mut runner = TestRunner::new(Config {
        cases: setting("INTERREGNUM_CASES", cases),
        rng_seed: RngSeed::Fixed(u64::from(setting("INTERREGNUM_SEED", 1))),
        failure_persistence: None,
        max_shrink_iters: 5_000, // a failure is told within seconds, if not in its smallest form
        ..Config::default()
    });
    let bytes = vec(any::<u8>(), 8 * operations..20 * operations);
    let result = runner.run(&bytes, |bytes| test(simulation::events(object, operations, &bytes)));
    if let Err(TestError::Fail(why, bytes)) = result {
        panic!("{why}, of\n{}", as_text(&simulation::events(object, operations, &bytes)));
    }
}

fn as_text(events: &[Event]) -> String {
    let mut text = Vec::new();
    for event in events {
        jsonl::write_event(&mut text, event).expect("memory takes it");
    }
    String::from_utf8(text).expect("JSON is text")
}

fn decide(history: &History, options: &Options) -> bool {
    let result = check(history, options);
    assert!(result.keys.len() <= 1, "a simulated history has one key");
    match result.keys.first().map(|key| &key.outcome) {
        None | Some(KeyOutcome::Linearizable) => true,
        Some(KeyOutcome::NotLinearizable { proof }) => {
            assert!(!proof.operations.is_empty() && !proof.sentence.is_empty(), "{proof:?}");
            false
        }
        Some(KeyOutcome::Unknown { how_far }) => panic!("undecided: {how_far}"),
    }
}

/// The checker agrees with the oracle, and each verdict is common enough for that to mean something.
fn check_against_oracle(object: Object, failed_cas: FailedCas, cases: u32) {
    check_with(object, &Options { failed_cas, ..Options::default() }, cases);
}

fn check_with(object: Object, options: &Options, cases: u32) {
    let initial = initial(object);
    let did_run = options.failed_cas == FailedCas::SawAnotherValue;
    let (good, bad) = (Cell::new(0_u32), Cell::new(0_u32));
    for_random_events(object, OPERATIONS, cases, |events| {
        let Some(history) = simulation::history(&events) else { return Ok(()) };
        let expected = oracle::is_linearizable(history.operations(), &initial, did_run);
        let count = if expected { &good } else { &bad };
        count.set(count.get() + 1);
        let decided = decide(&history, options);
        if decided == expected {
            Ok(())
        } else {
            Err(TestCaseError::fail(format!("oracle: {expected}, checker: {decided}")))
        }
    });
    let (good, bad) = (good.get(), bad.get());
    println!("{object:?}, {:?}: {good} linearizable, {bad} not", options.failed_cas);
    assert!(good.min(bad) > (good + bad) / 20, "too one-sided to mean much: {good} linearizable, {bad} not");
}

#[test]
fn registers_with_unique_values_agree_with_the_oracle() {
    check_against_oracle(Object::UniqueRegister, FailedCas::DidNotHappen, 20_000);
}

#[test]
fn registers_with_unique_values_whose_failed_cas_ran_agree_with_the_oracle() {
    check_against_oracle(Object::UniqueRegister, FailedCas::SawAnotherValue, 20_000);
}

#[test]
fn registers_with_repeated_values_agree_with_the_oracle() {
    check_against_oracle(Object::Register, FailedCas::DidNotHappen, 20_000);
}

#[test]
fn registers_with_repeated_values_whose_failed_cas_ran_agree_with_the_oracle() {
    check_against_oracle(Object::Register, FailedCas::SawAnotherValue, 20_000);
}

#[test]
fn append_lists_agree_with_the_oracle() {
    check_against_oracle(Object::AppendList, FailedCas::DidNotHappen, 20_000);
}

#[test]
fn registers_that_are_deleted_agree_with_the_oracle() {
    check_against_oracle(Object::DeletedRegister, FailedCas::DidNotHappen, 20_000);
}

#[test]
fn lists_with_repeated_elements_agree_with_the_oracle() {
    check_against_oracle(Object::List, FailedCas::DidNotHappen, 10_000);
}

/// A history of `add` and `read` alone may be a set's or a counter's, so the model is given.
#[test]
fn other_objects_agree_with_the_oracle() {
    for (object, model) in [
        (Object::Set, ModelKind::Set),
        (Object::GrowSet, ModelKind::Set),
        (Object::Counter, ModelKind::Counter),
        (Object::Queue, ModelKind::Queue),
        (Object::Lock, ModelKind::Lock),
        (Object::KeyValue, ModelKind::KeyValue),
    ] {
        check_with(object, &Options { model, ..Options::default() }, 10_000);
    }
}

/// The search decides whatever the faster algorithms decide.
#[test]
fn the_search_agrees_with_the_oracle() {
    let options = Options { method: Method::Search, ..Options::default() };
    check_with(Object::UniqueRegister, &options, 10_000);
    check_with(Object::AppendList, &options, 10_000);
}

fn initial(object: Object) -> Value {
    match object {
        Object::Counter => Value::Int(0),
        Object::Set | Object::GrowSet => oracle::empty_set(),
        _ => Value::Nil,
    }
}

/// There is a moment, when one of a proof's operations had ended, at which the proof is enough, whatever the operations
/// begun by then that it leaves out did, and at which none of its own can be left out.
#[test]
fn proofs_are_minimal() {
    let of = |model| Options { model, ..Options::default() };
    let saw = Options { failed_cas: FailedCas::SawAnotherValue, ..Options::default() };
    for (object, options) in [
        (Object::UniqueRegister, Options::default()),
        (Object::UniqueRegister, saw.clone()),
        (Object::Register, Options::default()),
        (Object::Register, saw),
        (Object::DeletedRegister, Options::default()),
        (Object::AppendList, Options::default()),
        (Object::List, Options::default()),
        (Object::Set, of(ModelKind::Set)),
        (Object::GrowSet, of(ModelKind::Set)),
        (Object::Counter, of(ModelKind::Counter)),
        (Object::Queue, of(ModelKind::Queue)),
        (Object::Lock, of(ModelKind::Lock)),
        (Object::KeyValue, of(ModelKind::KeyValue)),
    ] {
        let proofs = Cell::new(0);
        for_random_events(object, OPERATIONS, 3_000, |events| {
            let Some(history) = simulation::history(&events) else { return Ok(()) };
            let judgement = check(&history, &options).judgement(&history);
            let Some(proof) = judgement.proofs.first() else { return Ok(()) };
            proofs.set(proofs.get() + 1);
            check_minimal(object, &history, options.failed_cas, proof)
        });
        assert!(proofs.get() > 100, "{object:?}: only {} proofs", proofs.get());
    }
}

/// When the work on a proof runs out in the middle of it, what is left is still told.
#[test]
fn a_proof_that_was_given_up_is_told_as_far_as_it_got() {
    let proofs = Cell::new(0);
    for_random_events(Object::Register, 20, 300, |events| {
        let Some(history) = simulation::history(&events) else { return Ok(()) };
        for max_proof_work in [1, 30, 60, 100, 200, 400, 800] {
            let options = Options { max_proof_work, ..Options::default() };
            proofs.set(proofs.get() + check(&history, &options).judgement(&history).proofs.len());
        }
        Ok(())
    });
    assert!(proofs.get() > 100, "only {proofs:?}");
}

fn check_minimal(object: Object, history: &History, failed_cas: FailedCas, proof: &Proof) -> Result<(), TestCaseError> {
    let is_explained_by = |kept: &[usize], cut: u64| {
        let keep = |(index, operation): (usize, &Operation)| {
            let operation = oracle::until(operation, cut)?;
            if kept.contains(&index) { Some(operation) } else { oracle::forgotten(&operation) }
        };
        let operations: Vec<Operation> = history.operations().iter().enumerate().filter_map(keep).collect();
        !oracle::is_linearizable(&operations, &initial(object), failed_cas == FailedCas::SawAnotherValue)
    };
    // A refused operation is shown before what observed its value: a reader looks for it, though it did not happen.
    let beside = usize::from(proof.sentence.contains("was refused") && proof.operations.len() > 1);
    let needed = &proof.operations[beside..];
    let is_needed = |left_out: &usize, cut: u64| {
        let rest: Vec<usize> = needed.iter().filter(|&index| index != left_out).copied().collect();
        !is_explained_by(&rest, cut)
    };
    let is_minimal_at = |cut: u64| is_explained_by(needed, cut) && needed.iter().all(|index| is_needed(index, cut));
    let end = |&index: &usize| {
        let operation = &history.operations()[index];
        operation.completed.unwrap_or(operation.invoked).order
    };
    let is_minimal = needed.iter().map(end).any(is_minimal_at);
    prop_assert!(is_minimal, "not minimal: {}\n{}", proof.sentence, proof.drawing);
    Ok(())
}

/// What a verdict must not depend on: when the run began, and what values and processes are called.
#[test]
fn a_verdict_survives_shifted_times_and_other_names() {
    let rename = |value: &mut Value| visit_ints(value, &|number| Value::Text(format!("v{number}").into()));
    for object in [Object::UniqueRegister, Object::Register, Object::AppendList] {
        for_random_events(object, 20, 2_000, |events| {
            let Some(history) = simulation::history(&events) else { return Ok(()) };
            let mut changed = events;
            for event in &mut changed {
                event.time = event.time.map(|time| 3 * time + 1_000_000);
                event.process = 1_000 - event.process;
                rename(&mut event.value);
                event.seen.as_mut().into_iter().for_each(rename);
            }
            let changed = simulation::history(&changed).expect("it was one before");
            let options = Options::default();
            assert_eq!(decide(&history, &options), decide(&changed, &options));
            Ok(())
        });
    }
}

fn visit_ints(value: &mut Value, rename: &dyn Fn(i64) -> Value) {
    match value {
        Value::Int(number) => *value = rename(*number),
        Value::List(elements) => elements.iter_mut().for_each(|element| visit_ints(element, rename)),
        Value::Nil | Value::Text(_) => {}
    }
}

/// A read that goes on all the time may return what any other one returned: it says nothing new.
#[test]
fn a_verdict_survives_one_more_legal_read() {
    for object in [Object::UniqueRegister, Object::Register, Object::DeletedRegister, Object::AppendList] {
        for_random_events(object, 20, 1_000, |events| {
            let Some(history) = simulation::history(&events) else { return Ok(()) };
            let is_answer = |event: &&Event| event.event_type == EventType::Ok && event.function == Function::Read;
            let Some(answer) = events.iter().find(is_answer).cloned() else { return Ok(()) };
            let (first, last) = (events[0].time, events[events.len() - 1].time.map(|time| time + 1));
            let asked = Event { event_type: EventType::Invoke, time: first, process: 999, ..answer.clone() };
            let told = Event { time: last, process: 999, ..answer };
            let longer: Vec<Event> = [asked].into_iter().chain(events).chain([told]).collect();
            let longer = simulation::history(&longer).expect("it was one before");
            assert_eq!(decide(&history, &Options::default()), decide(&longer, &Options::default()));
            Ok(())
        });
    }
}

/// Two reads of a linearizable history that exchange their answers are noticed exactly when that matters.
#[test]
fn exchanged_answers_are_noticed_when_they_matter() {
    let (kept, broken) = (Cell::new(0), Cell::new(0));
    for_random_events(Object::UniqueRegister, OPERATIONS, 5_000, |mut events| {
        let Some(history) = simulation::history(&events) else { return Ok(()) };
        let is_answer = |event: &Event| event.event_type == EventType::Ok && event.function == Function::Read;
        let reads: Vec<usize> = (0..events.len()).filter(|&index| is_answer(&events[index])).collect();
        let [first, .., last] = reads[..] else { return Ok(()) };
        if events[first].value == events[last].value || !decide(&history, &Options::default()) {
            return Ok(());
        }
        let value = std::mem::take(&mut events[first].value);
        events[first].value = std::mem::replace(&mut events[last].value, value);
        let exchanged = simulation::history(&events).expect("it was one before");
        let expected = oracle::is_linearizable(exchanged.operations(), &Value::Nil, false);
        let counted = if expected { &kept } else { &broken };
        counted.set(counted.get() + 1);
        prop_assert_eq!(decide(&exchanged, &Options::default()), expected);
        Ok(())
    });
    assert!(kept.get() > 50 && broken.get() > 200, "{kept:?} kept, {broken:?} broken");
}

/// A prefix of a linearizable history is linearizable: what is open at the cut may still happen. Events of equal time are
/// concurrent, so a cut between them would not leave a prefix.
#[test]
fn a_prefix_of_a_linearizable_history_is_linearizable() {
    for object in [Object::UniqueRegister, Object::Register, Object::AppendList] {
        for_random_events(object, 20, 300, |events| {
            let Some(history) = simulation::history(&events) else { return Ok(()) };
            if decide(&history, &Options::default()) {
                for length in (1..events.len()).filter(|&length| events[length - 1].time < events[length].time) {
                    let prefix = simulation::history(&events[..length]).expect("so is its prefix");
                    assert!(decide(&prefix, &Options::default()), "cut at {length}");
                }
            }
            Ok(())
        });
    }
}

/// The search decides what the intervals decide, when a harmless read of another kind sends it there.
#[test]
fn the_search_agrees_with_the_intervals_on_longer_histories() {
    let bad = Cell::new(0);
    for_random_events(Object::UniqueRegister, 30, 1_000, |events| {
        let Some(history) = simulation::history(&events) else { return Ok(()) };
        let by_intervals = decide(&history, &Options::default());
        bad.set(bad.get() + u32::from(!by_intervals));
        // A cas that failed to find what was never written says nothing, but only the search can tell.
        let mut with_blind_cas = events;
        let (last, process) = (with_blind_cas.last().expect("events").clone(), 999);
        let input = Value::List(vec![Value::Int(-1), Value::Int(-2)]);
        for event_type in [EventType::Invoke, EventType::Fail] {
            let function = Function::Cas;
            with_blind_cas.push(Event {
                process,
                event_type,
                function,
                value: input.clone(),
                seen: None,
                ..last.clone()
            });
        }
        let told: Vec<Event> = with_blind_cas.into_iter().filter(|event| is_telling(event, &history)).collect();
        let options = Options { failed_cas: FailedCas::SawAnotherValue, ..Options::default() };
        assert_eq!(decide(&simulation::history(&told).expect("it was one before"), &options), by_intervals);
        Ok(())
    });
    assert!(bad.get() > 100, "both verdicts are needed: {bad:?}");
}

/// Leaves out the operations that only `FailedCas::SawAnotherValue` gives a meaning.
fn is_telling(event: &Event, history: &History) -> bool {
    let is_blind = |operation: &&Operation| {
        operation.function == Function::Cas && operation.outcome == Outcome::Fail && operation.seen.is_none()
    };
    !history
        .operations()
        .iter()
        .filter(is_blind)
        .any(|blind| blind.process == event.process && blind.function == event.function && blind.input == event.value)
}
