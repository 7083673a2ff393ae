//! What `interregnum watch` tells where there is no terminal: what happens at once, and how things are every few seconds.

use std::io;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::picture::Picture;
use super::{Face, LOOK, keys};
use crate::run::Snapshot;

/// How often a line tells how things are.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Lines on standard error; keys are read as lines from standard input.
pub(super) struct Lines {
    looks: u128,
}

impl Lines {
    /// Tells how to steer.
    pub(super) fn begin() -> Self {
        eprintln!("this is no terminal: keys are read as lines. {}", keys::help(", "));
        Self { looks: 0 }
    }
}

impl Face for Lines {
    fn keys(&mut self) -> mpsc::Receiver<char> {
        keys::from_lines()
    }

    fn show(&mut self, picture: &mut Picture, snapshot: &Snapshot, now: Instant) -> io::Result<()> {
        for line in picture.news() {
            eprintln!("{line}");
        }
        self.looks += 1;
        if self.looks.is_multiple_of(LINE_EVERY.as_millis() / LOOK.as_millis()) {
            eprintln!("{}", picture.line(now, snapshot));
        }
        Ok(())
    }

    fn is_no_key(&mut self, key: char) {
        eprintln!("`{key}` is no key: {}", keys::help(", "));
    }
}
