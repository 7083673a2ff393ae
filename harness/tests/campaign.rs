//! The promise: a campaign makes the runs that its file describes, survives its end at any moment, and is shared without talking.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Runs that take half a second.
const TINY: &str = r#"
name = "tiny"
runs = 6
flags = "--nodes 1 --faults none --time 300ms"
[[matrix]]
name = "sound"
expect = "pass"
workloads = ["register", "append"]
"#;

struct Place {
    directory: tempfile::TempDir,
}

impl Place {
    fn with(campaign: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        fs::write(directory.path().join("campaign.toml"), campaign).expect("it can be written");
        Self { directory }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_interregnum"));
        command.arg("campaign").args(arguments.split(' ')).current_dir(self.directory.path());
        command
            .env_remove("GITHUB_STEP_SUMMARY")
            .env_remove("GITHUB_ACTIONS")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn begin(&self, arguments: &str) -> Child {
        self.command(arguments).spawn().expect("it runs")
    }

    fn campaign(&self, arguments: &str) -> Output {
        self.command(arguments).output().expect("it runs")
    }

    /// How many runs the journal in this directory knows.
    fn known(&self, out: &str) -> usize {
        let journal = fs::read_to_string(self.path(out).join("journal.jsonl")).unwrap_or_default();
        journal.lines().filter(|line| line.starts_with("{\"ran\"") && line.ends_with('}')).count()
    }
}

/// What a person sees, if it ended as expected.
fn told(output: &Output, code: i32) -> String {
    let text = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat();
    assert_eq!(output.status.code(), Some(code), "{text}");
    text
}

fn entries(directory: &Path) -> usize {
    fs::read_dir(directory).map_or(0, Iterator::count)
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !holds() {
        assert!(Instant::now() < deadline, "{what} did not come about");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_campaign_tells_sound_rows_from_unsound_ones() {
    let place = Place::with(
        r#"
        name = "both"
        runs = 2
        flags = "--workload append --faults kill --target leader --time 4s --interval 1s"
        [[matrix]]
        name = "sound"
        expect = "pass"
        least_percent = 50 # a busy machine leaves a run inconclusive now and then
        [[matrix]]
        name = "async"
        expect = "violation"
        by = ["lost-writes"]
        least_percent = 50
        flags = "--ack async --link-delay 20ms"
        "#,
    );
    let output = place.campaign("campaign.toml --jobs 2 --out out --junit junit.xml --summary summary.md");
    let text = told(&output, 0);
    assert!(text.contains("every row came out as expected (4 of 4 runs)"), "{text}");
    let line = text.lines().skip_while(|line| !line.contains("lost-writes in async, under usual")).nth(1);
    let kept = line.and_then(|line| line.trim().strip_prefix("smallest")).expect("the smallest failure is told");
    let kept = place.path(kept.trim());
    assert!(entries(&place.path("out/runs")) < 4, "only the smallest failure of a kind is kept");
    for file in ["run.json", "schedule.toml", "verdict.json", "report.txt"] {
        assert!(kept.join(file).is_file(), "{file} is missing");
    }
    let junit = fs::read_to_string(place.path("junit.xml")).unwrap();
    let junit = roxmltree::Document::parse(&junit).expect("it is XML");
    assert_eq!(junit.descendants().filter(|node| node.has_tag_name("testcase")).count(), 2 * (2 + 1));
    assert!(fs::read_to_string(place.path("summary.md")).unwrap().starts_with("## Campaign both, seed 1"));
}

#[test]
fn a_row_that_does_not_come_out_as_expected_decides_the_exit_code() {
    let place = Place::with(TINY);
    let text =
        told(&place.campaign("--runs 2 --out sound --expect violation -- --nodes 1 --faults none --time 300ms"), 2);
    assert!(text.contains("not caught in as given"), "{text}");
    // Stale reads need no fault, but followers that lag.
    let text =
        told(&place.campaign("--runs 1 --out stale --summary told.md -- --ack async --read follower --link-delay 20ms --faults none --time 2s"), 1);
    assert!(text.contains("interregnum shrink stale/runs/run-1"), "{text}");
    let text = told(&place.campaign("--runs 1 -- --seed 5"), 3);
    assert!(text.contains("row `run`: --seed is not a row's to say"), "{text}");
    let text = told(&place.campaign("--runs 1 -- --ack maybe"), 3);
    assert!(text.contains("row `run`: invalid value 'maybe'"), "{text}");
}

/// By itself, where it sees that it is a job; what a summary has already stays there. Of a shard it is not known yet what is as expected.
#[test]
fn a_job_of_github_is_told_what_is_not_as_expected() {
    let place = Place::with(TINY);
    let told_in = |github: &str, shard: &str| {
        let arguments = format!("--runs 2 --out out{github}{shard} --expect violation {shard}");
        let arguments = format!("{} -- --nodes 1 --faults none --time 300ms", arguments.trim());
        let mut command = place.command(&arguments);
        command.env("GITHUB_ACTIONS", github).env("GITHUB_STEP_SUMMARY", place.path("told.md"));
        String::from_utf8(command.output().expect("it runs").stdout).unwrap()
    };
    fs::write(place.path("told.md"), "what stood there before\n").unwrap();
    let told = told_in("true", "");
    assert!(told.contains("\n::warning title=not caught in as given"), "{told}");
    let summary = fs::read_to_string(place.path("told.md")).unwrap();
    assert!(summary.starts_with("what stood there before\n## Campaign "), "{summary}");
    for (github, shard) in [("false", ""), ("true", "--shard=1/2")] {
        let told = told_in(github, shard);
        assert!(!told.contains("::warning"), "{github} {shard}: {told}");
    }
}

#[test]
fn a_campaign_that_is_killed_goes_on_where_it_was() {
    let place = Place::with(TINY);
    let arguments = "campaign.toml --jobs 2 --out out";
    let mut first = place.begin(arguments);
    wait_until("a run", || place.known("out") >= 2);
    first.kill().expect("SIGKILL");
    let first = first.wait_with_output().expect("it ends");
    assert_eq!(first.status.code(), None, "it was killed before its end");
    let known = place.known("out");
    assert!((2..12).contains(&known), "{known} of 12 runs");

    let text = told(&place.campaign(arguments), 0);
    assert!(text.contains(&format!("it goes on: {known} runs are known already")), "{text}");
    assert!(text.contains("(12 of 12 runs)"), "{text}");
    assert_eq!((place.known("out"), entries(&place.path("out/runs"))), (12, 0), "each was made once, and none is kept");
    // There is nothing left to be done.
    assert!(told(&place.campaign(arguments), 0).contains("it goes on: 12 runs are known already"));
    assert_eq!(place.known("out"), 12);
}

/// A run that would go on for minutes ends when its campaign is killed.
#[test]
fn what_is_under_way_ends_with_its_campaign() {
    let place = Place::with(TINY);
    let mut campaign = place.begin("--runs 1 --out out -- --nodes 1 --faults none --time 5m");
    wait_until("a run", || place.path("out/runs/run-1/history.jsonl").is_file());
    // Its directory is among its arguments.
    let out = place.directory.path();
    let mentions = |process: PathBuf| {
        let arguments = fs::read(process.join("cmdline")).unwrap_or_default();
        let is_here = fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd.starts_with(out));
        is_here && String::from_utf8_lossy(&arguments).contains("out/runs")
    };
    let is_there = || fs::read_dir("/proc").unwrap().any(|entry| entry.is_ok_and(|entry| mentions(entry.path())));
    assert!(is_there(), "the run is a process of its own");
    campaign.kill().expect("SIGKILL");
    campaign.wait().expect("it ends");
    wait_until("the end of its run", || !is_there());
}

#[test]
fn shards_make_the_whole_and_a_missing_one_is_named() {
    let place = Place::with(TINY);
    for shard in 1..=3 {
        let text =
            told(&place.campaign(&format!("campaign.toml --runs 2 --jobs 2 --shard {shard}/3 --out shard-{shard}")), 0);
        assert!(text.contains(&format!("shard {shard}/3")), "{text}");
    }
    assert_eq!((1..=3).map(|shard| place.known(&format!("shard-{shard}"))).sum::<usize>(), 4);
    let text = told(&place.campaign("merge shard-3 shard-1 shard-2 --junit junit.xml"), 0);
    assert!(text.contains("every row came out as expected (4 of 4 runs)"), "{text}");
    assert!(place.path("junit.xml").is_file());
    let text = told(&place.campaign("merge shard-1 shard-3"), 3);
    assert!(text.contains("shard 2/3 is missing"), "{text}");
}

#[test]
fn a_journal_that_is_damaged_is_left_as_it_is() {
    let place = Place::with(TINY);
    let arguments = "campaign.toml --runs 1 --out out";
    told(&place.campaign(arguments), 0);
    let journal = place.path("out/journal.jsonl");
    let damaged = fs::read_to_string(&journal).unwrap().replacen("\"pass\",\"faults\"", "\"fail\",\"faults\"", 1);
    fs::write(&journal, &damaged).unwrap();
    let text = told(&place.campaign(arguments), 3);
    assert!(text.contains("journal.jsonl:2 is not as it was written"), "{text}");
    assert_eq!(fs::read_to_string(&journal).unwrap(), damaged);
}

#[test]
fn a_budget_of_time_ends_a_campaign_that_can_go_on() {
    let place = Place::with(TINY);
    let text = told(&place.campaign("campaign.toml --jobs 1 --budget 100ms --out out"), 2);
    assert!(text.contains("the budget of time was over, the same command goes on"), "{text}");
    assert_eq!(place.known("out"), 1, "the run that was under way came to its end");
}

/// As many machines make shards as there are shards, in the workflow and in the Kubernetes Job.
#[test]
fn every_shard_has_its_machine() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let check = |file: &str, expected: &[&str]| {
        let text = fs::read_to_string(root.join(file)).expect("it is there");
        for part in expected {
            assert!(text.contains(part), "{file} does not say `{part}`");
        }
    };
    check(".github/workflows/nightly.yml", &["shard: [1, 2, 3, 4]\n", "matrix.shard }}/4\"", "campaign merge shard-*"]);
    check(
        ".ci/kubernetes/campaign.yaml",
        &[
            "completions: 8\n",
            "parallelism: 8\n",
            "--shard \"$((JOB_COMPLETION_INDEX + 1))/8\"",
            "completionMode: Indexed",
        ],
    );
}
