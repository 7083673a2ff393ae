//! Whether a case fails, by as many tries as the rule needs and no more; what is in the record is not tried again.

use super::record::{Purpose, Record};
use super::rule::{Rate, Rule};
use super::search::{Case, smallest};
use crate::schedule::Step;

/// Tries cases so many times, and says which tries failed.
pub(crate) type Attempt<'a> = dyn FnMut(&Case<Step>, usize) -> anyhow::Result<Vec<bool>> + 'a;

/// Who watches a search.
pub(crate) trait Watcher {
    /// A case was tried; `counts` once it is known whether it counts as failing.
    fn tried(&mut self, case: &Case<Step>, rate: Rate, counts: Option<bool>);
}

/// A search with its record.
pub(crate) struct Tries<'a> {
    pub record: Record,
    /// How often the original, and what is found, are tried to know their rate.
    pub measured: usize,
    /// How many tries are made at a time.
    pub jobs: usize,
    pub attempt: &'a mut Attempt<'a>,
    pub watcher: &'a mut dyn Watcher,
}

/// What a search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub case: Case<Step>,
    pub before: Rate,
    pub after: Rate,
}

impl Tries<'_> {
    /// Searches from `start`, or from a smaller `guess` if that fails, too; `None` if `start` does not fail once itself.
    pub(crate) fn search(&mut self, start: &Case<Step>, guess: Option<Case<Step>>) -> anyhow::Result<Option<Found>> {
        let before = self.rate(Purpose::Choose, start)?;
        let Some(rule) = Rule::for_rate(before) else { return Ok(None) };
        let mut smaller = Vec::new();
        smallest(start.clone(), guess, &mut |case: &Case<Step>| {
            let counts = self.counts(rule, case)?;
            smaller.extend(counts.then(|| case.clone()));
            anyhow::Ok(counts)
        })?;
        let proven = self.proven(smaller, before)?;
        let (case, after) = proven.unwrap_or_else(|| (start.clone(), before));
        Ok(Some(Found { case, before, after }))
    }

    /// The last of ever smaller cases that keeps up with the original when it is measured anew, and its rate. One of many may have
    /// counted by luck, and all that came after it would be worth no more; so one that does not is left, with ever more before it.
    fn proven(&mut self, mut smaller: Vec<Case<Step>>, before: Rate) -> anyhow::Result<Option<(Case<Step>, Rate)>> {
        let mut beyond = 1;
        while let Some(case) = smaller.last() {
            let after = self.rate(Purpose::Measure, case)?;
            if after.keeps_up_with(before) {
                return Ok(smaller.pop().map(|case| (case, after)));
            }
            smaller.truncate(smaller.len().saturating_sub(beyond));
            beyond *= 2;
        }
        Ok(None)
    }

    fn rate(&mut self, purpose: Purpose, case: &Case<Step>) -> anyhow::Result<Rate> {
        loop {
            let known = self.record.of(purpose, case);
            let rate = Rate::of(&known[..known.len().min(self.measured)]);
            let left = self.measured - rate.tries as usize;
            if left == 0 {
                return Ok(rate);
            }
            self.watcher.tried(case, rate, None);
            self.more(purpose, case, left)?;
        }
    }

    fn counts(&mut self, rule: Rule, case: &Case<Step>) -> anyhow::Result<bool> {
        if let Some(known) = rule.decides(self.record.of(Purpose::Choose, case)) {
            return Ok(known); // there is nothing to be watched
        }
        loop {
            let known = self.record.of(Purpose::Choose, case);
            let (rate, left, decided) = (Rate::of(known), rule.left(known), rule.decides(known));
            self.watcher.tried(case, rate, decided);
            match decided {
                Some(counts) => return Ok(counts),
                None => self.more(Purpose::Choose, case, left)?,
            }
        }
    }

    fn more(&mut self, purpose: Purpose, case: &Case<Step>, most: usize) -> anyhow::Result<()> {
        for failed in (self.attempt)(case, self.jobs.min(most))? {
            self.record.add(purpose, case, failed)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
