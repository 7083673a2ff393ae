//! Has an old leader killed (`--stonith-command`), off the node's own task, and reports whether that succeeded.
//!
//! Not here: when, and what follows (`core::stonith`).

use tokio::sync::mpsc;

use crate::record::Member;
use crate::stonith::{LIMIT, shoot};

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
            let shot = match command {
                Some(command) => shoot(&command, LIMIT).await,
                None => Err(anyhow::anyhow!("there is no --stonith-command")),
            };
            if let Err(error) = &shot {
                tracing::warn!(id, "the stonith command did not succeed: {error:#}");
            }
            let _ = reporter.send((member, shot.is_ok())); // an error means that the node is stopping anyway
        });
    }
}
