//! A campaign as `JUnit` XML, which every CI system reads: a suite for each row, a case for each run.
//!
//! A run that came out as its row expects is a success. One that says nothing, or in which an unsound configuration was not caught, is
//! skipped: the row's last case says whether that happened too often.

use std::time::Duration;

use anyhow::Context as _;
use interregnum_checker::verdict::Verdict;
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::outcome::Outcome;
use super::plan::{Expect, Row, Trial};
use super::tally::Tally;

/// The document. Times are in seconds, as `JUnit` has them.
pub(crate) fn report(tally: &Tally) -> anyhow::Result<String> {
    let mut report = Report::new(format!("interregnum campaign {}", tally.campaign.name));
    for (index, row) in tally.campaign.rows.iter().enumerate() {
        let mut suite = TestSuite::new(row.name.clone());
        let runs = tally.outcomes.iter().filter(|(trial, _)| trial.row == index);
        suite.add_test_cases(runs.map(|(trial, outcome)| case(row, *trial, outcome)));
        suite.set_time(Duration::from_millis(tally.rows[index].elapsed_ms));
        suite.add_test_case(as_a_whole(tally, index));
        report.add_test_suite(suite);
    }
    report.to_string().context("writing `JUnit` XML")
}

fn case(row: &Row, trial: Trial, outcome: &Outcome) -> TestCase {
    let message = match &outcome.complaint {
        Some(complaint) => format!("{}: {}", complaint.what, complaint.detail),
        None if outcome.broken.is_empty() => "no promise broke".to_owned(),
        None => format!("broken: {}", outcome.broken.join(", ")),
    };
    let mut status = match outcome.verdict {
        _ if row.expects(outcome) => TestCaseStatus::success(),
        Verdict::HarnessError => TestCaseStatus::non_success(NonSuccessKind::Error),
        Verdict::Violation if row.expect == Expect::Pass => TestCaseStatus::non_success(NonSuccessKind::Failure),
        _ => TestCaseStatus::skipped(),
    };
    if !row.expects(outcome) {
        status.set_message(message);
        status.set_type(outcome.broken.first().cloned().unwrap_or_else(|| outcome.verdict.to_string()));
        status.set_description(format!("interregnum run {} --seed {}", row.arguments.join(" "), trial.seed));
    }
    let mut case = TestCase::new(format!("run {}, seed {}", trial.number, trial.seed), status);
    case.set_classname(row.name.clone()).set_time(Duration::from_millis(outcome.elapsed_ms));
    case
}

/// Whether the row shows what it should often enough.
fn as_a_whole(tally: &Tally, index: usize) -> TestCase {
    let (row, counts) = (&tally.campaign.rows[index], &tally.rows[index]);
    let mut status = match tally.row_verdict(index) {
        Verdict::Inconclusive => TestCaseStatus::non_success(NonSuccessKind::Failure),
        _ => TestCaseStatus::success(), // what else there is to say is said of each run
    };
    if tally.row_verdict(index) == Verdict::Inconclusive {
        let (ran, expected, least) = (counts.ran, counts.expected, row.least_percent);
        status.set_message(format!("{expected} of {ran} runs came out as expected, at least {least} % wanted"));
        status.set_type("too-seldom");
    }
    let mut case = TestCase::new("as a whole", status);
    case.set_classname(row.name.clone());
    case
}
