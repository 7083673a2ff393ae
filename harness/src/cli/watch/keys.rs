//! The keys of `interregnum watch`, and who reads them: from a terminal at once, from anything else as lines.

use std::io::{self, BufRead as _};
use std::time::Duration;

use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use tokio::sync::mpsc;

use crate::fault::{Fault, Shape};
use crate::run::Order;
use crate::target::Target;

/// What a key is for.
pub(super) struct Known {
    pub key: char,
    pub what: &'static str,
    pub order: Order,
}

const fn known(key: char, what: &'static str, order: Order) -> Known {
    Known { key, what, order }
}

const fn at_leader(fault: Fault) -> Order {
    Order::Strike(fault, Target::Leader)
}

/// The key that ends the load.
pub(super) const QUIT: char = 'q';

/// All keys, as the help line has them.
pub(super) const KEYS: [Known; 7] = [
    known('k', "kill leader", at_leader(Fault::Kill)),
    known('p', "pause it", at_leader(Fault::Pause)),
    known('i', "isolate it", at_leader(Fault::Partition(Shape::Isolate))),
    known('l', "slow it", at_leader(Fault::SlowLink { delay_ms: 50, jitter_ms: 20, bytes_per_s: 0 })),
    known('s', "switch over", at_leader(Fault::Switchover)),
    known('h', "heal", Order::Heal),
    known(QUIT, "quit", Order::End),
];

/// More than a person presses between two looks.
const MOST_WAITING: usize = 64;

/// How often a reader looks whether anybody still wants keys.
const LOOK: Duration = Duration::from_millis(100);

/// `k kill leader`, `p pause it` and so on, with something in between.
pub(super) fn help(between: &str) -> String {
    KEYS.iter().map(|known| format!("{} {}", known.key, known.what)).collect::<Vec<_>>().join(between)
}

/// The keys that are pressed in a terminal, until nobody wants them. A Ctrl-C quits, as the terminal passes it on as a key.
pub(super) fn from_terminal() -> mpsc::Receiver<char> {
    read_by(|keys| {
        while !keys.is_closed() {
            if !event::poll(LOOK)? {
                continue;
            }
            let Event::Key(pressed) = event::read()? else { continue };
            let key = match pressed.code {
                _ if pressed.kind == KeyEventKind::Release => continue,
                KeyCode::Char('c') if pressed.modifiers.contains(KeyModifiers::CONTROL) => QUIT,
                KeyCode::Char(key) => key,
                _ => continue,
            };
            let _ = keys.blocking_send(key);
        }
        Ok(())
    })
}

/// The keys that come as lines of standard input; its end quits.
pub(super) fn from_lines() -> mpsc::Receiver<char> {
    read_by(|keys| {
        for line in io::stdin().lock().lines() {
            for key in line?.chars().filter(|key| !key.is_whitespace()) {
                let _ = keys.blocking_send(key);
            }
        }
        Ok(())
    })
}

/// A thread that reads, as reading waits; the program's end does not wait for it. Where no key can be read any more, nobody could quit.
fn read_by(read: impl Fn(&mpsc::Sender<char>) -> io::Result<()> + Send + 'static) -> mpsc::Receiver<char> {
    let (sender, receiver) = mpsc::channel(MOST_WAITING);
    std::thread::spawn(move || {
        if let Err(error) = read(&sender) {
            eprintln!("keys cannot be read any more: {error}");
        }
        let _ = sender.blocking_send(QUIT);
    });
    receiver
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_key_stands_for_one_thing() {
        let keys: BTreeSet<_> = KEYS.iter().map(|known| known.key).collect();
        assert_eq!(keys.len(), KEYS.len());
        assert_eq!(help(", "), "k kill leader, p pause it, i isolate it, l slow it, s switch over, h heal, q quit");
    }
}
