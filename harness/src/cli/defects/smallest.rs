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
use crate::cli::shrink::{Smallest, Watch, smallest_of};
use crate::defects::{Found, SOUND};
use crate::shrink::Found as Shrunk;

/// How often the run that was found, and the smallest one, are tried to know how often they show the defect.
const TIMES: u8 = 10;

/// A run that showed a defect.
struct Wanted<'a> {
    row: &'a Row,
    run: PathBuf,
    /// Where its search is.
    out: PathBuf,
}

/// Searches for the smallest run of each defect, `jobs` of them at a time and each with one try at a time: most tries show nothing, so
/// tries of one search side by side would mostly be in vain. Tells each as soon as it is found, and all of them in the end.
pub(super) fn tell(found: &[Found], tally: &Tally, directory: &Path, jobs: usize) -> anyhow::Result<()> {
    let kept = Kept::below(directory, false);
    let rows = tally.campaign.rows.iter().zip(found).filter(|(_, found)| found.defect != SOUND);
    let wanted: Vec<_> = rows
        .filter_map(|(row, found)| {
            let run = kept.of(&tally.campaign, found.smallest?);
            Some(Wanted { row, run, out: directory.join("smallest").join(row.slug()) })
        })
        .collect();
    say(format!("\nlooking for the smallest run that shows each of {} defects, {jobs} at a time", wanted.len()));
    let searched = all(&wanted, jobs);
    let rows: Vec<_> = searched
        .iter()
        .filter_map(|(name, found)| {
            let Smallest { promise, found, .. } = found.as_ref().ok()?.as_ref()?;
            Some((*name, &**promise, found))
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

/// The smallest run of each; none if that was not shown again. A search in which the harness fails does not end the others.
fn all<'a>(wanted: &'a [Wanted<'a>], jobs: usize) -> BTreeMap<&'a str, anyhow::Result<Option<Smallest>>> {
    let bars = MultiProgress::new();
    let (waiting, found) = (Mutex::new(wanted.iter()), Mutex::new(BTreeMap::new()));
    let next = || waiting.lock().expect("nobody panics with it").next();
    let search = || {
        while let Some(Wanted { row, run, out }) = next() {
            let smallest = smallest_of(run, out, &row.by, TIMES, &mut Watch::among(&bars, &row.name));
            let told = match &smallest {
                Ok(Some(smallest)) => format!("interregnum {}", smallest.run.words().join(" ")),
                Ok(None) => format!("{} shows it not once more in {TIMES} tries", run.display()),
                Err(error) => format!("error: {error:#}"),
            };
            bars.suspend(|| say(format!("  {}: {told}", row.name)));
            found.lock().expect("nobody panics with it").insert(&*row.name, smallest);
        }
    };
    thread::scope(|scope| (0..jobs).for_each(|_| drop(scope.spawn(search))));
    found.into_inner().expect("nobody panicked with it")
}

/// Each defect with the promise that it breaks, and what was found.
fn table(rows: &[(&str, &str, &Shrunk)]) -> String {
    let defects = rows.iter().map(|row| row.0.len()).max().unwrap_or(0).max("smallest".len());
    let promises = rows.iter().map(|row| row.1.len()).max().unwrap_or(0).max("breaks".len());
    let line = |[defect, breaks, faults, nodes, clients, keys, time, before, after]: [&str; 9]| {
        format!(
            "  {defect:defects$}  {breaks:promises$}  {faults:>6}  {nodes:>5}  {clients:>7}  {keys:>4}  {time:>6}  {before:>8}  {after:>8}"
        )
    };
    let mut text = line(["smallest", "breaks", "faults", "nodes", "clients", "keys", "time", "before", "after"]);
    for (defect, promise, Shrunk { case, before, after }) in rows {
        let sizes = case.sizes;
        let [faults, nodes, clients, keys] =
            [case.steps.len() as u64, sizes.nodes, sizes.clients, sizes.keys].map(|count| count.to_string());
        let time = format!("{:.1} s", sizes.time_ms as f64 / 1000.0);
        let (before, after) = (before.to_string(), after.to_string());
        let _ = write!(text, "\n{}", line([defect, promise, &faults, &nodes, &clients, &keys, &time, &before, &after]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shrink::{Case, Rate, Sizes};

    #[test]
    fn the_smallest_runs_are_told_in_one_table() {
        let shrunk = |clients, time_ms, after| {
            let case = Case { steps: Vec::new(), sizes: Sizes { nodes: 3, clients, keys: 1, time_ms } };
            Shrunk { case, before: Rate { failed: 10, tries: 10 }, after: Rate { failed: after, tries: 10 } }
        };
        let (short, long) = (shrunk(1, 500, 8), shrunk(20, 12_300, 10));
        insta::assert_snapshot!(table(&[("ack-before-fsync", "lost-writes", &short), ("reuse-gtids", "gtids", &long)]));
    }
}
