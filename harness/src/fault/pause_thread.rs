//! One thread of the node is stopped while the others run: a log that never gets to its disk under a leader that goes on beating, say.
//! Verified by the thread's state in the kernel (`t`) when it is stopped, and again when it is let go, unless the node has died.

use std::fmt;
use std::str::FromStr;

use futures::FutureExt;
use futures::future::BoxFuture;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

use super::{Effect, Force};
use crate::cluster::{Cluster, Held};
use crate::node_id::NodeId;
use crate::process::{Thread, tracer};

/// The kernel keeps so many bytes of a thread's name.
const LONGEST_NAME: usize = 15;

/// The name of a thread, as `ps -L` shows it; `main` is the first one of each process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ThreadName {
    bytes: [u8; LONGEST_NAME],
    length: u8,
}

impl ThreadName {
    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.length)]).expect("it was made of a string")
    }
}

impl fmt::Display for ThreadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ThreadName {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let wrong = || format!("`{name}` is no name of a thread: those have 1 to {LONGEST_NAME} bytes");
        let length = u8::try_from(name.len()).map_err(|_| wrong())?;
        let mut bytes = [0; LONGEST_NAME];
        bytes.get_mut(..name.len()).filter(|room| !room.is_empty()).ok_or_else(wrong)?.copy_from_slice(name.as_bytes());
        Ok(Self { bytes, length })
    }
}

pub(super) struct PausedThreads {
    held: Vec<Held>,
    effect: Effect,
}

/// Why no thread can be stopped here, if that is so.
pub(super) fn obstacle() -> Option<String> {
    tracer::obstacle()
}

/// Whether the node has such a thread.
pub(super) fn applies_to(cluster: &Cluster, node: NodeId, name: Option<ThreadName>) -> bool {
    cluster.runs(node) && !threads(cluster, node, name).is_empty()
}

/// The node's threads of this name, or all.
fn threads(cluster: &Cluster, node: NodeId, name: Option<ThreadName>) -> Vec<Thread> {
    let mut threads = cluster.threads(node);
    threads.retain(|thread| name.is_none_or(|name| name.as_str() == thread.name));
    threads
}

/// Stops the thread of this name, or one that is drawn.
pub(super) async fn inject(
    cluster: &Cluster,
    targets: &[NodeId],
    name: Option<ThreadName>,
    rng: &mut ChaCha8Rng,
) -> PausedThreads {
    let (mut held, mut evidence) = (Vec::new(), Vec::new());
    for target in targets {
        let threads = threads(cluster, *target, name);
        let Some(thread) = threads.choose(rng) else {
            evidence.push(format!("{target} has no such thread"));
            continue;
        };
        match cluster.hold_thread(*target, thread.clone()).await {
            Ok(one) => {
                evidence.push(format!("{target}'s thread {} in state t", thread.name));
                held.push(one);
            }
            Err(error) => evidence.push(format!("{error:#}")),
        }
    }
    let verified = !targets.is_empty() && held.len() == targets.len();
    PausedThreads { held, effect: Effect { verified, evidence: evidence.join(", ") } }
}

impl Force for PausedThreads {
    fn detail(&self) -> String {
        self.effect.evidence.clone()
    }

    fn undo(self: Box<Self>, cluster: &mut Cluster) -> BoxFuture<'_, anyhow::Result<Effect>> {
        async move {
            let Self { held, mut effect } = *self;
            for one in held {
                if one.thread.state().is_some_and(|state| state != tracer::TRACED) {
                    effect.verified = false;
                    effect.evidence = format!("{}, but {}'s did not stay so", effect.evidence, one.node);
                }
                cluster.let_thread_go(one).await?;
            }
            Ok(effect)
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for name in ["log", "main", "tokio-rt-worker"] {
            assert_eq!(name.parse::<ThreadName>().unwrap().to_string(), name);
        }
        for name in ["", "a-name-too-long-"] {
            assert!(name.parse::<ThreadName>().unwrap_err().contains("1 to 15 bytes"), "{name}");
        }
    }
}
