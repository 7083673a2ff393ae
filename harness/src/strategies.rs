//! Strategies for [proptest](https://docs.rs/proptest): schedules and workloads that shrink, for property tests of one's own. Behind the
//! feature `proptest`.
//!
//! A schedule shrinks to fewer steps, each earlier, shorter, of a fault nearer to the front of the list that was given and on the leader;
//! a workload to fewer keys. A property that runs clusters takes seconds for each case, so it wants few cases, and a bound on how long
//! it shrinks: `ProptestConfig { cases: 20, max_shrink_iters: 60, .. }`.

use std::ops::RangeInclusive;
use std::time::Duration;

use interregnum_workloads::append::Append;
use interregnum_workloads::register::Register;
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, prop_oneof};
use proptest::sample::select;

use crate::fault::Fault;
use crate::schedule::{Schedule, Step};
use crate::target::Target;

/// How long a fault is in force, in milliseconds: long enough to be verified in effect, and as long as two elections.
const HOLDS_MS: RangeInclusive<u64> = 200..=2000;

/// The most keys: more of them than this leave little contention on each.
const MOST_KEYS: usize = 5;

/// Whom faults strike: whoever leads, who would be next, or anybody.
pub fn targets() -> impl Strategy<Value = Target> {
    prop_oneof![
        3 => Just(Target::Leader),
        1 => Just(Target::MostUpToDate),
        1 => Just(Target::Random(1)),
        1 => Just(Target::Minority),
    ]
}

/// A step of one of these faults that ends before the run does.
///
/// # Panics
///
/// If there is no fault, or no time for one: a fault lasts at least 200 ms.
pub fn steps(faults: &[Fault], run_for: Duration) -> impl Strategy<Value = Step> + use<> {
    let run_ms = run_for.as_millis() as u64;
    let latest_ms = run_ms.checked_sub(*HOLDS_MS.start()).expect("a run with faults lasts at least as long as one");
    (0..=latest_ms, HOLDS_MS, select(faults.to_vec()), targets()).prop_map(move |(at_ms, hold_ms, fault, target)| {
        let ms = Duration::from_millis;
        Step::at(ms(at_ms), ms(hold_ms.min(run_ms - at_ms)), fault, fault.usual_target().unwrap_or(target))
    })
}

/// Schedules of these faults for a run of this length: none, or up to one for each second and one more, in the order of their times. They
/// may overlap.
///
/// # Panics
///
/// As [`steps`] does.
pub fn schedules(faults: &[Fault], run_for: Duration) -> impl Strategy<Value = Schedule> + use<> {
    let most = run_for.as_secs() as usize + 1;
    vec(steps(faults, run_for), 0..=most).prop_map(|mut steps| {
        steps.sort_by_key(|step| step.trigger.at_ms());
        Schedule { steps }
    })
}

/// Register workloads of one to five keys.
pub fn registers() -> impl Strategy<Value = Register> {
    (1..=MOST_KEYS).prop_map(Register::keys)
}

/// Append workloads of one to five keys.
pub fn appends() -> impl Strategy<Value = Append> {
    (1..=MOST_KEYS).prop_map(Append::keys)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::{TestError, TestRunner};

    use super::*;
    use crate::expectation::no_lost_writes;
    use crate::experiment::Experiment;
    use crate::fault::ALL_FAULTS;
    use crate::systems::node::Node;

    const TEN_SECONDS: Duration = Duration::from_secs(10);

    /// The smallest schedule for which this does not hold.
    fn smallest(holds: impl Fn(&Schedule) -> bool) -> Vec<Step> {
        let found = TestRunner::deterministic().run(&schedules(&ALL_FAULTS, TEN_SECONDS), |schedule| {
            prop_assert!(holds(&schedule));
            Ok(())
        });
        match found {
            Err(TestError::Fail(_, schedule)) => schedule.steps,
            other => panic!("a counterexample was expected: {other:?}"),
        }
    }

    /// A property of schedules alone: what does not matter for it is gone in the end.
    #[test]
    fn a_schedule_shrinks_to_the_step_that_matters() {
        let late_pause = |step: &Step| step.fault == Fault::Pause && step.trigger.at_ms() >= Some(3000);
        let steps = smallest(|schedule| !schedule.steps.iter().any(late_pause));
        let ms = Duration::from_millis;
        assert_eq!(steps, [Step::at(ms(3000), ms(200), Fault::Pause, Target::Leader)]);
        let steps = smallest(|schedule| schedule.steps.len() < 3);
        assert_eq!(steps, vec![Step::at(ms(0), ms(200), ALL_FAULTS[0], Target::Leader); 3]);
    }

    proptest! {
        #[test]
        fn every_step_ends_before_the_run_does(schedule in schedules(&ALL_FAULTS, TEN_SECONDS)) {
            let mut last_ms = 0;
            for step in &schedule.steps {
                let at_ms = step.trigger.at_ms().unwrap();
                prop_assert!(at_ms >= last_ms && at_ms + step.hold_ms <= 10_000 && step.hold_ms >= 200, "{step:?}");
                last_ms = at_ms;
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1, max_shrink_iters: 4, failure_persistence: None, ..ProptestConfig::default() })]

        /// As a user writes one, but with a single case.
        #[test]
        fn whatever_strikes_no_write_is_lost(
            schedule in schedules(&[Fault::Kill, Fault::Pause], Duration::from_secs(2)),
            workload in appends(),
        ) {
            let experiment = Experiment::new(Node::cluster(3)).workload(workload).schedule(schedule);
            let runtime = tokio::runtime::Runtime::new().unwrap();
            let report = runtime.block_on(experiment.run_for(Duration::from_secs(2))).unwrap();
            prop_assert!(!report.broke(no_lost_writes()), "see {}", report.run_dir().path().display());
        }
    }
}
