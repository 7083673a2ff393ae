//! The flags of a run that was made before, from its directory.

use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Parser as _;
use serde::Deserialize;

use super::{Command, RunFlags};
use crate::experiment::SCHEDULE_VARIABLE;
use crate::report::stored::document;
use crate::run_dir::RunDir;

/// What is needed of `run.json`.
#[derive(Deserialize)]
struct Planned {
    arguments: Option<Vec<String>>,
    /// Shorter than the arguments say, where a person ended it.
    run_for_ms: u64,
    reproduce: String,
}

impl RunFlags {
    /// The flags of that run, seed included, with what happened in it as its schedule.
    pub(in crate::cli) fn of_past_run(run_dir: &RunDir) -> anyhow::Result<Self> {
        let (path, schedule) = (run_dir.plan(), run_dir.schedule());
        let Planned { arguments, run_for_ms, reproduce } = document(&path)?;
        let Some(arguments) = arguments else {
            bail!(
                "a test made this run, so only the test can repeat it: {SCHEDULE_VARIABLE}={} {reproduce}",
                schedule.display()
            );
        };
        let Command { flags } =
            Command::try_parse_from(arguments).with_context(|| format!("the flags in {}", path.display()))?;
        let time = Duration::from_millis(run_for_ms);
        Ok(Self { time, ..flags.following(schedule) })
    }
}
