//! `interregnum report`: writes the page of a run again, from what the run left.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::bail;
use clap::Args;
use interregnum_checker::verdict::Verdict;

use super::say;
use crate::report::html;
use crate::run_dir::RunDir;

/// What stands at the end of `report --help`.
pub(super) const EXAMPLES: &str = "Examples:
  interregnum report interregnum-runs/seed-42
  interregnum report --open interregnum-runs/seed-42

Exit codes:
  0  pass           the page was written, whatever the run's verdict
  3  harness error  the run's directory could not be read, or the page not written";

/// The flags of `report`.
#[derive(Clone, Debug, Args)]
pub(super) struct ReportFlags {
    /// The directory of the run.
    #[arg(value_name = "RUN")]
    run: PathBuf,

    /// Open the page in the browser.
    #[arg(long)]
    open: bool,
}

pub(super) fn report(flags: &ReportFlags) -> anyhow::Result<Verdict> {
    let run_dir = RunDir::existing(&flags.run)?;
    let page = html::write(&run_dir)?;
    say(page.display());
    if flags.open {
        // The desktop's own way to open a file; every Linux desktop has it.
        let opened = Command::new("xdg-open").arg(&page).stdout(Stdio::null()).stderr(Stdio::null()).status();
        match opened {
            Ok(status) if status.success() => {}
            Ok(status) => bail!("xdg-open {} ended with {status}; open it by hand", page.display()),
            Err(error) => bail!("xdg-open could not be started ({error}); open {} by hand", page.display()),
        }
    }
    Ok(Verdict::Pass)
}
