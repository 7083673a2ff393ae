//! The clocks of the targets go wrong, each node's own and never the host's: they jump, or run too fast or too slowly. Verified by
//! reading them, before and in the end: more or less must have passed on them than on ours, by more than the readings took. A node that
//! was killed meanwhile has told its wrong clock at least once.

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::time::Instant;

use super::{Effect, Force, LOOK};
use crate::cluster::{Cluster, Compared, SIGNAL_LIMIT};
use crate::node_id::NodeId;
use crate::system::Skew;

pub(super) fn obstacle(cluster: &Cluster) -> Option<String> {
    let missing = "this system's clocks cannot be made wrong for one node alone; those of a cluster of `node` can";
    cluster.system().clocks().is_none().then(|| missing.to_owned())
}

struct Skewed {
    by: Skew,
    /// The targets, each with its clock before, if it told how wrong it is.
    before: Vec<(NodeId, Option<Compared>)>,
}

/// A node reads what it is told to be while it runs; `None`: it did not say so in time.
async fn is_told(cluster: &Cluster, node: NodeId) -> bool {
    let deadline = Instant::now() + SIGNAL_LIMIT;
    while cluster.runs(node) && Instant::now() < deadline {
        if cluster.read_clock(node).await.is_some_and(|now| now.reading.skew == cluster.skew_of(node)) {
            return true;
        }
        tokio::time::sleep(LOOK).await;
    }
    false
}

pub(super) async fn inject(cluster: &mut Cluster, targets: &[NodeId], by: Skew) -> anyhow::Result<impl Force + use<>> {
    let mut before = Vec::new();
    for &target in targets {
        let reading = cluster.read_clock(target).await;
        cluster.skew_clock(target, by)?;
        before.push((target, reading));
    }
    for (target, reading) in &mut before {
        if !is_told(cluster, *target).await {
            *reading = None;
        }
    }
    Ok(Skewed { by, before })
}

impl Force for Skewed {
    fn detail(&self) -> String {
        let Skew { ppm, jump_ms } = self.by;
        if ppm == 0 { format!("by {jump_ms} ms") } else { format!("by {ppm} millionths") }
    }

    fn undo(self: Box<Self>, cluster: &mut Cluster) -> BoxFuture<'_, anyhow::Result<Effect>> {
        async move {
            let (mut verified, mut evidence) = (!self.before.is_empty(), Vec::new());
            for (node, before) in &self.before {
                let (is_wrong, told) = match before {
                    None if is_told(cluster, *node).await => (true, format!("{node} told its wrong clock")),
                    None => (false, format!("{node} did not tell a wrong clock")),
                    Some(before) => self.effect(*node, before, cluster.read_clock(*node).await),
                };
                verified &= is_wrong;
                evidence.push(told);
            }
            for (node, _) in &self.before {
                cluster.skew_clock(*node, -self.by)?;
            }
            for (node, _) in &self.before {
                if !is_told(cluster, *node).await && cluster.runs(*node) {
                    anyhow::bail!("{node} does not take its clock for right again");
                }
            }
            Ok(Effect { verified, evidence: evidence.join(", ") })
        }
        .boxed()
    }
}

impl Skewed {
    /// Whether a clock went wrong in the right direction, and what it showed.
    fn effect(&self, node: NodeId, before: &Compared, after: Option<Compared>) -> (bool, String) {
        let Some((its_us, [least_us, most_us])) = after.and_then(|after| before.passed_us(&after)) else {
            return (true, format!("{node} told its wrong clock, and cannot be asked again"));
        };
        let Skew { ppm, jump_ms } = self.by;
        let is_ahead = ppm > 0 || jump_ms > 0;
        let is_wrong = if is_ahead { its_us > most_us } else { its_us < least_us };
        let ms = |us: u64| us as f64 / 1000.0;
        (is_wrong, format!("{:.1} ms passed on {node} in {:.1} to {:.1}", ms(its_us), ms(least_us), ms(most_us)))
    }
}
