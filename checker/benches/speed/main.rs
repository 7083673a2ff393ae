//! How fast histories are read and decided. It ends with what was promised and whether that was kept; a wrong answer ends
//! it at once. How much memory it takes is the other benchmark's question.

#[path = "../support/arguments.rs"]
mod arguments;
mod etcd;
#[path = "../support/kinds.rs"]
mod kinds;
#[path = "../support/promises.rs"]
mod promises;
mod reading;
mod scaling;
#[path = "../support/simulation.rs"]
mod simulation;
#[path = "../support/stale_read.rs"]
mod stale_read;
mod stopwatch;
#[path = "../support/table.rs"]
mod table;
mod writing;

use crate::arguments::Arguments;
use crate::promises::Promise;

/// Prints a table, and returns the promises that it put to the test.
type Measurement = fn(&Arguments) -> Vec<Promise>;

/// The tables by name.
const TABLES: [(&str, Measurement); 6] = [
    ("registers: one register, unique values", scaling::registers),
    ("lists: append lists of unique elements", scaling::lists),
    ("repeating-registers: one register, five values, decided by search", scaling::repeating_registers),
    ("others: the other checkers", scaling::other_checkers),
    ("etcd: Jepsen's logs of an early etcd, decided by search", etcd::measure),
    ("reading: JSON lines", reading::measure),
];

fn main() {
    let arguments = Arguments::parse();
    if let Some(directory) = &arguments.write {
        let written = writing::write(&arguments, directory);
        return written.unwrap_or_else(|error| panic!("cannot write histories into {}: {error}", directory.display()));
    }
    let mut promises = Vec::new();
    for (name, measure) in TABLES.into_iter().filter(|(name, _)| arguments.wants(name)) {
        println!("{name}\n");
        promises.extend(measure(&arguments));
    }
    promises::print(&promises);
}
