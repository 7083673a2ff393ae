//! Live progress of a search: each case with how often it failed so far, and whether it counts. On a terminal the case under trial has
//! a line that is drawn anew; elsewhere a case is told when it is decided.

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar};

use crate::schedule::Step;
use crate::shrink::{Case, Rate, Watcher};

pub(in crate::cli) struct Watch {
    bar: Option<ProgressBar>,
    /// Whose search it is, where it is one of many: then nothing is told but the case under trial, on a terminal.
    of: Option<String>,
}

impl Watch {
    /// Of the only search.
    pub(super) fn new() -> Self {
        Self { bar: std::io::stderr().is_terminal().then(ProgressBar::new_spinner), of: None }
    }

    /// Of one search among many at a time.
    pub(in crate::cli) fn among(many: &MultiProgress, of: &str) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| many.add(ProgressBar::new_spinner()));
        Self { bar, of: Some(of.to_owned()) }
    }

    pub(super) fn begins(&self, promise: &str, start: &Case<Step>, known: usize) {
        let goes_on =
            if known == 0 { String::new() } else { format!("; it goes on with {known} tries that are known") };
        if self.of.is_none() {
            eprintln!("from {}: the smallest that breaks {promise}{goes_on}", shown(start));
        }
        if let Some(bar) = &self.bar {
            bar.enable_steady_tick(Duration::from_millis(100));
        }
    }

    pub(super) fn ends(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Watcher for Watch {
    fn tried(&mut self, case: &Case<Step>, rate: Rate, counts: Option<bool>) {
        let mut line = format!("{}: failed in {rate}", shown(case));
        match counts {
            Some(true) => line.push_str(", smaller"),
            Some(false) => line.push_str(", too small"),
            None => {}
        }
        if let Some(of) = &self.of {
            if let Some(bar) = &self.bar {
                bar.set_message(format!("{of}: {line}"));
            }
            return;
        }
        match (&self.bar, counts) {
            (Some(bar), None) => bar.set_message(line),
            (Some(bar), Some(_)) => bar.println(line),
            (None, Some(_)) => eprintln!("{line}"),
            (None, None) => {}
        }
    }
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
    let _ = write!(text, "{:.1} s", sizes.time_ms as f64 / 1000.0);
    text
}
