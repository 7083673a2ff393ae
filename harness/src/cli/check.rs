//! `interregnum check`: judges histories that were recorded earlier.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use interregnum_checker::history::{self, Format, History};
use interregnum_checker::judgement::Judgement;
use interregnum_checker::linearizability::{self, FailedCas, ModelKind, Options};
use interregnum_checker::verdict::Verdict;
use interregnum_checker::{availability, leadership, lost_writes, sessions, split_brain, staleness};

use super::say;
use crate::report::terminal::{self, measured};

/// The flags of `check`.
#[derive(Clone, Debug, Args)]
pub(super) struct CheckFlags {
    /// Files to check; `-` is standard input.
    #[arg(required = true, value_name = "HISTORY")]
    histories: Vec<PathBuf>,

    /// The files' format; guessed from their beginning unless given.
    #[arg(long, value_enum)]
    format: Option<FormatName>,

    /// What the objects are.
    #[arg(long, value_enum, default_value_t)]
    model: ModelName,

    /// What a failed compare-and-set means that does not tell what it saw: that it did not happen (Jepsen, Knossos), or
    /// that it ran and saw another value (Porcupine's reading of etcd's logs).
    #[arg(long, value_enum, default_value_t)]
    failed_cas: FailedCasName,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FormatName {
    /// JSON lines, as `interregnum run` writes them.
    Jsonl,
    /// EDN, as Jepsen and Knossos write it.
    Edn,
    /// Lines of a Jepsen log.
    JepsenLog,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum ModelName {
    /// Told by the operations.
    #[default]
    Auto,
    /// Registers: read, write, compare-and-set.
    Register,
    /// Lists: append, read.
    Append,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum FailedCasName {
    /// It says nothing.
    #[default]
    DidNotHappen,
    /// It is a read of some other value.
    SawAnotherValue,
}

pub(super) fn check(flags: &CheckFlags) -> anyhow::Result<Verdict> {
    let mut overall = Verdict::Pass;
    for path in &flags.histories {
        let (history, warnings) = read(path, flags.format)?;
        for warning in warnings {
            eprintln!("warning: {warning}");
        }
        let judgements = judge(&history, flags);
        let verdict = judgements.iter().map(|judgement| judgement.verdict).fold(Verdict::Pass, Verdict::and);
        let operations = history.operations().len();
        say(format_args!("{}: {}  ({operations} operations)", terminal::coloured(verdict), name_of(path)));
        let mut told: Vec<_> = judgements.iter().collect();
        terminal::most_telling_first(&mut told);
        for judgement in told {
            say(format_args!("  {} {}", terminal::mark(judgement.verdict), judgement.summary));
            for line in terminal::explanation(judgement, terminal::PROOFS_SHOWN).lines() {
                say(line);
            }
        }
        let availability = availability::check(&history, &[], &availability::Options::default());
        for (name, told) in measured::rows(&availability, &staleness::check(&history, &[])) {
            say(format_args!("    {name:<11}  {told}"));
        }
        overall = overall.and(verdict);
    }
    Ok(overall)
}

fn name_of(path: &Path) -> String {
    if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() }
}

fn read(path: &Path, format: Option<FormatName>) -> anyhow::Result<(History, Vec<String>)> {
    let format = format.map(|name| match name {
        FormatName::Jsonl => Format::Jsonl,
        FormatName::Edn => Format::Edn,
        FormatName::JepsenLog => Format::JepsenLog,
    });
    let (name, reader): (_, Box<dyn BufRead>) = if path == Path::new("-") {
        (name_of(path), Box::new(io::stdin().lock()))
    } else {
        let file =
            File::open(path).map_err(|error| anyhow::anyhow!("{}: cannot be opened: {error}", path.display()))?;
        (name_of(path), Box::new(BufReader::new(file)))
    };
    let read = history::read(reader, &name, format)?;
    Ok((read.history, read.warnings))
}

/// Linearizability always; the others where the history tells what they need: keys that are read in the end, who
/// acknowledged in which epoch, sessions of more than one operation.
fn judge(history: &History, flags: &CheckFlags) -> Vec<Judgement> {
    let options = Options {
        model: match flags.model {
            ModelName::Auto => ModelKind::Auto,
            ModelName::Register => ModelKind::Register,
            ModelName::Append => ModelKind::AppendList,
        },
        failed_cas: match flags.failed_cas {
            FailedCasName::DidNotHappen => FailedCas::DidNotHappen,
            FailedCasName::SawAnotherValue => FailedCas::SawAnotherValue,
        },
        ..Options::default()
    };
    let mut judgements = vec![linearizability::check(history, &options).judgement(history)];
    let others = [
        lost_writes::check(history, &[]).judgement(history),
        split_brain::check(history).judgement(history),
        leadership::check(history).judgement(history),
        sessions::check(history).judgement(history),
    ];
    judgements.extend(others.into_iter().filter(|judgement| judgement.verdict != Verdict::Inconclusive));
    judgements
}
