//! `interregnum watch`: an experiment that a person steers by keys, with lag, throughput and failover time live. A run in everything else.

mod draw;
mod keys;
mod picture;
mod screen;

use std::io::IsTerminal as _;
use std::time::Duration;

use anyhow::bail;
use clap::Args;
use interregnum_checker::verdict::Verdict;
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval};

use super::run::RunFlags;
use super::{progress, run, say};
use crate::report::terminal;
use crate::run::{Order, Orders, Phase, Snapshot};
use keys::KEYS;
use picture::Picture;

/// What stands at the end of `watch --help`.
pub(super) const EXAMPLES: &str = "Keys:
  k kill the leader   p pause it   i isolate it   l slow its links   s switch over
  h heal everything   q quit: heal, settle, judge, and tell the verdict

What was done by hand is left as a schedule, as by any run: `interregnum replay RUN` does it again.
Without a terminal the keys are read as lines from standard input, and what happens is told in lines.

Exit codes: as of run";

/// How often it is looked, and a screen drawn anew.
const LOOK: Duration = Duration::from_millis(200);

/// How often a line tells how things are, where there is no terminal. What happens is told at once.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// The flags of `watch`: those of `run`, but no faults and ten minutes unless said otherwise.
#[derive(Clone, Debug, Args)]
#[command(mut_arg("time", |time| time.default_value("10m")), mut_arg("faults", |faults| faults.default_value("none")))]
#[command(mut_arg("scenario", |scenario| scenario.hide(true)))]
pub(super) struct WatchFlags {
    #[command(flatten)]
    run: RunFlags,
}

pub(super) fn watch(flags: WatchFlags) -> anyhow::Result<Verdict> {
    let flags = flags.run;
    if flags.is_scenario() {
        bail!("a scenario plays by itself: interregnum run --scenario NAME");
    }
    let name = flags.name();
    let (orders, ordered) = Orders::channel();
    let report = run::carry_out(flags, ordered, |time, watched| show(&name, time, watched, orders))?;
    say(terminal::full(&report));
    Ok(report.overall())
}

/// Shows the load and passes on what is asked for; then how the run comes to its end.
async fn show(name: &str, run_for: Duration, watched: watch::Receiver<Snapshot>, orders: mpsc::Sender<Order>) {
    let is_terminal = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    let mut picture = Picture::new(name, run_for);
    if is_terminal {
        if let Err(error) = screen::show(&mut picture, &watched, &orders).await {
            eprintln!("this terminal cannot be drawn on: {error}");
            let _ = orders.send(Order::End).await;
        }
    } else {
        show_lines(&mut picture, &watched, &orders).await;
    }
    progress::show(name, run_for, watched).await;
}

/// Tells what happens in lines, and how things are every few seconds.
async fn show_lines(picture: &mut Picture, watched: &watch::Receiver<Snapshot>, orders: &mpsc::Sender<Order>) {
    eprintln!("this is no terminal: keys are read as lines. {}", keys::help(", "));
    let mut pressed = keys::from_lines();
    let mut ticks = interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut looks = 0_u32;
    loop {
        tokio::select! {
            Some(key) = pressed.recv() => {
                if !press(key, orders).await {
                    eprintln!("`{key}` is no key: {}", keys::help(", "));
                }
            }
            now = ticks.tick() => {
                let snapshot = watched.borrow().clone();
                picture.look(now, &snapshot);
                for line in picture.news() {
                    eprintln!("{line}");
                }
                if snapshot.phase > Phase::Load {
                    return;
                }
                looks += 1;
                if looks.is_multiple_of((LINE_EVERY.as_millis() / LOOK.as_millis()) as u32) {
                    eprintln!("{}", picture.line(now, &snapshot));
                }
            }
        }
    }
}

/// Passes on what a key stands for; whether it stands for anything.
async fn press(key: char, orders: &mpsc::Sender<Order>) -> bool {
    let Some(known) = KEYS.iter().find(|known| known.key == key) else { return false };
    // Who no longer listens has come to the end of the load.
    let _ = orders.send(known.order).await;
    true
}
