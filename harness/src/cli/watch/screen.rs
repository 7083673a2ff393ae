//! The terminal while `interregnum watch` draws on it: a screen of its own, given back whatever happens.

use std::io::{self, Stderr, stderr};

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval};

use super::picture::Picture;
use super::{LOOK, draw, keys, press};
use crate::run::{Order, Phase, Snapshot};

/// Draws the load, and passes on what keys ask for, until the load ends.
pub(super) async fn show(
    picture: &mut Picture,
    watched: &watch::Receiver<Snapshot>,
    orders: &mpsc::Sender<Order>,
) -> io::Result<()> {
    let mut screen = Screen::take()?;
    let mut pressed = keys::from_terminal();
    let mut ticks = interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            Some(key) = pressed.recv() => drop(press(key, orders).await),
            now = ticks.tick() => {
                let snapshot = watched.borrow().clone();
                picture.look(now, &snapshot);
                if snapshot.phase > Phase::Load {
                    return Ok(());
                }
                screen.0.draw(|frame| draw::draw(frame, picture, &snapshot, now))?;
            }
        }
    }
}

/// The terminal in our hands. Standard output stays the report's.
struct Screen(Terminal<CrosstermBackend<Stderr>>);

impl Screen {
    fn take() -> io::Result<Self> {
        give_back_before_a_panic_is_told();
        enable_raw_mode()?;
        execute!(stderr(), EnterAlternateScreen).inspect_err(|_| give_back())?;
        Terminal::new(CrosstermBackend::new(stderr())).map(Self).inspect_err(|_| give_back())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.0.show_cursor();
        give_back();
    }
}

fn give_back() {
    let _ = execute!(stderr(), LeaveAlternateScreen);
    let _ = disable_raw_mode();
}

/// What a panic says would be lost with the screen.
fn give_back_before_a_panic_is_told() {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        give_back();
        tell(panic);
    }));
}
