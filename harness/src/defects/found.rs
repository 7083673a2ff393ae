//! What became of one defect in all its runs.

use std::collections::BTreeMap;

use interregnum_checker::verdict::Verdict;
use serde::Serialize;

use super::{BAR_PERCENT, SOUND};
use crate::campaign::{Expect, Outcome, Tally, Trial};

/// One row of the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Found {
    pub defect: String,
    pub runs: u32,
    /// In how many runs every promise held, and every fault had its effect.
    pub passed: u32,
    /// In how many runs a checker complained that is right to; without a defect, in how many any did.
    pub caught: u32,
    /// In how many runs there was a violation, but not of what the defect breaks.
    pub by_others: u32,
    /// In how many runs each checker complained.
    pub by: BTreeMap<String, u32>,
    /// From the start of a run in which it was caught to the first evidence, or to the run's end where the checkers that complain do
    /// not know when they could have: the median.
    pub median_ms: Option<u64>,
    /// In how many runs the moment of the evidence was known.
    pub evident: u32,
    /// The fewest faults of a run in which it was caught.
    pub fewest_faults: Option<usize>,
    /// Whether the bar is met: found in nine of ten runs; without a defect, nothing found at all.
    pub is_met: bool,
}

impl Found {
    /// The rows of what is known so far.
    pub(crate) fn all(tally: &Tally) -> Vec<Self> {
        (0..tally.campaign.rows.len()).map(|row| Self::of(tally, row)).collect()
    }

    fn of(tally: &Tally, index: usize) -> Self {
        let row = &tally.campaign.rows[index];
        let ran: Vec<(&Trial, &Outcome)> = tally.outcomes.iter().filter(|(trial, _)| trial.row == index).collect();
        let violated = || ran.iter().filter(|(_, outcome)| outcome.verdict == Verdict::Violation);
        let is_caught = |outcome: &Outcome| row.expect == Expect::Pass || row.expects(outcome);
        let caught: Vec<_> = violated().filter(|(_, outcome)| is_caught(outcome)).collect();
        let mut by = BTreeMap::new();
        violated().flat_map(|(_, outcome)| &outcome.broken).for_each(|name| *by.entry(name.clone()).or_default() += 1);
        let is_right = |checker: &String| row.by.is_empty() || row.by.contains(checker);
        let evident_ms = |outcome: &Outcome| {
            outcome.evident_ms.iter().filter(|(checker, _)| is_right(checker)).map(|(_, ms)| *ms).min()
        };
        let evident = caught.iter().filter(|(_, outcome)| evident_ms(outcome).is_some()).count() as u32;
        let found_ms = |outcome: &Outcome| evident_ms(outcome).unwrap_or(outcome.elapsed_ms);
        let mut found_ms: Vec<u64> = caught.iter().map(|(_, outcome)| found_ms(outcome)).collect();
        found_ms.sort_unstable();
        let (runs, count) = (ran.len() as u32, caught.len() as u32);
        Self {
            defect: row.name.clone(),
            runs,
            passed: ran.iter().filter(|(_, outcome)| outcome.verdict == Verdict::Pass).count() as u32,
            caught: count,
            by_others: violated().count() as u32 - count,
            by,
            median_ms: found_ms.get(found_ms.len() / 2).copied(),
            evident,
            fewest_faults: caught.iter().map(|(_, outcome)| outcome.faults).min(),
            is_met: if row.name == SOUND { count == 0 } else { runs > 0 && count * 100 >= runs * BAR_PERCENT },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use interregnum_node::Defect;

    use super::*;
    use crate::campaign::Shard;

    /// A run of so many seconds.
    fn outcome(broken: &[&str], faults: usize) -> Outcome {
        let verdict = if broken.is_empty() { Verdict::Pass } else { Verdict::Violation };
        let broken: Vec<String> = broken.iter().map(ToString::to_string).collect();
        let elapsed_ms = 1000 * faults as u64;
        // Others saw something before who was right to complain.
        let evident_ms =
            [("sessions", elapsed_ms / 4), ("lost-writes", elapsed_ms / 2)].map(|(name, ms)| (name.to_owned(), ms));
        let evident_ms = evident_ms.into_iter().filter(|(name, _)| broken.contains(name)).collect();
        Outcome { verdict, broken, complaint: None, faults, operations: 9, elapsed_ms, evident_ms }
    }

    /// A defect that loses writes, in runs that came to this; or no defect.
    fn found(row: usize, runs: &[&[&str]]) -> Found {
        let suite = super::super::suite(&[Defect::AckOffByOne], 10, 10, Duration::from_secs(1), 1, true);
        let mut tally = Tally::new(suite, Shard::WHOLE);
        for (number, broken) in (1..).zip(runs) {
            tally.add(tally.campaign.trial(row, number), outcome(broken, number as usize));
        }
        Found::all(&tally).swap_remove(row)
    }

    #[test]
    fn a_defect_is_caught_by_those_who_watch_over_what_it_breaks() {
        let lost: &[&str] = &["lost-writes", "sessions"];
        let told = found(1, &[&[], lost, &["replicas-agree"], lost, lost]);
        assert_eq!((told.runs, told.caught, told.by_others, told.is_met), (5, 3, 1, false));
        assert_eq!((told.median_ms, told.evident, told.fewest_faults), (Some(2000), 3, Some(2)));
        assert_eq!(
            told.by.iter().map(|(name, runs)| format!("{name} {runs}")).collect::<Vec<_>>(),
            ["lost-writes 3", "replicas-agree 1", "sessions 3"]
        );
        let late = found(1, &[&["elements"]]);
        assert_eq!((late.median_ms, late.evident), (Some(1000), 0), "the run's end, as nobody knows better");
        assert!(found(1, &[lost; 9]).is_met && !found(1, &[]).is_met, "nobody looked");
    }

    #[test]
    fn without_a_defect_nothing_is_to_be_found() {
        assert!(found(0, &[&[], &[]]).is_met);
        let alarm = found(0, &[&[], &["sessions"]]);
        assert_eq!((alarm.passed, alarm.caught, alarm.is_met), (1, 1, false));
    }
}
