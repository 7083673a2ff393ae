//! The table of the defect suite, for people and for machines. It computes nothing.

use std::fmt::Write as _;

use console::style;

use super::{Found, SOUND};

/// The table, and what it comes to.
pub(crate) fn told(found: &[Found]) -> String {
    let width = found.iter().map(|row| row.defect.len()).max().unwrap_or(0).max("defect".len());
    let mut text = format!("  {:width$}  {:>8}  {:>6}  {:>6}  by\n", "defect", "caught", "median", "faults");
    for row in found {
        let mark = if row.is_met { style("✓").green() } else { style("✗").red() };
        let caught = format!("{} of {}", row.caught, row.runs);
        let median = row.median_ms.map_or_else(String::new, |ms| format!("{} s", ms.div_ceil(1000)));
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
        let _ = write!(text, "; {} violations in {} runs without one", sound.caught, sound.runs);
    }
    text
}

/// The same as JSON.
pub(crate) fn json(found: &[Found]) -> String {
    serde_json::to_string_pretty(found).expect("a row has no part that cannot be written")
}
