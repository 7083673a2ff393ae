//! Asks every node again and again what it believes, and records what is new; listens to what each tells to be committed. It asks
//! directly, so it sees both sides of a partition; it decides nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use super::claims::Claims;
use super::snapshot::{Snapshot, is_another_leader};
use crate::cluster::Cluster;
use crate::node_id::NodeId;
use crate::record::{Recorder, RunEvent};
use crate::system::{Listener, Place, Role, Status, System};

/// How often a node is asked. An election takes a few of these; asking costs a node tens of microseconds.
const PERIOD: Duration = Duration::from_millis(25);

/// A node has a handful of files; still, their sizes need not be known as often as who leads.
const LOOKS_PER_MEASUREMENT: u64 = 8;

/// Between two times that a node is asked what is committed by now. A node keeps what it told for longer than that.
const LISTENING_PAUSE: Duration = Duration::from_millis(20);

/// One watcher for each node, and one listener where there is something to listen to.
pub(super) struct Monitor {
    watchers: JoinSet<Watched>,
    listeners: JoinSet<()>,
    stop: CancellationToken,
    claims: Arc<Mutex<Claims>>,
}

/// What was measured while watching.
#[derive(Debug, Default)]
pub(super) struct Watched {
    /// How many records the last of the followers was behind, each time that a leader was asked.
    pub lags_records: Vec<u64>,
    /// The most bytes that one node had on its disk.
    pub disk_bytes: u64,
    /// What the nodes said of themselves; `None` if they can't be held to it.
    pub claims: Option<Claims>,
}

impl Monitor {
    pub(super) fn start(cluster: &Cluster, recorder: &Arc<Recorder>, progress: &watch::Sender<Snapshot>) -> Self {
        let stop = CancellationToken::new();
        let claims = Arc::new(Mutex::new(Claims::none_yet(cluster.system().drift().is_some())));
        let (mut watchers, mut listeners) = (JoinSet::new(), JoinSet::new());
        for place in cluster.places() {
            if let Some(log) = cluster.system().committed_log() {
                let listener = log.listen(&place);
                listeners.spawn(listen_to(
                    place.node,
                    listener,
                    Arc::clone(recorder),
                    Arc::clone(&claims),
                    stop.clone(),
                ));
            }
            let (recorder, progress) = (Arc::clone(recorder), progress.clone());
            let bytes = cluster.bytes_of(place.node);
            let (system, claims) = (Arc::clone(cluster.system()), Arc::clone(&claims));
            watchers.spawn(watch_node(system, place, bytes, recorder, progress, claims, stop.clone()));
        }
        Self { watchers, listeners, stop, claims }
    }

    /// Ends the watch.
    pub(super) async fn stop(self) -> Watched {
        self.stop.cancel();
        let is_listening = !self.listeners.is_empty();
        self.listeners.join_all().await;
        let watched = self.watchers.join_all().await.into_iter().fold(Watched::default(), |mut all, one| {
            all.lags_records.extend(one.lags_records);
            all.disk_bytes = all.disk_bytes.max(one.disk_bytes);
            all
        });
        let claims = std::mem::take(&mut *self.claims.lock().unwrap_or_else(PoisonError::into_inner));
        Watched { claims: is_listening.then_some(claims), ..watched }
    }
}

async fn watch_node(
    system: Arc<dyn System>,
    place: Arc<Place>,
    bytes: PathBuf,
    recorder: Arc<Recorder>,
    progress: watch::Sender<Snapshot>,
    claims: Arc<Mutex<Claims>>,
    stop: CancellationToken,
) -> Watched {
    let mut watched = Watched::default();
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last: Option<Status> = None;
    let mut asked_times = 0_u64;
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        let asked_ns = recorder.now_ns();
        let Some(asked) = stop.run_until_cancelled(system.status(&place)).await else { break };
        let status = asked.ok();
        let (before, now) = (last.as_ref(), status.as_ref());
        for event in news(place.node, before, now).into_iter().chain(lag_news(place.node, before, now)) {
            recorder.happened(event);
        }
        let is_news = last.as_ref().map(part) != now.map(part) || asked_times == 0;
        if is_news {
            progress.send_modify(|snapshot| {
                snapshot.nodes.insert(place.node, now.map(|status| (status.role, status.epoch)));
            });
        }
        if let Some(status) = now {
            let at_ns = recorder.now_ns();
            claims.lock().unwrap_or_else(PoisonError::into_inner).status(asked_ns, at_ns, place.node, status);
        }
        if let Some(Status { role: Role::Leader, epoch, lags, .. }) = now {
            progress.send_modify(|snapshot| {
                let leads = (place.node, *epoch);
                if is_another_leader(snapshot.leader, leads) {
                    snapshot.leader = Some(leads);
                    snapshot.leaders += 1;
                }
                if snapshot.leader == Some(leads) {
                    snapshot.lags.clone_from(lags);
                }
            });
        }
        watched.lags_records.extend(now.and_then(Status::lag_records));
        if asked_times.is_multiple_of(LOOKS_PER_MEASUREMENT) {
            watched.disk_bytes = watched.disk_bytes.max(bytes_below(&bytes));
        }
        asked_times += 1;
        last = status;
    }
    watched
}

/// Keeps what one node tells to be committed, until the watch ends.
async fn listen_to(
    node: NodeId,
    mut listener: Box<dyn Listener>,
    recorder: Arc<Recorder>,
    claims: Arc<Mutex<Claims>>,
    stop: CancellationToken,
) {
    while let Some(told) = stop.run_until_cancelled(listener.next()).await {
        // A node that is paused or dead is asked again.
        if let Ok(records) = told {
            claims.lock().unwrap_or_else(PoisonError::into_inner).committed(recorder.now_ns(), node, records);
        }
        if stop.run_until_cancelled(sleep(LISTENING_PAUSE)).await.is_none() {
            return;
        }
    }
}

/// The bytes of all files below a directory, as far as they can be seen: the node writes and removes some meanwhile.
fn bytes_below(directory: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(directory) else { return 0 };
    let bytes = |entry: fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => bytes_below(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    };
    entries.flatten().map(bytes).sum()
}

/// What is worth telling when it changes.
fn part(status: &Status) -> (Role, u64, Option<NodeId>) {
    (status.role, status.epoch, status.leader)
}

/// What there is to tell, if it is more than a longer log.
fn news(node: NodeId, last: Option<&Status>, now: Option<&Status>) -> Option<RunEvent> {
    match now {
        _ if last.map(part) == now.map(part) => None,
        Some(&Status { role, epoch, leader, .. }) => Some(RunEvent::Status { node, role, epoch, leader }),
        None => Some(RunEvent::Silent { node }),
    }
}

/// How far the followers of a leader are behind, if that is not what it told last.
fn lag_news(leader: NodeId, last: Option<&Status>, now: Option<&Status>) -> Option<RunEvent> {
    let ms = |status: &Status| status.lags.iter().map(|(&node, lag)| (node, lag.ms)).collect::<BTreeMap<_, _>>();
    let followers_ms = now.map(ms).filter(|told| !told.is_empty())?;
    (last.map(ms).as_ref() != Some(&followers_ms)).then_some(RunEvent::Lag { leader, followers_ms })
}
