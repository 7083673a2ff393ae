//! When a case counts as failing that does so only now and then, as races do.
//!
//! A case is looked at twice. At the first look it must have failed in half as many tries as the original would, with just so many
//! tries (no more than twenty) that the original itself passes in 95 of 100 attempts: that spares most of the time, as most cases never
//! fail. At the second look, after twice as many, it must have failed in two thirds as many as the original would. Those that pass are
//! still the lucky ones, which is why the rate of what is found is measured anew in the end.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How surely the original itself passes the first look.
const SURE: f64 = 0.95;

/// How much less often than the original a case may fail at the first look, and at the second.
const FIRST_PART: f64 = 0.5;
const SECOND_PART: f64 = 0.65;

const FEWEST_TRIES: u32 = 3;

/// A failure that comes in less than one of seven tries would need more, and hours.
const MOST_TRIES: u32 = 20;

/// How often something failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rate {
    pub failed: u32,
    pub tries: u32,
}

/// In how many of how many tries a case must fail, at either look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    first: Look,
    second: Look,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Look {
    needed: u32,
    tries: u32,
}

impl Rate {
    pub(crate) fn of(tries: &[bool]) -> Self {
        Self { failed: tries.iter().filter(|failed| **failed).count() as u32, tries: tries.len() as u32 }
    }

    /// So many of a hundred.
    fn share(self) -> f64 {
        f64::from(self.failed) / f64::from(self.tries)
    }

    /// Whether it is as good as one that is `before` it: half as often is enough.
    pub(crate) fn keeps_up_with(self, before: Self) -> bool {
        self.share() >= FIRST_PART * before.share()
    }

    /// In how many tries it fails at least once, in 99 of 100 attempts.
    pub(crate) fn tries_to_see(self) -> u32 {
        let misses = 1.0 - self.share();
        let enough = |tries: &u32| misses.powf(f64::from(*tries)) <= 0.01;
        (1..MOST_TRIES).find(enough).unwrap_or(MOST_TRIES)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.failed, self.tries)
    }
}

impl Rule {
    /// The rule for an original that fails at this rate; `None` if it never did.
    pub(crate) fn for_rate(rate: Rate) -> Option<Self> {
        // By Laplace's rule of succession: what failed in ten of ten tries does not always fail.
        let share = f64::from(rate.failed + 1) / f64::from(rate.tries + 2);
        let look = |part: f64, tries: u32| {
            let wanted = part * share * f64::from(tries);
            Look { needed: (1..tries).find(|needed| f64::from(*needed) >= wanted).unwrap_or(tries), tries }
        };
        let mut firsts = (FEWEST_TRIES..MOST_TRIES).map(|tries| look(FIRST_PART, tries));
        let first = firsts.find(|look| look.chance(share) >= SURE).unwrap_or_else(|| look(FIRST_PART, MOST_TRIES));
        (rate.failed > 0).then(|| Self { first, second: look(SECOND_PART, 2 * first.tries + 2) })
    }

    /// What the tries so far say: `None` while more are needed.
    pub(crate) fn decides(self, so_far: &[bool]) -> Option<bool> {
        (0..=so_far.len()).find_map(|tries| self.decides_by(Rate::of(&so_far[..tries])))
    }

    /// The same, where fewer tries decided nothing.
    fn decides_by(self, rate: Rate) -> Option<bool> {
        let Self { first, second } = self;
        if first.is_out_of_reach(rate) || second.is_out_of_reach(rate) {
            Some(false)
        } else {
            (rate.failed >= second.needed).then_some(true)
        }
    }

    /// How many tries may still be needed.
    pub(crate) fn left(self, so_far: &[bool]) -> usize {
        (self.second.tries as usize).saturating_sub(so_far.len())
    }
}

impl Look {
    /// Whether it will not be passed, whatever comes of the tries that are left until then. Once it was passed it stays so.
    fn is_out_of_reach(self, rate: Rate) -> bool {
        rate.failed + self.tries.saturating_sub(rate.tries) < self.needed
    }

    /// How probable it is that a case passes which fails in this share of its tries.
    fn chance(self, share: f64) -> f64 {
        let choose = |of: u32, k: u32| (0..k).fold(1.0, |product, i| product * f64::from(of - i) / f64::from(i + 1));
        let exactly =
            |k: u32| choose(self.tries, k) * share.powf(f64::from(k)) * (1.0 - share).powf(f64::from(self.tries - k));
        (self.needed..=self.tries).map(exactly).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(failed: u32, tries: u32) -> Rule {
        Rule::for_rate(Rate { failed, tries }).unwrap()
    }

    fn check(failed: u32, tries: u32, first: (u32, u32), second: (u32, u32)) {
        let Rule { first: one, second: two } = rule(failed, tries);
        assert_eq!(((one.needed, one.tries), (two.needed, two.tries)), (first, second), "{failed} failures");
    }

    #[test]
    fn a_failure_that_comes_seldom_is_tried_more_often() {
        check(10, 10, (2, 3), (5, 8));
        check(8, 10, (2, 5), (6, 12));
        check(5, 10, (2, 8), (6, 18));
        check(1, 10, (2, 20), (5, 42));
        assert_eq!(Rule::for_rate(Rate { failed: 0, tries: 10 }), None);
    }

    /// How probable it is that a case counts which fails in this share of its tries.
    fn counts(rule: Rule, rate: Rate, share: f64) -> f64 {
        let Rate { failed, tries } = rate;
        if let Some(counts) = rule.decides_by(rate) {
            return f64::from(u8::from(counts));
        }
        let next = |failed| counts(rule, Rate { failed, tries: tries + 1 }, share);
        share * next(failed + 1) + (1.0 - share) * next(failed)
    }

    /// Whatever the rate: the original would count nearly always, half of it seldom, and what never fails never.
    #[test]
    fn the_original_would_count_and_what_fails_half_as_often_would_not() {
        for failed in 5..=10 {
            let share = f64::from(failed) / 10.0;
            let chance = |share| counts(rule(failed, 10), Rate { failed: 0, tries: 0 }, share);
            assert!(chance(share) > 0.85, "{failed} of 10 counts in {}", chance(share));
            assert!(chance(share / 2.0) < 0.4, "{failed} of 20 counts in {}", chance(share / 2.0));
            assert!(chance(0.0) < 1e-9);
        }
    }

    #[test]
    fn no_more_is_tried_than_decides() {
        let rule = Rule { first: Look { needed: 2, tries: 3 }, second: Look { needed: 4, tries: 6 } };
        let check = |so_far: &[bool], expected| assert_eq!(rule.decides(so_far), expected, "{so_far:?}");
        check(&[], None);
        check(&[false], None);
        check(&[false, false], Some(false));
        check(&[false, false, true, true, true, true], Some(false)); // tries of another search do not change that
        check(&[true, false, true], None);
        check(&[true, false, true, false, true], None);
        check(&[true, false, true, false, true, true], Some(true));
        check(&[true, false, true, false, false], Some(false));
        check(&[true; 4], Some(true));
        assert_eq!((rule.left(&[true]), rule.left(&[true; 9])), (5, 0));
    }

    #[test]
    fn a_test_tries_as_often_as_the_failure_needs() {
        assert_eq!(Rate { failed: 10, tries: 10 }.tries_to_see(), 1);
        assert_eq!(Rate { failed: 9, tries: 10 }.tries_to_see(), 2);
        assert_eq!(Rate { failed: 5, tries: 10 }.tries_to_see(), 7);
        assert_eq!(Rate { failed: 1, tries: 20 }.tries_to_see(), MOST_TRIES);
    }
}
