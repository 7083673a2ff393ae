//! One campaign in which everything happened, in each of the forms in which it is told.

use super::super::annotations::annotations;
use super::super::junit;
use super::super::markdown;
use super::super::outcome::{Complaint, Outcome};
use super::super::plan::Campaign;
use super::super::shard::Shard;
use super::*;
use crate::report::annotation::{Level, MOST_SHOWN};

const CAMPAIGN: &str = r#"
name = "nightly"
seed = 7
runs = 5
[[matrix]]
name = "sound"
expect = "pass"
workloads = ["register", "append"]
faults = ["kill,pause"]
[[matrix]]
name = "async-kill"
expect = "violation"
by = ["lost-writes"]
faults = ["kill"]
[[matrix]]
name = "stale"
expect = "violation"
faults = ["none"]
"#;

fn outcome(verdict: Verdict, broken: &[&str], complaint: Option<(&str, &str)>) -> Outcome {
    let complaint = complaint.map(|(what, detail)| Complaint { what: what.into(), detail: detail.into() });
    let broken = broken.iter().map(ToString::to_string).collect();
    Outcome {
        verdict,
        broken,
        complaint,
        faults: 3,
        operations: 4000,
        elapsed_ms: 2500,
        evident_ms: std::collections::BTreeMap::new(),
    }
}

fn tally() -> Tally {
    let mut tally = Tally::new(Campaign::parse(CAMPAIGN).unwrap(), Shard::WHOLE);
    let pass = || outcome(Verdict::Pass, &[], None);
    let lost = || outcome(Verdict::Violation, &["lost-writes", "linearizable"], None);
    let gate = ("not met: every fault was verified in effect", "2 of 3 injected; <kill> & \"pause\"");
    let rows = [
        vec![pass(), pass(), pass(), pass(), outcome(Verdict::Inconclusive, &[], Some(gate))],
        vec![
            pass(),
            pass(),
            outcome(Verdict::Violation, &["split-brain"], None),
            pass(),
            Outcome::harness_error("error: no".into()),
        ],
        vec![lost(), lost(), lost(), lost(), lost()],
        vec![outcome(Verdict::Violation, &["sessions"], None), pass(), pass()],
    ];
    for (row, outcomes) in rows.into_iter().enumerate() {
        for (number, outcome) in (1..).zip(outcomes) {
            tally.add(tally.campaign.trial(row, number), outcome);
        }
    }
    Tally { end: Some(End::Budget), ..tally }
}

fn example(group: &Group) -> Option<String> {
    (group.verdict != Verdict::HarnessError).then(|| format!("nightly/runs/{}", group.smallest.number))
}

#[test]
fn a_campaign_is_told_in_a_calm_table() {
    insta::assert_snapshot!(full(&tally(), &example));
}

#[test]
fn a_campaign_is_told_in_markdown() {
    insta::assert_snapshot!(markdown::summary(&tally(), &example));
}

/// GitHub shows them at the top of a job's page.
#[test]
fn a_campaign_is_told_in_annotations() {
    let file = std::path::Path::new(".ci/campaigns/nightly.toml");
    let told: Vec<_> = annotations(&tally(), Some(file), &example).iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(told.join("\n"));
}

/// GitHub would drop what comes after ten of a kind, the rows that show too little first.
#[test]
fn of_many_kinds_the_first_ten_are_annotated() {
    let mut tally = Tally::new(Campaign::parse(CAMPAIGN).unwrap(), Shard::WHOLE);
    for number in 1..=13 {
        let broken = outcome(Verdict::Violation, &[&format!("promise-{number}")], None);
        tally.add(tally.campaign.trial(0, number), broken);
    }
    assert_eq!(tally.groups(false).count(), 13);
    let told = annotations(&tally, None, &example);
    assert_eq!(told.iter().filter(|annotation| annotation.level == Level::Error).count(), MOST_SHOWN);
}

#[test]
fn of_many_rows_that_show_too_little_the_first_ten_are_annotated() {
    let faults: Vec<_> = (1..=13).map(|count| format!("\"{}\"", vec!["kill"; count].join(","))).collect();
    let campaign = format!(
        "name = 'many'\n[[matrix]]\nname = 'unsound'\nexpect = 'violation'\nfaults = [{}]\n",
        faults.join(", ")
    );
    let mut tally = Tally::new(Campaign::parse(&campaign).unwrap(), Shard::WHOLE);
    for row in 0..13 {
        tally.add(tally.campaign.trial(row, 1), outcome(Verdict::Pass, &[], None));
    }
    let told = annotations(&tally, None, &example);
    assert_eq!(told.iter().filter(|annotation| annotation.title.ends_with("shows too little")).count(), MOST_SHOWN);
}

/// By a parser of XML that knows nothing of who wrote it: every count that `JUnit` has says the same as the cases.
#[test]
fn a_campaign_is_told_as_junit() {
    let text = junit::report(&tally()).unwrap();
    let document = roxmltree::Document::parse(&text).unwrap();
    let root = document.root_element();
    let elements = |node: roxmltree::Node, name: &str| node.descendants().filter(|one| one.has_tag_name(name)).count();
    let number = |node: roxmltree::Node, name: &str| node.attribute(name).unwrap_or("0").parse::<usize>().unwrap();
    assert_eq!(root.tag_name().name(), "testsuites");
    let suites: Vec<_> = root.children().filter(|node| node.has_tag_name("testsuite")).collect();
    let told: Vec<_> = suites
        .iter()
        .map(|suite| {
            let counted = ["testcase", "failure", "error", "skipped"].map(|name| elements(*suite, name));
            let said = ["tests", "failures", "errors", "disabled"].map(|name| number(*suite, name));
            assert_eq!(counted, said, "{text}");
            (suite.attribute("name").unwrap(), counted)
        })
        .collect();
    assert_eq!(
        told,
        [
            ("sound/register", [6, 1, 0, 1]), // four of five is too seldom
            ("sound/append", [6, 1, 1, 0]),
            ("async-kill", [6, 0, 0, 0]),
            ("stale", [4, 1, 0, 2]),
        ]
    );
    let message = document.descendants().find_map(|node| node.attribute("message").filter(|text| text.contains('&')));
    assert_eq!(message, Some("not met: every fault was verified in effect: 2 of 3 injected; <kill> & \"pause\""));
}
