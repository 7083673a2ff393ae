//! The smallest run that shows each defect: many searches at a time, and a table of what they came to.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;

use anyhow::ensure;
use indicatif::MultiProgress;

use crate::campaign::{Kept, Row, Tally};
use crate::cli::say;
use crate::cli::shrink::{Smallest, WatchAmong, seconds, smallest_of};
use crate::defects::SOUND;
use crate::shrink::Found as Shrunk;

/// How often a run that showed a defect, and the smallest one, are tried to know how often they show the defect.
const TIMES: u8 = 10;

/// A defect that was caught.
struct Caught<'a> {
    row: &'a Row,
    /// The runs that are left of those in which it was: the smallest of each kind, in order.
    runs: Vec<PathBuf>,
}

impl<'a> Caught<'a> {
    fn all(tally: &'a Tally, kept: &Kept) -> Vec<Self> {
        let runs = |index| {
            let kinds = tally.groups(true).map(|(_, kind)| kind.smallest);
            let mut trials: Vec<_> = kinds.filter(|trial| trial.row == index).collect();
            trials.sort_by_key(|trial| (tally.outcomes[trial].size(), *trial));
            trials.into_iter().map(|trial| kept.of(&tally.campaign, trial)).filter(|run| run.is_dir()).collect()
        };
        let planted = tally.campaign.rows.iter().enumerate().filter(|(_, row)| row.name != SOUND);
        planted.map(|(index, row)| Self { row, runs: runs(index) }).filter(|caught| !caught.runs.is_empty()).collect()
    }

    /// The smallest run, from the first that shows the defect again; none if that is none of them.
    fn smallest(&self, directory: &Path, bars: &MultiProgress) -> anyhow::Result<Option<Smallest>> {
        for run in &self.runs {
            let out = directory.join(run.file_name().unwrap_or_default());
            let mut watch = WatchAmong::begin(bars, &self.row.name);
            if let Some(smallest) = smallest_of(run, &out, &self.row.by, TIMES, &mut watch)? {
                return Ok(Some(smallest));
            }
            bars.suspend(|| eprintln!("{} shows it not once more in {TIMES} tries", run.display()));
        }
        Ok(None)
    }
}

/// Searches for the smallest run of each defect, `jobs` of them at a time and each with one try at a time: most tries show nothing, so
/// tries of one search side by side would mostly be in vain. Tells each as soon as it is found, and all of them in the end.
pub(super) fn tell(tally: &Tally, directory: &Path, jobs: usize) -> anyhow::Result<()> {
    let caught = Caught::all(tally, &Kept::below(directory, false));
    say(format!("\nlooking for the smallest run that shows each of {} defects, {jobs} at a time", caught.len()));
    let searched = all(&caught, &directory.join("smallest"), jobs);
    let rows: Vec<_> = searched
        .iter()
        .filter_map(|(name, found)| {
            let Smallest { found, .. } = found.as_ref().ok()?.as_ref()?;
            Some((*name, found))
        })
        .collect();
    say(format!("\n{}", table(&rows)));
    let failed = searched.values().filter(|found| found.is_err()).count();
    ensure!(
        failed == 0,
        "the harness failed in {failed} searches, which are told above; the same command goes on with them"
    );
    Ok(())
}

/// The smallest run of each; none if it was not shown again. A search in which the harness fails does not end the others.
fn all<'a>(
    caught: &'a [Caught<'a>],
    directory: &Path,
    jobs: usize,
) -> BTreeMap<&'a str, anyhow::Result<Option<Smallest>>> {
    let bars = MultiProgress::new();
    let (waiting, found) = (Mutex::new(caught.iter()), Mutex::new(BTreeMap::new()));
    let next = || waiting.lock().expect("nobody panics with it").next();
    let search = || {
        while let Some(caught) = next() {
            let smallest = caught.smallest(directory, &bars);
            let told = match &smallest {
                Ok(Some(smallest)) => smallest.told(),
                Ok(None) => "not shown again by any run in which it was caught".to_owned(),
                Err(error) => format!("error: {error:#}"),
            };
            bars.suspend(|| say(format!("  {}: {told}", caught.row.name)));
            found.lock().expect("nobody panics with it").insert(&*caught.row.name, smallest);
        }
    };
    thread::scope(|scope| (0..jobs).for_each(|_| drop(scope.spawn(search))));
    found.into_inner().expect("nobody panicked with it")
}

/// Each defect with what was found.
fn table(rows: &[(&str, &Shrunk)]) -> String {
    let defects = rows.iter().map(|row| row.0.len()).max().unwrap_or(0).max("smallest".len());
    let line = |[defect, faults, nodes, clients, keys, time, before, after]: [&str; 8]| {
        format!(
            "  {defect:defects$}  {faults:>6}  {nodes:>5}  {clients:>7}  {keys:>4}  {time:>6}  {before:>8}  {after:>8}"
        )
    };
    let mut text = line(["smallest", "faults", "nodes", "clients", "keys", "time", "before", "after"]);
    for (defect, Shrunk { case, before, after }) in rows {
        let sizes = case.sizes;
        let [faults, nodes, clients, keys] =
            [case.steps.len() as u64, sizes.nodes, sizes.clients, sizes.keys].map(|count| count.to_string());
        let (time, before, after) = (seconds(sizes.time_ms), before.to_string(), after.to_string());
        let _ = write!(text, "\n{}", line([defect, &faults, &nodes, &clients, &keys, &time, &before, &after]));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use interregnum_checker::verdict::Verdict;
    use interregnum_node::Defect;

    use super::*;
    use crate::campaign::{Outcome, Shard};
    use crate::defects::suite;
    use crate::shrink::{Case, Rate, Sizes};

    /// A run that is shown not once more leaves the next its turn, so those that came to something else are there, too.
    #[test]
    fn the_smallest_of_each_kind_is_tried_in_order() {
        let suite = suite(&[Defect::AckOffByOne], 10, 10, Duration::from_secs(1), 1, true);
        let mut tally = Tally::new(suite, Shard::WHOLE);
        let both = ["lost-writes", "sessions"];
        let runs: [(usize, &[&str], u64); 5] =
            [(1, &both, 4000), (1, &both, 2000), (1, &["linearizable"], 1000), (1, &[], 0), (0, &both, 1000)];
        let directory = tempfile::tempdir().unwrap();
        let kept = Kept::below(directory.path(), false);
        for (number, (row, broken, evident_ms)) in (1..).zip(runs) {
            let verdict = if broken.is_empty() { Verdict::Pass } else { Verdict::Violation };
            let broken: Vec<_> = broken.iter().map(ToString::to_string).collect();
            let evident_ms = broken.iter().map(|name| (name.clone(), evident_ms)).collect();
            let trial = tally.campaign.trial(row, number);
            fs::create_dir_all(kept.of(&tally.campaign, trial)).unwrap();
            tally.add(
                trial,
                Outcome { verdict, broken, complaint: None, faults: 1, operations: 1, elapsed_ms: 1, evident_ms },
            );
        }
        let named = || {
            let caught = Caught::all(&tally, &kept);
            let names = caught.into_iter().flat_map(|caught| caught.runs);
            names.map(|run| run.file_name().unwrap().to_string_lossy().into_owned()).collect::<Vec<_>>()
        };
        assert_eq!(named(), ["ack-off-by-one-3", "ack-off-by-one-2"]);
        fs::remove_dir(kept.of(&tally.campaign, tally.campaign.trial(1, 3))).unwrap();
        assert_eq!(named(), ["ack-off-by-one-2"]);
    }

    #[test]
    fn the_smallest_runs_are_told_in_one_table() {
        let shrunk = |clients, time_ms, after| {
            let case = Case { steps: Vec::new(), sizes: Sizes { nodes: 3, clients, keys: 1, time_ms } };
            Shrunk { case, before: Rate { failed: 10, tries: 10 }, after: Rate { failed: after, tries: 10 } }
        };
        let (short, long) = (shrunk(1, 500, 8), shrunk(20, 12_300, 10));
        insta::assert_snapshot!(table(&[("ack-before-fsync", &short), ("reuse-gtids", &long)]));
    }
}
