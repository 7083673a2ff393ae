//! `interregnum convert`: rewrites a history in another format, entry by entry, whatever its length. It judges nothing.

use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use interregnum_checker::history::edn::{self, Tuples};
use interregnum_checker::history::{Content, Event, Format, NemesisEvent, jsonl};
use interregnum_checker::verdict::Verdict;

use super::input::{Input, InputFlags};

/// What stands at the end of `convert --help`.
pub(super) const EXAMPLES: &str = "Examples:
  interregnum convert interregnum-runs/seed-42/history.jsonl --to edn -o history.edn
  interregnum convert --independent store/latest/history.edn --to jsonl -o history.jsonl
  xz -dc jepsen.log.xz | interregnum convert - --to jsonl | interregnum check -

Warnings go to standard error. Whatever stands before a place that cannot be read has been written.

Exit codes:
  0  pass           everything was converted
  3  harness error  the input could not be read, or the output not written; the message names the place";

/// The flags of `convert`.
#[derive(Clone, Debug, Args)]
pub(super) struct ConvertFlags {
    /// The file to convert; `-` is standard input.
    #[arg(value_name = "HISTORY")]
    history: PathBuf,

    /// The format to write. With `--independent`, EDN's values are `[k v]`.
    #[arg(long, value_enum)]
    to: Target,

    /// The file to write, which must not exist yet; standard output unless given.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    input: InputFlags,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Target {
    /// EDN, for Jepsen, Knossos and Elle.
    Edn,
    /// JSON lines, as `interregnum run` writes them.
    Jsonl,
}

/// A history in the making.
enum Writer<W> {
    Edn(edn::Writer<W>),
    Jsonl(W),
}

impl<W: Write> Writer<W> {
    fn new(out: W, target: Target, tuples: Tuples) -> Self {
        match target {
            Target::Edn => Self::Edn(edn::Writer::new(out, tuples)),
            Target::Jsonl => Self::Jsonl(out),
        }
    }

    fn client(&mut self, event: &Event) -> io::Result<()> {
        match self {
            Self::Edn(writer) => writer.client(event),
            Self::Jsonl(out) => jsonl::write_event(out, event),
        }
    }

    fn nemesis(&mut self, event: &NemesisEvent) -> io::Result<()> {
        match self {
            Self::Edn(writer) => writer.nemesis(event),
            Self::Jsonl(out) => jsonl::write_nemesis(out, event),
        }
    }

    fn finish(self) -> io::Result<()> {
        match self {
            Self::Edn(writer) => writer.into_inner().flush(),
            Self::Jsonl(mut out) => out.flush(),
        }
    }
}

pub(super) fn convert(flags: &ConvertFlags) -> anyhow::Result<Verdict> {
    let input = Input::open(&flags.history, flags.input)?;
    let (name, out): (_, Box<dyn Write>) = match &flags.output {
        None => ("standard output".to_owned(), Box::new(io::stdout().lock())),
        Some(path) => {
            let name = path.display().to_string();
            // Never over a file that is there: it may be the one that is read.
            let file = File::create_new(path).map_err(|error| match error.kind() {
                ErrorKind::AlreadyExists => anyhow::anyhow!("{name}: exists already: name another file, or remove it"),
                _ => anyhow::anyhow!("{name}: cannot be made: {error}"),
            })?;
            (name, Box::new(file))
        }
    };
    let mut writer = Writer::new(BufWriter::new(out), flags.to, flags.input.tuples());
    let converted = each(input, flags.to, &mut writer);
    // What was read before an error is written all the same.
    let finished = writer.finish();
    match converted.and_then(|()| finished.map_err(Failure::Write)) {
        Ok(()) => Ok(Verdict::Pass),
        // `| head`: a reader who has seen enough and has gone is no error.
        Err(Failure::Write(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(Verdict::Pass),
        Err(Failure::Write(error)) => Err(anyhow::anyhow!("{name}: cannot be written: {error}")),
        Err(Failure::Read(error)) => Err(error),
    }
}

/// On which side it failed.
enum Failure {
    Read(anyhow::Error),
    Write(io::Error),
}

fn each<W: Write>(mut input: Input, target: Target, writer: &mut Writer<W>) -> Result<(), Failure> {
    let name = input.name.clone();
    let changes_order = (input.format == Some(Format::Jsonl)) != (target == Target::Jsonl);
    let mut last_time = None;
    let mut is_warned = false;
    for entry in input.entries().map_err(|error| Failure::Read(error.into()))? {
        let entry = entry.map_err(|error| Failure::Read(error.into()))?;
        let line = entry.line;
        match entry.content {
            Content::Client(event) => {
                let goes_on = event.time.is_none() || last_time.is_none() || event.time > last_time;
                if changes_order && !goes_on && !is_warned {
                    is_warned = true;
                    eprintln!(
                        "warning: {name}:{line}: the time is not later than the event's before it; JSON lines are ordered \
                         by time, other formats by position, so the two may be judged differently"
                    );
                }
                last_time = event.time.or(last_time);
                writer.client(&event).map_err(Failure::Write)?;
            }
            Content::Nemesis(event) => writer.nemesis(&event).map_err(Failure::Write)?,
            Content::CutShort => eprintln!("warning: {name}:{line}: the last entry is cut short; it was left out"),
        }
    }
    Ok(())
}
