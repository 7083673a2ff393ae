//! The terminal while `interregnum watch` draws on it: a screen of its own, given back whatever happens.

use std::io::{self, Stderr, stderr};

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::picture::Picture;
use super::{Face, draw, keys};
use crate::run::Snapshot;

/// The terminal in our hands. Standard output stays the report's.
pub(super) struct Screen(Terminal<CrosstermBackend<Stderr>>);

impl Screen {
    pub(super) fn take() -> io::Result<Self> {
        give_back_before_a_panic_is_told();
        enable_raw_mode()?;
        execute!(stderr(), EnterAlternateScreen).inspect_err(|_| give_back())?;
        Terminal::new(CrosstermBackend::new(stderr())).map(Self).inspect_err(|_| give_back())
    }
}

impl Face for Screen {
    fn keys(&mut self) -> mpsc::Receiver<char> {
        keys::from_terminal()
    }

    fn show(&mut self, picture: &mut Picture, snapshot: &Snapshot, now: Instant) -> io::Result<()> {
        self.0.draw(|frame| draw::draw(frame, picture, snapshot, now)).map(drop)
    }

    /// The keys are on the screen.
    fn is_no_key(&mut self, _: char) {}
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
