//! A campaign as Markdown, as CI systems show it beside a build.

use std::fmt::Write as _;

use interregnum_checker::verdict::Verdict;

use super::table::{self, KINDS_TOLD};
use super::tally::{Group, Tally};
use crate::report::markdown::{cell, sign};

/// The whole summary.
pub(crate) fn summary(tally: &Tally, example: &dyn Fn(&Group) -> Option<String>) -> String {
    let shard = if tally.shard.is_whole() { String::new() } else { format!(", shard {}", tally.shard) };
    let mut text = format!("## Campaign {}, seed {}{shard}\n\n", tally.campaign.name, tally.campaign.seed);
    let _ = write!(text, "**{}**: {}\n\n", tally.verdict(), table::ending(tally));
    for (index, cells) in table::cells(tally).iter().enumerate() {
        let sign = match index {
            0 => "",
            _ => sign(tally.row_verdict(index - 1)),
        };
        let cells: Vec<_> = cells.iter().map(|text| cell(text)).collect();
        let _ = writeln!(text, "| {sign} | {} |", cells.join(" | "));
        if index == 0 {
            text.push_str("|---|---|---|--:|--:|--:|--:|--:|\n");
        }
    }
    let mut groups = tally.groups(false).chain(tally.groups(true)).take(KINDS_TOLD).peekable();
    if groups.peek().is_some() {
        text.push_str("\n| | kind | runs | smallest | to see it again |\n|---|---|--:|---|---|\n");
    }
    for (kind, group) in groups {
        let example = example(group);
        let again = example.iter().flat_map(|example| table::next(group.verdict, example));
        let again: Vec<_> = again.map(|command| format!("`{command}`")).collect();
        let _ = writeln!(
            text,
            "| {} | {} in {}, under {} | {} | {} | {} |",
            if group.is_expected { "expected" } else { sign(group.verdict.max(Verdict::Inconclusive)) },
            cell(&kind.what),
            cell(&kind.mode),
            cell(&kind.faults),
            group.count,
            example.as_ref().map(|example| format!("`{example}`")).unwrap_or_default(),
            again.join("<br>")
        );
    }
    text
}
