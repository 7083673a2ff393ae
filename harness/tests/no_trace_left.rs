//! The promise: however a run ends, no process, port or temporary directory of it is left.

use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use interregnum::prelude::*;
use nix::sys::signal::{Signal, kill as send};
use nix::unistd::Pid;

/// Far beyond what anything here takes; a condition is met long before, or never.
const PATIENCE: Duration = Duration::from_mins(1);

/// Everything that a run has on the machine.
#[derive(Debug)]
struct Traces {
    processes: BTreeSet<i32>,
    scratch: PathBuf,
    ip: Ipv4Addr,
}

/// Waits until `look` finds something.
fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "not within {} s: {what}", PATIENCE.as_secs());
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Starts a long run in `directory` and waits until its clients are at work.
fn start_run(directory: &Path) -> Child {
    start_run_with(directory, &["--faults", "pause"])
}

fn start_run_with(directory: &Path, flags: &[&str]) -> Child {
    let out = directory.join("run");
    let child = Command::new(env!("CARGO_BIN_EXE_interregnum"))
        .args(["run", "--time", "60s", "--interval", "500ms", "--out"])
        .arg(&out)
        .args(flags)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_for("clients at work", || {
        let history = fs::read_to_string(out.join("history.jsonl")).ok()?;
        (history.lines().count() > 100).then_some(())
    });
    child
}

fn arguments(pid: i32) -> Vec<String> {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    bytes.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect()
}

/// What the harness process `parent` has started: nodes, each with its address and directory, and the guardian.
fn traces(parent: u32) -> Traces {
    let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
    let mut processes: BTreeSet<i32> = children.split_whitespace().map(|pid| pid.parse().unwrap()).collect();
    // Any thread of the harness may have started a node.
    for thread in fs::read_dir(format!("/proc/{parent}/task")).unwrap().flatten() {
        let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        processes.extend(children.split_whitespace().map(|pid| pid.parse::<i32>().unwrap()));
    }
    let node =
        processes.iter().map(|pid| arguments(*pid)).find(|words| words.get(1).is_some_and(|word| word == "node"));
    let node = node.expect("a node runs");
    let value = |flag: &str| node.iter().skip_while(|word| *word != flag).nth(1).unwrap().clone();
    let listen: std::net::SocketAddrV4 = value("--listen").parse().unwrap();
    let scratch = Path::new(&value("--data")).ancestors().nth(2).unwrap().to_owned();
    assert!(processes.len() >= 4, "three nodes and a guardian: {processes:?}");
    assert!(scratch.is_dir(), "{} is where the nodes write", scratch.display());
    Traces { processes, scratch, ip: *listen.ip() }
}

fn assert_gone(traces: &Traces) {
    // What is a zombie holds nothing any more but its number; on this machine init may be slow to collect it.
    let alive = |pid: &i32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
    };
    wait_for("every process ended", || (!traces.processes.iter().any(alive)).then_some(()));
    wait_for("the scratch directory removed", || (!traces.scratch.exists()).then_some(()));
    wait_for("the address free", || TcpListener::bind((traces.ip, 21_000)).ok());
    wait_for("a node's port free", || TcpListener::bind((traces.ip, 21_001)).ok());
}

#[test]
fn a_harness_that_is_killed_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let mut harness = start_run(directory.path());
    let traces = traces(harness.id());
    harness.kill().unwrap();
    harness.wait().unwrap();
    assert_gone(&traces);
    let history = fs::read_to_string(directory.path().join("run/history.jsonl")).unwrap();
    assert!(history.lines().count() > 100, "what was recorded is still there");
}

/// The mounts that are below a directory.
fn mounts(directory: &Path) -> Vec<String> {
    let table = fs::read_to_string("/proc/self/mounts").unwrap();
    let points = table.lines().filter_map(|line| line.split(' ').nth(1));
    points.filter(|point| Path::new(point).starts_with(directory)).map(str::to_owned).collect()
}

/// The nodes' disks are served by the harness itself. When it is killed they are dead, with nodes that wait for an answer of theirs.
#[test]
fn a_harness_that_is_killed_leaves_no_disk() {
    if let Some(obstacle) = interregnum::disk::obstacle() {
        return eprintln!("SKIPPED: {obstacle}");
    }
    let directory = tempfile::tempdir().unwrap();
    let mut harness = start_run_with(directory.path(), &["--disk", "faulty", "--fsync", "always", "--faults", "kill"]);
    let traces = traces(harness.id());
    assert_eq!(mounts(&traces.scratch).len(), 3, "a disk for each node");
    harness.kill().unwrap();
    harness.wait().unwrap();
    assert_gone(&traces);
    assert_eq!(mounts(&traces.scratch), [""; 0]);
}

#[test]
fn an_interrupted_run_heals_stops_and_writes_what_it_knows() {
    let directory = tempfile::tempdir().unwrap();
    let mut harness = start_run(directory.path());
    let traces = traces(harness.id());
    send(Pid::from_raw(harness.id().cast_signed()), Signal::SIGINT).unwrap();
    let status = harness.wait().unwrap();
    assert_gone(&traces);
    assert_eq!(status.code(), Some(2), "an interrupted run is inconclusive");
    let verdict = fs::read_to_string(directory.path().join("run/verdict.json")).unwrap();
    assert!(verdict.contains("the run was not interrupted"), "{verdict}");
}

/// A test that panics drops its run in the middle of everything.
#[test]
fn a_panicking_test_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("run");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let before = own_children();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        runtime.block_on(async {
            tokio::select! {
                _ = Experiment::new(Node::cluster(3)).out(&out).run_for(secs(60)) => unreachable!("a minute is long"),
                () = clients_at_work(&out) => panic!("as a failed assertion does"),
            }
        });
    }));
    assert!(panicked.is_err());
    wait_for("every process reaped", || own_children().is_subset(&before).then_some(()));
}

async fn clients_at_work(out: &Path) {
    while fs::read_to_string(out.join("history.jsonl")).map_or(0, |history| history.lines().count()) < 100 {
        tokio::time::sleep(millis(5)).await;
    }
}

/// The nodes and guardians that this test process has started and not reaped, told apart from other tests' by their
/// directory.
fn own_children() -> BTreeSet<i32> {
    let own = std::process::id().to_string();
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let is_own = |pid: &i32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let parent = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1));
        parent == Some(own.as_str()) && arguments(*pid).get(1).is_some_and(|role| role == "node" || role == "guardian")
    };
    pids.filter(is_own).collect()
}
