//! One run in a process of its own: this program again, with the arguments of `interregnum run`.
//!
//! The child ends when its parent is gone, however the parent ended: it holds the read end of a pipe whose write end only the
//! parent has. What the child had started is then ended by its guardian.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use interregnum_checker::verdict::Verdict;
use tokio::process::Command;

use super::outcome::Outcome;
use crate::reentry;

/// What a run is expected to take beside its load, on a machine that is busy with other things: setting up and recovering are
/// given half a minute each, and then there is the checking.
const BESIDE_THE_LOAD: Duration = Duration::from_mins(3);

/// A run that is to be made in a process of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ChildRun {
    /// The arguments behind `interregnum run`, without `--out`.
    pub arguments: Vec<String>,
    /// The directory that it is to leave. Whatever is there from an earlier try is removed.
    pub out: PathBuf,
    /// How long it may take in all; see [`ChildRun::usual_limit`].
    pub limit: Duration,
}

/// The file in a run's directory that holds what the run printed.
const PRINTED: &str = "report.txt";

impl ChildRun {
    /// How long a run with so long a load may take before it counts as hung.
    pub(crate) fn usual_limit(load: Duration) -> Duration {
        load * 3 + BESIDE_THE_LOAD
    }

    /// Makes the run. What becomes of it, a crash included, is its outcome; a future that is dropped ends it.
    pub(crate) async fn run(&self) -> Outcome {
        let began = Instant::now();
        let outcome = match self.try_run().await {
            Ok(outcome) => outcome,
            Err(error) => Outcome::harness_error(format!("{error:#}")),
        };
        Outcome { elapsed_ms: began.elapsed().as_millis() as u64, ..outcome }
    }

    async fn try_run(&self) -> anyhow::Result<Outcome> {
        let removed = fs::remove_dir_all(&self.out);
        if let Err(error) = removed
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error).with_context(|| format!("removing {}", self.out.display()));
        }
        let printed = self.out.with_extension("txt");
        if let Some(parent) = printed.parent() {
            fs::create_dir_all(parent).with_context(|| format!("making {}", parent.display()))?;
        }
        let log = File::create(&printed).with_context(|| format!("opening {}", printed.display()))?;
        let status = self.wait(log).await?;
        let outcome = match status {
            None => Outcome::harness_error(format!("it took longer than {} s, and was ended", self.limit.as_secs())),
            Some(status) => self.outcome(status, &printed),
        };
        if self.out.is_dir() {
            fs::rename(&printed, self.out.join(PRINTED)).context("keeping what the run printed")?;
        } else {
            fs::remove_file(&printed).context("removing what the run printed")?;
        }
        Ok(outcome)
    }

    /// Starts the child and waits for its end; `None` if that did not come in time.
    async fn wait(&self, log: File) -> anyhow::Result<Option<ExitStatus>> {
        let mut child = Command::new(reentry::PROGRAM)
            .arg0("interregnum")
            .arg("run")
            .args(&self.arguments)
            .args([OsString::from("--out"), self.out.clone().into()])
            .env(reentry::ROLE_VARIABLE, reentry::CHILD)
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0) // a Ctrl-C is its parent's business
            .kill_on_drop(true)
            .spawn()
            .context("starting the run")?;
        let _held = child.stdin.take(); // until the child has ended
        if let Ok(status) = tokio::time::timeout(self.limit, child.wait()).await {
            return status.context("waiting for the run").map(Some);
        }
        child.kill().await.context("ending the run")?;
        Ok(None)
    }

    /// What its directory tells, if that agrees with how the process ended.
    fn outcome(&self, status: ExitStatus, printed: &Path) -> Outcome {
        let told = match Outcome::read(&self.out) {
            Ok(outcome) if status.code() == Some(outcome.verdict.exit_code().into()) => return outcome,
            Ok(outcome) => format!("{status}, though its verdict is {}", outcome.verdict),
            Err(_) if status.code() == Some(Verdict::HarnessError.exit_code().into()) => String::new(),
            Err(error) => format!("{status}, and no verdict: {error:#}"),
        };
        let last_words = fs::read_to_string(printed).unwrap_or_default();
        let complaint = last_words.lines().rfind(|line| line.starts_with("error: ")).unwrap_or("it said nothing");
        Outcome::harness_error(if told.is_empty() { complaint.to_owned() } else { told })
    }
}

/// In the child: ends this process when the parent is gone.
pub(crate) fn end_with_parent() {
    let watch = || {
        // Nothing is ever sent, so whatever comes of reading means that the other end is closed.
        let _ = io::stdin().lock().read(&mut [0]);
        std::process::exit(Verdict::HarnessError.exit_code().into());
    };
    std::thread::Builder::new().name("parent".into()).spawn(watch).expect("a process has room for a second thread");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(arguments: &str, out: &Path) -> Outcome {
        let arguments = arguments.split_whitespace().map(str::to_owned).collect();
        let run = ChildRun { arguments, out: out.to_owned(), limit: ChildRun::usual_limit(Duration::from_secs(1)) };
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(run.run())
    }

    #[test]
    fn a_run_in_a_child_leaves_its_directory_and_what_it_printed() {
        let parent = tempfile::tempdir().unwrap();
        let out = parent.path().join("run");
        fs::create_dir(&out).unwrap(); // an earlier try
        let outcome = run("--nodes 1 --faults none --time 300ms --seed 1", &out);
        assert_eq!((outcome.verdict, &outcome.broken[..]), (Verdict::Pass, &[][..]), "{outcome:?}");
        assert!(outcome.operations > 0 && outcome.elapsed_ms >= 300, "{outcome:?}");
        let printed = fs::read_to_string(out.join(PRINTED)).unwrap();
        assert!(printed.contains("every promise held"), "{printed}");
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1, "nothing but the run's directory");
    }

    #[test]
    fn a_run_that_cannot_be_made_is_a_harness_error_that_says_why() {
        let parent = tempfile::tempdir().unwrap();
        let outcome = run("--nodes 0", &parent.path().join("run"));
        let complaint = outcome.complaint.expect("it says why").detail;
        assert_eq!(outcome.verdict, Verdict::HarnessError);
        assert!(complaint.contains("--nodes"), "{complaint}");
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0, "it leaves nothing");
    }

    #[test]
    fn a_run_that_takes_too_long_is_ended() {
        let parent = tempfile::tempdir().unwrap();
        let out = parent.path().join("run");
        let arguments = ["--nodes", "1", "--faults", "none", "--time", "60s"].map(str::to_owned).to_vec();
        let run = ChildRun { arguments, out, limit: Duration::from_millis(300) };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let outcome = runtime.block_on(run.run());
        assert!(outcome.complaint.unwrap().detail.contains("longer than"), "it is told as such");
    }
}
