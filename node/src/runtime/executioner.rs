//! Runs the command that kills an old leader (`--stonith-command`), off the node's own task, and reports whether it succeeded.
//!
//! Not here: when, and what follows (`core::stonith`).

use std::time::Duration;

use tokio::process::Command;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::record::Member;

/// How long the command may take. Power switches take seconds; one that takes longer says nothing about whether it worked.
const LIMIT: Duration = Duration::from_secs(30);

pub(super) struct Executioner {
    pub(super) command: Option<String>,
    pub(super) reporter: mpsc::UnboundedSender<(Member, bool)>,
}

impl Executioner {
    /// Has a member killed; the report follows.
    pub(super) fn kill(&self, member: Member, id: &str) {
        let reporter = self.reporter.clone();
        let command = self.command.as_ref().map(|command| command.replace("{id}", id));
        let id = id.to_owned();
        tokio::spawn(async move {
            let succeeded = match command {
                Some(command) => run(&command, &id).await,
                None => false,
            };
            let _ = reporter.send((member, succeeded)); // an error means that the node is stopping anyway
        });
    }
}

async fn run(command: &str, id: &str) -> bool {
    let mut shell = Command::new("sh");
    let ended = timeout(LIMIT, shell.arg("-c").arg(command).kill_on_drop(true).status()).await;
    match ended {
        Ok(Ok(status)) if status.success() => true,
        Ok(Ok(status)) => {
            tracing::warn!(id, command, %status, "the stonith command failed");
            false
        }
        Ok(Err(error)) => {
            tracing::warn!(id, command, %error, "the stonith command cannot be run");
            false
        }
        Err(_) => {
            tracing::warn!(id, command, limit_s = LIMIT.as_secs(), "the stonith command takes too long; killed");
            false
        }
    }
}
