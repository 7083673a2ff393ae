//! The clock beside a check: when its time is up, and how far it is for whoever waits at a terminal. The checker itself
//! has no clock.

use std::io::{self, IsTerminal as _};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use interregnum_checker::linearizability::Progress;

/// What is over sooner needs no bar, which would only flicker.
const BAR_AFTER: Duration = Duration::from_secs(1);

/// Watches one check, from its beginning until it is dropped, which takes the bar away.
pub(super) struct Watch {
    began: Instant,
    budget: Duration,
    is_terminal: bool,
    bar: OnceLock<ProgressBar>,
}

impl Watch {
    pub(super) fn begin(budget: Duration) -> Self {
        Self { began: Instant::now(), budget, is_terminal: io::stderr().is_terminal(), bar: OnceLock::new() }
    }

    /// Shows how far the check is, and says whether there is time left. Asked from all threads.
    pub(super) fn go_on(&self, progress: Progress) -> bool {
        let elapsed = self.began.elapsed();
        if self.is_terminal && elapsed >= BAR_AFTER {
            self.bar.get_or_init(|| bar(progress.operations)).set_position(progress.decided);
        }
        elapsed < self.budget
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(bar) = self.bar.get() {
            bar.finish_and_clear();
        }
    }
}

fn bar(operations: u64) -> ProgressBar {
    let style =
        ProgressStyle::with_template("check {bar:16.cyan/dim} {human_pos} of {human_len} operations, {elapsed}")
            .expect("the template is well-formed");
    ProgressBar::new(operations).with_style(style)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_up_when_the_budget_is_used() {
        let progress = Progress { decided: 1, operations: 2 };
        assert!(Watch::begin(Duration::from_hours(1)).go_on(progress));
        assert!(!Watch::begin(Duration::ZERO).go_on(progress));
    }
}
