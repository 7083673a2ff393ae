//! What nodes and clients saw of a run, for tests of faults: the nodes' logs, the recorded operations, and when which fault was
//! in force.

use std::fs;
use std::ops::Range;

use interregnum::prelude::*;
use serde_json::Value;

/// The lines of a node's log that hold `what`, in order; each begins with its time.
pub(crate) fn lines(report: &Report, node: usize, what: &str) -> Vec<String> {
    let log = fs::read_to_string(report.run_dir().logs().join(format!("n{node}.log"))).unwrap();
    log.lines().filter(|line| line.contains(what)).map(str::to_owned).collect()
}

/// An operation that ended.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) invoked_ns: u64,
    pub(crate) ended_ns: u64,
    pub(crate) outcome: String,
    pub(crate) is_write: bool,
    pub(crate) node: String,
    pub(crate) error: String,
}

/// Every operation that ended, in the order of the ends.
pub(crate) fn operations(report: &Report) -> Vec<Operation> {
    let mut open = std::collections::BTreeMap::new();
    let mut ended = Vec::new();
    for event in read(&report.run_dir().history()) {
        let process = event["process"].as_u64().unwrap();
        let time = event["time"].as_u64().unwrap();
        if event["type"] == "invoke" {
            open.insert(process, time);
            continue;
        }
        let word = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
        ended.push(Operation {
            invoked_ns: open[&process],
            ended_ns: time,
            outcome: word("type"),
            is_write: event["f"] != "read",
            node: word("node"),
            error: word("error"),
        });
    }
    ended
}

/// When a fault was in force, from when it was injected until its undoing began.
pub(crate) fn in_force(report: &Report, fault: Fault) -> Range<u64> {
    let events = read(&report.run_dir().events());
    let time_of = |kind: &str, field: &str| {
        let of_fault = |event: &&Value| event["event"] == kind && event["fault"] == fault.to_string();
        let event = events.iter().find(of_fault);
        event.unwrap_or_else(|| panic!("no {kind} of {fault}, see {}", report.run_dir().path().display()))[field]
            .as_u64()
            .unwrap()
    };
    time_of("inject", "time")..time_of("undo", "began_ns")
}

/// Whom a node took for its leader whenever that was new to the monitor, within a time; empty where it knew of none.
pub(crate) fn leaders_of(report: &Report, node: usize, range: &Range<u64>) -> Vec<String> {
    let events = read(&report.run_dir().events());
    let of_node = |event: &&Value| event["event"] == "status" && event["node"] == format!("n{node}");
    let within = events.iter().filter(of_node).filter(|event| range.contains(&event["time"].as_u64().unwrap()));
    within.map(|event| event["leader"].as_str().unwrap_or_default().to_owned()).collect()
}

/// Every event of this kind, as it is written.
pub(crate) fn told(report: &Report, kind: &str) -> Vec<String> {
    let of_kind = read(&report.run_dir().events()).into_iter().filter(|event| event["event"] == kind);
    of_kind.map(|event| event.to_string()).collect()
}

/// When each event of this kind happened.
pub(crate) fn times(report: &Report, kind: &str) -> Vec<u64> {
    let of_kind = read(&report.run_dir().events()).into_iter().filter(|event| event["event"] == kind);
    of_kind.map(|event| event["time"].as_u64().unwrap()).collect()
}

/// A directory for one of a test's several runs.
pub(crate) fn directory(name: &str) -> std::path::PathBuf {
    let test = std::thread::current().name().unwrap_or_default().to_owned();
    let directory = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(test.replace("::", ".")).join(name);
    let _ = fs::remove_dir_all(&directory); // of a run before
    directory
}

fn read(path: &std::path::Path) -> Vec<Value> {
    fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}
