//! `interregnum export`: a run in the format of another tool.

use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use interregnum_checker::verdict::Verdict;

use crate::report::export::{self, Format};
use crate::run_dir::RunDir;

/// What stands at the end of `export --help`.
pub(super) const EXAMPLES: &str = "Examples:
  interregnum export interregnum-runs/seed-42 --format perfetto -o trace.json
  interregnum export interregnum-runs/seed-42 --format edn -o history.edn
  interregnum export interregnum-runs/seed-42 --format csv | duckdb -c \"from read_csv('/dev/stdin')\"
  interregnum export interregnum-runs/seed-42 --format markdown >> \"$GITHUB_STEP_SUMMARY\"

Exit codes:
  0  pass           the file was written, whatever the run's verdict
  3  harness error  the run's directory could not be read, or the file not written";

/// The flags of `export`.
#[derive(Clone, Debug, Args)]
pub(super) struct ExportFlags {
    /// The directory of the run.
    #[arg(value_name = "RUN")]
    run: PathBuf,

    /// What to write.
    #[arg(long, value_enum)]
    format: Format,

    /// The file to write, which must not exist yet; standard output unless given.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) fn export(flags: &ExportFlags) -> anyhow::Result<Verdict> {
    let run_dir = RunDir::existing(&flags.run)?;
    let out: Box<dyn Write> = match &flags.output {
        None => Box::new(io::stdout().lock()),
        Some(path) => Box::new(File::create_new(path).with_context(|| format!("{} cannot be made", path.display()))?),
    };
    match export::write(&run_dir, flags.format, &mut BufWriter::new(out)) {
        // `| head`: a reader who has seen enough and has gone is no error.
        Err(error) if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe) => {}
        written => written?,
    }
    Ok(Verdict::Pass)
}
