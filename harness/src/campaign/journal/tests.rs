//! What is known after whatever can happen to a journal.

use interregnum_checker::verdict::Verdict;

use super::*;

const CAMPAIGN: &str = "name = 'c'\nruns = 5\n[[matrix]]\nname = 'sound'\nexpect = 'pass'\n";

fn campaign() -> Campaign {
    Campaign::parse(CAMPAIGN).unwrap()
}

fn outcome(verdict: Verdict) -> Outcome {
    Outcome { verdict, ..Outcome::harness_error("none".into()) }
}

/// A journal with two runs.
fn two_runs(directory: &Path) {
    let (mut journal, told, _) = Journal::open(directory, &campaign(), Shard::WHOLE).unwrap();
    assert!(told.outcomes.is_empty());
    for number in 1..=2 {
        journal.ran(&campaign(), campaign().trial(0, number), &outcome(Verdict::Pass)).unwrap();
    }
}

fn numbers(told: &Told) -> Vec<u32> {
    told.outcomes.keys().map(|trial| trial.number).collect()
}

#[test]
fn what_was_written_is_known_again() {
    let directory = tempfile::tempdir().unwrap();
    two_runs(directory.path());
    assert_eq!(Told::of(directory.path()).unwrap().end, None, "a campaign that was killed has not ended");
    let (mut journal, told, cut_off) = Journal::open(directory.path(), &campaign(), Shard::WHOLE).unwrap();
    assert_eq!((numbers(&told), cut_off), (vec![1, 2], false));
    journal.ended(End::Budget).unwrap();
    assert_eq!(Told::of(directory.path()).unwrap().end, Some(End::Budget));
}

#[test]
fn a_line_that_was_cut_off_is_a_run_to_be_made_again() {
    let directory = tempfile::tempdir().unwrap();
    two_runs(directory.path());
    let path = directory.path().join(FILE_NAME);
    let text = fs::read(&path).unwrap();
    let last = text[..text.len() - 1].iter().rposition(|&byte| byte == b'\n').unwrap() + 1;
    for length in last + 1..text.len() {
        fs::write(&path, &text[..length]).unwrap();
        let (mut journal, told, cut_off) = Journal::open(directory.path(), &campaign(), Shard::WHOLE).unwrap();
        assert_eq!((numbers(&told), cut_off), (vec![1], true), "{length} of {} bytes", text.len());
        journal.ran(&campaign(), campaign().trial(0, 3), &outcome(Verdict::Pass)).unwrap();
        assert_eq!(numbers(&Told::of(directory.path()).unwrap()), [1, 3], "lines follow whole lines");
    }
}

#[test]
fn a_line_that_is_not_as_it_was_written_is_told_and_nothing_is_changed() {
    let directory = tempfile::tempdir().unwrap();
    two_runs(directory.path());
    let path = directory.path().join(FILE_NAME);
    let text = fs::read_to_string(&path).unwrap();
    let seed = campaign().trial(0, 1).seed.to_string();
    for (from, to, line) in [
        ("\"verdict\":\"pass\"", "\"verdict\":\"pAss\"", 2),
        ("\"ran\"", "\"rap\"", 2),
        (seed.as_str(), "17", 2),
        ("\"number\":1", "\"number\":6", 2),
        ("{\"begun\"", "{\"begum\"", 1),
        ("\"seed\":1,", "\"seed\":2,", 2),
    ] {
        let broken = text.replacen(from, to, if line == 1 { 1 } else { usize::MAX });
        fs::write(&path, &broken).unwrap();
        let told = format!("{:#}", Journal::open(directory.path(), &campaign(), Shard::WHOLE).unwrap_err());
        assert!(
            told.contains(&format!("{FILE_NAME}:{line}")) && told.contains("nothing was changed"),
            "{from}: {told}"
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), broken);
    }
}

#[test]
fn a_journal_belongs_to_one_campaign_and_to_one_process() {
    let directory = tempfile::tempdir().unwrap();
    two_runs(directory.path());
    let told =
        |campaign: &Campaign, shard| format!("{:#}", Journal::open(directory.path(), campaign, shard).unwrap_err());
    assert!(told(&Campaign { seed: 9, ..campaign() }, Shard::WHOLE).contains("another campaign"));
    assert!(told(&campaign(), Shard::new(1, 2).unwrap()).contains("another shard, 1/1"));
    let open = Journal::open(directory.path(), &campaign(), Shard::WHOLE).unwrap();
    assert!(told(&campaign(), Shard::WHOLE).contains("is going on already"));
    drop(open);
}

#[test]
fn a_campaign_may_go_on_with_more_runs_or_fewer() {
    let directory = tempfile::tempdir().unwrap();
    two_runs(directory.path());
    let (_, told, _) = Journal::open(directory.path(), &campaign().with_runs(9).unwrap(), Shard::WHOLE).unwrap();
    assert_eq!((numbers(&told), told.campaign.rows[0].runs), (vec![1, 2], 9));
    let (_, told, _) = Journal::open(directory.path(), &campaign().with_runs(1).unwrap(), Shard::WHOLE).unwrap();
    assert_eq!(numbers(&told), [1]);
}
