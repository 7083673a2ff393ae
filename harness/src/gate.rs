//! The gates against empty green: what a run must have done before its pass means anything.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::run::StepTaken;
use crate::schedule::{Schedule, Step};

/// Operations that must be acknowledged before the faults, while they are in force, and after them. Few, because a
/// minority-sized cluster under fire may do little; but none at all would mean that nothing was tested.
pub(crate) const FEWEST_ACKNOWLEDGED: usize = 10;

pub(crate) const ACKNOWLEDGED_BEFORE: &str = "operations were acknowledged before the faults";
pub(crate) const ACKNOWLEDGED_AFTER: &str = "operations were acknowledged after the faults";

/// The gate that a run cannot meet whose faults are to stop the service.
pub(crate) const SERVED_DURING_FAULTS: &str = "operations were acknowledged during the faults";

/// One condition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gate {
    /// What it demands.
    pub name: String,
    /// Whether the run did that.
    pub met: bool,
    /// The numbers behind it.
    pub detail: String,
}

/// What a run did.
pub(crate) struct Exercise<'a> {
    pub planned: &'a Schedule,
    /// Whether faults were asked for, be it that none came up in the time there was.
    pub wants_faults: bool,
    pub taken: &'a [StepTaken],
    /// The times of all acknowledgements.
    pub acknowledged_ns: &'a [u64],
    /// From the first invocation until the last fault was undone.
    pub load_ns: Range<u64>,
    pub interrupted: bool,
}

/// Looks at everything a run with this plan must have done.
pub(crate) fn examine(exercise: &Exercise<'_>) -> Vec<Gate> {
    let mut gates = vec![Gate {
        name: "the run was not interrupted".into(),
        met: !exercise.interrupted,
        detail: if exercise.interrupted { "interrupted" } else { "ran to its end" }.into(),
    }];
    if exercise.planned.steps.is_empty() {
        if exercise.wants_faults {
            let detail = "so short a load has none: a longer one has, or a shorter interval".to_owned();
            gates.push(Gate { name: "the schedule has a fault".into(), met: false, detail });
        }
        gates.push(enough_acknowledged("operations were acknowledged in the run", exercise.acknowledged_ns.len()));
        return gates;
    }
    gates.push(faults_verified(exercise));
    gates.push(kinds_covered(exercise));
    let in_force = |ns: u64| exercise.taken.iter().any(|taken| (taken.began_ns..taken.ended_ns).contains(&ns));
    let first_ns = exercise.taken.iter().map(|taken| taken.began_ns).min().unwrap_or(exercise.load_ns.end);
    let count = |wanted: &dyn Fn(u64) -> bool| exercise.acknowledged_ns.iter().filter(|ns| wanted(**ns)).count();
    gates.push(enough_acknowledged(ACKNOWLEDGED_BEFORE, count(&|ns| ns < first_ns)));
    let serves = |step: &Step| !step.fault.stops_service();
    if exercise.planned.steps.iter().any(serves) {
        gates.push(enough_acknowledged(SERVED_DURING_FAULTS, count(&in_force)));
    }
    gates.push(enough_acknowledged(ACKNOWLEDGED_AFTER, count(&|ns| ns >= exercise.load_ns.end)));
    gates
}

fn enough_acknowledged(name: &str, count: usize) -> Gate {
    Gate {
        name: name.to_owned(),
        met: count >= FEWEST_ACKNOWLEDGED,
        detail: format!("{count}, at least {FEWEST_ACKNOWLEDGED} wanted"),
    }
}

/// Every fault that was injected had its effect.
fn faults_verified(exercise: &Exercise<'_>) -> Gate {
    let injected: Vec<_> = exercise.taken.iter().filter(|taken| !taken.nodes.is_empty()).collect();
    let doubtful: Vec<_> = injected.iter().filter(|taken| !taken.effect.verified).collect();
    let mut detail = format!("{} of {} injected", injected.len() - doubtful.len(), injected.len());
    for taken in &doubtful {
        let StepTaken { step, effect, .. } = taken;
        let _ = write!(detail, "; {} {}: {}", step.fault, step.trigger, effect.evidence);
    }
    Gate { name: "every fault was verified in effect".into(), met: doubtful.is_empty(), detail }
}

/// Every kind of fault in the plan struck at least once.
fn kinds_covered(exercise: &Exercise<'_>) -> Gate {
    let verified = exercise.taken.iter().filter(|taken| taken.effect.verified);
    let struck: BTreeSet<_> = verified.map(|taken| taken.step.fault).collect();
    let planned: BTreeSet<_> = exercise.planned.steps.iter().map(|step| step.fault).collect();
    let missing: Vec<_> = planned.difference(&struck).map(ToString::to_string).collect();
    let detail = if missing.is_empty() {
        let names: Vec<_> = planned.iter().map(ToString::to_string).collect();
        names.join(", ")
    } else {
        format!("missing: {}", missing.join(", "))
    };
    Gate { name: "every planned kind of fault struck".into(), met: missing.is_empty(), detail }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::fault::Effect;
    use crate::fault::Fault;
    use crate::node_id::NodeId;
    use crate::target::Target;

    fn kill(verified: bool, nodes: Vec<NodeId>) -> StepTaken {
        let step = Step::at(Duration::from_millis(1), Duration::from_millis(1), Fault::Kill, Target::Leader);
        let effect = Effect { verified, evidence: "seen".into() };
        StepTaken { step, nodes, began_ns: 1000, ended_ns: 2000, effect }
    }

    /// The names of the gates that a run with one planned kill does not meet.
    fn unmet(taken: &[StepTaken], acknowledged_ns: &[u64], interrupted: bool) -> Vec<String> {
        let planned = Schedule { steps: vec![kill(true, vec![]).step] };
        let wants_faults = true;
        let exercise =
            Exercise { planned: &planned, wants_faults, taken, acknowledged_ns, load_ns: 0..3000, interrupted };
        let gates = examine(&exercise);
        gates.into_iter().filter(|gate| !gate.met).map(|gate| gate.name).collect()
    }

    fn acknowledged() -> Vec<u64> {
        [500, 1500, 3500].into_iter().flat_map(|ns| [ns; FEWEST_ACKNOWLEDGED]).collect()
    }

    #[test]
    fn a_run_that_did_its_job_meets_every_gate() {
        assert_eq!(unmet(&[kill(true, vec![NodeId(0)])], &acknowledged(), false), [""; 0]);
    }

    #[test]
    fn each_omission_is_named() {
        let struck = [kill(true, vec![NodeId(0)])];
        let without = |gone: u64| acknowledged().into_iter().filter(|ns| *ns != gone).collect::<Vec<_>>();
        assert_eq!(unmet(&struck, &without(500), false), ["operations were acknowledged before the faults"]);
        assert_eq!(unmet(&struck, &without(1500), false), ["operations were acknowledged during the faults"]);
        assert_eq!(unmet(&struck, &without(3500), false), ["operations were acknowledged after the faults"]);
        assert_eq!(unmet(&struck, &acknowledged(), true), ["the run was not interrupted"]);
    }

    #[test]
    fn a_fault_without_effect_does_not_count() {
        assert_eq!(
            unmet(&[kill(false, vec![NodeId(0)])], &acknowledged(), false),
            ["every fault was verified in effect", "every planned kind of fault struck"]
        );
    }

    /// As of `--faults kill --interval 2s --time 1s`.
    #[test]
    fn a_schedule_without_the_faults_that_were_asked_for_is_named() {
        for (wants_faults, expected) in [(true, vec!["the schedule has a fault"]), (false, vec![])] {
            let (planned, acknowledged_ns) = (Schedule::default(), &acknowledged());
            let exercise = Exercise {
                planned: &planned,
                wants_faults,
                taken: &[],
                acknowledged_ns,
                load_ns: 0..3000,
                interrupted: false,
            };
            let unmet: Vec<_> = examine(&exercise).into_iter().filter(|gate| !gate.met).map(|gate| gate.name).collect();
            assert_eq!(unmet, expected);
        }
    }

    #[test]
    fn a_skipped_step_does_not_count() {
        assert_eq!(unmet(&[kill(false, vec![])], &acknowledged(), false), ["every planned kind of fault struck"]);
    }
}
