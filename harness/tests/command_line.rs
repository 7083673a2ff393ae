//! The promise: the command line says what it wants, what it found, and ends with the right exit code.

use std::io::Write;
use std::process::{Command, Output, Stdio};

/// Runs `interregnum` with these arguments and this standard input.
fn interregnum(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_interregnum"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that does not read its input may have ended already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

/// Standard output, standard error and exit code, as a person sees them.
fn seen(arguments: &[&str], input: &str) -> String {
    let output = interregnum(arguments, input);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let code = output.status.code().unwrap();
    format!("{}{}exit code {code}", text(&output.stdout), text(&output.stderr))
}

/// Two appends are acknowledged, and the final read shows one of them.
const LOST: &str = r#"{"time":1000000,"process":0,"type":"invoke","f":"append","key":"l0","value":1}
{"time":2000000,"process":0,"type":"ok","f":"append","key":"l0","value":1,"node":"n1","epoch":1,"lsn":2}
{"time":3000000,"process":1,"type":"invoke","f":"append","key":"l0","value":2}
{"time":4000000,"process":1,"type":"ok","f":"append","key":"l0","value":2,"node":"n1","epoch":1,"lsn":3}
{"time":9000000,"process":2,"type":"invoke","f":"read","key":"l0","value":null}
{"time":9900000,"process":2,"type":"ok","f":"read","key":"l0","value":[1],"node":"n2","epoch":2,"lsn":5}
"#;

#[test]
fn help_reads_like_a_page_of_a_manual() {
    insta::assert_snapshot!("help", seen(&["--help"], ""));
    insta::assert_snapshot!("help_run", seen(&["run", "--help"], ""));
    insta::assert_snapshot!("help_watch", seen(&["watch", "--help"], ""));
    insta::assert_snapshot!("help_shrink", seen(&["shrink", "--help"], ""));
    insta::assert_snapshot!("help_campaign", seen(&["campaign", "--help"], ""));
    insta::assert_snapshot!("help_defects", seen(&["defects", "--help"], ""));
    insta::assert_snapshot!("help_campaign_merge", seen(&["campaign", "merge", "--help"], ""));
    insta::assert_snapshot!("help_check", seen(&["check", "--help"], ""));
    insta::assert_snapshot!("help_report", seen(&["report", "--help"], ""));
    insta::assert_snapshot!("help_export", seen(&["export", "--help"], ""));
    insta::assert_snapshot!("help_serve", seen(&["serve", "--help"], ""));
    insta::assert_snapshot!("help_convert", seen(&["convert", "--help"], ""));
}

#[test]
fn errors_name_the_flag_and_the_choices() {
    insta::assert_snapshot!("unknown_ack", seen(&["run", "--ack", "maybe"], ""));
    insta::assert_snapshot!("unknown_fault", seen(&["run", "--faults", "kill,earthquake"], ""));
    insta::assert_snapshot!("no_nodes", seen(&["run", "--nodes", "0"], ""));
    insta::assert_snapshot!("no_unit", seen(&["run", "--time", "ten"], ""));
    insta::assert_snapshot!("no_size", seen(&["check", "--memory", "much", "-"], ""));
}

#[test]
fn a_lost_write_is_told_with_its_proof() {
    insta::assert_snapshot!("lost_write", seen(&["check", "-"], LOST));
}

#[test]
fn a_history_cut_short_is_checked_as_far_as_it_goes() {
    let crashed = &LOST[..LOST.len() - 40];
    insta::assert_snapshot!("cut_short", seen(&["check", "-"], crashed));
}

#[test]
fn unreadable_input_is_told_with_its_place() {
    let broken = LOST.replacen("\"process\":1", "\"process\":one", 1);
    insta::assert_snapshot!("broken_line", seen(&["check", "-"], &broken));
    insta::assert_snapshot!("no_format", seen(&["check", "-"], "what is this?\n"));
    insta::assert_snapshot!("no_file", seen(&["check", "/nowhere/history.jsonl"], ""));
}

/// Twenty-six distinct amounts that overlap are more sums than any budget of this test.
#[test]
fn a_budget_that_runs_out_is_inconclusive() {
    let event = |kind: &str, process: u64| {
        format!("{{\"process\":{process},\"type\":\"{kind}\",\"f\":\"add\",\"value\":{}}}\n", 1_u64 << process)
    };
    let begun: String = (0..26).map(|process| event("invoke", process)).collect();
    let ended: String = (0..26).map(|process| event("ok", process)).collect();
    let read = "{\"process\":99,\"type\":\"invoke\",\"f\":\"read\"}\n{\"process\":99,\"type\":\"ok\",\"f\":\"read\",\"value\":7}\n";
    let history = format!("{begun}{ended}{read}");
    insta::assert_snapshot!("out_of_time", seen(&["check", "--budget", "1ms", "-"], &history));
    insta::assert_snapshot!("out_of_memory", seen(&["check", "--memory", "1MiB", "-"], &history));
}

#[test]
fn json_is_one_line_a_file_and_nothing_else() {
    let output = interregnum(&["check", "--json", "-", "/dev/null"], LOST);
    assert_eq!(output.status.code(), Some(3), "the second file is empty, which is no history");
    let text = String::from_utf8(output.stdout).unwrap();
    let [line] = text.lines().collect::<Vec<_>>()[..] else { panic!("{text}") };
    let found: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!((&found["file"], &found["verdict"]), (&"standard input".into(), &"violation".into()));
    let checkers: Vec<_> = found["judgements"].as_array().unwrap().iter().map(|told| &told["checker"]).collect();
    assert_eq!(checkers, ["linearizable", "lost-writes", "split-brain", "leadership", "elements"]);
}

#[test]
fn converting_there_and_back_changes_nothing() {
    let edn = interregnum(&["convert", "-", "--to", "edn"], LOST).stdout;
    let edn = String::from_utf8(edn).unwrap();
    assert!(edn.starts_with("{:type :invoke, :f :append, :value 1,"), "{edn}");
    let back = interregnum(&["convert", "-", "--to", "jsonl"], &edn).stdout;
    assert_eq!(String::from_utf8(back).unwrap(), LOST);
    let tuples =
        String::from_utf8(interregnum(&["convert", "-", "--to", "edn", "--independent"], LOST).stdout).unwrap();
    assert!(tuples.contains(":value [\"l0\" [1]]"), "{tuples}");
    assert_eq!(interregnum(&["check", "--independent", "-"], &tuples).status.code(), Some(1));
}

#[test]
fn converting_overwrites_nothing_and_names_the_place_of_bad_input() {
    let dir = tempfile::tempdir().unwrap();
    let there = dir.path().join("history.edn");
    std::fs::write(&there, "mine").unwrap();
    let refused = interregnum(&["convert", "-", "--to", "edn", "-o", there.to_str().unwrap()], LOST);
    assert_eq!(refused.status.code(), Some(3));
    assert!(String::from_utf8(refused.stderr).unwrap().contains("exists already"));
    assert_eq!(std::fs::read_to_string(&there).unwrap(), "mine");
    let broken = LOST.replacen("\"process\":1", "\"process\":one", 1);
    let stopped = interregnum(&["convert", "-", "--to", "edn"], &broken);
    assert_eq!(stopped.status.code(), Some(3));
    assert!(String::from_utf8(stopped.stderr).unwrap().contains("standard input:3:"));
}

/// `interregnum check … | head -0`: the reader goes away, and the verdict stays.
#[test]
fn a_reader_who_has_seen_enough_is_no_error() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_interregnum"))
        .args(["check", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    child.stdin.take().unwrap().write_all(LOST.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A run ends with its verdict as the exit code, and leaves what it says it leaves.
#[test]
fn a_run_leaves_a_directory_with_everything_in_it() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("run");
    let output = interregnum(&["run", "--time", "2s", "--faults", "none", "--out", out.to_str().unwrap()], "");
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{text}{}", String::from_utf8_lossy(&output.stderr));
    for file in ["run.json", "history.jsonl", "events.jsonl", "verdict.json", "report.html", "logs/n1.log"] {
        assert!(out.join(file).is_file(), "{file} is missing");
    }
    let again = text.lines().find(|line| line.contains("run again")).expect("the report ends with how to run it again");
    assert!(again.contains("--seed"), "{again}");
    let history = out.join("history.jsonl");
    assert_eq!(interregnum(&["check", history.to_str().unwrap()], "").status.code(), Some(0));
}
