//! What happened in a run, as a schedule that can be run again: each step is tied to the leadership in which it struck, because on
//! another machine elections come at other times, and says in a comment whom it struck, when and to what effect.
//!
//! In the first leadership a step keeps its time, as there is nothing to tie it to: acknowledgements, say, may just have been stopped
//! by another fault.

use std::fmt::Write as _;

use super::nemesis::StepTaken;
use super::snapshot::is_another_leader;
use crate::experiment::SCHEDULE_VARIABLE;
use crate::node_id::NodeId;
use crate::schedule::{Step, Trigger};
use crate::target::Target;

/// A node that was seen to lead.
#[derive(Clone, Copy, Debug)]
pub(super) struct LeaderSeen {
    pub at_ns: u64,
    pub node: NodeId,
    pub epoch: u64,
}

/// How much later than it did a step strikes at the latest where its leader does not come: elections take seconds at most, and what came
/// before may have taken longer, too.
const LATER_MS: u64 = 2000;
const LATER_PART: u64 = 10;

/// The whole file. `begin_ns` is when the schedule's time began.
pub(super) fn happened(taken: &[StepTaken], leaders: &[LeaderSeen], begin_ns: u64, reproduce: &str) -> String {
    let mut text = format!(
        "# What happened in this run, as a schedule to be run again: with `interregnum replay` and the run's directory; or give this file\n\
         # to `interregnum run --schedule`, or to a test in the variable {SCHEDULE_VARIABLE}. The run was:\n#   {reproduce}\n"
    );
    let mut counted: Vec<LeaderSeen> = Vec::new(); // as the monitor counts them
    for seen in leaders {
        if is_another_leader(counted.last().map(|last| (last.node, last.epoch)), (seen.node, seen.epoch)) {
            counted.push(*seen);
        }
    }
    let mut in_order: Vec<_> = taken.iter().collect();
    in_order.sort_by_key(|taken| taken.began_ns);
    for taken in in_order {
        let StepTaken { step, nodes, began_ns, ended_ns, effect } = taken;
        let ms = |ns: &u64| ns.saturating_sub(begin_ns) / 1_000_000;
        let planned = format!("{} {} {}", step.trigger, step.fault, step.target);
        if nodes.is_empty() {
            let _ = write!(text, "\n# skipped: {planned}: {}\n", effect.evidence);
            continue;
        }
        let (from, to, verified) = (ms(began_ns), ms(ended_ns), if effect.verified { "" } else { "NOT VERIFIED: " });
        let struck = step.fault.striking(nodes);
        let _ = write!(text, "\n# {from} to {to} ms: {struck}; {verified}{}\n# planned: {planned}\n", effect.evidence);
        let seen = counted.iter().rposition(|seen| seen.at_ns <= *began_ns).map(|index| (index, counted[index]));
        if let Some((index, LeaderSeen { at_ns, node, epoch })) = seen {
            let _ = writeln!(text, "# leader {} was {node} in epoch {epoch}, seen at {} ms", index + 1, ms(&at_ns));
        }
        text.push_str(&anchored(taken, seen, begin_ns).to_toml());
    }
    text
}

/// The step as it is to be done again.
fn anchored(taken: &StepTaken, seen: Option<(usize, LeaderSeen)>, begin_ns: u64) -> Step {
    let StepTaken { step, nodes, began_ns, .. } = taken;
    let since_ms = |ns: u64| began_ns.saturating_sub(ns) / 1_000_000;
    let struck_ms = since_ms(begin_ns);
    let (trigger, delay_ms) = match seen {
        _ if matches!(step.trigger, Trigger::OnPausePoint { .. }) => (step.trigger.clone(), step.delay_ms),
        Some((index @ 1.., leader)) => (Trigger::OnLeader(index as u64 + 1), since_ms(leader.at_ns)),
        _ => (Trigger::At(struck_ms), 0),
    };
    // A leader who came by nobody's fault may not come again, and nothing would strike any more.
    let latest_ms = matches!(trigger, Trigger::OnLeader(_)).then_some(struck_ms + struck_ms / LATER_PART + LATER_MS);
    let leader = seen.map(|(_, leader)| leader.node);
    let was_drawn = matches!(step.target, Target::Random(_) | Target::Minority | Target::Majority);
    // A node that was drawn is another one elsewhere; that it led is what matters.
    let target = if was_drawn && nodes.iter().eq(&leader) { Target::Leader } else { step.target };
    Step { trigger, delay_ms, latest_ms, target, ..step.clone() }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::fault::{Effect, Fault};
    use crate::schedule::Schedule;

    const MS: u64 = 1_000_000;

    fn taken(at_ms: u64, target: Target, nodes: &[usize]) -> StepTaken {
        let step = Step::at(Duration::from_millis(at_ms), Duration::from_millis(300), Fault::Kill, target);
        let nodes = nodes.iter().map(|&node| NodeId(node)).collect();
        let effect = Effect { verified: true, evidence: "reaped".into() };
        StepTaken { step, nodes, began_ns: (100 + at_ms) * MS, ended_ns: (400 + at_ms) * MS, effect }
    }

    #[test]
    fn steps_are_tied_to_leaders_and_told_in_order() {
        let seen = |at_ms: u64, node, epoch| LeaderSeen { at_ns: (100 + at_ms) * MS, node: NodeId(node), epoch };
        let leaders = [seen(0, 0, 1), seen(1200, 1, 2)];
        let taken = [
            taken(1500, Target::Random(1), &[1]),
            taken(900, Target::Leader, &[0]),
            taken(1600, Target::Random(1), &[2]),
            taken(1700, Target::Leader, &[]),
        ];
        let text = happened(&taken, &leaders, 100 * MS, "interregnum run");
        insta::assert_snapshot!(text);
        let again: Schedule = toml_of(&text);
        assert_eq!(again.steps.len(), 3);
    }

    fn toml_of(text: &str) -> Schedule {
        let file = tempfile::NamedTempFile::with_suffix(".toml").unwrap();
        std::fs::write(file.path(), text).unwrap();
        Schedule::read(file.path()).unwrap()
    }
}
