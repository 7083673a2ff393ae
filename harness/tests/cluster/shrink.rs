//! The promise: a run that broke a promise becomes smaller while it still does, and ends as a test that fails for the same reason.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use interregnum::Error;
use interregnum::prelude::*;

fn begin(directory: &Path, arguments: &str) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_interregnum"));
    command.args(arguments.split(' ')).current_dir(directory).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("it runs")
}

/// What a person sees, if it ended as expected.
fn told(output: &Output, code: i32) -> String {
    let text = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat();
    assert_eq!(output.status.code(), Some(code), "{text}");
    text
}

/// Reads at followers that are 20 ms away are stale without any fault, so the fault can be spared and the second node cannot.
#[test]
fn a_run_becomes_smaller_even_if_the_search_is_killed() {
    let directory = tempfile::tempdir().expect("a directory");
    let run = |arguments: &str| begin(directory.path(), arguments).wait_with_output().expect("it ends");
    let stale = "--ack async --read follower --link-delay 20ms --clients 2 --keys 1 --time 500ms";
    told(&run(&format!("run {stale} --faults pause --target most-up-to-date --interval 250ms --out run")), 1);

    let search = "shrink run --times 2 --jobs 2";
    let mut first = begin(directory.path(), search);
    let tries = directory.path().join("run-shrunk/tries.jsonl");
    let known = || fs::read_to_string(&tries).map_or(0, |text| text.matches("{\"tried\"").count());
    let deadline = Instant::now() + Duration::from_mins(1);
    while known() < 2 {
        assert!(Instant::now() < deadline, "nothing was tried");
        std::thread::sleep(millis(5));
    }
    first.kill().expect("SIGKILL");
    told_nothing(first);
    let before = known();

    let text = told(&run(search), 0);
    assert!(text.contains(&format!("it goes on with {before} tries that are known")), "{text}");
    let row = |name: &str| -> Vec<String> {
        let line = text.lines().find(|line| line.trim_start().starts_with(name));
        line.unwrap_or_else(|| panic!("no {name}: {text}")).split_whitespace().skip(1).map(str::to_owned).collect()
    };
    assert_eq!(row("faults"), ["1", "0"], "{text}");
    assert_eq!(row("nodes"), ["3", "2"], "{text}");
    assert!(directory.path().join("run-shrunk/schedule.toml").is_file(), "{text}");
    assert!(!directory.path().join("run-shrunk/try-1").exists(), "tries leave nothing");

    // Everything is known now, and the test is all that is printed.
    let output = run(&format!("{search} --as-test"));
    let source = String::from_utf8(output.stdout).expect("it is UTF-8");
    assert!(source.starts_with("use interregnum::prelude::*;") && source.contains("Node::cluster(2)"), "{source}");
    // A sound run has nothing to be shrunk.
    told(&run("run --nodes 1 --faults none --time 300ms --out sound"), 0);
    assert!(told(&run("shrink sound"), 3).contains("broke no promise: its verdict is pass"));
}

fn told_nothing(child: Child) {
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), None, "it was killed before its end");
}

fn generated() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cluster/as_test")
}

/// The text that is printed is the text that the next test compiles.
#[test]
fn a_run_is_printed_as_the_test_that_is_compiled_here() {
    let printed = told(&begin(&generated(), "as-test run").wait_with_output().expect("it ends"), 0);
    let file = generated().join("lost_writes.rs.txt");
    if std::env::var_os("INSTA_UPDATE").is_some_and(|update| update == "always") {
        fs::write(&file, &printed).expect("it can be written");
    }
    assert_eq!(printed, fs::read_to_string(file).expect("it is there"), "write it anew with INSTA_UPDATE=always");
}

/// The generated test, compiled, and run here: it fails, as its run did, because a write was lost.
#[test]
fn the_test_fails_for_the_same_reason() {
    // Inside of a function a test is none that `cargo test` runs, and can be called.
    mod pasted {
        #![allow(unnameable_test_items, unused_imports, reason = "it is called below")]
        include!("as_test/lost_writes.rs.txt");

        pub(super) fn run() -> interregnum::Result {
            lost_writes_of_seed_5()
        }
    }
    // A loss is a race, so one in a few runs is enough.
    let reports = std::iter::repeat_with(pasted::run).take(5);
    let lost = reports.filter_map(Result::err).any(|error| match error {
        Error::Verdict(report) => report.broke(no_lost_writes()) && error_says_so(&Error::Verdict(report)),
        Error::Harness(error) => panic!("{error:#}"),
    });
    assert!(lost, "no write was lost in five runs");
}

fn error_says_so(error: &Error) -> bool {
    error.to_string().contains("acknowledged writes lost")
}
