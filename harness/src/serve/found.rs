//! The runs below a directory: which there are, and what a line of a list tells of each. A run that cannot be read is listed as such.

use std::fs;
use std::path::Path;

use serde_json::Value;

/// Campaigns keep runs in directories of directories; deeper than this nobody puts them.
const DEEPEST: usize = 5;

/// What a list tells of a run.
#[derive(Debug, Default)]
pub(super) struct FoundRun {
    /// Relative to the directory that is served.
    pub path: String,
    pub verdict: String,
    pub broken: String,
    pub workload: String,
    pub faults: String,
    pub flags: String,
    pub operations: u64,
    pub load_ms: u64,
    pub seed: String,
    pub when: String,
    pub files: Vec<&'static str>,
}

/// All of them, the newest first.
pub(super) fn runs(root: &Path) -> Vec<FoundRun> {
    let mut runs = Vec::new();
    look(root, root, 0, &mut runs);
    runs.sort_by(|a, b| (&b.when, &b.path).cmp(&(&a.when, &a.path)));
    runs
}

fn look(root: &Path, directory: &Path, depth: usize, runs: &mut Vec<FoundRun>) {
    if directory.join("run.json").is_file() {
        runs.extend(run(root, directory));
        return;
    }
    let Ok(entries) = fs::read_dir(directory) else { return };
    // A link may lead outside, or around in a circle.
    let is_directory = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
    for entry in entries.flatten().filter(is_directory) {
        if depth < DEEPEST {
            look(root, &entry.path(), depth + 1, runs);
        }
    }
}

fn run(root: &Path, directory: &Path) -> Option<FoundRun> {
    let document = |name: &str| -> Value {
        let text = fs::read(directory.join(name)).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    };
    let (plan, verdict) = (document("run.json"), document("verdict.json"));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let counted = verdict["judgements"].as_array().into_iter().flatten();
    let broken = counted.filter(|judgement| judgement["verdict"] == "violation").map(|told| text(&told["checker"]));
    let mut faults: Vec<_> =
        verdict["faults"].as_array().into_iter().flatten().map(|told| text(&told["step"]["fault"])).collect();
    faults.sort();
    faults.dedup();
    let counts = &verdict["operations"];
    let changed = fs::metadata(directory.join("run.json")).and_then(|file| file.modified());
    let names = ["run.json", "verdict.json", "history.jsonl", "events.jsonl", "schedule.toml"];
    Some(FoundRun {
        path: directory.strip_prefix(root).ok()?.to_str()?.to_owned(),
        verdict: if verdict.is_null() { "harness-error".to_owned() } else { text(&verdict["verdict"]) },
        broken: broken.collect::<Vec<_>>().join(", "),
        workload: text(&plan["workload"]),
        faults: faults.join(", "),
        flags: plan["flags"].to_string(),
        operations: ["ok", "fail", "info"].iter().filter_map(|outcome| counts[outcome].as_u64()).sum(),
        load_ms: plan["run_for_ms"].as_u64().unwrap_or(0),
        seed: plan["seed"].to_string(),
        when: changed.map(|time| humantime::format_rfc3339_seconds(time).to_string()).unwrap_or_default(),
        files: names.into_iter().filter(|name| directory.join(name).is_file()).collect(),
    })
}

impl FoundRun {
    pub(super) fn day(&self) -> &str {
        self.when.split('T').next().unwrap_or_default()
    }

    /// Everything that words are looked for in.
    pub(super) fn told(&self) -> String {
        [&self.path, &self.verdict, &self.broken, &self.workload, &self.faults, &self.flags, &self.seed]
            .map(String::as_str)
            .join(" ")
    }
}
