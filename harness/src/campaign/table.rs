//! How a campaign looks in a terminal when it has ended: a table, the kinds of failures, and what to type next.

use std::fmt::Write as _;

use console::style;
use interregnum_checker::verdict::Verdict;

use super::journal::End;
use super::plan::Expect;
use super::tally::{Group, Signature, Tally};

/// Kinds of failures that are told; the journal has them all.
pub(super) const KINDS_TOLD: usize = 20;

/// Everything about a campaign. `example` tells where a run's directory is, if it was kept.
pub(crate) fn full(tally: &Tally, example: &dyn Fn(&Group) -> Option<String>) -> String {
    let mut text = rows(tally);
    let kinds: Vec<_> = tally.groups(false).collect();
    for (kind, group) in kinds.iter().take(KINDS_TOLD) {
        let _ = write!(text, "\n{} {}\n", mark(group.verdict.max(Verdict::Inconclusive)), sentence(kind, group));
        if let Some(detail) = &group.detail {
            let _ = writeln!(text, "  {}", style(detail).dim());
        }
        if let Some(example) = example(group) {
            let _ = writeln!(text, "  smallest  {example}");
            for next in next(group.verdict, &example) {
                let _ = writeln!(text, "            {next}");
            }
        }
    }
    if kinds.len() > KINDS_TOLD {
        let _ = writeln!(text, "\n… and {} more kinds", kinds.len() - KINDS_TOLD);
    }
    if tally.groups(true).next().is_some() {
        text.push_str("\nas expected\n");
    }
    for (kind, group) in tally.groups(true).take(KINDS_TOLD) {
        let _ = writeln!(text, "  {}", sentence(kind, group));
        if let Some(example) = example(group) {
            let _ = writeln!(text, "    smallest  {example}");
        }
    }
    let _ = write!(text, "\n{}: {}", tally.verdict(), ending(tally));
    text
}

/// What a person does with an example of a failure.
pub(super) fn next(verdict: Verdict, example: &str) -> Vec<String> {
    match verdict {
        Verdict::Violation => {
            vec![format!("interregnum replay {example} --times 10"), format!("interregnum shrink {example}")]
        }
        Verdict::Inconclusive => vec![format!("interregnum replay {example} --times 10")],
        Verdict::Pass | Verdict::HarnessError => Vec::new(),
    }
}

fn mark(verdict: Verdict) -> console::StyledObject<&'static str> {
    match verdict {
        Verdict::Pass => style("✓").green(),
        Verdict::Violation => style("✗").red(),
        Verdict::Inconclusive | Verdict::HarnessError => style("?").yellow(),
    }
}

/// `lost-writes in async, under kill: 3 runs`
pub(super) fn sentence(kind: &Signature, group: &Group) -> String {
    let Signature { what, mode, faults } = kind;
    let runs = if group.count == 1 { "run" } else { "runs" };
    format!("{what} in {mode}, under {faults}: {} {runs}", group.count)
}

/// The rows of a table, its head first: name, what is expected, and the counts.
pub(super) fn cells(tally: &Tally) -> Vec<[String; 7]> {
    let head = ["row", "expected", "runs", "pass", "violation", "inconclusive", "error"].map(str::to_owned);
    let row = |(row, counts): (&super::plan::Row, &super::tally::Counts)| {
        let expected = match row.expect {
            Expect::Pass => "pass".to_owned(),
            Expect::Violation if row.by.is_empty() => "violation".to_owned(),
            Expect::Violation => row.by.iter().cloned().collect::<Vec<_>>().join(" or "),
        };
        let runs = if counts.ran == counts.planned {
            counts.ran.to_string()
        } else {
            format!("{}/{}", counts.ran, counts.planned)
        };
        let [pass, violation, inconclusive, error] =
            [counts.pass, counts.violation, counts.inconclusive, counts.harness_error].map(|count| count.to_string());
        [row.name.clone(), expected, runs, pass, violation, inconclusive, error]
    };
    [head].into_iter().chain(tally.campaign.rows.iter().zip(&tally.rows).map(row)).collect()
}

fn rows(tally: &Tally) -> String {
    let cells = cells(tally);
    let width = |column: usize| cells.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<_> = (0..7).map(width).collect();
    let mut text = String::new();
    for (index, row) in cells.iter().enumerate() {
        let words = row.iter().zip(&widths).enumerate();
        let padded: Vec<_> = words
            .map(
                |(column, (word, &width))| {
                    if column < 2 { format!("{word:<width$}") } else { format!("{word:>width$}") }
                },
            )
            .collect();
        let line = padded.join("  ");
        let _ = match index {
            0 => writeln!(text, "  {}", style(line).dim()),
            _ => writeln!(text, "{} {line}", mark(tally.row_verdict(index - 1))),
        };
    }
    text
}

/// What the verdict stands for.
pub(super) fn ending(tally: &Tally) -> String {
    let unexpected = match tally.verdict() {
        Verdict::Pass if tally.shard.is_whole() => "every row came out as expected".to_owned(),
        Verdict::Pass => "nothing unexpected in this shard; `interregnum campaign merge` judges all of them".to_owned(),
        Verdict::Violation => "a promise broke that should hold".to_owned(),
        Verdict::Inconclusive => "a row shows too little, or not often enough what is expected of it".to_owned(),
        Verdict::HarnessError => "the harness failed at a run; the same command tries those again".to_owned(),
    };
    let (ran, planned) = (tally.outcomes.len(), tally.planned());
    let why = match tally.end {
        Some(End::Budget) => "; the budget of time was over, the same command goes on",
        Some(End::Interrupted) => "; interrupted, the same command goes on",
        Some(End::Complete) | None => "",
    };
    format!("{unexpected} ({ran} of {planned} runs{why})")
}

#[cfg(test)]
mod tests;
