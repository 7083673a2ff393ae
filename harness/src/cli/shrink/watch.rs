//! Live progress of a search: each case with how often it failed so far, and whether it counts. On a terminal the case under trial has
//! a line that is drawn anew; elsewhere a case is told when it is decided.

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar};

use crate::schedule::Step;
use crate::shrink::{Case, Rate, Watcher};

/// How often a bar is drawn anew.
const TICK: Duration = Duration::from_millis(100);

pub(super) struct Watch {
    bar: Option<ProgressBar>,
}

impl Watch {
    pub(super) fn begin(promise: &str, start: &Case<Step>, known: usize) -> Self {
        let goes_on =
            if known == 0 { String::new() } else { format!("; it goes on with {known} tries that are known") };
        eprintln!("from {}: the smallest that breaks {promise}{goes_on}", shown(start));
        let bar = std::io::stderr().is_terminal().then(ProgressBar::new_spinner);
        if let Some(bar) = &bar {
            bar.enable_steady_tick(TICK);
        }
        Self { bar }
    }

    pub(super) fn ends(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Watcher for Watch {
    fn tried(&mut self, case: &Case<Step>, rate: Rate, counts: Option<bool>) {
        let line = line(case, rate, counts);
        match (&self.bar, counts) {
            (Some(bar), None) => bar.set_message(line),
            (Some(bar), Some(_)) => bar.println(line),
            (None, Some(_)) => eprintln!("{line}"),
            (None, None) => {}
        }
    }
}

/// Of one search among many at a time: the case under trial, where there is a terminal.
pub(in crate::cli) struct WatchAmong {
    bar: ProgressBar,
    of: String,
}

impl WatchAmong {
    /// `many` draws nothing where there is no terminal.
    pub(in crate::cli) fn begin(many: &MultiProgress, of: &str) -> Self {
        let bar = many.add(ProgressBar::new_spinner());
        bar.enable_steady_tick(TICK);
        Self { bar, of: of.to_owned() }
    }
}

impl Watcher for WatchAmong {
    fn tried(&mut self, case: &Case<Step>, rate: Rate, counts: Option<bool>) {
        self.bar.set_message(format!("{}: {}", self.of, line(case, rate, counts)));
    }
}

impl Drop for WatchAmong {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// `3 faults, 3 nodes, 8 clients, 5 keys, 10.0 s: failed in 6 of 9, smaller`
fn line(case: &Case<Step>, rate: Rate, counts: Option<bool>) -> String {
    let verdict = match counts {
        Some(true) => ", smaller",
        Some(false) => ", too small",
        None => "",
    };
    format!("{}: failed in {rate}{verdict}", shown(case))
}

/// `3 faults, 3 nodes, 8 clients, 5 keys, 10.0 s`
pub(super) fn shown(case: &Case<Step>) -> String {
    let sizes = case.sizes;
    let mut text = String::new();
    for (count, what) in
        [(case.steps.len() as u64, "fault"), (sizes.nodes, "node"), (sizes.clients, "client"), (sizes.keys, "key")]
    {
        let _ = write!(text, "{count} {what}{}, ", if count == 1 { "" } else { "s" });
    }
    text + &seconds(sizes.time_ms)
}

/// `10.0 s`
pub(in crate::cli) fn seconds(ms: u64) -> String {
    format!("{:.1} s", ms as f64 / 1000.0)
}
