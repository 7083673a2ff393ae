//! `interregnum check`: judges histories that were recorded earlier. What it says is text for people, or JSON for machines.

mod promises;
mod watch;

use std::path::PathBuf;

use clap::Args;
use interregnum_checker::availability::{self, Availability};
use interregnum_checker::history::{History, Moment, Read};
use interregnum_checker::judgement::Judgement;
use interregnum_checker::nemesis;
use interregnum_checker::staleness::{self, Staleness};
use interregnum_checker::verdict::Verdict;
use serde::Serialize;

use self::promises::PromiseFlags;
use super::input::{self, Input, InputFlags};
use super::say;
use crate::report::terminal::{self, measured};

/// What stands at the end of `check --help`.
pub(super) const EXAMPLES: &str = "Examples:
  interregnum check interregnum-runs/seed-42/history.jsonl
  interregnum check --failed-cas saw-another-value etcd_000.log
  interregnum check --independent --model register store/latest/history.edn
  interregnum check --budget 10m --memory 4GiB counter.jsonl
  xz -dc history.edn.xz | interregnum check --json - | jq .verdict

With --json each file becomes one line:
  file          its name; `standard input` for -
  format        `jsonl`, `edn` or `jepsen-log`
  operations    how many
  verdict       `pass`, `violation` or `inconclusive`: the gravest of its judgements
  warnings      what was passed over in reading, with its place
  judgements    of each promise: checker, verdict, summary, proofs (key, sentence, operations by number from 0,
                drawing), proofs_left_out
  staleness     how stale reads were, by node and by fault
  availability  outages, and what each fault cost

Exit codes:
  0  pass           every promise held
  1  violation      the system broke a promise
  2  inconclusive   a budget ran out, or the history does not tell enough
  3  harness error  a file could not be read; the message names the place";

/// The flags of `check`.
#[derive(Clone, Debug, Args)]
pub(super) struct CheckFlags {
    /// Files to check; `-` is standard input.
    #[arg(required = true, value_name = "HISTORY")]
    histories: Vec<PathBuf>,

    #[command(flatten)]
    input: InputFlags,

    #[command(flatten)]
    promises: PromiseFlags,

    /// Prints one JSON object for each file, on a line of its own, and nothing else.
    #[arg(long)]
    json: bool,
}

/// What is found of one file. The field names are promised to users of `--json`.
#[derive(Debug, Serialize)]
struct Finding {
    file: String,
    format: Option<&'static str>,
    operations: usize,
    verdict: Verdict,
    warnings: Vec<String>,
    judgements: Vec<Judgement>,
    staleness: Staleness,
    availability: Availability,
}

pub(super) fn check(flags: &CheckFlags) -> anyhow::Result<Verdict> {
    let mut overall = Verdict::Pass;
    for path in &flags.histories {
        let finding = Finding::of(Input::open(path, flags.input)?, &flags.promises)?;
        if flags.json {
            say(serde_json::to_string(&finding)?);
        } else {
            finding.tell();
        }
        overall = overall.and(finding.verdict);
    }
    Ok(overall)
}

impl Finding {
    fn of(input: Input, promises: &PromiseFlags) -> anyhow::Result<Self> {
        let (file, format) = (input.name.clone(), input.format.map(input::name_of));
        let Read { history, nemesis, warnings } = input.read()?;
        let faults = nemesis::fault_windows(&nemesis, end_ns(&history));
        let judgements = promises.judge(&history, &faults);
        Ok(Self {
            file,
            format,
            operations: history.operations().len(),
            verdict: judgements.iter().map(|judgement| judgement.verdict).fold(Verdict::Pass, Verdict::and),
            warnings,
            judgements,
            staleness: staleness::check(&history, &faults),
            availability: availability::check(&history, &faults, &availability::Options::default()),
        })
    }

    fn tell(&self) {
        for warning in &self.warnings {
            eprintln!("warning: {warning}");
        }
        say(format_args!("{}: {}  ({} operations)", terminal::coloured(self.verdict), self.file, self.operations));
        let mut told: Vec<_> = self.judgements.iter().collect();
        terminal::most_telling_first(&mut told);
        for judgement in told {
            say(format_args!("  {} {}", terminal::mark(judgement.verdict), judgement.summary));
            for line in terminal::explanation(judgement, terminal::PROOFS_SHOWN).lines() {
                say(line);
            }
        }
        // Many tools record no times: that is no news of any one file.
        let untimed = Availability::default();
        let is_timed = self.availability.why_unmeasured.is_none();
        for (name, told) in measured::rows(if is_timed { &self.availability } else { &untimed }, &self.staleness) {
            say(format_args!("    {name:<11}  {told}"));
        }
    }
}

/// When the last thing happened that the history tells; 0 without times.
fn end_ns(history: &History) -> u64 {
    let last = |moment: Moment| moment.time_ns;
    let moments = history.operations().iter().flat_map(|told| [Some(told.invoked), told.completed, told.gave_up]);
    moments.flatten().filter_map(last).max().unwrap_or(0)
}
