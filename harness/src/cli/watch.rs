//! `interregnum watch`: an experiment that a person steers by keys, with lag, throughput and failover time live. A run in everything else.

mod draw;
mod keys;
mod lines;
mod picture;
mod screen;

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use anyhow::bail;
use clap::Args;
use interregnum_checker::verdict::Verdict;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::run::RunFlags;
use super::{progress, run, say};
use crate::report::terminal;
use crate::run::{Order, Orders, Phase, Snapshot};
use keys::KEYS;
use lines::Lines;
use picture::Picture;
use screen::Screen;

/// What stands at the end of `watch --help`.
pub(super) const EXAMPLES: &str = "Keys:
  k kill the leader   p pause it   i isolate it   l slow its links   s switch over
  h heal everything   q quit: heal, settle, judge, and tell the verdict

What was done by hand is left as a schedule, as by any run: `interregnum replay RUN` does it again.
Without a terminal the keys are read as lines from standard input, and what happens is told in lines.

Exit codes: as of run";

/// How often it is looked, and a screen drawn anew.
const LOOK: Duration = Duration::from_millis(200);

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

/// Where a person sees the picture, and whence the keys come.
trait Face {
    /// Begins to read keys.
    fn keys(&mut self) -> mpsc::Receiver<char>;

    /// Shows what there is to see after a look.
    fn show(&mut self, picture: &mut Picture, snapshot: &Snapshot, now: Instant) -> io::Result<()>;

    /// Somebody pressed what stands for nothing.
    fn is_no_key(&mut self, key: char);
}

/// Shows the load and passes on what is asked for; then how the run comes to its end.
async fn show(name: &str, run_for: Duration, watched: watch::Receiver<Snapshot>, orders: mpsc::Sender<Order>) {
    let picture = Picture::new(name, run_for);
    let is_terminal = io::stdin().is_terminal() && io::stderr().is_terminal();
    let steered = if is_terminal {
        match Screen::take() {
            Ok(screen) => steer(screen, picture, &watched, &orders).await,
            Err(error) => Err(error),
        }
    } else {
        steer(Lines::begin(), picture, &watched, &orders).await
    };
    if let Err(error) = steered {
        eprintln!("this terminal cannot be drawn on: {error}");
        let _ = orders.send(Order::End).await;
    }
    progress::show(name, run_for, watched).await;
}

/// Looks, shows, and passes on what keys ask for, until the load ends.
async fn steer(
    mut face: impl Face,
    mut picture: Picture,
    watched: &watch::Receiver<Snapshot>,
    orders: &mpsc::Sender<Order>,
) -> io::Result<()> {
    let mut pressed = face.keys();
    let mut ticks = interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            Some(key) = pressed.recv() => match KEYS.iter().find(|known| known.key == key) {
                // Who no longer listens has come to the end of the load.
                Some(known) => drop(orders.send(known.order).await),
                None => face.is_no_key(key),
            },
            now = ticks.tick() => {
                let snapshot = watched.borrow().clone();
                picture.look(now, &snapshot);
                face.show(&mut picture, &snapshot, now)?;
                if snapshot.phase > Phase::Load {
                    return Ok(());
                }
            }
        }
    }
}
