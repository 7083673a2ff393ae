//! A run in the formats of other people's tools. Each is written from what the run's directory tells; none is read here.

mod csv;
mod edn;
mod github;
mod junit;
mod openmetrics;
mod perfetto;

use std::io::Write;

use clap::ValueEnum;

use super::stored::Stored;
use crate::run_dir::RunDir;

/// What a run can be written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A trace for ui.perfetto.dev: clients, nodes and faults on tracks
    Perfetto,
    /// `history.edn` for Jepsen, Knossos and Elle, the faults as the nemesis's
    Edn,
    /// XML for a CI: a test case for each promise and gate
    Junit,
    /// Metrics over time, for Prometheus (`promtool tsdb create-blocks-from openmetrics`)
    Openmetrics,
    /// A row for each operation, for databases, pandas and spreadsheets
    Csv,
    /// Annotations of GitHub Actions: what is wrong with the run, a line each
    Github,
    /// A summary, for `$GITHUB_STEP_SUMMARY` and wherever Markdown is shown
    Markdown,
}

/// Writes the run in this directory.
pub(crate) fn write(run_dir: &RunDir, format: Format, out: &mut dyn Write) -> anyhow::Result<()> {
    let stored = Stored::read(run_dir)?;
    match format {
        Format::Perfetto => perfetto::write(&stored, out)?,
        Format::Edn => edn::write(&stored, run_dir, out)?,
        Format::Junit => junit::write(&stored, out)?,
        Format::Openmetrics => openmetrics::write(&stored, out)?,
        Format::Csv => csv::write(&stored.history, out)?,
        Format::Github => github::write_annotations(&stored, out)?,
        Format::Markdown => github::write_summary(&stored, out)?,
    }
    Ok(out.flush()?)
}

/// The word of an outcome, as histories have it.
fn word(outcome: interregnum_checker::history::Outcome) -> &'static str {
    use interregnum_checker::history::Outcome;
    match outcome {
        Outcome::Ok => "ok",
        Outcome::Fail => "fail",
        Outcome::Info => "info",
    }
}
