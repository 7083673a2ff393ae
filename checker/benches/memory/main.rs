//! How much memory it takes to read a history and to decide it, by an allocator that counts every byte. It ends with what
//! was promised and whether that was kept. How fast it goes is the other benchmark's question.

#[path = "../support/arguments.rs"]
mod arguments;
#[path = "../support/kinds.rs"]
mod kinds;
#[path = "../support/promises.rs"]
mod promises;
#[path = "../support/simulation.rs"]
mod simulation;
#[path = "../support/stale_read.rs"]
mod stale_read;
#[path = "../support/table.rs"]
mod table;

use std::hint::black_box;
use std::time::Instant;

use interregnum_checker::history::{History, jsonl};
use interregnum_checker::linearizability::{Options, check_while};
use interregnum_checker::{availability, elements, leadership, lost_writes, sessions, split_brain, staleness};
use peak_alloc::PeakAlloc;

use crate::arguments::{Arguments, Effort};
use crate::kinds::{Kind, MOST_PATIENCE};
use crate::promises::Promise;
use crate::table::thousands;

#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

/// The most that deciding a register of a million operations may need beyond the history, in megabytes.
const MOST_MEGABYTES: f64 = 300.0;

fn main() {
    let arguments = Arguments::parse();
    if let Some(directory) = &arguments.write {
        println!("The histories are written by the other benchmark: --bench speed -- --write {}", directory.display());
        return;
    }
    let mut promises = Vec::new();
    let tables =
        [("registers", kinds::registers()), ("lists", kinds::lists()), ("repeating", kinds::repeating_registers())];
    for (name, kinds) in tables.into_iter().filter(|(name, _)| arguments.wants(name)) {
        println!("{name}: megabytes at most beyond the history itself, while it is decided\n");
        let lengths = if name == "repeating" { arguments.lengths_for_search() } else { arguments.lengths() };
        let greatest = print(lengths, kinds.into_iter().map(|kind| (kind.to_string(), kind, is_linearizable as Work)));
        if name == "registers" && arguments.effort == Effort::Full {
            let what = "megabytes beyond the history to decide a register of a million operations";
            promises.push(Promise { what, most: MOST_MEGABYTES, measured: greatest });
        }
    }
    if arguments.wants("others") {
        println!("others: megabytes at most beyond the history itself\n");
        print(arguments.lengths(), other_checkers());
    }
    if arguments.wants("reading") {
        println!("reading: JSON lines\n");
        print_reading(&arguments);
    }
    promises::print(&promises);
}

/// Runs a checker on a history.
type Work = fn(&History);

/// Lets the compiler leave nothing out.
fn keep<T>(result: T) {
    drop(black_box(result));
}

fn is_linearizable(history: &History) {
    let begin = Instant::now();
    keep(check_while(history, &Options::default(), &|_| begin.elapsed() < MOST_PATIENCE));
}

fn other_checkers() -> impl Iterator<Item = (String, Kind, Work)> {
    let checks: [(&str, Work); 7] = [
        ("availability", |history| keep(availability::check(history, &[], &availability::Options::default()))),
        ("elements", |history| keep(elements::check(history, &elements::Options::default()))),
        ("leadership", |history| keep(leadership::check(history))),
        ("lost-writes", |history| keep(lost_writes::check(history, &[]))),
        ("sessions", |history| keep(sessions::check(history))),
        ("split-brain", |history| keep(split_brain::check(history))),
        ("staleness", |history| keep(staleness::check(history, &[]))),
    ];
    let each = move |kind: Kind| checks.map(|(name, check)| (format!("{name}: {kind}"), kind, check));
    kinds::for_all_checkers().into_iter().flat_map(each)
}

/// What the work allocates at most, at one time, beyond what was there when it began.
fn peak<T>(work: impl FnOnce() -> T) -> (usize, T) {
    let before = ALLOCATED.current_usage();
    ALLOCATED.reset_peak_usage();
    let result = work();
    (ALLOCATED.peak_usage().saturating_sub(before), result)
}

fn megabytes(bytes: usize) -> f64 {
    bytes as f64 / 1e6
}

/// Prints a row for each work, and returns the greatest number of megabytes.
fn print(lengths: &[usize], works: impl Iterator<Item = (String, Kind, Work)>) -> f64 {
    let head = std::iter::once("megabytes".to_owned()).chain(lengths.iter().map(|&length| thousands(length)));
    let mut table: Vec<Vec<String>> = vec![head.collect()];
    let mut greatest = 0.0_f64;
    for (name, kind, work) in works {
        let mut row = vec![name];
        for &length in lengths {
            let history = kind.history(length);
            let (bytes, ()) = peak(|| work(&history));
            greatest = greatest.max(megabytes(bytes));
            row.push(format!("{:.2}", megabytes(bytes)));
        }
        table.push(row);
    }
    table::print(&table);
    greatest
}

fn print_reading(arguments: &Arguments) {
    let head = ["bytes per operation", "in the file", "at most while reading", "kept"];
    let mut table = vec![head.map(str::to_owned).to_vec()];
    for kind in kinds::for_all_checkers() {
        for &operations in arguments.lengths() {
            let text = kind.json_lines(operations);
            let before = ALLOCATED.current_usage();
            let (most, _read) = peak(|| jsonl::read(text.as_slice(), "benchmark").expect("valid"));
            let kept = ALLOCATED.current_usage() - before;
            let row = [text.len(), most, kept].map(|bytes| thousands(bytes / operations));
            table.push(std::iter::once(format!("{} operations: {kind}", thousands(operations))).chain(row).collect());
        }
    }
    table::print(&table);
}
