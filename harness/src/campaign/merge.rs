//! The shards of a campaign, joined. What cannot be joined is an error that names the shard: a part that is missing must not look like
//! a part in which nothing broke.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};

use super::journal::{End, Told};
use super::shard::Shard;
use super::tally::Tally;

/// All shards of a campaign from their directories, and where each shard's is.
pub(crate) fn merge(directories: &[PathBuf]) -> anyhow::Result<(Tally, BTreeMap<Shard, PathBuf>)> {
    let mut shards: BTreeMap<Shard, (&Path, Told)> = BTreeMap::new();
    for directory in directories {
        let told = Told::of(directory).with_context(|| format!("no shard in {}", directory.display()))?;
        if let Some((other, _)) = shards.get(&told.shard) {
            bail!("{} and {} are both shard {}", other.display(), directory.display(), told.shard);
        }
        shards.insert(told.shard, (directory, told));
    }
    let (first, told) = shards.values().next().context("there is no shard to be joined")?;
    let (campaign, of) = (told.campaign.clone(), told.shard.of());
    for (directory, told) in shards.values() {
        let (directory, shard) = (directory.display(), told.shard);
        ensure!(told.campaign == campaign, "{directory} is of another campaign than {}", first.display());
        ensure!(shard.of() == of, "{directory} is shard {shard}, {} one of {of}", first.display());
        ensure!(
            told.end.is_some_and(|end| end != End::Interrupted),
            "shard {shard}, {directory}, has not come to its end: it has {} runs; the command that began it goes on with it",
            told.outcomes.len()
        );
    }
    let missing: Vec<_> =
        (1..=of).filter_map(|index| Shard::new(index, of)).filter(|shard| !shards.contains_key(shard)).collect();
    if !missing.is_empty() {
        let missing: Vec<_> = missing.iter().map(Shard::to_string).collect();
        bail!("shard {} is missing", missing.join(", "));
    }
    let ends_early = shards.values().any(|(_, told)| told.end == Some(End::Budget));
    let mut whole = Tally::new(campaign, Shard::WHOLE);
    whole.end = Some(if ends_early { End::Budget } else { End::Complete });
    let places = shards.iter().map(|(&shard, (directory, _))| (shard, directory.to_path_buf())).collect();
    for (_, (_, told)) in shards {
        whole.join(Tally::of(told));
    }
    Ok((whole, places))
}

#[cfg(test)]
mod tests {
    use interregnum_checker::verdict::Verdict;

    use super::super::journal::Journal;
    use super::super::outcome::Outcome;
    use super::super::plan::Campaign;
    use super::*;

    const CAMPAIGN: &str =
        "name = 'c'\nruns = 6\n[[matrix]]\nname = 'sound'\nexpect = 'pass'\nworkloads = ['register', 'append']\n";

    /// Makes a shard's directory with all its runs, and returns it.
    fn shard(parent: &Path, name: &str, shard: &str, campaign: &str, end: Option<End>) -> PathBuf {
        let (directory, campaign) = (parent.join(name), Campaign::parse(campaign).unwrap());
        let shard = shard.parse().unwrap();
        let (mut journal, ..) = Journal::open(&directory, &campaign, shard).unwrap();
        for trial in campaign.trials(shard) {
            let outcome = Outcome { verdict: Verdict::Pass, complaint: None, ..Outcome::harness_error(String::new()) };
            journal.ran(&campaign, trial, &outcome).unwrap();
        }
        if let Some(end) = end {
            journal.ended(end).unwrap();
        }
        directory
    }

    #[test]
    fn shards_are_joined_to_the_whole() {
        let parent = tempfile::tempdir().unwrap();
        let directories: Vec<_> = ["2/3", "3/3", "1/3"]
            .iter()
            .map(|text| shard(parent.path(), &text.replace('/', "-"), text, CAMPAIGN, Some(End::Complete)))
            .collect();
        let (whole, places) = merge(&directories).unwrap();
        assert_eq!((whole.outcomes.len(), whole.planned(), whole.verdict()), (12, 12, Verdict::Pass));
        assert_eq!(places[&"2/3".parse().unwrap()], directories[0]);
    }

    #[test]
    fn a_shard_that_is_missing_or_foreign_is_named() {
        let parent = tempfile::tempdir().unwrap();
        let make = |name, text, campaign: &str, end| shard(parent.path(), name, text, campaign, end);
        let first = make("first", "1/2", CAMPAIGN, Some(End::Complete));
        let check = |directories: &[&PathBuf], expected: &str| {
            let directories: Vec<_> = directories.iter().map(|&path| path.clone()).collect();
            let told = format!("{:#}", merge(&directories).unwrap_err());
            assert!(told.contains(expected), "{told}");
        };
        check(&[&first], "shard 2/2 is missing");
        check(&[], "no shard to be joined");
        check(&[&first, &make("again", "1/2", CAMPAIGN, Some(End::Complete))], "are both shard 1/2");
        let foreign = make("foreign", "2/2", &CAMPAIGN.replace("runs = 6", "runs = 7"), Some(End::Complete));
        check(&[&first, &foreign], "foreign is of another campaign than");
        check(&[&first, &make("three", "2/3", CAMPAIGN, Some(End::Complete))], "three is shard 2/3");
        check(&[&first, &make("killed", "2/2", CAMPAIGN, None)], "shard 2/2");
        check(
            &[&first, &make("stopped", "2/2", CAMPAIGN, Some(End::Interrupted))],
            "has not come to its end: it has 6 runs",
        );
        check(&[&first, &parent.path().join("nowhere")], "no shard in");
    }
}
