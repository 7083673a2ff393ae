//! How a report looks in a terminal: calm, aligned, and ending with what to do next. It computes nothing.

use std::fmt::Write as _;

use console::style;
use interregnum_checker::judgement::{Judgement, Proof};
use interregnum_checker::verdict::Verdict;

use super::Report;

/// Proofs shown of the promise that says most; the other promises get one each, and `verdict.json` has them all.
pub(crate) const PROOFS_SHOWN: usize = 3;

/// Everything about a run, for somebody who ran it by hand.
pub(crate) fn full(report: &Report) -> String {
    let mut text = headline(report);
    for (rank, judgement) in broken(report).into_iter().enumerate() {
        text.push('\n');
        text.push_str(&explanation(judgement, if rank == 0 { PROOFS_SHOWN } else { 1 }));
    }
    text.push('\n');
    let mut row = |name: &str, value: String| {
        let _ = writeln!(text, "  {}  {value}", style(format!("{name:<14}")).dim());
    };
    for judgement in report.counted() {
        row(&judgement.checker, format!("{} {}", mark(judgement.verdict), judgement.summary));
    }
    for gate in report.unmet_gates() {
        row("gate", format!("{} {}: {}", mark(Verdict::Inconclusive), gate.name, gate.detail));
    }
    row("operations", operations(report));
    row("faults", faults(report));
    row("files", report.run_dir.path().display().to_string());
    row("run again", report.reproduce.clone());
    text
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
    let _ = writeln!(text, "\n  files      {}", report.run_dir.path().display());
    let _ = write!(text, "  run again  {}", report.reproduce);
    text
}

/// `violation: 3 acknowledged writes were lost`
fn headline(report: &Report) -> String {
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
    let order = ["lost-writes", "split-brain", "linearizable", "replicas-agree"];
    judgements
        .sort_by_key(|judgement| order.iter().position(|checker| *checker == judgement.checker).unwrap_or(order.len()));
}

/// Up to `most` proofs of one broken promise, each with its drawing.
pub(crate) fn explanation(judgement: &Judgement, most: usize) -> String {
    let mut text = String::new();
    for Proof { sentence, drawing, .. } in judgement.proofs.iter().take(most) {
        let _ = writeln!(text, "  {sentence}");
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
    format!("{} of {} verified in effect: {}", struck.len(), report.faults.len(), kinds.join(", "))
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
