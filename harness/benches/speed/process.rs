//! Processes that end with this one, however it ends: the kernel is asked to signal them when their parent dies.
//!
//! Not here: the guardian of the library, which serves whole clusters of systems that it knows.

use std::fs::File;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How long a system may take to start or to become ready; ten times what the slowest needs on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// Ends when dropped.
pub(crate) struct Process {
    child: Child,
    end: Signal,
}

impl Process {
    /// Starts `program` by way of `setpriv`, which has the kernel end it with us; as another user if one is named. What it says goes
    /// to `log`.
    ///
    /// Must be called on the main thread: the kernel speaks of the death of the thread that forked.
    pub(crate) fn start(
        program: &Path,
        arguments: &[String],
        user: Option<&str>,
        log: &Path,
        end: Signal,
    ) -> anyhow::Result<Self> {
        let said = File::create(log).with_context(|| format!("cannot create {}", log.display()))?;
        let child = as_user(user, end)
            .arg(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(said.try_clone()?)
            .stderr(said)
            .spawn()
            .with_context(|| format!("cannot start {} with setpriv (of util-linux)", program.display()))?;
        Ok(Process { child, end })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nobody to tell.
        let _ = kill(Pid::from_raw(self.child.id().cast_signed()), self.end);
        let _ = self.child.wait();
    }
}

/// The beginning of a command whose process dies with this one.
fn as_user(user: Option<&str>, end: Signal) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", end.as_str().trim_start_matches("SIG")]);
    if let Some(user) = user {
        command.args(["--reuid", user, "--regid", user, "--clear-groups"]);
    }
    command
}

/// Runs a program to its end, as that user, and shows what it said if it failed.
pub(crate) fn run(program: &Path, arguments: &[&str], user: Option<&str>) -> anyhow::Result<()> {
    let output = as_user(user, Signal::SIGKILL).arg(program).args(arguments).stdin(Stdio::null()).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{} {arguments:?}: {}\n{said}", program.display(), output.status);
    Ok(())
}

/// A port that nobody has now. Somebody could take it before it is used; then a system does not start, and says so.
pub(crate) fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Tries until it works.
pub(crate) async fn until<T, F: Future<Output = anyhow::Result<T>>>(
    what: &str,
    attempt: impl Fn() -> F,
) -> anyhow::Result<T> {
    let begin = Instant::now();
    loop {
        match attempt().await {
            Ok(done) => return Ok(done),
            Err(error) if begin.elapsed() > PATIENCE => return Err(error.context(format!("{what}, in vain"))),
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}
