//! The clients: each runs its own stream of operations, one at a time, and every invocation and completion is recorded.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use interregnum_checker::history::Outcome;
use interregnum_workloads::client::Client;
use interregnum_workloads::pace::Pace;
use interregnum_workloads::workload::OperationStream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Plan;
use super::snapshot::Snapshot;
use crate::cluster::Cluster;
use crate::record::Recorder;
use crate::report::Counts;

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

/// Operations that have ended, by outcome.
#[derive(Default)]
struct Tally {
    ok: AtomicU64,
    fail: AtomicU64,
    info: AtomicU64,
}

impl Load {
    pub(super) fn start(
        plan: &Plan,
        cluster: &Cluster,
        recorder: &Arc<Recorder>,
        progress: &watch::Sender<Snapshot>,
    ) -> Self {
        let stop = CancellationToken::new();
        let tally = Arc::new(Tally::default());
        let reaches = cluster.reaches();
        let mut clients = JoinSet::new();
        for index in 0..plan.clients {
            let worker = Worker {
                client: plan.system.client(&reaches, index),
                stream: plan.workload.stream(plan.seed, index, plan.clients),
                pace: match plan.rate_per_s {
                    Some(rate) => Pace::shared_rate(rate, index, plan.clients),
                    None => Pace::closed_loop(),
                },
                process: index as u64,
                clients: plan.clients as u64,
                recorder: Arc::clone(recorder),
                tally: Arc::clone(&tally),
                progress: progress.clone(),
            };
            clients.spawn(worker.work(stop.clone()));
        }
        Self { clients, stop, tally }
    }

    /// How many operations have been acknowledged so far.
    pub(super) fn acknowledged(&self) -> u64 {
        self.tally.ok.load(Ordering::Relaxed)
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
    progress: watch::Sender<Snapshot>,
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
            let completion = self.client.execute(&invocation).await;
            self.recorder.completed(self.process, &invocation, &completion);
            self.stream.observe(&invocation, &completion);
            self.count(completion.outcome);
        }
        Touched { keys, next_process: self.process + 1 }
    }

    fn count(&mut self, outcome: Outcome) {
        let counter = match outcome {
            Outcome::Ok => &self.tally.ok,
            Outcome::Fail => &self.tally.fail,
            Outcome::Info => {
                self.process += self.clients;
                &self.tally.info
            }
        };
        counter.fetch_add(1, Ordering::Relaxed);
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let Tally { ok, fail, info } = &*self.tally;
        let counts = Counts { ok: count(ok), fail: count(fail), info: count(info) };
        self.progress.send_modify(|snapshot| snapshot.counts = counts);
    }
}
