//! Runs the operator's command that kills an old leader.
//!
//! Not here: whom to kill, and what follows from it (`core`, `supervise`).

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::process::Command;

/// How long the command may take. Power switches take seconds; one that takes longer says nothing about whether it worked.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// Most of what the command said that is repeated in the log: a few lines, enough for its last words.
const MAX_WORDS: usize = 1000;

/// Runs a command of the shell and waits until it has succeeded; it is killed when it takes too long.
pub(crate) async fn shoot(line: &str, limit: Duration) -> anyhow::Result<()> {
    let child = Command::new("sh")
        .args(["-c", line])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot run `sh -c '{line}'`"))?;
    let ended = tokio::time::timeout(limit, child.wait_with_output());
    let output = ended.await.with_context(|| format!("`{line}` did not end within {} ms", limit.as_millis()))??;
    let said = String::from_utf8_lossy(&output.stderr);
    let last_words: String = said.trim().chars().take(MAX_WORDS).collect();
    ensure!(output.status.success(), "`{line}` failed with {}: {last_words}", output.status);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_a_command_that_succeeds_in_time_has_killed() {
        for (command, expected) in [
            ("test 1 = 1", None),
            ("echo no power switch >&2; exit 3", Some("failed with exit status: 3: no power switch")),
            ("exec sleep 60", Some("did not end within 500 ms")),
        ] {
            let shot = shoot(command, Duration::from_millis(500)).await;
            match (shot, expected) {
                (Ok(()), None) => {}
                (Err(error), Some(expected)) => assert!(format!("{error:#}").contains(expected), "{error:#}"),
                (shot, _) => panic!("{command}: {shot:?}"),
            }
        }
    }
}
