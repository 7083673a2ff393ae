//! The clients: each runs its own stream of operations, one at a time, and every invocation and completion is recorded.

use std::collections::BTreeSet;
use std::sync::Arc;

use interregnum_checker::history::Outcome;
use interregnum_workloads::client::Client;
use interregnum_workloads::pace::Pace;
use interregnum_workloads::workload::OperationStream;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Plan;
use super::tally::Tally;
use crate::cluster::Cluster;
use crate::record::Recorder;

/// All clients of a run.
pub(super) struct Load {
    clients: JoinSet<Touched>,
    stop: CancellationToken,
    tally: Arc<Tally>,
}

/// What the clients leave behind for the final reads.
#[derive(Default)]
pub(super) struct Touched {
    /// Every key that was read or written.
    pub keys: BTreeSet<String>,
    /// A process number that no client had.
    pub next_process: u64,
}

impl Load {
    /// Starts every client; they count in `tally`.
    pub(super) fn start(plan: &Plan, cluster: &Cluster, recorder: &Arc<Recorder>, tally: Arc<Tally>) -> Self {
        let stop = CancellationToken::new();
        let reaches = cluster.reaches();
        let mut clients = JoinSet::new();
        let writers = plan.clients.saturating_sub(plan.readers).max(1); // where nobody writes there is nothing to read
        for index in 0..plan.clients {
            let worker = Worker {
                client: plan.system.client(&reaches, index),
                stream: if index < writers {
                    plan.workload.stream(plan.seed, index, plan.clients)
                } else {
                    plan.workload.reader(plan.seed, index)
                },
                pace: match plan.rate_per_s {
                    Some(rate) => Pace::shared_rate(rate, index, plan.clients),
                    None => Pace::closed_loop(),
                },
                process: index as u64,
                clients: plan.clients as u64,
                recorder: Arc::clone(recorder),
                tally: Arc::clone(&tally),
            };
            clients.spawn(worker.work(stop.clone()));
        }
        Self { clients, stop, tally }
    }

    /// How many operations have been acknowledged so far.
    pub(super) fn acknowledged(&self) -> u64 {
        self.tally.counts().ok
    }

    /// Lets every client end its operation.
    pub(super) async fn stop(self) -> Touched {
        self.stop.cancel();
        self.clients.join_all().await.into_iter().fold(Touched::default(), |mut all, one| {
            all.keys.extend(one.keys);
            all.next_process = all.next_process.max(one.next_process);
            all
        })
    }
}

/// One client at work.
struct Worker {
    client: Box<dyn Client>,
    stream: Box<dyn OperationStream>,
    pace: Pace,
    /// Changes after every unknown outcome: a process that does not know where it stands never acts again.
    process: u64,
    clients: u64,
    recorder: Arc<Recorder>,
    tally: Arc<Tally>,
}

impl Worker {
    async fn work(mut self, stop: CancellationToken) -> Touched {
        let mut keys = BTreeSet::new();
        while stop.run_until_cancelled(self.pace.ready()).await.is_some() && !stop.is_cancelled() {
            let invocation = self.stream.next();
            if !keys.contains(&invocation.key) {
                keys.insert(invocation.key.clone());
            }
            self.recorder.invoked(self.process, &invocation);
            let invoked = Instant::now();
            let completion = self.client.execute(&invocation).await;
            let latency = invoked.elapsed();
            self.recorder.completed(self.process, &invocation, &completion);
            self.stream.observe(&invocation, &completion);
            self.tally.count(completion.outcome, latency);
            if completion.outcome == Outcome::Ok && invocation.function.is_write() {
                self.tally.wrote(completion.epoch, invoked + latency);
            }
            if completion.outcome == Outcome::Info {
                self.process += self.clients;
            }
        }
        Touched { keys, next_process: self.process + 1 }
    }
}
