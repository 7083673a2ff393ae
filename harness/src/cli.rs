//! The command line: flags in, text and an exit code out. What it runs is the library's.

mod campaign;
mod check;
mod convert;
mod defects;
mod duration;
mod export;
mod input;
mod progress;
mod replay;
mod report;
mod run;
mod scenario;
mod serve;
mod shrink;
mod size;
mod tour;
mod watch;

use std::fmt::Display;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};
use interregnum_checker::verdict::Verdict;

/// What do your clients lose when the leader dies, hangs or is cut off?
///
/// Launches a real leader-follower cluster on loopback, drives clients against it, injects faults, and checks what the
/// clients saw: was it linearizable, was an acknowledged write lost, did two leaders acknowledge at once? Without a
/// command it gives the tour.
#[derive(Debug, Parser)]
#[command(name = "interregnum", version, max_term_width = 100, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

/// The last lines of every help text.
const EXIT_CODES: &str = "Exit codes:
  0  pass           every promise held, and the run did what it claims
  1  violation      the system broke a promise
  2  inconclusive   a budget ran out, or the run did not exercise what it claims
  3  harness error  the harness failed, or its input could not be read";

#[derive(Debug, Subcommand)]
enum Command {
    /// Shows what this is about: a sound cluster that passes, and an unsound one that is caught, in under 40 seconds.
    Tour,
    /// Runs one experiment on a cluster of reference nodes, and judges it.
    #[command(after_help = EXIT_CODES)]
    Run(Box<run::RunFlags>),
    /// Runs an experiment that you steer by keys, with lag, throughput and failover time live.
    #[command(after_help = watch::EXAMPLES)]
    Watch(Box<watch::WatchFlags>),
    /// Runs what happened in an earlier run again, and tells how often it comes to the same.
    #[command(after_help = replay::EXAMPLES)]
    Replay(replay::ReplayFlags),
    /// Finds the smallest run that breaks the same promise as an earlier one: fewer faults, nodes, clients and keys, and less time.
    #[command(after_help = shrink::EXAMPLES)]
    Shrink(shrink::ShrinkFlags),
    /// Prints a run that broke a promise as a Rust test, ready to paste.
    #[command(after_help = shrink::AS_TEST_EXAMPLES)]
    AsTest(shrink::AsTestFlags),
    /// Makes many runs, and tells what they came to together.
    #[command(after_help = campaign::EXAMPLES)]
    Campaign(Box<campaign::CampaignFlags>),
    /// Measures this harness: plants known bugs in the nodes, one at a time, and tells which of them it finds.
    #[command(after_help = defects::EXAMPLES)]
    Defects(defects::DefectsFlags),
    /// Writes the page of a run again: report.html, with everything on it.
    #[command(after_help = report::EXAMPLES)]
    Report(report::ReportFlags),
    /// Writes a run for another tool: Perfetto, Jepsen, Prometheus, a database, a CI.
    #[command(after_help = export::EXAMPLES)]
    Export(export::ExportFlags),
    /// Shows stored runs in a browser, on loopback.
    #[command(after_help = serve::EXAMPLES)]
    Serve(serve::ServeFlags),
    /// Checks histories that were recorded earlier, by this or another tool.
    #[command(after_help = check::EXAMPLES)]
    Check(check::CheckFlags),
    /// Rewrites a history in another format: EDN for Jepsen, Knossos and Elle, or JSON lines.
    #[command(after_help = convert::EXAMPLES)]
    Convert(convert::ConvertFlags),
    /// Runs one node of the reference system, a replicated key-value store that speaks the Redis protocol; or a tool beside it.
    Node(Box<interregnum_node::NodeCli>),
}

/// Prints a line. A reader who has seen enough and has gone (`| head`) is no error.
fn say(line: impl Display) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// What `--explain` asks for, where it is among the arguments of a command that has modes. That command then needs nothing else
/// that it would demand: `interregnum node --like mysql --explain`.
fn explanation() -> Result<Option<String>, clap::Error> {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let cli = Cli::command();
    let named = arguments.first().and_then(|name| cli.find_subcommand(name));
    let has_modes = |command: &&clap::Command| command.get_arguments().any(|argument| argument.get_id() == "explain");
    match named.filter(has_modes) {
        Some(command) if arguments.iter().any(|argument| argument == "--explain") => {
            interregnum_node::explain(command.clone(), arguments).map(Some)
        }
        _ => Ok(None),
    }
}

/// Runs the command that the program's arguments name.
#[must_use]
pub fn main() -> ExitCode {
    ExitCode::from(run_command().exit_code())
}

/// The same, as the verdict that the exit code stands for.
pub(crate) fn run_command() -> Verdict {
    let cli = match explanation().and_then(|text| text.map_or_else(|| Cli::try_parse().map(Ok), |text| Ok(Err(text)))) {
        Ok(Ok(cli)) => cli,
        Ok(Err(explanation)) => {
            say(explanation.trim_end());
            return Verdict::Pass;
        }
        Err(error) => {
            // Help goes to standard output, a complaint to standard error. If that cannot be written, nothing can.
            let _ = error.print();
            return if error.use_stderr() { Verdict::HarnessError } else { Verdict::Pass };
        }
    };
    let verdict = match cli.command {
        None | Some(Command::Tour) => tour::tour(),
        Some(Command::Run(flags)) => run::run(*flags),
        Some(Command::Watch(flags)) => watch::watch(*flags),
        Some(Command::Replay(flags)) => replay::replay(&flags),
        Some(Command::Shrink(flags)) => shrink::shrink(&flags),
        Some(Command::AsTest(flags)) => shrink::as_test(&flags),
        Some(Command::Campaign(flags)) => campaign::campaign(*flags),
        Some(Command::Defects(flags)) => defects::defects(&flags),
        Some(Command::Report(flags)) => report::report(&flags),
        Some(Command::Export(flags)) => export::export(&flags),
        Some(Command::Serve(flags)) => serve::serve(&flags),
        Some(Command::Check(flags)) => check::check(&flags),
        Some(Command::Convert(flags)) => convert::convert(&flags),
        Some(Command::Node(node)) => Ok(crate::reentry::run_node(*node)),
    };
    verdict.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        Verdict::HarnessError
    })
}
