//! A run for GitHub Actions: annotations of what is wrong, and a summary of the job in Markdown.

use std::io::Write;

use interregnum_checker::judgement::Judgement;
use interregnum_checker::verdict::Verdict;

use crate::report::annotation::{Annotation, Level, MOST_SHOWN};
use crate::report::markdown::{cell, fenced, sign};
use crate::report::stored::{Judged, Stored};
use crate::report::terminal::most_telling_first;

/// An error for each promise that was broken, a warning for each that could not be decided and for each gate that was not met.
pub(super) fn write_annotations(stored: &Stored, out: &mut dyn Write) -> anyhow::Result<()> {
    let judged = &stored.judged;
    let promises = counted(judged).into_iter().filter(|judgement| judgement.verdict != Verdict::Pass);
    let promises = promises.map(|judgement| Annotation {
        level: Level::of(judgement.verdict),
        file: None,
        title: format!("{}: {}", judgement.checker, judgement.summary),
        message: match judgement.proofs.first() {
            Some(proof) => format!("{}\n{}", proof.sentence, judged.reproduce),
            None => judged.reproduce.clone(),
        },
    });
    let gates = judged.gates.iter().filter(|gate| !gate.met).map(|gate| Annotation {
        level: Level::Warning,
        file: None,
        title: format!("not met: {}", gate.name),
        message: format!("{}\n{}", gate.detail, judged.reproduce),
    });
    for annotation in promises.take(MOST_SHOWN).chain(gates.take(MOST_SHOWN)) {
        writeln!(out, "{annotation}")?;
    }
    Ok(())
}

/// The verdict, a table of promises and gates, the first proof, and how to run it again.
pub(super) fn write_summary(stored: &Stored, out: &mut dyn Write) -> anyhow::Result<()> {
    let judged = &stored.judged;
    writeln!(out, "## {} {} seed {}: {}\n", judged.system, judged.workload, judged.seed, judged.verdict)?;
    writeln!(out, "| | promise | |\n|---|---|---|")?;
    let judgements = counted(judged);
    for judgement in &judgements {
        writeln!(out, "| {} | {} | {} |", sign(judgement.verdict), judgement.checker, cell(&judgement.summary))?;
    }
    for gate in judged.gates.iter().filter(|gate| !gate.met) {
        let (name, detail) = (cell(&gate.name), cell(&gate.detail));
        writeln!(out, "| {} | gate | {name}: {detail} |", sign(Verdict::Inconclusive))?;
    }
    let broken = judgements.iter().filter(|judgement| judgement.verdict == Verdict::Violation);
    if let Some(proof) = broken.flat_map(|judgement| &judgement.proofs).next() {
        writeln!(out, "\n{}", fenced(&format!("{}\n\n{}", proof.sentence, proof.drawing)))?;
    }
    let counts = judged.operations;
    writeln!(out, "\n{} acknowledged, {} failed, {} of unknown outcome.\n", counts.ok, counts.fail, counts.info)?;
    Ok(writeln!(out, "{}", fenced(&judged.reproduce))?)
}

fn counted(judged: &Judged) -> Vec<&Judgement> {
    let mut counted: Vec<_> =
        judged.judgements.iter().filter(|judgement| judged.counted.contains(&judgement.checker)).collect();
    most_telling_first(&mut counted);
    counted
}
