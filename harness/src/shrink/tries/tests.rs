//! Searches in which failures come by chance, and searches that are ended and go on.

use std::time::Duration;

use anyhow::bail;
use interregnum_workloads::seed::Seed;
use rand::RngExt as _;

use super::super::search::Sizes;
use super::*;
use crate::fault::Fault;
use crate::target::Target;

struct Nobody;

impl Watcher for Nobody {
    fn tried(&mut self, _: &Case<Step>, _: Rate, _: Option<bool>) {}
}

fn step(at_ms: u64, fault: Fault) -> Step {
    Step::at(Duration::from_millis(at_ms), Duration::from_millis(300), fault, Target::Leader)
}

fn start() -> Case<Step> {
    let steps = [Fault::Pause, Fault::Kill, Fault::Pause, Fault::Stop, Fault::Pause].into_iter().zip(1..);
    let steps = steps.map(|(fault, number)| step(number * 1000, fault)).collect();
    Case { steps, sizes: Sizes { nodes: 3, clients: 8, keys: 3, time_ms: 8000 } }
}

/// Searches with failures that need a kill and two nodes, and come with this probability; after `most` tries the search is killed.
fn search(
    directory: &std::path::Path,
    probability: f64,
    seed: u64,
    most: usize,
) -> anyhow::Result<(Option<Found>, usize)> {
    search_where(directory, |_| probability, seed, most)
}

/// The same, where the probability depends on the case.
fn search_where(
    directory: &std::path::Path,
    probability: impl Fn(&Case<Step>) -> f64,
    seed: u64,
    most: usize,
) -> anyhow::Result<(Option<Found>, usize)> {
    let record = Record::open(directory, "lost-writes", &start())?;
    let mut rng = Seed(seed).stream("luck");
    let mut made = record.count();
    for _ in 0..made {
        let _: f64 = rng.random();
    }
    let mut attempt = |case: &Case<Step>, count: usize| {
        (0..count)
            .map(|_| {
                made += 1;
                if made > most {
                    bail!("killed");
                }
                let needed = case.steps.iter().any(|step| step.fault == Fault::Kill) && case.sizes.nodes >= 2;
                let lucky = rng.random::<f64>() < probability(case);
                Ok(needed && lucky)
            })
            .collect()
    };
    let mut tries = Tries { record, measured: 10, jobs: 1, attempt: &mut attempt, watcher: &mut Nobody };
    let found = tries.search(&start(), None)?;
    let count = tries.record.count();
    Ok((found, count))
}

#[test]
fn a_failure_that_comes_and_goes_is_found_and_its_rate_is_told() {
    let (mut right, mut short) = (0, 0);
    for seed in 0..20 {
        let directory = tempfile::tempdir().unwrap();
        let (found, _) = search(directory.path(), 0.7, seed, usize::MAX).unwrap();
        let Found { case, before, after } = found.expect("it fails now and then");
        assert_eq!((before.tries, after.tries), (10, 10));
        let kills = case.steps.iter().filter(|step| step.fault == Fault::Kill).count();
        assert_eq!(kills, 1, "what never fails never counts");
        short += usize::from(case.steps[0].hold_ms == 200 && case.steps[0].trigger.at_ms() == Some(0));
        right += usize::from(case.steps.len() == 1 && case.sizes.nodes == 2 && case.sizes.clients == 1);
    }
    assert!(right >= 12, "only {right} of 20 searches ended with what is needed and no more");
    assert!(short >= 12, "only {short} of 20 searches ended with a step that comes and passes soon");
}

/// With few clients it fails seldom, but so many cases have few of them that one counts by luck now and then.
#[test]
fn what_counted_by_luck_is_not_what_is_found() {
    for seed in 0..40 {
        let directory = tempfile::tempdir().unwrap();
        let probability = |case: &Case<Step>| if case.sizes.clients < 5 { 0.4 } else { 0.9 };
        let (found, _) = search_where(directory.path(), probability, seed, usize::MAX).unwrap();
        let Found { before, after, .. } = found.expect("it fails nearly always");
        assert!(2 * after.failed >= before.failed, "{before} before and {after} after, with seed {seed}");
    }
}

#[test]
fn what_never_fails_again_is_not_searched() {
    let directory = tempfile::tempdir().unwrap();
    let (found, tries) = search(directory.path(), 0.0, 1, usize::MAX).unwrap();
    assert_eq!((found, tries), (None, 10));
}

/// A search that is killed after any number of tries and goes on finds the same with the same tries.
#[test]
fn a_search_that_is_killed_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let whole = search(directory.path(), 0.7, 3, usize::MAX).unwrap();
    for most in (1..whole.1).step_by(3) {
        let directory = tempfile::tempdir().unwrap();
        search(directory.path(), 0.7, 3, most).expect_err("it is killed");
        // And its last line is cut off.
        let path = directory.path().join("tries.jsonl");
        let text = std::fs::read(&path).unwrap();
        std::fs::write(&path, [&text[..], b"{\"tried\":{\"purp"].concat()).unwrap();
        assert_eq!(search(directory.path(), 0.7, 3, usize::MAX).unwrap(), whole, "killed after {most} tries");
    }
}

#[test]
fn a_record_belongs_to_one_search() {
    let directory = tempfile::tempdir().unwrap();
    drop(Record::open(directory.path(), "lost-writes", &start()).unwrap());
    let told = format!("{:#}", Record::open(directory.path(), "split-brain", &start()).unwrap_err());
    assert!(told.contains("another search"), "{told}");
    let path = directory.path().join("tries.jsonl");
    let damaged = std::fs::read_to_string(&path).unwrap().replace("begun", "began");
    std::fs::write(&path, &damaged).unwrap();
    let told = format!("{:#}", Record::open(directory.path(), "lost-writes", &start()).unwrap_err());
    assert!(told.contains("tries.jsonl:1 is not as it was written"), "{told}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), damaged);
}
