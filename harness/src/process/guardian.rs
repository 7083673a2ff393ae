//! The guardian: a small process that outlives the harness, and ends whatever the harness could not.
//!
//! ```text
//!   harness ──spawns──▶ guardian            holds: the scratch directory's path, the loopback address's claim
//!      │                   ▲ pipe
//!      ├─fork─▶ child ─────┤ "register PID", written by the child itself before it executes anything
//!      └─reap──────────────┘ "forget PID"
//! ```
//!
//! The kernel closes the pipe when the harness ends, however it ends, SIGKILL included. The guardian then kills every
//! process group that is registered and not forgotten, takes away the disks that were mounted in the scratch directory, removes that, and exits; the claim on the
//! loopback address ends with it, so no new cluster can meet the old one's processes. A child that was just forked when
//! the harness died holds the pipe open until it has registered: there is no moment at which a process can be missed.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Read};
use std::net::TcpListener;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::{Pid, write};

use crate::disk::mounts;
use crate::reentry;

/// A message is a tag and a process id, five bytes: far below `PIPE_BUF`, so writes of several processes never mix.
const MESSAGE_BYTES: usize = 5;
const REGISTER: u8 = b'R';
const FORGET: u8 = b'F';

/// How long the guardian waits for killed processes to disappear. SIGKILL needs milliseconds; only a process stuck in
/// the kernel (a dead network file system, say) takes longer, and nobody can end that one.
const BURIAL_LIMIT: Duration = Duration::from_secs(5);

/// The harness's side of the guardian.
#[derive(Debug)]
pub(crate) struct Guardian {
    /// `None` once dismissed.
    post: Mutex<Option<Post>>,
}

#[derive(Debug)]
struct Post {
    pipe: OwnedFd,
    process: Child,
}

impl Guardian {
    /// Posts a guardian over `scratch`, which it will remove, and lets it share the claim on a loopback address.
    pub(crate) fn post(scratch: &Path, claim: &TcpListener) -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        let process = Command::new(reentry::PROGRAM)
            .arg0("interregnum")
            .args([OsStr::new(reentry::GUARDIAN), scratch.as_os_str()])
            .env(reentry::ROLE_VARIABLE, reentry::GUARDIAN)
            .stdin(reader)
            // The guardian prints nothing there: its standard output *is* the claim, held open by being inherited.
            .stdout(Stdio::from(OwnedFd::from(claim.try_clone()?)))
            .stderr(Stdio::null())
            .current_dir("/")
            .process_group(0)
            .spawn()?;
        Ok(Self { post: Mutex::new(Some(Post { pipe: writer.into(), process })) })
    }

    /// A descriptor through which a child registers itself.
    pub(super) fn registrar(&self) -> io::Result<OwnedFd> {
        match &*self.post.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(post) => post.pipe.try_clone(),
            None => Err(io::Error::other("the cluster has been taken down; no process can be started any more")),
        }
    }

    /// Registers the calling process, between fork and exec. Async-signal-safe.
    pub(super) fn register(registrar: BorrowedFd<'_>) -> io::Result<()> {
        write(registrar, &message(REGISTER, std::process::id()))?;
        Ok(())
    }

    /// The process has been reaped: its id may come to name another.
    pub(super) fn forget(&self, pid: Pid) {
        if let Some(post) = &*self.post.lock().unwrap_or_else(PoisonError::into_inner) {
            // If the guardian is gone there is nobody left who could confuse the ids.
            let _ = write(post.pipe.as_fd(), &message(FORGET, pid.as_raw().cast_unsigned()));
        }
    }

    /// Lets the guardian do its work and waits for its end: afterwards no process, address or scratch directory is left.
    pub(crate) fn dismiss(&self) -> io::Result<()> {
        let post = self.post.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Post { pipe, mut process }) = post else { return Ok(()) };
        drop(pipe);
        let status = process.wait()?;
        if status.success() {
            return Ok(());
        }
        Err(io::Error::other(format!("the guardian failed: {}", super::describe_exit(status))))
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        // Errors can be told by whoever dismisses it explicitly; here is nobody to tell.
        let _ = self.dismiss();
    }
}

fn message(tag: u8, pid: u32) -> [u8; MESSAGE_BYTES] {
    let [a, b, c, d] = pid.to_le_bytes();
    [tag, a, b, c, d]
}

/// The guardian's own life: reads the pipe on standard input until the harness is gone, then cleans up. Returns the exit
/// code.
pub(crate) fn stand_guard(scratch: Option<OsString>) -> i32 {
    let mut pipe = io::stdin().lock();
    let mut groups = BTreeSet::new();
    let mut message = [0; MESSAGE_BYTES];
    while pipe.read_exact(&mut message).is_ok() {
        let [tag, a, b, c, d] = message;
        let pid = u32::from_le_bytes([a, b, c, d]).cast_signed();
        match tag {
            REGISTER => groups.insert(pid),
            _ => groups.remove(&pid),
        };
    }
    let deadline = Instant::now() + BURIAL_LIMIT;
    let buried = groups.into_iter().all(|group| bury(Pid::from_raw(group), deadline));
    if let Some(scratch) = &scratch {
        // What the harness served is dead with it, and nothing behind it could be removed.
        mounts::detach_all_below(Path::new(scratch));
    }
    let removed = scratch.is_none_or(|path| remove(Path::new(&path), deadline));
    i32::from(!(buried && removed))
}

/// Kills a process group until it is gone. `false` if it is not by `deadline`.
fn bury(group: Pid, deadline: Instant) -> bool {
    while killpg(group, Signal::SIGKILL).is_ok() {
        // What is still there may be dead and only waiting for its parent, or for init, to reap it.
        if all_dead(group) {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    true
}

/// Whether every process of the group is a zombie.
fn all_dead(group: Pid) -> bool {
    let Ok(processes) = fs::read_dir("/proc") else { return false };
    processes.filter_map(Result::ok).filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok()).all(
        |stat| {
            // After the name in parentheses: state, parent, process group.
            let mut fields = stat.rsplit_once(") ").map_or("", |(_, rest)| rest).split(' ');
            let dead = matches!(fields.next(), Some("Z" | "X"));
            let group_of_process = fields.nth(1).and_then(|field| field.parse().ok());
            dead || group_of_process != Some(group.as_raw())
        },
    )
}

/// Removes a directory tree. `false` if it is still there by `deadline`.
fn remove(directory: &Path, deadline: Instant) -> bool {
    loop {
        match fs::remove_dir_all(directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return true,
            Err(_) if Instant::now() >= deadline => return false,
            // What a dying process still wrote, or nothing: the next look tells.
            _ => std::thread::sleep(Duration::from_millis(1)),
        }
    }
}
