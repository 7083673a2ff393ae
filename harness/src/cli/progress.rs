//! Live progress of a run: a bar and what goes on in a terminal, a plain line every few seconds elsewhere. It watches and never waits.

pub(super) mod window;

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::sync::watch;
use tokio::time::{Instant, interval};

use self::window::{Recent, Window};
use crate::run::{Phase, Snapshot};

/// How often a terminal is redrawn, and how often a line is printed elsewhere.
const REDRAW: Duration = Duration::from_millis(100);
const LINE_EVERY: Duration = Duration::from_secs(5);

/// What is told of throughput and latency in a terminal is of so long; a line is about the time since the last one.
const LATELY: Duration = Duration::from_secs(1);

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
    let mut window = Window::of_last(LATELY);
    loop {
        let now = ticks.tick().await;
        let snapshot = progress.borrow().clone();
        let recent = window.look(now, &snapshot.tally);
        bar.set_position(spent(&snapshot, run_for, now).as_millis() as u64);
        // What changes the story comes first: a narrow terminal cuts lines off.
        let [time, leader, faults] = [time(&snapshot, run_for, now), leader(&snapshot), faults(&snapshot)];
        let faults = console::style(faults).for_stderr().yellow();
        bar.set_message(format!("{time}  {leader}  {faults}\n  {}", served(&snapshot, recent)));
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
    let mut window = Window::of_last(LINE_EVERY);
    window.look(ticks.tick().await, &progress.borrow().tally);
    loop {
        let now = ticks.tick().await;
        let snapshot = progress.borrow().clone();
        let recent = window.look(now, &snapshot.tally);
        eprintln!("{name}: {}", line(&snapshot, run_for, now, recent));
    }
}

/// Everything in one line.
pub(super) fn line(snapshot: &Snapshot, run_for: Duration, now: Instant, recent: Recent) -> String {
    [time(snapshot, run_for, now), leader(snapshot), faults(snapshot), served(snapshot, recent)].join("; ")
}

/// How much of the load's time has gone by.
fn spent(snapshot: &Snapshot, run_for: Duration, now: Instant) -> Duration {
    match snapshot.phase {
        Phase::Setup => Duration::ZERO,
        Phase::Load => snapshot.load_began.map_or(Duration::ZERO, |began| (now - began).min(run_for)),
        Phase::Heal | Phase::Settle | Phase::Judge => run_for,
    }
}

/// `load 3 s, 7 s left`
pub(super) fn time(snapshot: &Snapshot, run_for: Duration, now: Instant) -> String {
    match snapshot.phase {
        Phase::Load => {
            let spent = spent(snapshot, run_for, now);
            let left = run_for.saturating_sub(spent).as_secs_f64().ceil();
            format!("load {} s, {left} s left", spent.as_secs())
        }
        phase => phase.to_string(),
    }
}

/// `n2 leads epoch 3; n1 lags 12 records, 4 ms`, where the follower is told that is furthest behind.
fn leader(snapshot: &Snapshot) -> String {
    let Some((leader, epoch)) = snapshot.leader else { return "no leader yet".to_owned() };
    let furthest = snapshot.lags.iter().max_by_key(|(_, lag)| (lag.records, lag.ms));
    let lag = match furthest.filter(|(_, lag)| lag.records > 0) {
        Some((node, lag)) => format!("; {node} lags {} records, {} ms", lag.records, lag.ms),
        None => String::new(),
    };
    format!("{leader} leads epoch {epoch}{lag}")
}

pub(super) fn faults(snapshot: &Snapshot) -> String {
    let names: Vec<_> = snapshot.faults.iter().map(|fault| fault.name.as_str()).collect();
    if names.is_empty() { "no fault".to_owned() } else { names.join(", ") }
}

/// `6825 ok (1371/s, p99 4 ms), 8 fail, 19 info`
pub(super) fn served(snapshot: &Snapshot, Recent { ok_per_s, p99 }: Recent) -> String {
    let counts = snapshot.tally.counts();
    let p99 = p99.map_or_else(String::new, |p99| format!(", p99 {}", ms(p99)));
    format!("{} ok ({ok_per_s:.0}/s{p99}), {} fail, {} info", counts.ok, counts.fail, counts.info)
}

/// Milliseconds, with a decimal where that says something.
fn ms(duration: Duration) -> String {
    let ms = duration.as_secs_f64() * 1e3;
    if ms < 10.0 { format!("{ms:.1} ms") } else { format!("{ms:.0} ms") }
}

#[cfg(test)]
mod tests {
    use interregnum_checker::history::Outcome;

    use super::*;
    use crate::node_id::NodeId;
    use crate::run::FaultInForce;
    use crate::system::Lag;

    #[test]
    fn a_line_tells_what_there_is_to_tell() {
        let (run_for, now) = (Duration::from_secs(10), Instant::now());
        let mut snapshot = Snapshot::default();
        let mut told = vec![line(&snapshot, run_for, now, Recent::default())];

        let recent = Recent { ok_per_s: 1371.4, p99: Some(Duration::from_micros(4200)) };
        for (outcome, times) in [(Outcome::Ok, 6825), (Outcome::Fail, 8), (Outcome::Info, 19)] {
            (0..times).for_each(|_| snapshot.tally.count(outcome, Duration::ZERO));
        }
        snapshot.phase = Phase::Load;
        snapshot.load_began = Some(now.checked_sub(Duration::from_millis(3400)).unwrap());
        snapshot.leader = Some((NodeId(1), 3));
        snapshot.faults = ["kill n1", "slow-link n2"].map(|name| FaultInForce { name: name.into(), since: now }).into();
        snapshot.lags = [(NodeId(0), Lag { records: 12, ms: 40 }), (NodeId(2), Lag { records: 0, ms: 0 })].into();
        told.push(line(&snapshot, run_for, now, recent));

        snapshot.phase = Phase::Settle;
        snapshot.faults.clear();
        snapshot.lags.clear();
        told.push(line(&snapshot, run_for, now, Recent { p99: Some(Duration::from_millis(312)), ..recent }));
        insta::assert_snapshot!(told.join("\n"));
    }
}
