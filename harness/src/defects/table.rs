//! The table of the defect suite, for people and for machines. It computes nothing.

use std::fmt::Write as _;
use std::time::Duration;

use console::style;

use super::{Found, SOUND};

/// The table, and what it comes to. A median of moments that are not all known is told as a bound.
pub(crate) fn told(found: &[Found], speed: Option<&Speed>) -> String {
    let width = found.iter().map(|row| row.defect.len()).max().unwrap_or(0).max("defect".len());
    let mut text = format!("  {:width$}  {:>8}  {:>6}  {:>6}  by\n", "defect", "caught", "median", "faults");
    for row in found {
        let mark = if row.is_met { style("✓").green() } else { style("✗").red() };
        let caught = format!("{} of {}", row.caught, row.runs);
        let at_most = if row.evident < row.caught { "≤ " } else { "" };
        let median = row.median_ms.map_or_else(String::new, |ms| format!("{at_most}{} s", ms.div_ceil(1000)));
        let faults = row.fewest_faults.map_or_else(String::new, |faults| faults.to_string());
        let mut by: Vec<_> = row.by.iter().map(|(name, runs)| (*runs, name.as_str())).collect();
        by.sort_by(|a, b| b.cmp(a));
        let by: Vec<_> = by.into_iter().map(|(runs, name)| format!("{name} {runs}")).collect();
        let _ = writeln!(
            text,
            "{mark} {:width$}  {caught:>8}  {median:>6}  {faults:>6}  {}",
            row.defect,
            style(by.join(", ")).dim()
        );
    }
    let planted = || found.iter().filter(|row| row.defect != SOUND);
    let met = planted().filter(|row| row.is_met).count();
    let _ = write!(text, "\n{met} of {} defects caught in at least 9 of 10 runs", planted().count());
    if let Some(sound) = found.iter().find(|row| row.defect == SOUND) {
        let _ = write!(
            text,
            "; {} violations in {} runs without one, of which {} passed",
            sound.caught, sound.runs, sound.passed
        );
    }
    if let Some(Speed { runs_per_minute, cores }) = speed {
        let per_core = runs_per_minute / *cores as f64;
        let _ = write!(text, "\n{runs_per_minute:.1} runs a minute, {per_core:.1} for each of {cores} cores");
    }
    text
}

/// How many runs were made in a minute.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Speed {
    runs_per_minute: f64,
    cores: usize,
}

impl Speed {
    /// Of so many runs that were made in this time, one beside the other; `None` if there were none. Those that an earlier command made
    /// do not count: it may have made more or fewer at a time.
    pub(crate) fn of(runs: usize, within: Duration, cores: usize) -> Option<Self> {
        (runs > 0).then(|| Self { runs_per_minute: runs as f64 / within.as_secs_f64() * 60.0, cores: cores.max(1) })
    }
}

/// The same as JSON.
pub(crate) fn json(found: &[Found]) -> String {
    serde_json::to_string_pretty(found).expect("a row has no part that cannot be written")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_tells_what_is_known_of_each() {
        let row = |defect: &str, caught, evident, is_met| Found {
            defect: defect.to_owned(),
            runs: 10,
            passed: 10 - caught,
            caught,
            by_others: 0,
            by: [("lost-writes".to_owned(), caught), ("sessions".to_owned(), 1)]
                .into_iter()
                .filter(|_| caught > 0)
                .collect(),
            median_ms: (caught > 0).then_some(4200),
            evident,
            fewest_faults: (caught > 0).then_some(7),
            is_met,
        };
        let rows = [row(SOUND, 0, 0, true), row("ack-off-by-one", 10, 10, true), row("vote-twice", 4, 3, false)];
        assert!(Speed::of(0, Duration::ZERO, 2).is_none(), "every run was known");
        let speed = Speed::of(6, Duration::from_mins(1), 2);
        insta::assert_snapshot!("defect_table", console::strip_ansi_codes(&told(&rows, speed.as_ref())));
    }
}
