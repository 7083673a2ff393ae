//! Many reads' staleness in a few numbers. It measures no read.

use serde::{Deserialize, Serialize};

use super::Lag;
use crate::history::History;

/// How stale some reads were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Distribution {
    /// How many there are.
    pub reads: u64,
    /// How many of them lack something.
    pub stale: u64,
    /// How many versions they lack; a fresh read lacks 0.
    pub versions: Quantiles,
    /// For how long they had lacked the first of these, in nanoseconds; a fresh read for 0. `None` if a stale read's
    /// history does not tell its times.
    pub time_ns: Option<Quantiles>,
}

/// A few of the values that a number takes, by nearest rank: the least value that so large a share of all is no greater
/// than. All are 0 if there are none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quantiles {
    /// Of half of them.
    pub median: u64,
    /// Of 99 in a hundred.
    pub p99: u64,
    /// Of all.
    pub max: u64,
}

impl Distribution {
    pub(super) fn of<'a>(history: &History, lags: impl Iterator<Item = &'a Lag> + Clone) -> Self {
        Self {
            reads: lags.clone().count() as u64,
            stale: lags.clone().filter(|lag| lag.versions > 0).count() as u64,
            versions: Quantiles::of(lags.clone().map(|lag| lag.versions).collect()),
            time_ns: lags.map(|lag| lag.time_ns(history)).collect::<Option<Vec<u64>>>().map(Quantiles::of),
        }
    }
}

impl Quantiles {
    /// Of these.
    #[must_use]
    pub fn of(mut values: Vec<u64>) -> Self {
        values.sort_unstable();
        let ranked = |percent: usize| {
            let rank = (values.len() * percent).div_ceil(100);
            rank.checked_sub(1).map_or(0, |index| values[index])
        };
        Self { median: ranked(50), p99: ranked(99), max: ranked(100) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(values: Vec<u64>, median: u64, p99: u64, max: u64) {
        assert_eq!(Quantiles::of(values), Quantiles { median, p99, max });
    }

    #[test]
    fn quantiles_are_values_that_were_there() {
        check(vec![], 0, 0, 0);
        check(vec![7], 7, 7, 7);
        check(vec![9, 1], 1, 9, 9);
        check((1..=100).rev().collect(), 50, 99, 100);
        check((1..=1_000).collect(), 500, 990, 1_000);
    }
}
