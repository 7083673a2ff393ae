//! The tracer: a small process that keeps one thread of another process stopped, as long as it lives itself.
//!
//! The kernel lets a debugger stop a thread alone (ptrace(2): SEIZE and INTERRUPT); a signal stops all of them. Whatever ends the
//! tracer, the kernel lets the thread go on; whatever ends the thread, the tracer ends. It is a process and not a thread of the
//! harness because the harness is the parent of what is traced, and would be told of the trace where it waits for an exit.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::ptrace;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use tokio::time::{Instant, sleep};

use super::guardian::Guardian;
use super::{CommandLine, Process, STATE_POLL, Thread};
use crate::reentry;

/// The kernel's letter for a thread that its tracer has stopped.
pub(crate) const TRACED: char = 't';

/// The harness's side of a tracer.
#[derive(Debug)]
pub(crate) struct Tracer {
    process: Process,
    thread: Thread,
}

impl Tracer {
    /// Stops a thread. An error tells what the tracer printed to `log`, or that the thread did not stop within `limit`.
    pub(crate) async fn hold(
        thread: &Thread,
        log: &Path,
        guardian: &Arc<Guardian>,
        limit: Duration,
    ) -> io::Result<Self> {
        let command = CommandLine {
            program: reentry::PROGRAM.into(),
            name: Some("interregnum".into()),
            arguments: vec![reentry::TRACER.into(), thread.id.to_string().into()],
            environment: vec![(reentry::ROLE_VARIABLE.into(), reentry::TRACER.into())],
        };
        let process = Process::start(&command, Path::new("/"), log, guardian)?;
        let tracer = Self { process, thread: thread.clone() };
        let deadline = Instant::now() + limit;
        while thread.state() != Some(TRACED) {
            if !tracer.process.is_alive() {
                let printed = std::fs::read_to_string(log).unwrap_or_default();
                return Err(io::Error::other(printed.lines().last().unwrap_or("it ended").to_owned()));
            }
            if Instant::now() >= deadline {
                return Err(io::ErrorKind::TimedOut.into());
            }
            sleep(STATE_POLL).await;
        }
        Ok(tracer)
    }

    /// Lets the thread go on, and waits until it does or is gone.
    pub(crate) async fn let_go(self, limit: Duration) -> io::Result<()> {
        self.process.signal(Signal::SIGKILL)?;
        let deadline = Instant::now() + limit;
        while self.process.is_alive() || self.thread.state() == Some(TRACED) {
            if Instant::now() >= deadline {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "it stays stopped"));
            }
            sleep(STATE_POLL).await;
        }
        Ok(())
    }
}

/// Why this process may not trace those that it did not start itself, if it may not: the tracer is the node's sister.
pub(crate) fn obstacle() -> Option<String> {
    let scope = std::fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").unwrap_or_default();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let scope = scope.trim();
    let forbidden = match scope {
        "" | "0" => false,
        "1" | "2" => !has_capability_to_trace(&status),
        _ => true,
    };
    forbidden
        .then(|| format!("the kernel lets no process stop threads of another (kernel.yama.ptrace_scope is {scope})"))
}

/// `CAP_SYS_PTRACE`, see capabilities(7); `status` is /proc/self/status.
fn has_capability_to_trace(status: &str) -> bool {
    const CAP_SYS_PTRACE: u32 = 19;
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let effective = effective.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    effective.is_some_and(|mask| mask >> CAP_SYS_PTRACE & 1 == 1)
}

/// The tracer's own life. Returns the exit code.
pub(crate) fn trace(thread: Option<OsString>) -> i32 {
    let number = thread.and_then(|thread| thread.to_str()?.parse().ok());
    let Some(thread) = number.map(Pid::from_raw) else {
        eprintln!("the tracer was told no thread");
        return 3;
    };
    let seized = ptrace::seize(thread, ptrace::Options::empty()).and_then(|()| ptrace::interrupt(thread));
    if let Err(error) = seized {
        eprintln!("the kernel does not let it be traced: {error}");
        return 3;
    }
    loop {
        // A thread that dies stays, and its process with it, until its tracer has looked.
        match waitpid(thread, Some(WaitPidFlag::__WALL)) {
            Ok(WaitStatus::Exited(..) | WaitStatus::Signaled(..)) => return 0,
            Ok(_) | Err(Errno::EINTR) => {}
            Err(_) => return 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_trace_is_read_from_the_kernel() {
        assert!(has_capability_to_trace("Name:\tx\nCapEff:\t000001ffffffffff\n"));
        assert!(!has_capability_to_trace("Name:\tx\nCapEff:\t0000000000000000\n"));
        assert!(!has_capability_to_trace("CapEff:\tfffffffffff7ffff\n"), "all but this one");
    }
}
