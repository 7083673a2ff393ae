//! `report.html`: what happened in a run, on one page that needs nothing else. It shows what was stored and judges nothing.
//!
//! The page is a template (`html/page.html`) around the run's data and a few scripts. Scripts are ES modules in files of
//! their own; they are put together here, because a page that is opened from a disk may not import others. Whatever comes from a
//! node or a history reaches the page through the template, which escapes it, or packed, as base64; and the page's policy lets
//! nothing run but its own scripts and nothing be fetched at all.

#[cfg(test)]
mod colours;
mod data;
mod failed;
mod losses;
mod operations;
mod proofs;

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use askama::Template;
use base64::Engine as _;
use interregnum_checker::judgement::Judgement;
use interregnum_checker::verdict::Verdict;
use sha2::{Digest, Sha256};

pub(crate) use self::failed::write_failed;
use self::losses::Row;
use self::proofs::Shown;
use super::logs;
use super::stored::Stored;
use super::terminal::most_telling_first;
use crate::gate::Gate;
use crate::run::StepTaken;
use crate::run_dir::RunDir;

/// The page's scripts in the order in which they are put together: who is imported comes before who imports.
const MODULES: [&str; 9] = [
    include_str!("html/format.js"),
    include_str!("html/data.js"),
    include_str!("html/view.js"),
    include_str!("html/paint.js"),
    include_str!("html/lanes.js"),
    include_str!("html/charts.js"),
    include_str!("html/detail.js"),
    include_str!("html/logs.js"),
    include_str!("html/main.js"),
];

pub(crate) const STYLE: &str = include_str!("html/style.css");

/// Faults without effect that are told at the top.
const FAULTS_TOLD: usize = 10;

/// What the template is filled with.
#[derive(Template)]
#[template(path = "page.html")]
struct Page<'a> {
    stored: &'a Stored,
    headline: String,
    /// The judgements that count, what says most first.
    promises: Vec<&'a Judgement>,
    unmet: Vec<&'a Gate>,
    /// Faults that did not show their effect, with their number in the run.
    without_effect: Vec<(usize, &'a StepTaken)>,
    /// The proofs of each broken promise.
    broken: &'a [(&'a Judgement, Vec<Shown>)],
    losses: Vec<Row>,
    losses_left_out: u64,
    data: data::Data<'a>,
    operations: String,
    logs: String,
    style: &'static str,
    script: String,
    script_hash: String,
}

/// Writes the page of the run in this directory, over the one that is there; returns where it is.
pub(crate) fn write(run_dir: &RunDir) -> anyhow::Result<PathBuf> {
    let page = page(&Stored::read(run_dir)?)?;
    let path = run_dir.report();
    fs::write(&path, page).with_context(|| format!("writing {}", path.display()))?;
    Ok(path)
}

fn page(stored: &Stored) -> anyhow::Result<String> {
    let judged = &stored.judged;
    let mut promises: Vec<&Judgement> =
        judged.judgements.iter().filter(|judgement| judged.counted.contains(&judgement.checker)).collect();
    most_telling_first(&mut promises);
    let broken = promises.iter().filter(|judgement| judgement.verdict == Verdict::Violation);
    let broken: Vec<(&Judgement, Vec<Shown>)> =
        broken.map(|judgement| (*judgement, shown(stored, judgement))).collect();
    let lines = logs::lines(&stored.logs, stored.clock_offset_ns());
    let (losses, losses_left_out) = losses::rows(stored, &lines);
    let nodes: Vec<String> = stored.nodes().iter().map(ToString::to_string).collect();
    let (directory, columns) = operations::columns(&stored.history, &nodes);
    let script = script();
    let page = Page {
        headline: headline(judged.verdict, broken.first().map(|(judgement, _)| judgement.summary.as_str())),
        unmet: judged.gates.iter().filter(|gate| !gate.met).collect(),
        without_effect: judged.faults.iter().enumerate().filter(|(_, taken)| !taken.effect.verified).collect(),
        data: data::Data::of(stored, nodes, directory, &lines, broken.iter().flat_map(|(_, shown)| shown)),
        operations: operations::as_text(&columns),
        logs: operations::as_text(&serde_json::to_vec(&logs::Columns::of(&lines))?),
        script_hash: base64::engine::general_purpose::STANDARD.encode(Sha256::digest(&script)),
        stored,
        promises,
        broken: &broken,
        losses,
        losses_left_out,
        style: STYLE,
        script,
    };
    page.render().context("filling in the page")
}

fn shown(stored: &Stored, judgement: &Judgement) -> Vec<Shown> {
    let proofs = judgement.proofs.iter().enumerate();
    proofs.map(|(number, proof)| proofs::show(&stored.history, &judgement.checker, number + 1, proof)).collect()
}

fn headline(verdict: Verdict, broken: Option<&str>) -> String {
    match (verdict, broken) {
        (Verdict::Violation, Some(summary)) => summary.to_owned(),
        (Verdict::Pass, _) => "every promise held".to_owned(),
        _ => "this run proves nothing".to_owned(),
    }
}

/// All modules as one: their imports are left out, for what they name stands above.
fn script() -> String {
    let mut script = String::from("\n");
    for line in MODULES.iter().flat_map(|module| module.lines()).filter(|line| !line.starts_with("import ")) {
        let _ = writeln!(script, "{}", line.strip_prefix("export ").unwrap_or(line));
    }
    script
}

impl Page<'_> {
    /// One character for a verdict, so that it is not told by colour alone.
    #[expect(
        clippy::unused_self,
        clippy::trivially_copy_pass_by_ref,
        reason = "a template calls methods, by reference"
    )]
    fn mark(&self, verdict: &Verdict) -> &'static str {
        match verdict {
            Verdict::Pass => "✓",
            Verdict::Inconclusive => "?",
            Verdict::Violation => "✗",
            Verdict::HarnessError => "!",
        }
    }
}
