//! One process of a system under test: started, signalled, reaped. It knows nothing of nodes, networks or faults.
//!
//! Every process leads a process group of its own, so that a Ctrl-C at the terminal reaches the harness alone, and a
//! signal from the harness reaches the process with all its children.

pub(crate) mod guardian;
mod spawn;
pub(crate) mod tracer;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use guardian::Guardian;

/// What to execute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandLine {
    /// The program.
    pub program: OsString,
    /// What the process is to call itself, where that is not the program's path.
    pub name: Option<OsString>,
    /// Its arguments, without the program's name.
    pub arguments: Vec<OsString>,
    /// Variables to set beside those that the harness itself has.
    pub environment: Vec<(OsString, OsString)>,
}

impl CommandLine {
    /// What the kernel shows of a process that executes it: a null character behind each word.
    pub(crate) fn in_kernel(&self) -> OsString {
        let name = self.name.as_ref().unwrap_or(&self.program);
        let mut line = OsString::new();
        for word in std::iter::once(name).chain(&self.arguments) {
            line.push(word);
            line.push("\0");
        }
        line
    }
}

/// How often the kernel is asked whether a stopped process has stopped: it takes microseconds, so this is no wait that
/// anybody notices.
const STATE_POLL: Duration = Duration::from_millis(1);

/// A running process, or one that has exited.
#[derive(Debug)]
pub(crate) struct Process {
    pid: Pid,
    /// Whether the process id still names our process. Held while a signal is sent and while the process is reaped, so
    /// that no signal can reach a stranger that has been given the same id.
    reaped: Arc<Mutex<bool>>,
    exited: watch::Receiver<Option<ExitStatus>>,
}

impl Process {
    /// Starts `command` in `directory` with its output appended to `log`, under the eyes of `guardian`.
    pub(crate) fn start(
        command: &CommandLine,
        directory: &Path,
        log: &Path,
        guardian: &Arc<Guardian>,
    ) -> io::Result<Self> {
        let output = File::options().create(true).append(true).open(log)?;
        let child = spawn::spawn(command, directory, output, guardian)?;
        let pid = Pid::from_raw(child.id().cast_signed());
        let reaped = Arc::new(Mutex::new(false));
        let (ended, exited) = watch::channel(None);
        let burial = Reaper { pid, child, reaped: Arc::clone(&reaped), ended, guardian: Arc::clone(guardian) };
        std::thread::Builder::new().name(format!("reap {pid}")).spawn(move || burial.reap())?;
        Ok(Self { pid, reaped, exited })
    }

    /// The process id, which is also the id of its process group.
    pub(crate) fn pid(&self) -> i32 {
        self.pid.as_raw()
    }

    /// Its command line in the kernel: a null character behind each word.
    pub(crate) fn command_line(&self) -> io::Result<OsString> {
        Ok(OsString::from_vec(std::fs::read(format!("/proc/{}/cmdline", self.pid))?))
    }

    /// Sends `signal` to the process and its children. `false` if the process has been reaped already.
    pub(crate) fn signal(&self, signal: Signal) -> io::Result<bool> {
        let reaped = self.reaped.lock().unwrap_or_else(PoisonError::into_inner);
        if *reaped {
            return Ok(false);
        }
        killpg(self.pid, signal)?;
        Ok(true)
    }

    /// How it exited, if it has.
    pub(crate) fn exit_status(&self) -> Option<ExitStatus> {
        *self.exited.borrow()
    }

    /// Whether it runs (or is stopped, but not dead).
    pub(crate) fn is_alive(&self) -> bool {
        self.exit_status().is_none()
    }

    /// Waits until the process has been reaped. `None`: it was not within `limit`.
    pub(crate) async fn wait(&self, limit: Duration) -> Option<ExitStatus> {
        let mut exited = self.exited.clone();
        let status = tokio::time::timeout(limit, exited.wait_for(Option::is_some)).await.ok()?.ok()?;
        *status
    }

    /// Its threads, each with the kernel's state letter, see proc(5).
    pub(crate) fn threads(&self) -> io::Result<Vec<(Thread, char)>> {
        threads(self.pid())
    }

    /// Waits until every thread of the process is stopped in the kernel (state `T`, or `t` if a tracer had stopped it before). `false`:
    /// not within `limit`.
    pub(crate) async fn wait_until_stopped(&self, limit: Duration) -> bool {
        self.wait_until(limit, || self.is_all(is_stopped)).await
    }

    /// Lets a stopped process go on, and waits until it does. `false`: not within `limit`, though it lives.
    pub(crate) async fn go_on(&self, limit: Duration) -> io::Result<bool> {
        let before = switches(self.pid()).unwrap_or_default(); // it may have ended
        Ok(!self.signal(Signal::SIGCONT)? || self.wait_until_gone_on(&before, limit).await || !self.is_alive())
    }

    /// A process that stops itself again, at the next pause point say, may never be seen without a stopped thread; but it has run since
    /// its threads had left processors so often.
    async fn wait_until_gone_on(&self, before: &BTreeMap<OsString, u64>, limit: Duration) -> bool {
        let has_run = || switches(self.pid()).is_ok_and(|now| now != *before);
        self.wait_until(limit, || self.is_all(|state| state != 'T') || has_run()).await
    }

    fn is_all(&self, wanted: impl Fn(char) -> bool) -> bool {
        threads(self.pid()).is_ok_and(|threads| !threads.is_empty() && threads.iter().all(|(_, state)| wanted(*state)))
    }

    async fn wait_until(&self, limit: Duration, holds: impl Fn() -> bool) -> bool {
        let deadline = Instant::now() + limit;
        while !holds() {
            if Instant::now() >= deadline || !self.is_alive() {
                return false;
            }
            sleep(STATE_POLL).await;
        }
        true
    }
}

/// Tells a person how a process ended: `signal 9 (SIGKILL)` or `exit code 3`.
pub(crate) fn describe_exit(status: ExitStatus) -> String {
    match (status.signal(), status.code()) {
        (Some(number), _) => match Signal::try_from(number) {
            Ok(signal) => format!("signal {number} ({signal})"),
            Err(_) => format!("signal {number}"),
        },
        (None, Some(code)) => format!("exit code {code}"),
        (None, None) => status.to_string(),
    }
}

/// One thread of a process. Threads are ordered by their names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Thread {
    /// What it calls itself; [`MAIN`] if it is the process's first.
    pub name: String,
    /// Its number in the kernel.
    pub id: i32,
    process: i32,
}

/// The name of a process's first thread here, whatever it calls itself.
pub(crate) const MAIN: &str = "main";

impl Thread {
    /// The kernel's state letter, see proc(5); `None` once it is gone.
    pub(crate) fn state(&self) -> Option<char> {
        let stat = std::fs::read_to_string(format!("/proc/{}/task/{}/stat", self.process, self.id)).ok()?;
        Some(name_and_state(&stat)?.1)
    }
}

/// Whether the kernel's letter is that of a thread that a signal or a tracer has stopped.
pub(crate) fn is_stopped(state: char) -> bool {
    matches!(state, 'T' | tracer::TRACED)
}

/// The threads of a process, each with the kernel's state letter.
fn threads(pid: i32) -> io::Result<Vec<(Thread, char)>> {
    let mut threads = Vec::new();
    for thread in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let path = thread?.path();
        // A thread can end between the listing and the reading; then it has no state to tell.
        let Ok(stat) = std::fs::read_to_string(path.join("stat")) else { continue };
        let id = path.file_name().and_then(|name| name.to_str()?.parse().ok());
        let (Some(id), Some((name, state))) = (id, name_and_state(&stat)) else { continue };
        let name = if id == pid { MAIN } else { name }.to_owned();
        threads.push((Thread { name, id, process: pid }, state));
    }
    Ok(threads)
}

/// How often threads of a process, by their ids, have had to leave a processor. One that is stopped leaves none.
fn switches(pid: i32) -> io::Result<BTreeMap<OsString, u64>> {
    let mut switches = BTreeMap::new();
    for thread in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let thread = thread?;
        let Ok(status) = std::fs::read_to_string(thread.path().join("status")) else { continue };
        let counts =
            status.lines().filter_map(|line| line.split_once("voluntary_ctxt_switches:")?.1.trim().parse::<u64>().ok());
        switches.insert(thread.file_name(), counts.sum());
    }
    Ok(switches)
}

/// The second field, the name in parentheses, may itself contain spaces and parentheses.
fn name_and_state(stat: &str) -> Option<(&str, char)> {
    let (before, rest) = stat.rsplit_once(") ")?;
    let (_, name) = before.split_once('(')?;
    Some((name, rest.chars().next()?))
}

/// Waits in a thread of its own for one process: it needs no runtime, so a process is reaped even while a panicking
/// test takes its runtime down.
struct Reaper {
    pid: Pid,
    child: Child,
    reaped: Arc<Mutex<bool>>,
    ended: watch::Sender<Option<ExitStatus>>,
    guardian: Arc<Guardian>,
}

impl Reaper {
    fn reap(mut self) {
        // First only look, so that the id stays taken until the lock is held.
        while waitid(Id::Pid(self.pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT) == Err(nix::Error::EINTR) {}
        let mut reaped = self.reaped.lock().unwrap_or_else(PoisonError::into_inner);
        let status = self.child.wait();
        *reaped = true;
        drop(reaped);
        self.guardian.forget(self.pid);
        if let Ok(status) = status {
            self.ended.send_replace(Some(status));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    /// Between two stops such a process runs for microseconds, which nobody sees who looks at its state.
    #[tokio::test]
    async fn a_process_that_stops_itself_again_at_once_has_gone_on() {
        let scratch = tempfile::tempdir().unwrap();
        let claim = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let guardian = Arc::new(Guardian::post(&scratch.path().join("guarded"), &claim).unwrap());
        let arguments = ["-c", "while :; do kill -STOP $$; done"].map(OsString::from).to_vec();
        let command = CommandLine { program: "/bin/sh".into(), name: None, arguments, environment: Vec::new() };
        let process = Process::start(&command, scratch.path(), &scratch.path().join("log"), &guardian).unwrap();
        assert!(process.wait_until_stopped(LIMIT).await);
        let before = switches(process.pid()).unwrap();
        process.signal(Signal::SIGCONT).unwrap();
        let has_stopped_again = || process.is_all(is_stopped) && switches(process.pid()).unwrap() != before;
        assert!(process.wait_until(LIMIT, has_stopped_again).await);
        assert!(process.wait_until_gone_on(&before, LIMIT).await);
        assert!(process.go_on(LIMIT).await.unwrap());
        process.signal(Signal::SIGKILL).unwrap();
        assert!(process.wait(LIMIT).await.is_some());
        assert!(process.go_on(LIMIT).await.unwrap(), "it needs nothing any more");
    }
}
