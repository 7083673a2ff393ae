//! So many runs at a time, each in a process of its own.

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use tokio_util::sync::CancellationToken;

use super::child::ChildRun;
use super::outcome::Outcome;

/// Makes the runs in order, `jobs` at a time, until there are no more or `stop` is cancelled; those under way then come to their
/// end. `ended` is told of each as it ends, with whatever came with it, and an error of its ends everything at once.
pub(crate) async fn run_all<T>(
    runs: impl IntoIterator<Item = (T, ChildRun)>,
    jobs: usize,
    stop: &CancellationToken,
    mut ended: impl FnMut(T, Outcome) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    assert!(jobs > 0, "somebody has to make the runs");
    let mut waiting = runs.into_iter().fuse();
    let mut under_way = FuturesUnordered::new();
    loop {
        while under_way.len() < jobs && !stop.is_cancelled() {
            let Some((what, run)) = waiting.next() else { break };
            under_way.push(async move { (what, run.run().await) });
        }
        match under_way.next().await {
            Some((what, outcome)) => ended(what, outcome)?,
            None => return Ok(()),
        }
    }
}
