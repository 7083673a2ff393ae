//! The verdict as `JUnit` XML: a test case for each promise that counts and each gate, so that any CI shows which one broke.

use std::io::Write;

use interregnum_checker::judgement::Judgement;
use interregnum_checker::verdict::Verdict;
use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};

use crate::report::stored::Stored;

/// Proofs told of a promise that was broken.
const PROOFS_TOLD: usize = 3;

pub(super) fn write(stored: &Stored, out: &mut dyn Write) -> anyhow::Result<()> {
    let judged = &stored.judged;
    let mut suite = TestSuite::new(format!("{} {} seed {}", judged.system, judged.workload, judged.seed));
    suite.add_property(Property::new("seed", judged.seed.to_string()));
    suite.add_property(Property::new("verdict", judged.verdict.to_string()));
    suite.add_property(Property::new("reproduce", judged.reproduce.clone()));
    let counted = judged.judgements.iter().filter(|judgement| judged.counted.contains(&judgement.checker));
    suite.add_test_cases(counted.map(promise));
    for gate in &judged.gates {
        let status =
            if gate.met { TestCaseStatus::success() } else { not(NonSuccessKind::Error, &gate.detail, "not met") };
        suite.add_test_case(TestCase::new(format!("gate: {}", gate.name), status));
    }
    let mut report = Report::new("interregnum");
    report.add_test_suite(suite);
    Ok(report.serialize(out)?)
}

fn promise(judgement: &Judgement) -> TestCase {
    let status = match judgement.verdict {
        Verdict::Pass => TestCaseStatus::success(),
        Verdict::Violation => {
            let mut status = not(NonSuccessKind::Failure, &judgement.summary, "violation");
            let told =
                |proof: &interregnum_checker::judgement::Proof| format!("{}\n{}\n", proof.sentence, proof.drawing);
            status.set_description(judgement.proofs.iter().take(PROOFS_TOLD).map(told).collect::<String>());
            status
        }
        Verdict::Inconclusive | Verdict::HarnessError => {
            not(NonSuccessKind::Error, &judgement.summary, &judgement.verdict.to_string())
        }
    };
    TestCase::new(judgement.checker.as_str(), status)
}

fn not(kind: NonSuccessKind, message: &str, type_name: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_message(message).set_type(type_name);
    status
}
