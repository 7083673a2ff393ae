//! What the runs of a campaign came to together: counts for each row, and failures of the same kind as one.

use std::collections::BTreeMap;
use std::time::Duration;

use interregnum_checker::verdict::Verdict;

use super::journal::{End, Told};
use super::outcome::Outcome;
use super::plan::{Campaign, Expect, Row, Trial};
use super::shard::Shard;

/// The kind of a failure: of all that have the same, one is worth looking at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Signature {
    /// The promise that was broken, the most telling one of several; or why the run says nothing.
    pub what: String,
    /// How the system behaves.
    pub mode: String,
    /// Which faults there were.
    pub faults: String,
}

/// All failures of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    /// Whether that is what its row is expected to show.
    pub is_expected: bool,
    pub verdict: Verdict,
    pub count: usize,
    /// The smallest to look at.
    pub smallest: Trial,
    size: (u64, usize, u64),
    /// What that one complained of, where it broke no promise.
    pub detail: Option<String>,
}

/// The runs of a row, by what they came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub planned: u32,
    pub ran: u32,
    pub pass: u32,
    pub violation: u32,
    pub inconclusive: u32,
    pub harness_error: u32,
    /// Those that came out as expected.
    pub expected: u32,
    /// How long they took together.
    pub elapsed_ms: u64,
}

/// A campaign, or a shard of one, as far as it has come.
#[derive(Clone, Debug)]
pub(crate) struct Tally {
    pub campaign: Campaign,
    pub shard: Shard,
    pub outcomes: BTreeMap<Trial, Outcome>,
    pub rows: Vec<Counts>,
    pub groups: BTreeMap<Signature, Group>,
    pub end: Option<End>,
}

impl Row {
    /// Whether this is what the row is to show.
    pub(crate) fn expects(&self, outcome: &Outcome) -> bool {
        match self.expect {
            Expect::Pass => outcome.verdict == Verdict::Pass,
            Expect::Violation => {
                let by_its_checker = self.by.is_empty() || outcome.broken.iter().any(|broken| self.by.contains(broken));
                outcome.verdict == Verdict::Violation && by_its_checker
            }
        }
    }

    /// The kind of failure; `None` if it is none.
    fn signature(&self, outcome: &Outcome) -> Option<Signature> {
        let what = match (outcome.verdict, &outcome.complaint, self.expect) {
            (Verdict::Pass, _, Expect::Pass) => return None,
            (Verdict::Pass, ..) => "not caught".to_owned(),
            (Verdict::Violation, ..) => outcome.broken.first().cloned().unwrap_or_default(),
            (_, Some(complaint), _) => complaint.what.clone(),
            (verdict, None, _) => verdict.to_string(),
        };
        Some(Signature { what, mode: self.mode.clone(), faults: self.faults.clone() })
    }

    /// What the row's runs amount to. How often something shows is judged only where all of them are known.
    pub(crate) fn verdict(&self, counts: &Counts, all_are_known: bool) -> Verdict {
        let is_often_enough = counts.expected * 100 >= counts.ran * u32::from(self.least_percent);
        if counts.harness_error > 0 {
            Verdict::HarnessError
        } else if self.expect == Expect::Pass && counts.violation > 0 {
            Verdict::Violation
        } else if all_are_known && (counts.ran == 0 || !is_often_enough) {
            Verdict::Inconclusive
        } else {
            Verdict::Pass
        }
    }
}

impl Tally {
    pub(crate) fn new(campaign: Campaign, shard: Shard) -> Self {
        let mut rows = vec![Counts::default(); campaign.rows.len()];
        for trial in campaign.trials(shard) {
            rows[trial.row].planned += 1;
        }
        Self { campaign, shard, outcomes: BTreeMap::new(), rows, groups: BTreeMap::new(), end: None }
    }

    /// Of everything that a journal says.
    pub(crate) fn of(told: Told) -> Self {
        let mut tally = Self::new(told.campaign, told.shard);
        for (trial, outcome) in told.outcomes {
            tally.add(trial, outcome);
        }
        tally.end = told.end;
        tally
    }

    /// Counts a run; says how its kind of failure is called, if it is one.
    pub(crate) fn add(&mut self, trial: Trial, outcome: Outcome) -> Option<Signature> {
        let (row, counts) = (&self.campaign.rows[trial.row], &mut self.rows[trial.row]);
        let is_expected = row.expects(&outcome);
        counts.ran += 1;
        counts.elapsed_ms += outcome.elapsed_ms;
        counts.expected += u32::from(is_expected);
        *match outcome.verdict {
            Verdict::Pass => &mut counts.pass,
            Verdict::Violation => &mut counts.violation,
            Verdict::Inconclusive => &mut counts.inconclusive,
            Verdict::HarnessError => &mut counts.harness_error,
        } += 1;
        let signature = row.signature(&outcome);
        if let Some(signature) = signature.clone() {
            let size = outcome.size();
            let detail = outcome.complaint.as_ref().map(|complaint| complaint.detail.clone());
            let one = Group { is_expected, verdict: outcome.verdict, count: 1, smallest: trial, size, detail };
            self.groups.entry(signature).and_modify(|group| group.join(&one)).or_insert(one);
        }
        let before = self.outcomes.insert(trial, outcome);
        assert!(before.is_none(), "a run is counted once");
        signature
    }

    /// The same for another shard of the campaign.
    pub(crate) fn join(&mut self, other: Self) {
        for (trial, outcome) in other.outcomes {
            self.add(trial, outcome);
        }
    }

    /// How many runs it is to have.
    pub(crate) fn planned(&self) -> usize {
        self.rows.iter().map(|counts| counts.planned as usize).sum()
    }

    /// Whether nothing is left to be run.
    pub(crate) fn is_complete(&self) -> bool {
        self.outcomes.len() == self.planned()
    }

    /// How long the rest takes if its runs take as long as those of their row have taken so far; `None` before any has ended.
    pub(crate) fn remaining(&self, jobs: usize) -> Option<Duration> {
        let sum = |of: fn(&Counts) -> u64| self.rows.iter().map(of).sum::<u64>();
        let usual_ms = sum(|row| row.elapsed_ms).checked_div(sum(|row| row.ran.into()))?;
        let left_ms = |row: &Counts| {
            let each_ms = row.elapsed_ms.checked_div(row.ran.into()).unwrap_or(usual_ms);
            each_ms * u64::from(row.planned - row.ran)
        };
        Some(Duration::from_millis(self.rows.iter().map(left_ms).sum::<u64>() / jobs as u64))
    }

    pub(crate) fn row_verdict(&self, index: usize) -> Verdict {
        self.campaign.rows[index].verdict(&self.rows[index], self.shard.is_whole())
    }

    /// What it all amounts to. A campaign that a person ended, or that ran nothing, shows nothing.
    pub(crate) fn verdict(&self) -> Verdict {
        let rows = (0..self.rows.len()).map(|index| self.row_verdict(index));
        let cut_short = self.end == Some(End::Interrupted) || (self.outcomes.is_empty() && self.planned() > 0);
        let begin = if cut_short { Verdict::Inconclusive } else { Verdict::Pass };
        rows.fold(begin, Verdict::and)
    }

    /// The kinds of failures that were expected, or those that were not: broken promises first.
    pub(crate) fn groups(&self, is_expected: bool) -> impl Iterator<Item = (&Signature, &Group)> {
        let wanted = self.groups.iter().filter(move |(_, group)| group.is_expected == is_expected);
        let (broken, others): (Vec<_>, Vec<_>) = wanted.partition(|(_, group)| group.verdict == Verdict::Violation);
        broken.into_iter().chain(others)
    }
}

impl Group {
    fn join(&mut self, one: &Self) {
        self.count += 1;
        if (one.size, one.smallest) < (self.size, self.smallest) {
            *self = Self { count: self.count, ..one.clone() };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::outcome::Complaint;
    use super::*;

    const CAMPAIGN: &str = "name = 'c'\nruns = 10\n[[matrix]]\nname = 'sound'\nexpect = 'pass'\n\
        [[matrix]]\nname = 'unsound'\nexpect = 'violation'\nby = ['lost-writes']\n";

    fn outcome(verdict: Verdict, broken: &[&str], faults: usize) -> Outcome {
        let complaint = (verdict == Verdict::Inconclusive)
            .then(|| Complaint { what: "not met: served".into(), detail: format!("{faults}") });
        let broken = broken.iter().map(ToString::to_string).collect();
        Outcome { verdict, broken, complaint, faults, operations: 100, elapsed_ms: 1000, evident_ms: BTreeMap::new() }
    }

    /// A tally in which a row had these outcomes and the other none that matters.
    fn tally(row: usize, outcomes: &[(Verdict, &[&str])]) -> Tally {
        let campaign = Campaign::parse(CAMPAIGN).unwrap();
        let mut tally = Tally::new(campaign, Shard::WHOLE);
        let usual: [(Verdict, &[&str]); 2] = [(Verdict::Pass, &[]), (Verdict::Violation, &["lost-writes"])];
        for (number, (verdict, broken)) in (1..).zip(outcomes) {
            tally.add(tally.campaign.trial(row, number), outcome(*verdict, broken, number as usize));
            let (verdict, broken) = usual[1 - row];
            tally.add(tally.campaign.trial(1 - row, number), outcome(verdict, broken, 1));
        }
        tally
    }

    fn check(row: usize, outcomes: &[(Verdict, &[&str])], expected: Verdict) {
        assert_eq!(tally(row, outcomes).verdict(), expected, "row {row}: {outcomes:?}");
    }

    const PASS: (Verdict, &[&str]) = (Verdict::Pass, &[]);
    const LOST: (Verdict, &[&str]) = (Verdict::Violation, &["lost-writes", "sessions"]);
    const STALE: (Verdict, &[&str]) = (Verdict::Violation, &["sessions"]);
    const VOID: (Verdict, &[&str]) = (Verdict::Inconclusive, &[]);

    #[test]
    fn one_violation_in_a_sound_row_is_one_too_many() {
        check(0, &[PASS; 10], Verdict::Pass);
        check(0, &[PASS, PASS, LOST], Verdict::Violation);
        check(0, &[PASS, LOST, (Verdict::HarnessError, &[])], Verdict::HarnessError);
    }

    #[test]
    fn nine_of_ten_must_come_out_as_expected() {
        let but = |usual, others: &[_]| [vec![usual; 10 - others.len()], others.to_vec()].concat();
        check(0, &but(PASS, &[VOID]), Verdict::Pass);
        check(0, &but(PASS, &[VOID, VOID]), Verdict::Inconclusive);
        check(1, &but(LOST, &[PASS]), Verdict::Pass);
        check(1, &but(LOST, &[PASS, VOID]), Verdict::Inconclusive);
        check(1, &but(LOST, &[STALE, STALE]), Verdict::Inconclusive); // caught, and by the wrong checker
    }

    #[test]
    fn a_campaign_that_ran_nothing_shows_nothing() {
        check(0, &[], Verdict::Inconclusive);
        let interrupted = Tally { end: Some(End::Interrupted), ..tally(0, &[PASS]) };
        assert_eq!(interrupted.verdict(), Verdict::Inconclusive);
    }

    #[test]
    fn a_shard_does_not_judge_how_often_something_shows() {
        let shard = Shard::new(1, 2).unwrap();
        let few = Tally { shard, ..tally(1, &[PASS, PASS]) };
        assert_eq!(few.verdict(), Verdict::Pass);
        assert_eq!(Tally { shard, ..tally(0, &[LOST]) }.verdict(), Verdict::Violation);
    }

    #[test]
    fn the_rest_takes_as_long_as_its_rows_took() {
        let mut tally = tally(0, &[PASS; 4]); // a second each; six left of either row
        assert_eq!(tally.remaining(2), Some(Duration::from_secs(6)));
        tally.rows[1] = Counts { planned: 10, ..Counts::default() };
        assert_eq!(
            tally.remaining(1),
            Some(Duration::from_secs(16)),
            "a row that nothing is known of is as the others"
        );
        assert_eq!(Tally::new(tally.campaign, Shard::WHOLE).remaining(1), None);
    }

    #[test]
    fn failures_of_a_kind_are_one_group_with_its_smallest() {
        let tally = tally(0, &[PASS, STALE, LOST, LOST, VOID]);
        let told: Vec<_> = tally.groups(false).map(|(kind, group)| (kind.what.as_str(), group.count)).collect();
        assert_eq!(told, [("lost-writes", 2), ("sessions", 1), ("not met: served", 1)]);
        let (_, lost) = tally.groups(false).next().unwrap();
        assert_eq!(lost.smallest.number, 3, "the one with three faults, not four");
        assert_eq!(tally.groups(true).count(), 1, "the other row's");
    }
}
