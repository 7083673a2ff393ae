//! Live progress of a campaign: a bar in a terminal, a line now and then elsewhere; whatever nobody expected at once.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use console::style;
use indicatif::{ProgressBar, ProgressStyle};

use crate::campaign::{Signature, Tally, Trial, Watcher};

/// How often a line is printed where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(30);

/// Tells the progress of one campaign.
pub(in crate::cli) struct Watch {
    directory: PathBuf,
    jobs: usize,
    /// When the budget ends.
    deadline: Option<Instant>,
    bar: Option<ProgressBar>,
    last_line: Instant,
    /// How many runs have ended since it began.
    pub made: usize,
}

impl Watch {
    pub(in crate::cli) fn new(directory: &Path, jobs: usize, budget: Option<Duration>) -> Self {
        let now = Instant::now();
        let deadline = budget.map(|budget| now + budget);
        Self { directory: directory.to_owned(), jobs, deadline, bar: None, last_line: now, made: 0 }
    }

    /// `12 of 200 runs, 1 not as expected, about 14 min left`
    fn told(&self, tally: &Tally) -> String {
        let unexpected = tally.outcomes.len() as u32 - tally.rows.iter().map(|row| row.expected).sum::<u32>();
        let left = tally.remaining(self.jobs).map_or_else(String::new, |left| {
            let budget_left = self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            match budget_left.filter(|budget| *budget < left) {
                Some(budget) => format!(", about {} left, when the budget is over", rough(budget)),
                None => format!(", about {} left", rough(left)),
            }
        });
        format!("{} of {} runs, {unexpected} not as expected{left}", tally.outcomes.len(), tally.planned())
    }

    fn line(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.println(line),
            None => eprintln!("{line}"),
        }
    }
}

impl Watcher for Watch {
    fn begins(&mut self, tally: &Tally, cut_off: bool) {
        let (campaign, known) = (&tally.campaign, tally.outcomes.len());
        let shard = if tally.shard.is_whole() { String::new() } else { format!(", shard {}", tally.shard) };
        eprintln!(
            "campaign {}, seed {}{shard}: {} runs of {} rows, {} at a time, in {}",
            campaign.name,
            campaign.seed,
            tally.planned(),
            campaign.rows.len(),
            self.jobs,
            self.directory.display()
        );
        if known > 0 {
            eprintln!("it goes on: {known} runs are known already");
        }
        if cut_off {
            eprintln!("the last line of its journal had been cut off; that run is made again");
        }
        if std::io::stderr().is_terminal() {
            let style = ProgressStyle::with_template("{bar:24.cyan/dim} {msg}").expect("the template is well-formed");
            let bar = ProgressBar::new(tally.planned() as u64).with_style(style).with_position(known as u64);
            bar.set_message(self.told(tally));
            bar.enable_steady_tick(Duration::from_secs(1));
            self.bar = Some(bar);
        }
    }

    fn ended(&mut self, tally: &Tally, trial: Trial, kind: Option<&Signature>) {
        self.made += 1;
        let (row, outcome) = (&tally.campaign.rows[trial.row], &tally.outcomes[&trial]);
        if !row.expects(outcome) {
            let what = kind.map_or("", |kind| kind.what.as_str());
            self.line(&format!("{}, seed {}: {}: {what}", row.name, trial.seed, style(outcome.verdict).yellow()));
        }
        match &self.bar {
            Some(bar) => {
                bar.set_position(tally.outcomes.len() as u64);
                bar.set_message(self.told(tally));
            }
            None if self.last_line.elapsed() >= LINE_EVERY || tally.is_complete() => {
                self.last_line = Instant::now();
                eprintln!("{}", self.told(tally));
            }
            None => {}
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// A duration as a person says it: nobody waits for the seconds of an hour.
fn rough(duration: Duration) -> String {
    match duration.as_secs() {
        seconds @ 0..90 => format!("{seconds} s"),
        seconds @ 90..5400 => format!("{} min", (seconds + 30) / 60),
        seconds => format!("{:.1} h", seconds as f64 / 3600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_told_roughly() {
        for (seconds, told) in
            [(0, "0 s"), (89, "89 s"), (90, "2 min"), (3599, "60 min"), (5400, "1.5 h"), (86400, "24.0 h")]
        {
            assert_eq!(rough(Duration::from_secs(seconds)), told);
        }
    }
}
