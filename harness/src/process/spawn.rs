//! Starts a process so that the guardian knows of it before it runs. The one place with `unsafe` in this crate.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use super::CommandLine;
use super::guardian::Guardian;

/// Starts `command` as the leader of a process group of its own, registered with `guardian`.
#[expect(unsafe_code, reason = "only code between fork and exec can register the child before it does anything")]
pub(super) fn spawn(
    command: &CommandLine,
    directory: &Path,
    output: File,
    guardian: &Arc<Guardian>,
) -> io::Result<Child> {
    let registrar = guardian.registrar()?;
    let mut child = Command::new(&command.program);
    child
        .arg0(command.name.as_ref().unwrap_or(&command.program))
        .args(&command.arguments)
        .envs(command.environment.iter().map(|(name, value)| (name, value)))
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .process_group(0);
    // SAFETY: between fork and exec only async-signal-safe functions may run. `register` calls getpid(2) and write(2)
    // on a descriptor that `registrar` keeps open, and neither allocates nor locks.
    unsafe {
        child.pre_exec(move || Guardian::register(registrar.as_fd()));
    }
    child.spawn()
}
