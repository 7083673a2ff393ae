//! A campaign as annotations of GitHub Actions: one for each kind of failure, and one for each row that shows too little.

use std::path::Path;

use interregnum_checker::verdict::Verdict;

use super::plan::Trial;
use super::table;
use super::tally::{Group, Tally};
use crate::report::annotation::{Annotation, Level, MOST_SHOWN};

/// What is not as expected. `file` is the campaign's.
pub(crate) fn annotations(
    tally: &Tally,
    file: Option<&Path>,
    example: &dyn Fn(&Group) -> Option<String>,
) -> Vec<Annotation> {
    let file = file.map(|path| path.display().to_string());
    let kinds = tally.groups(false).take(MOST_SHOWN).map(|(kind, group)| {
        let Trial { row, seed, .. } = group.smallest;
        let mut message = vec![format!("the smallest: row {}, seed {seed}", tally.campaign.rows[row].name)];
        message.extend(group.detail.clone());
        if let Some(example) = example(group) {
            message.extend(table::next(group.verdict, &example));
        }
        Annotation {
            level: Level::of(group.verdict.max(Verdict::Inconclusive)),
            file: file.clone(),
            title: table::sentence(kind, group),
            message: message.join("\n"),
        }
    });
    let seldom = (0..tally.rows.len()).filter(|&row| tally.row_verdict(row) == Verdict::Inconclusive).map(|index| {
        let (row, counts) = (&tally.campaign.rows[index], &tally.rows[index]);
        let (ran, expected, least) = (counts.ran, counts.expected, row.least_percent);
        Annotation {
            level: Level::Warning,
            file: file.clone(),
            title: format!("row {} shows too little", row.name),
            message: format!("{expected} of {ran} runs came out as expected, at least {least} % wanted"),
        }
    });
    kinds.chain(seldom.take(MOST_SHOWN)).collect()
}
