//! The kinds of histories that are measured, and their files for other checkers.

use std::fmt;
use std::time::Duration;

use interregnum_checker::history::{Event, History, jsonl};

use crate::simulation::{Object, Recipe};
use crate::stale_read::make_a_read_stale;

/// A search is stopped after this long, as those of other checkers are when they are measured with the same histories.
pub(crate) const MOST_PATIENCE: Duration = Duration::from_mins(1);

/// A kind of history, of any length.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    object: Object,
    clients: usize,
    crashed_percent: u64,
    /// Whether a read near the end is stale. Without it the history is linearizable.
    is_stale: bool,
}

/// One register, unique values.
pub(crate) fn registers() -> Vec<Kind> {
    kinds(&[Object::UniqueRegister], &[20, 100], &[0, 1, 5])
}

/// One register to which five values are written again and again, so that only a search can decide.
pub(crate) fn repeating_registers() -> Vec<Kind> {
    kinds(&[Object::Register { values: 5 }], &[5, 10, 20], &[0, 1])
}

/// Many short lists, and one long one.
pub(crate) fn lists() -> Vec<Kind> {
    kinds(&[Object::ShortLists, Object::LongList], &[20], &[1])
}

/// One of each sort, linearizable: what the checkers of other promises, and the readers, are measured with.
pub(crate) fn for_all_checkers() -> Vec<Kind> {
    kinds(&[Object::UniqueRegister, Object::ShortLists], &[20], &[1])
        .into_iter()
        .filter(Kind::is_linearizable)
        .collect()
}

fn kinds(objects: &[Object], clients: &[usize], crashed_percents: &[u64]) -> Vec<Kind> {
    let mut kinds = Vec::new();
    for &object in objects {
        for &clients in clients {
            for &crashed_percent in crashed_percents {
                kinds.extend([false, true].map(|is_stale| Kind { object, clients, crashed_percent, is_stale }));
            }
        }
    }
    kinds
}

impl Kind {
    pub(crate) fn is_linearizable(&self) -> bool {
        !self.is_stale
    }

    fn events(&self, operations: usize) -> Vec<Event> {
        let Self { object, clients, crashed_percent, is_stale } = *self;
        let mut events = Recipe { object, clients, operations, crashed_percent }.events();
        if is_stale {
            make_a_read_stale(&mut events, object);
        }
        events
    }

    pub(crate) fn history(&self, operations: usize) -> History {
        History::from_events(self.events(operations)).expect("a simulation records what single-threaded clients can")
    }

    /// The history as a file of JSON lines.
    pub(crate) fn json_lines(&self, operations: usize) -> Vec<u8> {
        let mut text = Vec::new();
        for event in self.events(operations) {
            jsonl::write_event(&mut text, &event).expect("memory takes it");
        }
        text
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let object = match self.object {
            Object::UniqueRegister => "register",
            Object::Register { .. } => "repeating register",
            Object::ShortLists => "short lists",
            Object::LongList => "long list",
        };
        let verdict = if self.is_stale { "stale read" } else { "valid" };
        write!(f, "{object}, {} clients, {} % crashed, {verdict}", self.clients, self.crashed_percent)
    }
}
