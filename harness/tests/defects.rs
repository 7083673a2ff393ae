//! The promise: a bug that is planted in the nodes is found, by a checker of what it breaks, and told in a table.

use std::process::Command;

/// How often the suite may try: a run of a few seconds on a busy machine may meet too few faults.
const TRIES: u64 = 5;

#[test]
fn a_planted_bug_is_caught() {
    let caught = |seed: u64| {
        let out = tempfile::tempdir().unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_interregnum"))
            .args([
                "defects",
                "--only",
                "serve-before-replay",
                "--runs",
                "1",
                "--sound-runs",
                "0",
                "--time",
                "6s",
                "--json",
            ])
            .args(["--seed", &seed.to_string(), "--out"])
            .arg(out.path().join("suite"))
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let rows: serde_json::Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!((&rows[0]["defect"], &rows[0]["runs"]), (&"serve-before-replay".into(), &1.into()));
        let is_caught = rows[0]["caught"] == 1;
        assert_eq!(output.status.code(), Some(i32::from(!is_caught)), "the bar: {rows}");
        is_caught
    };
    assert!((1..=TRIES).any(caught), "a node that serves before it has replayed its log was not found in {TRIES} runs");
}

#[test]
fn every_defect_is_listed_with_what_it_is() {
    let listed = Command::new(env!("CARGO_BIN_EXE_interregnum")).args(["node", "--defect", "?"]).output().unwrap();
    assert!(listed.status.success());
    insta::assert_snapshot!("defects", String::from_utf8(listed.stdout).unwrap());
}
