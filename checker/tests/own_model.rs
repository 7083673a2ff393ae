//! A model of one's own, and what a search does when it may not go on.

#[path = "support/story.rs"]
mod story;

use interregnum_checker::history::{Operation, Outcome, Value};
use interregnum_checker::linearizability::{KeyOutcome, Options, check_by, check_while};
use interregnum_checker::model::{Effect, Model};

/// Holds the greatest number that was ever written, 0 at first.
struct Maximum;

#[derive(Clone, PartialEq, Eq, Hash)]
enum Action {
    Write(i64),
    Read(i64),
}

impl Model for Maximum {
    type State = i64;
    type Action = Action;

    fn initial(&self) -> i64 {
        0
    }

    fn step(&self, &state: &i64, action: &Action) -> Option<i64> {
        match *action {
            Action::Write(number) => Some(state.max(number)),
            Action::Read(number) => (number == state).then_some(state),
        }
    }

    fn effect(&self, action: &Action) -> Effect {
        match action {
            Action::Write(_) => Effect::Always,
            Action::Read(_) => Effect::Reads,
        }
    }

    fn show(&self, state: &i64) -> String {
        state.to_string()
    }
}

fn told(operation: &Operation) -> Result<Option<Action>, String> {
    match (operation.function.name(), operation.outcome, &operation.input, &operation.output) {
        (_, Outcome::Fail, ..) | ("read", Outcome::Info, ..) => Ok(None),
        ("write", _, &Value::Int(number), _) => Ok(Some(Action::Write(number))),
        ("read", _, _, &Value::Int(number)) => Ok(Some(Action::Read(number))),
        (other, ..) => Err(format!("`{other}` is nothing that a maximum does")),
    }
}

fn outcome(story: &str) -> KeyOutcome {
    let history = story::history(story);
    let result = check_by(&history, &Maximum, told, &Options::default(), &|_| true);
    result.keys.into_iter().next().expect("one key").outcome
}

#[test]
fn a_model_of_ones_own_is_decided_and_explained() {
    let start = "1 invoke write 5\n1 ok write 5\n1 invoke write 3\n1 ok write 3\n2 invoke read null\n";
    assert_eq!(outcome(&format!("{start}2 ok read 5")), KeyOutcome::Linearizable);
    let KeyOutcome::NotLinearizable { proof } = outcome(&format!("{start}2 ok read 3")) else {
        panic!("3 is less than 5")
    };
    assert_eq!(
        proof.sentence,
        "process 2 read 3 at 6.000 s, though it can have been only 5 then; the 2 operations that had ended before have an \
         order, but none that this fits into, because of 1 of them"
    );
    assert_eq!(proof.operations, [0, 2]);
}

#[test]
fn what_a_model_does_not_know_is_told() {
    let how_far = "`cas` is nothing that a maximum does".to_owned();
    assert_eq!(outcome("1 invoke cas [1,2]\n1 ok cas [1,2]"), KeyOutcome::Unknown { how_far });
}

/// Twenty distinct amounts that overlap are a million sums.
fn overlapping_additions() -> String {
    let add = |process: u64| format!("{process} invoke add {}\n", 1_u64 << process);
    let done = |process: u64| format!("{process} ok add {}\n", 1_u64 << process);
    let (begun, ended): (String, String) = ((0..20).map(add).collect(), (0..20).map(done).collect());
    format!("{begun}{ended}30 invoke read null\n30 ok read 7\n")
}

#[track_caller]
fn check_given_up(options: &Options, go_on: bool, why: &str) {
    let history = story::history(&overlapping_additions());
    let result = check_while(&history, options, &|_| go_on);
    let KeyOutcome::Unknown { how_far } = &result.keys[0].outcome else { panic!("{:?}", result.keys[0].outcome) };
    assert_eq!(*how_far, format!("the first 0 of 21 completed operations have an order; then {why}"));
}

#[test]
fn a_search_that_may_not_go_on_says_how_far_it_got() {
    let little =
        |max_configurations, max_memory_bytes| Options { max_configurations, max_memory_bytes, ..Options::default() };
    check_given_up(&Options::default(), false, "the time is up");
    check_given_up(&little(10_000, u64::MAX), true, "the budget of 10000 configurations is used up");
    check_given_up(&little(u64::MAX, 4 << 20), true, "the budget of 4 MiB of memory is used up");
}
