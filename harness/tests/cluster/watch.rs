//! The promise: a person steers an experiment by keys, sees what becomes of it, and gets the verdict and a schedule of what was done.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use interregnum::prelude::*;

/// An upper bound: what is waited for comes within a second or two, and within many more beside other work.
const LIMIT: Duration = Duration::from_mins(2);

/// `interregnum watch` without a terminal.
struct Watch {
    process: Child,
    /// `None`: no more keys come.
    keys: Option<ChildStdin>,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Watch {
    fn begin(arguments: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_interregnum"))
            .arg("watch")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (keys, told) = (process.stdin.take(), process.stderr.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(told).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Self { process, keys, lines, seen: Vec::new() }
    }

    fn press(&mut self, key: &str) {
        writeln!(self.keys.as_mut().unwrap(), "{key}").unwrap();
    }

    /// Waits for a line that comes after those that were waited for before.
    fn wait_for(&mut self, what: &str, is_it: impl Fn(&str) -> bool) {
        let deadline = Instant::now() + LIMIT;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left);
            let line = line.unwrap_or_else(|_| panic!("{what} was not told:\n{}", self.seen.join("\n")));
            self.seen.push(line);
            if self.seen.last().is_some_and(|line| is_it(line)) {
                return;
            }
        }
    }

    /// The exit code and standard output, when it has ended.
    fn end(mut self) -> (Option<i32>, String) {
        let mut report = String::new();
        self.process.stdout.take().unwrap().read_to_string(&mut report).unwrap();
        (self.process.wait().unwrap().code(), report)
    }
}

fn json(path: &Path) -> serde_json::Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn what_a_person_does_is_seen_judged_and_left_as_a_schedule() {
    let directory = tempfile::tempdir().unwrap();
    let run = directory.path().join("run");
    let mut watch = Watch::begin(&["--seed", "5", "--out", run.to_str().unwrap()]);
    watch.wait_for("how to steer", |line| line.contains("k kill leader"));
    watch.wait_for("that clients are served", |line| line.contains(" ok (") && !line.contains(" 0 ok"));
    watch.press("x");
    watch.wait_for("that x is no key", |line| line.contains("`x` is no key"));
    watch.press("k");
    watch.wait_for("the kill", |line| line.contains(" s  kill n"));
    // A busy machine may take several elections.
    watch
        .wait_for("the fail-over", |line| line.contains("writes go on in epoch ") && line.contains(" ms after kill n"));
    watch.press("h");
    watch.wait_for("the end of the kill", |line| line.contains(" is over, after "));
    watch.press("s");
    watch.wait_for("the switchover", |line| line.contains(" s  n") && line.contains(" leads epoch "));
    watch.press("q");
    let (code, report) = watch.end();
    assert_eq!(code, Some(0), "{report}");
    assert!(report.starts_with("pass: every promise held"), "{report}");
    assert!(report.contains("2 of 2 verified in effect: 1 kill, 1 switchover"), "{report}");
    assert!(report.contains(&format!("interregnum replay {}", run.display())), "{report}");

    let schedule = fs::read_to_string(run.join("schedule.toml")).unwrap();
    let steps = Schedule::from_toml(&schedule).unwrap().steps;
    assert_eq!(steps.iter().map(|step| step.fault).collect::<Vec<_>>(), [Fault::Kill, Fault::Switchover]);
    assert!(steps[0].hold_ms > 0, "it was held until it was healed: {schedule}");
    let run_for_ms = json(&run.join("run.json"))["run_for_ms"].as_u64().unwrap();
    let last_ms = steps.iter().map(|step| step.delay_ms + step.hold_ms).max().unwrap();
    assert!((last_ms..600_000).contains(&run_for_ms), "it is to last as long as it did: {run_for_ms} ms");
}

/// Nobody leads, so there is nobody to kill: that is told, and is no plan that was not kept.
#[test]
fn the_end_of_the_keys_ends_the_run_and_what_could_not_be_done_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let run = directory.path().join("run");
    let mut watch = Watch::begin(&["--nodes", "1", "--out", run.to_str().unwrap()]);
    watch.wait_for("that clients are served", |line| line.contains(" ok (") && !line.contains(" 0 ok"));
    watch.press("k");
    watch.wait_for("the kill", |line| line.contains(" s  kill n"));
    watch.press("k");
    watch.wait_for("that it was skipped", |line| line.contains("kill leader skipped: no node to strike"));
    watch.keys = None;
    let (code, report) = watch.end();
    assert!(code.is_some_and(|code| code != 3), "{report}");
    assert!(run.join("report.html").is_file());
}

#[test]
fn a_scenario_is_not_steered() {
    let (code, _) = Watch::begin(&["--scenario", "split-brain"]).end();
    assert_eq!(code, Some(3));
}
