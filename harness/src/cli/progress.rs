//! Live progress of a run: a bar in a terminal, a plain line every few seconds elsewhere. It watches and never waits.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::sync::watch;
use tokio::time::{Instant, interval};

use crate::run::{Phase, Snapshot};

/// How often a terminal is redrawn, and how often a line is printed elsewhere.
const REDRAW: Duration = Duration::from_millis(100);
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Shows the progress of a run whose load lasts `run_for`, until it is dropped.
pub(super) async fn show(name: &str, run_for: Duration, progress: watch::Receiver<Snapshot>) {
    if std::io::stderr().is_terminal() {
        show_bar(name, run_for, progress).await;
    } else {
        show_lines(name, run_for, progress).await;
    }
}

async fn show_bar(name: &str, run_for: Duration, progress: watch::Receiver<Snapshot>) {
    let style = ProgressStyle::with_template("{prefix} {bar:16.cyan/dim} {msg}").expect("the template is well-formed");
    let bar = ProgressBar::new(run_for.as_millis() as u64).with_style(style).with_prefix(name.to_owned());
    let _cleared = ClearOnDrop(bar.clone());
    let mut ticks = interval(REDRAW);
    let mut throughput = Throughput::default();
    loop {
        ticks.tick().await;
        let snapshot = progress.borrow().clone();
        bar.set_position(position(&snapshot, run_for));
        bar.set_message(describe(&snapshot, &mut throughput));
    }
}

/// A bar is taken away with the future that draws it.
struct ClearOnDrop(ProgressBar);

impl Drop for ClearOnDrop {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

async fn show_lines(name: &str, run_for: Duration, progress: watch::Receiver<Snapshot>) {
    let mut ticks = interval(LINE_EVERY);
    ticks.tick().await;
    let mut throughput = Throughput::default();
    loop {
        ticks.tick().await;
        let snapshot = progress.borrow().clone();
        let percent = 100 * position(&snapshot, run_for) / (run_for.as_millis() as u64).max(1);
        eprintln!("{name}: {percent} %, {}", describe(&snapshot, &mut throughput));
    }
}

fn position(snapshot: &Snapshot, run_for: Duration) -> u64 {
    let total = run_for.as_millis() as u64;
    match snapshot.phase {
        Phase::Setup => 0,
        Phase::Load => snapshot.load_began.map_or(0, |began| (began.elapsed().as_millis() as u64).min(total)),
        Phase::Heal | Phase::Settle | Phase::Judge => total,
    }
}

fn describe(snapshot: &Snapshot, throughput: &mut Throughput) -> String {
    let counts = snapshot.counts;
    let leader = match snapshot.leader {
        Some((leader, epoch)) => format!("{leader} leads epoch {epoch:<2}"),
        None => "no leader yet   ".to_owned(),
    };
    let faults = if snapshot.faults.is_empty() { "no fault".to_owned() } else { snapshot.faults.join(", ") };
    let per_s = throughput.per_s(counts.ok, snapshot.load_began);
    // What changes the story comes first: a narrow terminal cuts the line off.
    format!(
        "{:<6} {leader} {:<12} {} ok ({per_s:.0}/s) {} fail {} info",
        snapshot.phase,
        console::style(faults).yellow(),
        counts.ok,
        counts.fail,
        counts.info,
    )
}

/// Acknowledgements per second, smoothed over the last few looks.
#[derive(Default)]
struct Throughput {
    last: Option<(Instant, u64)>,
    per_s: f64,
}

impl Throughput {
    /// The weight of the newest look: about a second's memory at ten looks a second.
    const WEIGHT: f64 = 0.2;

    fn per_s(&mut self, ok: u64, load_began: Option<Instant>) -> f64 {
        let now = Instant::now();
        if let Some((before, ok_before)) = self.last.or(load_began.map(|began| (began, 0))) {
            let seconds = (now - before).as_secs_f64().max(1e-3);
            let current = ok.saturating_sub(ok_before) as f64 / seconds;
            self.per_s += (current - self.per_s) * if self.per_s == 0.0 { 1.0 } else { Self::WEIGHT };
        }
        self.last = Some((now, ok));
        self.per_s
    }
}
