//! A run as the text of a Rust test, ready to paste: `cargo test` then shows the failure without any file beside it.

use std::fmt::Write as _;

use super::{DiskKind, RunFlags, WorkloadName, usual_modes};
use crate::expectation::Expectation;
use crate::schedule::{Schedule, Step};
use crate::shrink::Rate;
use crate::systems::node::RetryUnknown;

/// The words of a test for each promise that one can name.
const EXPECTATIONS: [(Expectation, &str); 6] = [
    (Expectation::Linearizable, "linearizable()"),
    (Expectation::NoLostWrites, "no_lost_writes()"),
    (Expectation::NoSplitBrain, "no_split_brain()"),
    (Expectation::SessionGuarantees, "session_guarantees()"),
    (Expectation::EpochsOnlyGrow, "epochs_only_grow()"),
    (Expectation::ReplicasAgree, "replicas_agree()"),
];

impl RunFlags {
    /// The test. `promise` is the checker of the promise that the run broke, `rate` how often it did, where that was measured.
    pub(in crate::cli) fn as_test(&self, schedule: &Schedule, promise: &str, rate: Option<Rate>) -> String {
        let seed = self.seed.unwrap_or_default();
        let name = format!("{}_of_seed_{seed}", promise.replace('-', "_"));
        let often = rate.map_or_else(String::new, |rate| format!(", in {rate} runs"));
        let mut text = format!(
            "use interregnum::prelude::*;\n\n\
             /// Fails while this breaks `{promise}`{often}:\n\
             /// interregnum {}\n\
             #[tokio::test]\n\
             async fn {name}() -> interregnum::Result {{\n",
            self.without_schedule().arguments(seed).join(" ")
        );
        let steps: Vec<_> = schedule.steps.iter().map(Step::to_toml).collect();
        let steps = steps.join("\n");
        // As many as keep the text from ending early: it always has quotes.
        let mut hashes = "#".to_owned();
        while steps.contains(&format!("\"{hashes}")) {
            hashes.push('#');
        }
        let _ = write!(
            text,
            "    let schedule = Schedule::from_toml(\n        r{hashes}\"\n{steps}\"{hashes},\n    )\n    \
             .expect(\"it is a schedule\");\n"
        );
        let once = self.once(promise, seed);
        match rate.map_or(1, Rate::tries_to_see) {
            1 => text.push_str(&textwrap::indent(&once, "    ")),
            tries => {
                let _ = writeln!(text, "    for _ in 0..{tries} {{\n{}    }}", textwrap::indent(&once, "        "));
            }
        }
        text.push_str("    Ok(())\n}\n");
        text
    }

    /// The same run with the faults that are said elsewhere.
    fn without_schedule(&self) -> Self {
        Self { schedule: Some("FILE".into()), ..self.clone() }
    }

    /// The statements that run it once.
    fn once(&self, promise: &str, seed: u64) -> String {
        // Every flag is named here, so that none is forgotten.
        let Self {
            scenario: _,
            nodes: _,
            workload,
            keys: _,
            clients: _,
            readers,
            rate,
            time: _,
            faults: _,
            target: _,
            schedule: _,
            interval: _,
            swarm: _,
            fault_budget,
            upgrade_to,
            upgrade_flags,
            retry_unknown,
            retry_pause,
            session_tokens,
            route,
            seed: _,
            link_delay,
            disk,
            out: _,
            modes,
        } = self;
        let sizes = self.sizes();
        let usual = usual_modes().flags();
        let modes = modes.flags().into_iter().filter(|flag| !usual.contains(flag));
        let modes: Vec<_> = modes.map(|(flag, value)| format!("{flag} {value}")).collect();
        let mut system = format!("Node::cluster({})", sizes.nodes);
        if !modes.is_empty() {
            let _ = write!(system, ".modes({:?})", modes.join(" "));
        }
        if *retry_unknown != RetryUnknown::Never {
            let _ = write!(system, ".retry_unknown(RetryUnknown::{retry_unknown:?})");
        }
        if !retry_pause.is_zero() {
            let _ = write!(system, ".retry_pause(millis({}))", retry_pause.as_millis());
        }
        if upgrade_to.is_some() || upgrade_flags.is_some() {
            let program = upgrade_to
                .as_ref()
                .map_or_else(|| "None".to_owned(), |path| format!("Some({:?}.into())", path.display().to_string()));
            let _ = write!(system, ".upgraded_to({program}, {:?})", upgrade_flags.as_deref().unwrap_or_default());
        }
        system.push_str(if *session_tokens { ".session_tokens()" } else { "" });
        system.push_str(if *route { ".routed()" } else { "" });
        let workload = match workload {
            WorkloadName::Register => "Register",
            WorkloadName::Append => "Append",
        };
        let link_delay = match link_delay.as_micros() {
            us if us % 1000 == 0 => format!("millis({})", us / 1000),
            us => format!("Duration::from_micros({us})"),
        };
        let mut calls = vec![
            format!("workload({workload}::keys({}))", sizes.keys),
            format!("clients({})", sizes.clients),
            format!("link_delay({link_delay})"),
        ];
        calls.extend((*readers > 0).then(|| format!("readers({readers})")));
        calls.extend((*disk == DiskKind::Faulty).then(|| "faulty_disks()".to_owned()));
        calls.extend(fault_budget.map(|budget| format!("fault_budget(FaultBudget::{budget:?})")));
        calls.extend(rate.map(|rate| format!("rate_per_s({rate:?})")));
        calls.extend([format!("seed({seed})"), "schedule(schedule.clone())".to_owned()]);
        calls.extend([format!("run_for(millis({}))", sizes.time_ms), "await?".to_owned()]);
        let expectation = EXPECTATIONS.iter().find(|(expectation, _)| expectation.checker() == Some(promise));
        calls.extend(expectation.map(|(_, words)| format!("expect({words})")));
        let calls: Vec<_> = calls.iter().map(|call| format!("    .{call}")).collect();
        format!(
            "let report = Experiment::new({system})\n{};\n\
             // A run so small may show too little to pass: only a broken promise fails the test.\n\
             if matches!(report.overall(), Verdict::Pass | Verdict::Violation) {{\n    report.verdict()?;\n}}\n",
            calls.join("\n")
        )
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::super::Command;
    use super::*;

    /// What only now and then fails is tried several times, and every flag has its words.
    #[test]
    fn a_test_says_everything_that_the_run_was_told() {
        let flags = "run --seed 9 --nodes 5 --rate 200 --retry-unknown exactly-once --retry-pause 250ms --session-tokens --route --time 1500ms \
            --keys 1 --link-delay 0 --fault-budget 2 --upgrade-to /bin/old --ack semi-sync --missed-heartbeats 9";
        let flags = Command::try_parse_from(flags.split_whitespace()).unwrap().flags;
        let schedule = "[[step]]\non_log = 'a\"#'\nhold_ms = 5\nfault = 'kill'\ntarget = 'n2'";
        let schedule = Schedule::from_toml(schedule).unwrap();
        insta::assert_snapshot!(flags.as_test(&schedule, "elements", Some(Rate { failed: 6, tries: 10 })));
    }
}
