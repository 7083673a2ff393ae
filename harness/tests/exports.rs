//! The promise: a run can be opened by other people's tools. Each format is read by such a tool where there is one on this machine, and
//! checked for what its specification demands everywhere.

#[expect(dead_code, reason = "other tests open pages, press keys and click")]
#[path = "support/browser.rs"]
mod browser;
#[path = "support/stored_run.rs"]
mod stored_run;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use browser::Browser;
use serde_json::{Value, json};
use stored_run::StoredRun;

const OPERATIONS: u64 = 900;

fn interregnum(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_interregnum")).args(arguments).output().unwrap()
}

/// A made-up run in this directory, and what `interregnum export` writes of it.
fn exported(directory: &Path, format: &str) -> String {
    let run = directory.join("run");
    if !run.exists() {
        let odd_text = "\"quoted\", \\ <tags> & a\nsecond line".to_owned();
        StoredRun { operations: OPERATIONS, lost: 4, odd_text }.write(&run);
    }
    let file = directory.join(format!("run.{format}"));
    let output = interregnum(&["export", run.to_str().unwrap(), "--format", format, "-o", file.to_str().unwrap()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    fs::read_to_string(file).unwrap()
}

/// What another tool answers; `None`, said aloud, where it is not installed.
fn ask(tool: &str, arguments: &[&str]) -> Option<String> {
    let Ok(output) = Command::new(tool).args(arguments).output() else {
        eprintln!("SKIPPED: {tool} is not installed, so it did not read what was exported");
        return None;
    };
    assert!(output.status.success(), "{tool}: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

fn history(directory: &Path) -> String {
    fs::read_to_string(directory.join("run/history.jsonl")).unwrap()
}

#[test]
fn a_database_reads_every_operation_from_csv() {
    let directory = tempfile::tempdir().unwrap();
    let rows = exported(directory.path(), "csv");
    assert!(rows.starts_with("number,process,function,key,input,output,outcome,"), "{}", &rows[..100]);
    let import = format!(".import --csv {} operations", directory.path().join("run.csv").display());
    let question = "select count(*), sum(outcome = 'ok'), sum(error like '%second line'), max(cast(lsn as integer)) from operations";
    let Some(answer) = ask("sqlite3", &[":memory:", &import, question]) else { return };
    let all = history(directory.path()).lines().count() / 2;
    assert_eq!(answer.trim(), format!("{all}|{}|1|{}", all - 1, OPERATIONS + 1));
}

#[test]
fn prometheus_reads_every_sample_from_openmetrics() {
    let directory = tempfile::tempdir().unwrap();
    let text = exported(directory.path(), "openmetrics");
    assert!(text.ends_with("\n# EOF\n"));
    let samples = text.lines().filter(|line| !line.starts_with('#')).count();
    let acknowledged =
        text.lines().rfind(|line| line.starts_with("interregnum_operations_total{outcome=\"ok\"}")).unwrap();
    let all = history(directory.path()).lines().count() / 2;
    assert_eq!(acknowledged.split(' ').nth(1).unwrap(), (all - 1).to_string());
    let (file, blocks) = (directory.path().join("run.openmetrics"), directory.path().join("blocks"));
    let arguments = ["tsdb", "create-blocks-from", "openmetrics", file.to_str().unwrap(), blocks.to_str().unwrap()];
    let Some(answer) = ask("promtool", &arguments) else { return };
    let row = answer.lines().nth(1).unwrap_or_default();
    assert!(row.split_whitespace().any(|cell| cell == samples.to_string()), "{samples} samples: {answer}");
}

#[test]
fn jepsens_history_has_every_event_and_the_faults() {
    let directory = tempfile::tempdir().unwrap();
    let text = exported(directory.path(), "edn");
    assert!(text.contains(":f :start-kill, :value [\"n1\"]") && text.contains(":f :stop-kill"), "the nemesis is there");
    let file = directory.path().join("run.edn");
    let back = interregnum(&["convert", file.to_str().unwrap(), "--to", "jsonl"]);
    let clients: String = String::from_utf8(back.stdout)
        .unwrap()
        .split_inclusive('\n')
        .filter(|line| !line.contains("\"nemesis\""))
        .collect();
    assert!(clients == history(directory.path()), "what is read back is not what was written");
}

#[test]
fn junit_has_a_case_for_each_promise_and_fails_those_that_broke() {
    let directory = tempfile::tempdir().unwrap();
    let text = exported(directory.path(), "junit");
    let report = quick_junit::Report::deserialize_from_str(&text).unwrap();
    let verdict: Value = serde_json::from_slice(&fs::read(directory.path().join("run/verdict.json")).unwrap()).unwrap();
    let judgements = verdict["judgements"].as_array().unwrap();
    let broken = judgements.iter().filter(|judgement| judgement["verdict"] == "violation").count();
    let gates = verdict["gates"].as_array().unwrap().len();
    assert!(broken > 0, "the run has lost writes");
    assert_eq!((report.tests, report.failures), (judgements.len() + gates, broken));
    assert!(text.contains("was acknowledged by n1"), "the proof is told: {text}");
}

/// How such lines are escaped is tested beside the code, against the rules of GitHub's runner.
#[test]
fn github_is_told_of_each_promise_that_broke_a_line_each() {
    let directory = tempfile::tempdir().unwrap();
    let lines = exported(directory.path(), "github");
    let lines: Vec<_> = lines.lines().collect();
    assert!(lines[0].starts_with("::error title=lost-writes%3A 4 of "), "{}", lines[0]);
    assert!(lines.iter().all(|line| line.starts_with("::error title=") && line.contains("::process ")), "{lines:?}");
    assert!(lines[0].ends_with("%0Ainterregnum run --seed 7"), "{}", lines[0]);
}

/// A gate that was not met is no violation, and is told all the same.
#[test]
fn github_is_told_of_gates_that_were_not_met() {
    let directory = tempfile::tempdir().unwrap();
    exported(directory.path(), "github");
    let file = directory.path().join("run/verdict.json");
    let mut verdict: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    verdict["gates"][0]["met"] = json!(false);
    verdict["gates"][0]["detail"] = json!("3, at least 10 wanted");
    fs::write(&file, verdict.to_string()).unwrap();
    fs::remove_file(directory.path().join("run.github")).unwrap();
    let told = exported(directory.path(), "github");
    let gate = "::warning title=not met%3A operations were acknowledged before the faults::3, at least 10 wanted%0Ainterregnum run --seed 7";
    assert!(told.lines().any(|line| line == gate), "{told}");
    let row = "| ? | gate | operations were acknowledged before the faults: 3, at least 10 wanted |";
    let told = exported(directory.path(), "markdown");
    assert!(told.lines().any(|line| line == row), "{told}");
}

#[test]
fn a_summary_has_a_row_for_each_promise_and_ends_with_how_to_see_it_again() {
    let directory = tempfile::tempdir().unwrap();
    let text = exported(directory.path(), "markdown");
    assert!(text.starts_with("## made up append seed 7: violation\n"), "{text}");
    assert!(text.contains("| ✗ | lost-writes | 4 of "), "{text}");
    assert!(text.contains("was acknowledged by n1"), "the proof is told: {text}");
    assert!(text.ends_with("```text\ninterregnum run --seed 7\n```\n"), "{text}");
}

/// What the trace event format demands: <https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU>.
#[test]
fn a_trace_has_a_slice_for_each_operation_and_slices_of_a_track_do_not_overlap() {
    let directory = tempfile::tempdir().unwrap();
    let written: Value = serde_json::from_str(&exported(directory.path(), "perfetto")).unwrap();
    let events = written["traceEvents"].as_array().unwrap();
    let mut tracks: BTreeMap<(u64, u64), Vec<(f64, f64)>> = BTreeMap::new();
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for event in events {
        let (kind, at) = (event["ph"].as_str().unwrap(), event["ts"].as_f64().unwrap());
        *kinds.entry(kind).or_default() += 1;
        let track = (event["pid"].as_u64().unwrap(), event["tid"].as_u64().unwrap());
        assert!(!event["name"].as_str().unwrap().is_empty());
        match kind {
            "X" => tracks.entry(track).or_default().push((at, at + event["dur"].as_f64().unwrap())),
            "C" => assert!(event["args"].as_object().unwrap().values().all(Value::is_number), "{event}"),
            "i" => assert_eq!(event["s"], "p"),
            kind => assert_eq!(kind, "M"),
        }
    }
    let operations: usize = tracks.iter().filter(|((group, _), _)| *group == 1).map(|(_, slices)| slices.len()).sum();
    assert_eq!(operations, history(directory.path()).lines().count() / 2);
    for (track, slices) in &mut tracks {
        slices.sort_by(|a, b| a.0.total_cmp(&b.0));
        // A microsecond is told with three digits behind the point, and sums of such are not exact.
        let overlap = slices.windows(2).find(|pair| pair[0].1 > pair[1].0 + 1e-3);
        assert_eq!(overlap, None, "on track {track:?}");
    }
    assert!(["C", "M", "X", "i"].iter().all(|kind| kinds.contains_key(kind)), "{kinds:?}");
}

/// Perfetto's own reader is a program that has to be fetched from Google. The one beside it for the same format is in every chromium:
/// the engine of its performance panel.
#[test]
fn chromiums_trace_engine_finds_every_operation_on_the_track_of_its_client() {
    let directory = tempfile::tempdir().unwrap();
    let trace = exported(directory.path(), "perfetto");
    let Some(mut browser) = Browser::start() else { return };
    browser.call("Page.navigate", &json!({"url": "devtools://devtools/bundled/devtools_app.html"}));
    browser.wait_for("document.readyState === 'complete'");
    let engine = "import('devtools://devtools/bundled/models/trace/trace.js')";
    if browser.value(&format!("{engine}.then(() => true, () => false)")) != json!(true) {
        eprintln!("SKIPPED: this chromium has no trace engine, so it did not read what was exported");
        return;
    }
    let tracks = browser.value(&format!(
        "(async () => {{
            const model = (await {engine}).TraceModel.Model.createWithAllHandlers();
            await model.parse(JSON.parse({}).traceEvents);
            const groups = model.parsedTrace().data.Renderer.processes;
            return [...groups].flatMap(([group, {{ threads }}]) =>
                [...threads.values()].map((track) => [group, track.name, track.entries.length, track.tree.maxDepth]));
        }})()",
        json!(trace)
    ));
    let tracks: Vec<(u64, String, usize, u64)> = serde_json::from_value(tracks).unwrap();
    let of_group = |wanted| tracks.iter().filter(move |(group, ..)| *group == wanted);
    assert_eq!(
        of_group(1).map(|(_, _, slices, _)| slices).sum::<usize>(),
        history(directory.path()).lines().count() / 2
    );
    let mut clients: Vec<_> = of_group(1).map(|(_, name, ..)| name.as_str()).collect();
    clients.sort_unstable();
    assert_eq!(clients, (0..10).map(|client| format!("client {client}")).collect::<Vec<_>>());
    let mut nodes: Vec<_> = of_group(2).map(|(_, name, ..)| name.as_str()).collect();
    nodes.sort_unstable();
    assert_eq!(nodes, ["n1", "n2", "n3"]);
    assert!(tracks.iter().all(|(.., depth)| *depth == 1), "slices of a track lie beside each other: {tracks:?}");
}

/// It infers the types, as it does for whoever opens the file there.
#[test]
fn duckdb_reads_every_operation_from_csv_with_its_types() {
    let directory = tempfile::tempdir().unwrap();
    exported(directory.path(), "csv");
    let file = directory.path().join("run.csv");
    let question = format!(
        "select typeof(any_value(lsn)), count(*), max(lsn), count(*) filter (outcome = 'ok') from '{}'",
        file.display()
    );
    let script = format!("import duckdb; print(*duckdb.sql(\"{question}\").fetchall()[0])");
    // A machine may have Python without it; that is no more a failure than a missing program.
    if !Command::new("python3").args(["-c", "import duckdb"]).output().is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED: Python has no duckdb (pip install duckdb), so it did not read what was exported");
        return;
    }
    let Some(answer) = ask("python3", &["-c", &script]) else { return };
    let all = history(directory.path()).lines().count() / 2;
    assert_eq!(answer.trim(), format!("BIGINT {all} {} {}", OPERATIONS + 1, all - 1));
}
