//! How a report looks in a terminal: calm, aligned, and ending with what to do next. It computes nothing.

pub(crate) mod measured;

use std::fmt::Write as _;

use console::style;
use interregnum_checker::judgement::{Judgement, Proof};
use interregnum_checker::verdict::Verdict;

use super::{Fencing, Report};

/// Proofs shown of the promise that says most; the other promises get one each, and `verdict.json` has them all.
pub(crate) const PROOFS_SHOWN: usize = 3;

/// How wide the names of rows are.
const NAME_COLUMNS: usize = 14;

/// How wide a sentence grows before it is broken: drawings are made for the same width.
const SENTENCE_COLUMNS: usize = 100;

/// Everything about a run, for somebody who ran it by hand.
pub(crate) fn full(report: &Report) -> String {
    let mut text = headline(report);
    let explained = broken(report).into_iter().filter(|judgement| !judgement.proofs.is_empty());
    for (rank, judgement) in explained.enumerate() {
        text.push('\n');
        text.push_str(&explanation(judgement, if rank == 0 { PROOFS_SHOWN } else { 1 }));
    }
    text.push('\n');
    let mut row = |name: &str, value: String| {
        let _ = writeln!(text, "  {}  {value}", style(format!("{name:<NAME_COLUMNS$}")).dim());
    };
    for judgement in report.counted() {
        row(&judgement.checker, hanging(&format!("{} {}", mark(judgement.verdict), judgement.summary)));
    }
    for gate in report.unmet_gates() {
        row("gate", format!("{} {}: {}", mark(Verdict::Inconclusive), gate.name, gate.detail));
    }
    row("operations", operations(report));
    row("faults", faults(report));
    if let Some(told) = fencings(report) {
        row("fenced", hanging(&told));
    }
    let mut last = "";
    for (name, told) in measured::rows(&report.measured.availability, &report.measured.staleness) {
        row(if name == last { "" } else { name }, hanging(&told));
        last = name;
    }
    if let Some(told) = measured::lag(report.measured.lag_records) {
        row("lag", told);
    }
    row("files", report.run_dir.path().display().to_string());
    row("page", report.run_dir.report().display().to_string());
    row("run again", report.reproduce.clone());
    row("next", next(report));
    text
}

/// The command that tells more of this run.
fn next(report: &Report) -> String {
    let run = report.run_dir.path().display();
    match report.overall() {
        Verdict::Violation => format!("interregnum shrink {run} (the smallest run that still fails)"),
        _ => format!("interregnum report {run} --open"),
    }
}

/// The text of a row, broken to the width of sentences, so that it stays behind the row's name.
fn hanging(text: &str) -> String {
    let (behind_name, behind_mark) = (" ".repeat(NAME_COLUMNS + 4), " ".repeat(NAME_COLUMNS + 6));
    let columns = textwrap::Options::new(SENTENCE_COLUMNS);
    let filled = textwrap::fill(text, columns.initial_indent(&behind_name).subsequent_indent(&behind_mark));
    filled.trim_start().to_owned()
}

/// What a failed test prints: one sentence, a small drawing, where everything is, how to run it again.
pub(crate) fn failure(report: &Report) -> String {
    let mut text = headline(report);
    if let Some(judgement) = broken(report).first() {
        text.push_str(&explanation(judgement, 1));
    } else {
        for gate in report.unmet_gates() {
            let _ = writeln!(text, "  not met: {} ({})", gate.name, gate.detail);
        }
        for judgement in report.counted().filter(|judgement| judgement.verdict == Verdict::Inconclusive) {
            let _ = writeln!(text, "  undecided: {}", judgement.summary);
        }
    }
    let _ = writeln!(text, "\n  page       {}", report.run_dir.report().display());
    let _ = write!(text, "  run again  {}", report.reproduce);
    text
}

/// `violation: 3 acknowledged writes were lost`
pub(crate) fn headline(report: &Report) -> String {
    let verdict = report.overall();
    let sentence = match broken(report).first() {
        Some(judgement) => judgement.summary.clone(),
        None => match verdict {
            Verdict::Pass => "every promise held".to_owned(),
            _ => "this run proves nothing".to_owned(),
        },
    };
    format!("{}: {sentence}\n", coloured(verdict))
}

fn broken(report: &Report) -> Vec<&Judgement> {
    let mut counted: Vec<_> = report.counted().collect();
    most_telling_first(&mut counted);
    counted.retain(|judgement| judgement.verdict == Verdict::Violation);
    counted
}

/// Orders judgements by how much they say about what clients lose.
pub(crate) fn most_telling_first(judgements: &mut [&Judgement]) {
    let order = [
        "lost-writes",
        "split-brain",
        "leadership",
        "elements",
        "linearizable",
        "positions",
        "sessions",
        "committed-log",
        "gtids",
        "epochs",
        "leases",
        "replicas-agree",
        "rows",
        "survival",
        "recovery",
    ];
    judgements
        .sort_by_key(|judgement| order.iter().position(|checker| *checker == judgement.checker).unwrap_or(order.len()));
}

/// Up to `most` proofs of one broken promise, each with its drawing.
pub(crate) fn explanation(judgement: &Judgement, most: usize) -> String {
    let mut text = String::new();
    for Proof { sentence, drawing, .. } in judgement.proofs.iter().take(most) {
        let indented = textwrap::Options::new(SENTENCE_COLUMNS).initial_indent("  ").subsequent_indent("  ");
        let _ = writeln!(text, "{}", textwrap::fill(sentence, indented));
        for line in drawing.lines() {
            let _ = writeln!(text, "    {line}");
        }
    }
    let more = judgement.proofs.len().saturating_sub(most) + judgement.proofs_left_out;
    if more > 0 {
        let _ = writeln!(text, "  … and {more} more");
    }
    text
}

fn operations(report: &Report) -> String {
    let counts = report.counts;
    let rate = (counts.ok * 1000).checked_div(report.timings.load_ms).unwrap_or(0);
    format!(
        "{} acknowledged ({rate} a second), {} failed, {} of unknown outcome; {}",
        counts.ok,
        counts.fail,
        counts.info,
        match report.leader_changes() {
            0 => "one leader throughout".to_owned(),
            1 => "one change of leader".to_owned(),
            changes => format!("{changes} changes of leader"),
        }
    )
}

fn faults(report: &Report) -> String {
    let struck: Vec<_> = report.faults.iter().filter(|taken| taken.effect.verified).collect();
    if report.faults.is_empty() {
        return "none".to_owned();
    }
    let mut kinds = std::collections::BTreeMap::<_, usize>::new();
    for taken in &struck {
        *kinds.entry(taken.step.fault).or_default() += 1;
    }
    let kinds: Vec<_> = kinds.into_iter().map(|(fault, count)| format!("{count} {fault}")).collect();
    let mut told = format!("{} of {} verified in effect", struck.len(), report.faults.len());
    if !kinds.is_empty() {
        let _ = write!(told, ": {}", kinds.join(", "));
    }
    let skipped: Vec<_> = report.faults.iter().filter(|taken| taken.nodes.is_empty()).collect();
    if let Some(first) = skipped.first() {
        let _ = write!(told, "; {} skipped: {} {}", skipped.len(), first.step.fault, first.effect.evidence);
    }
    told
}

/// Whom the fence device switched off, and for whom, in order of time.
fn fencings(report: &Report) -> Option<String> {
    let told: Vec<_> = report.fencings.iter().map(|Fencing { node, by, .. }| format!("{node} for {by}")).collect();
    (!told.is_empty()).then(|| format!("{} times: {}", told.len(), told.join(", ")))
}

/// One character for a verdict.
pub(crate) fn mark(verdict: Verdict) -> console::StyledObject<&'static str> {
    match verdict {
        Verdict::Pass => style("✓").green(),
        Verdict::Inconclusive => style("?").yellow(),
        Verdict::Violation => style("✗").red(),
        Verdict::HarnessError => style("!").red(),
    }
}

/// The verdict's word.
pub(crate) fn coloured(verdict: Verdict) -> console::StyledObject<Verdict> {
    let word = style(verdict).bold();
    match verdict {
        Verdict::Pass => word.green(),
        Verdict::Inconclusive => word.yellow(),
        Verdict::Violation | Verdict::HarnessError => word.red(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use interregnum_workloads::seed::Seed;

    use super::*;
    use crate::fault::{Effect, Fault};
    use crate::gate::Gate;
    use crate::node_id::NodeId;
    use crate::report::{Counts, Leadership, Measured, Timings};
    use crate::run::StepTaken;
    use crate::run_dir::RunDir;
    use crate::schedule::Step;
    use crate::target::Target;

    /// A run in which one kill struck, as it looks when every promise holds.
    fn passed() -> Report {
        let step = Step::at(Duration::from_millis(900), Duration::from_millis(700), Fault::Kill, Target::Leader);
        let led = |(epoch, leader)| Leadership { epoch, leader, writes: 3000, first_ns: None, last_ns: None };
        let effect = Effect { verified: true, evidence: "n1 reaped: signal 9 (SIGKILL)".into() };
        Report {
            run_dir: RunDir::at("/runs/seed-42"),
            system: "node".into(),
            flags: [("--ack".to_owned(), "async".to_owned())].into(),
            workload: "append".into(),
            seed: Seed(42),
            counts: Counts { ok: 9000, fail: 10, info: 12 },
            timings: Timings { load_ms: 3000, ..Timings::default() },
            leaderships: [(1, NodeId(0)), (2, NodeId(2))].map(led).into(),
            fencings: vec![],
            faults: vec![StepTaken { step, nodes: vec![NodeId(0)], began_ns: 1, ended_ns: 2, effect }],
            measured: Measured::default(),
            gates: vec![],
            judgements: vec![
                Judgement::without_proofs(
                    "recovery",
                    Verdict::Pass,
                    "the cluster worked again after every fault had been undone",
                ),
                Judgement::without_proofs("linearizable", Verdict::Pass, "9022 operations on 12 keys are linearizable"),
                Judgement::without_proofs("lost-writes", Verdict::Pass, "none of 6000 acknowledged writes lost"),
            ],
            evident_ms: std::collections::BTreeMap::new(),
            demands: vec![],
            reproduce: "interregnum run --ack async --seed 42".into(),
        }
    }

    /// The same, but a write is gone.
    fn violated() -> Report {
        let mut report = passed();
        let sentence = "process 4's append of 7 was acknowledged by n1 at 0.897 s (epoch 1, position 812), but process 9 \
                        read [1 2 3] from n3 at 3.114 s, the final read";
        let drawing = "process 4  append 7        ├──┤ok\nprocess 9  read → [1 2 3]         ├──┤ok";
        let proof = Proof { key: None, sentence: sentence.into(), operations: vec![], drawing: drawing.into() };
        report.judgements[1] =
            Judgement::without_proofs("linearizable", Verdict::Violation, "1 of 12 keys not linearizable");
        report.judgements[2] =
            Judgement::without_proofs("lost-writes", Verdict::Violation, "1 of 6000 acknowledged writes lost");
        report.judgements[2].proofs = vec![proof];
        report
    }

    #[test]
    fn a_pass_says_what_it_rests_on() {
        insta::assert_snapshot!("pass", full(&passed()));
    }

    #[test]
    fn a_violation_is_explained_by_its_proof() {
        insta::assert_snapshot!("violation", full(&violated()));
        insta::assert_snapshot!("violation_in_a_test", failure(&violated()));
    }

    #[test]
    fn who_was_fenced_is_told() {
        let mut report = passed();
        report.fencings = vec![
            Fencing { at_ns: 1, node: NodeId(0), by: "n2".to_owned() },
            Fencing { at_ns: 2, node: NodeId(1), by: "supervisor".to_owned() },
        ];
        let told = full(&report);
        assert!(told.contains("2 times: n1 for n2, n2 for supervisor"), "{told}");
    }

    #[test]
    fn an_unmet_gate_is_named() {
        let mut report = passed();
        let name = "operations were acknowledged after the faults".to_owned();
        report.gates.push(Gate { name, met: false, detail: "3, at least 10 wanted".into() });
        insta::assert_snapshot!("inconclusive_in_a_test", failure(&report));
    }
}
