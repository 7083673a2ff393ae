//! Jepsen's logs of an early etcd, in `shared/` beside the repository: small histories that people really had, and that
//! only a search can decide. Reading, deciding and proving are measured apart.

use std::fs;
use std::path::Path;
use std::time::Duration;

use interregnum_checker::history::{History, jepsen_log};
use interregnum_checker::linearizability::{FailedCas, Options, check};
use interregnum_checker::verdict::Verdict;

use crate::arguments::{Arguments, Effort};
use crate::promises::Promise;
use crate::stopwatch::{Contestant, Lap, Times, race, shown, time};
use crate::table;

/// A log, and whether its own project says that it is linearizable.
struct Log {
    name: String,
    text: Vec<u8>,
    is_linearizable: bool,
}

pub(crate) fn measure(arguments: &Arguments) -> Vec<Promise> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/histories/etcd-jepsen");
    let Ok(verdicts) = fs::read_to_string(folder.join("VERDICTS")) else {
        println!("SKIPPED: {} is missing\n", folder.display());
        return Vec::new();
    };
    let logs: Vec<Log> = verdicts.lines().map(|line| log(&folder, line)).collect();
    let histories: Vec<History> = logs.iter().map(|log| read(log).1).collect();
    let mut contestants: Vec<Contestant> = Vec::new();
    contestants.extend(logs.iter().map(|log| Box::new(|| read(log).0) as Contestant));
    for max_proof_work in [0, Options::default().max_proof_work] {
        let deciders = logs.iter().zip(&histories);
        contestants.extend(
            deciders.map(|(log, history)| Box::new(move || decide(log, history, max_proof_work)) as Contestant),
        );
    }
    // Each takes microseconds to milliseconds, so there is time for many rounds.
    let rounds = if arguments.effort == Effort::Test { 1 } else { 50 };
    let times = race(rounds, &mut contestants);
    print(&logs, &times);
    Vec::new()
}

/// The log of which a line of `VERDICTS` tells.
fn log(folder: &Path, line: &str) -> Log {
    let (name, verdict) = line.split_once(' ').expect("a file and its verdict");
    let text = fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    Log { name: name.to_owned(), text, is_linearizable: verdict.trim() == "true" }
}

fn read(log: &Log) -> (Lap, History) {
    let (lap, read) = time(|| jepsen_log::read(log.text.as_slice(), &log.name));
    (lap, read.unwrap_or_else(|error| panic!("{error}")).history)
}

/// Without work on proofs it does what other checkers do: it gives the verdict.
fn decide(log: &Log, history: &History, max_proof_work: u64) -> Lap {
    let options = Options { failed_cas: FailedCas::SawAnotherValue, max_proof_work, ..Options::default() };
    let (lap, linearizability) = time(|| check(history, &options));
    let expected = if log.is_linearizable { Verdict::Pass } else { Verdict::Violation };
    assert_eq!(linearizability.judgement(history).verdict, expected, "{}", log.name);
    lap
}

fn print(logs: &[Log], times: &[Times]) {
    let head = ["shortest / median", "all together", "median log", "slowest log", "which"];
    let mut table = vec![head.map(str::to_owned).to_vec()];
    for (work, times) in ["read", "decide", "decide and prove"].into_iter().zip(times.chunks(logs.len())) {
        let total = |of: fn(&Times) -> Duration| shown(times.iter().map(of).sum());
        let mut order: Vec<usize> = (0..logs.len()).collect();
        order.sort_by_key(|&log| times[log].median());
        let (middle, slowest) = (order[logs.len() / 2], order[logs.len() - 1]);
        table.push(vec![
            format!("{work} {} logs", logs.len()),
            format!("{} / {}", total(Times::shortest), total(Times::median)),
            times[middle].to_string(),
            times[slowest].to_string(),
            logs[slowest].name.clone(),
        ]);
    }
    table::print(&table);
}
