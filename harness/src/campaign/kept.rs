//! The directories of runs that a campaign keeps: the smallest failure of each kind, and no other unless asked, so that they take
//! bounded room however long a campaign goes on.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::plan::{Campaign, Trial};
use super::tally::Tally;

/// Kinds of which an example is kept. Where there are more, something more general is wrong.
const MOST_KINDS: usize = 100;

/// The directories below a campaign's own.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    runs: PathBuf,
    all: bool,
}

impl Kept {
    /// `all`: of passing runs, too.
    pub(crate) fn below(directory: &Path, all: bool) -> Self {
        Self { runs: directory.join("runs"), all }
    }

    /// The directory of a run: `runs/sound-register-7`.
    pub(crate) fn of(&self, campaign: &Campaign, trial: Trial) -> PathBuf {
        self.runs.join(format!("{}-{}", campaign.rows[trial.row].slug(), trial.number))
    }

    /// Removes what is not to be kept: whatever ended before it could be removed, too. `under_way` are the runs that are being made.
    pub(crate) fn sweep(&self, tally: &Tally, under_way: &BTreeSet<Trial>) -> io::Result<()> {
        if self.all {
            return Ok(());
        }
        // What nobody expected comes first.
        let groups = tally.groups(false).chain(tally.groups(true)).take(MOST_KINDS);
        let trials = groups.map(|(_, group)| group.smallest).chain(under_way.iter().copied());
        let wanted: BTreeSet<_> = trials.map(|trial| self.of(&tally.campaign, trial)).collect();
        let entries = match fs::read_dir(&self.runs) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let path = entry?.path();
            if wanted.contains(&path.with_extension("")) || wanted.contains(&path) {
                continue; // or what one under way prints
            }
            if path.is_dir() { fs::remove_dir_all(&path)? } else { fs::remove_file(&path)? }
        }
        Ok(())
    }
}
