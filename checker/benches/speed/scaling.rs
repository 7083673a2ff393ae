//! Deciding histories of which each is ten times as long as the one before.

use std::time::Instant;

use interregnum_checker::history::History;
use interregnum_checker::linearizability::{Options, check_while};
use interregnum_checker::verdict::Verdict;
use interregnum_checker::{availability, elements, leadership, lost_writes, sessions, split_brain, staleness};

use crate::arguments::{Arguments, Effort};
use crate::kinds::{self, Kind, MOST_PATIENCE};
use crate::promises::Promise;
use crate::stopwatch::{Contestant, Lap, Times, race, ratio, rounds, time};
use crate::table::{self, thousands};

/// Where the cost is n log n, ten times 100,000 operations take 10 · log 1,000,000 / log 100,000 times as long.
const MOST_GROWTH: f64 = 12.0;

/// Runs a checker on a history of this kind. It panics where the answer is wrong.
type Check = fn(&History, Kind) -> Lap;

pub(crate) fn registers(arguments: &Arguments) -> Vec<Promise> {
    let rows = linearizability(arguments, &kinds::registers(), arguments.lengths(), decide_and_prove);
    if arguments.effort != Effort::Full {
        return Vec::new();
    }
    let slowest = rows.iter().map(|row| row.longest().median().as_secs_f64()).fold(0.0, f64::max);
    let steepest = rows.iter().filter_map(Row::growth).fold(0.0, f64::max);
    vec![
        Promise { what: "seconds to decide a register of a million operations", most: 1.0, measured: slowest },
        Promise { what: "times as long for ten times the operations", most: MOST_GROWTH, measured: steepest },
    ]
}

pub(crate) fn lists(arguments: &Arguments) -> Vec<Promise> {
    linearizability(arguments, &kinds::lists(), arguments.lengths(), decide_and_prove);
    Vec::new()
}

/// A search may give up: its budgets are those that users have, and a minute. What its proofs cost is measured with
/// etcd's logs.
pub(crate) fn repeating_registers(arguments: &Arguments) -> Vec<Promise> {
    linearizability(arguments, &kinds::repeating_registers(), arguments.lengths_for_search(), decide);
    Vec::new()
}

pub(crate) fn other_checkers(arguments: &Arguments) -> Vec<Promise> {
    let checks: [(&str, Check); 7] = [
        ("availability: ", |history, _| {
            time(|| availability::check(history, &[], &availability::Options::default())).0
        }),
        ("elements: ", |history, _| time(|| elements::check(history, &elements::Options::default())).0),
        ("leadership: ", |history, _| time(|| leadership::check(history)).0),
        ("lost-writes: ", |history, _| time(|| lost_writes::check(history, &[])).0),
        ("sessions: ", |history, _| time(|| sessions::check(history)).0),
        ("split-brain: ", |history, _| time(|| split_brain::check(history)).0),
        ("staleness: ", |history, _| time(|| staleness::check(history, &[])).0),
    ];
    let kinds = kinds::for_all_checkers();
    let rows: Vec<Row> =
        kinds.iter().flat_map(|&kind| measure(arguments, arguments.lengths(), &[kind], &checks)).collect();
    print(arguments.lengths(), &rows);
    Vec::new()
}

/// The two verdicts of a kind are measured in turn.
fn linearizability(arguments: &Arguments, kinds: &[Kind], lengths: &[usize], check: Check) -> Vec<Row> {
    let checks = [("", check)];
    let rows: Vec<Row> = kinds.chunks(2).flat_map(|pair| measure(arguments, lengths, pair, &checks)).collect();
    print(lengths, &rows);
    rows
}

fn decide_and_prove(history: &History, kind: Kind) -> Lap {
    is_linearizable(history, kind, &Options::default())
}

fn decide(history: &History, kind: Kind) -> Lap {
    is_linearizable(history, kind, &Options { max_proof_work: 0, ..Options::default() })
}

fn is_linearizable(history: &History, kind: Kind, options: &Options) -> Lap {
    let begin = Instant::now();
    let (lap, linearizability) = time(|| check_while(history, options, &|_| begin.elapsed() < MOST_PATIENCE));
    let expected = if kind.is_linearizable() { Verdict::Pass } else { Verdict::Violation };
    let found = linearizability.judgement(history).verdict;
    assert!(found == expected || found == Verdict::Inconclusive, "{kind}: {found}, expected {expected}");
    Lap { is_finished: found == expected, ..lap }
}

/// One checker on one kind of history, at growing lengths.
struct Row {
    name: String,
    cells: Vec<Times>,
}

impl Row {
    fn longest(&self) -> &Times {
        self.cells.last().expect("there is a length")
    }

    /// How many times as long the longest history takes as the one before it, if both were decided.
    fn growth(&self) -> Option<f64> {
        match self.cells.as_slice() {
            [.., shorter, longer] if shorter.is_finished && longer.is_finished => {
                Some(ratio(longer.shortest(), shorter.shortest()))
            }
            _ => None,
        }
    }
}

/// A row for each kind and check.
fn measure(arguments: &Arguments, lengths: &[usize], kinds: &[Kind], checks: &[(&str, Check)]) -> Vec<Row> {
    let histories = |kind: &Kind| -> Vec<History> { lengths.iter().map(|&length| kind.history(length)).collect() };
    let histories: Vec<Vec<History>> = kinds.iter().map(histories).collect();
    let mut names = Vec::new();
    let mut contestants: Vec<Contestant> = Vec::new();
    for (&kind, histories) in kinds.iter().zip(&histories) {
        for &(name, check) in checks {
            names.push(format!("{name}{kind}"));
            contestants.extend(histories.iter().map(|history| Box::new(move || check(history, kind)) as Contestant));
        }
    }
    let times = race(rounds(arguments), &mut contestants);
    names
        .into_iter()
        .zip(times.chunks(lengths.len()))
        .map(|(name, cells)| Row { name, cells: cells.to_vec() })
        .collect()
}

fn print(lengths: &[usize], rows: &[Row]) {
    let head = std::iter::once("shortest / median".to_owned())
        .chain(lengths.iter().map(|&length| thousands(length)))
        .chain(std::iter::once("growth".to_owned()));
    let mut table: Vec<Vec<String>> = vec![head.collect()];
    for row in rows {
        let cells = row.cells.iter().map(Times::to_string);
        let growth = row.growth().map_or_else(String::new, |growth| format!("× {growth:.1}"));
        table.push(std::iter::once(row.name.clone()).chain(cells).chain([growth]).collect());
    }
    table::print(&table);
}
