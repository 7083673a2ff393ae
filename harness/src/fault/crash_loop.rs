//! SIGKILL again as soon as the node is up, and again. Verified by the exit status of each reaped process, of two at least: once
//! is no loop.

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::time::Instant;

use super::kill::is_killed;
use super::{Effect, Force, LOOK};
use crate::cluster::Cluster;
use crate::node_id::NodeId;

pub(super) struct CrashLoop {
    loops: Vec<Loop>,
    times: u64,
    next_look: Instant,
}

/// One node in its loop.
struct Loop {
    node: NodeId,
    kills: u64,
    all_killed: bool,
}

pub(super) async fn inject(cluster: &mut Cluster, targets: &[NodeId], times: u64) -> anyhow::Result<CrashLoop> {
    let mut loops = Vec::new();
    for node in targets {
        let mut one = Loop { node: *node, kills: 0, all_killed: true };
        one.kill(cluster, times).await?;
        loops.push(one);
    }
    Ok(CrashLoop { loops, times, next_look: Instant::now() + LOOK })
}

impl Loop {
    fn is_loop(&self) -> bool {
        self.kills >= 2
    }

    async fn kill(&mut self, cluster: &mut Cluster, times: u64) -> anyhow::Result<()> {
        let ended = cluster.kill(&[self.node]).await?;
        self.all_killed &= ended.iter().all(|(_, status)| is_killed(*status));
        self.kills += 1;
        cluster.keep_down(&[self.node]);
        if self.kills < times {
            cluster.let_up(&[self.node])?;
        }
        Ok(())
    }
}

impl Force for CrashLoop {
    fn detail(&self) -> String {
        format!("killed again when up, {} times in all", self.times)
    }

    fn next_act(&self) -> Option<Instant> {
        self.loops.iter().any(|one| one.kills < self.times).then_some(self.next_look)
    }

    fn has_shown(&self, _cluster: &Cluster) -> bool {
        self.loops.iter().all(Loop::is_loop)
    }

    fn act<'a>(&'a mut self, cluster: &'a mut Cluster) -> BoxFuture<'a, anyhow::Result<()>> {
        async move {
            for one in self.loops.iter_mut().filter(|one| one.kills < self.times) {
                if cluster.runs(one.node) && cluster.status(one.node).await.is_some() {
                    one.kill(cluster, self.times).await?;
                }
            }
            self.next_look = Instant::now() + LOOK;
            Ok(())
        }
        .boxed()
    }

    fn undo(self: Box<Self>, cluster: &mut Cluster) -> BoxFuture<'_, anyhow::Result<Effect>> {
        async move {
            for one in self.loops.iter().filter(|one| one.kills == self.times) {
                cluster.let_up(&[one.node])?;
            }
            let looped = |one: &Loop| one.all_killed && one.is_loop();
            let tell = |one: &Loop| format!("{} killed {} of {} times", one.node, one.kills, self.times);
            let told: Vec<_> = self.loops.iter().map(tell).collect();
            let verified = !self.loops.is_empty() && self.loops.iter().all(looped);
            Ok(Effect { verified, evidence: told.join(", ") })
        }
        .boxed()
    }
}
