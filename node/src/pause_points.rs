//! Named places in the node's code at which it can be made to stop, so that a test strikes exactly there.
//!
//! Whoever starts the node names a directory in [`VARIABLE`], which all nodes of a cluster share. Nothing happens until there is a
//! file `armed` in it, with a line for each stop: `step point leader times`. The node that reaches that point for that time since it
//! was armed, while that leader leads (the first is 1), adds a line to `reached` and sends itself SIGSTOP; SIGCONT lets it go on.
//!
//! Why so: a process that has stopped itself can't be missed (its threads are in state `T` until somebody says otherwise), needs no
//! thread or socket that would change what is tested, and can be killed where it stands. The files are how nodes that don't talk to
//! each other count leaders and reaches together. Without the variable a point costs one load and a branch.
//!
//! Two points are about what is not sent: there the frames to the other nodes are held back from the moment that a record is to be
//! sent until it is appended, or acknowledged; what is never acknowledged before it is replicated never reaches the second.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, raise};

use crate::core::message::Body;
use crate::core::{Answer, Effect, HardState};
use crate::record::{Epoch, Lsn};
use crate::store::Reply;

/// Names the directory.
pub const VARIABLE: &str = "INTERREGNUM_PAUSE_POINTS";

/// How long frames are held back at most for what may never come.
const LONGEST_HOLD: Duration = Duration::from_secs(1);

/// Where a node can stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    /// A leader's record is in its log, as durable as `--fsync` asks, and no other node was told of it.
    AppendedUnreplicated,
    /// A leader's record is where it must be to be acknowledged, and the client was not told.
    ReplicatedUnacknowledged,
    /// A client was told that its write happened, and no other node was told of it.
    AcknowledgedUnreplicated,
    /// A node has chosen whom to vote for, be it itself, and has not written it down.
    VotedUnpersisted,
    /// Its vote is written down, and the candidate was not told.
    PersistedUntold,
    /// A follower has records on its disk, and the leader was not told.
    FlushedUnconfirmed,
    /// A node has become leader, and nobody was told.
    ElectedUnannounced,
    /// A follower has put records aside that its leader does not have, and they are still in its log.
    PutAsideUntruncated,
}

/// Every point, by name.
const POINTS: [(&str, Point); 8] = [
    ("after-append-before-replicate", Point::AppendedUnreplicated),
    ("after-replicate-before-acknowledge", Point::ReplicatedUnacknowledged),
    ("after-acknowledge-before-replicate", Point::AcknowledgedUnreplicated),
    ("after-vote-before-persist", Point::VotedUnpersisted),
    ("after-persist-before-vote-reply", Point::PersistedUntold),
    ("after-flush-before-confirm", Point::FlushedUnconfirmed),
    ("after-election-before-announce", Point::ElectedUnannounced),
    ("after-put-aside-before-truncate", Point::PutAsideUntruncated),
];

/// The names of all points.
#[must_use]
pub fn names() -> [&'static str; POINTS.len()] {
    POINTS.map(|(name, _)| name)
}

static ARMED: OnceLock<PausePoints> = OnceLock::new();
static HOLDS_BACK: AtomicBool = AtomicBool::new(false);

struct PausePoints {
    directory: PathBuf,
    id: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The epoch in which this node leads, and which leader it is.
    leads: Option<(Epoch, u64)>,
    /// The newest record that was sent, and the newest that was told to be durable: each is a reach once.
    sent_lsn: Lsn,
    confirmed_lsn: Lsn,
    saved: Option<HardState>,
    /// A stop that was reached as far as sending goes.
    held: Option<Held>,
    /// It has been acknowledged, and that is about to be written to the client.
    is_acknowledged: bool,
}

struct Held {
    point: Point,
    lsn: Lsn,
    line: String,
    since: Instant,
}

/// Called once when the node starts.
pub(crate) fn start(id: &str) {
    if let Some(directory) = std::env::var_os(VARIABLE) {
        let _ = ARMED.set(PausePoints { directory: directory.into(), id: id.to_owned(), state: Mutex::default() });
    }
}

/// The node leads in this epoch, or does not lead.
pub(crate) fn leads(epoch: Option<Epoch>) {
    let Some(points) = ARMED.get() else { return };
    let mut state = points.state();
    if state.leads.map(|(epoch, _)| epoch) == epoch {
        return;
    }
    state.leads = epoch.map(|epoch| (epoch, points.count_one("leaders")));
    state.held = None;
    HOLDS_BACK.store(false, Ordering::Relaxed);
    if epoch.is_some() {
        points.reach(state, Point::ElectedUnannounced, 0);
    }
}

/// An effect of the core is about to be carried out.
pub(crate) fn before<T>(effect: &Effect<T>) {
    let Some(points) = ARMED.get() else { return };
    let mut state = points.state();
    match effect {
        Effect::Save(next) => {
            let is_vote = next.voted_for.is_some()
                && state.saved.is_none_or(|last| last.voted_for != next.voted_for || last.epoch != next.epoch);
            state.saved = Some(*next);
            if is_vote {
                points.reach(state, Point::VotedUnpersisted, 0);
            }
        }
        Effect::Send { message, .. } => match &message.body {
            Body::Append(append) => {
                let lsn = append.prev_lsn + append.records.len() as Lsn;
                if !append.records.is_empty() && lsn > state.sent_lsn {
                    state.sent_lsn = lsn;
                    points.hold(&mut state, lsn);
                }
            }
            Body::VoteReply { granted: true } => points.reach(state, Point::PersistedUntold, 0),
            Body::Appended { durable_lsn, .. } if *durable_lsn > state.confirmed_lsn => {
                state.confirmed_lsn = *durable_lsn;
                points.reach(state, Point::FlushedUnconfirmed, *durable_lsn);
            }
            _ => {}
        },
        Effect::Answer { answer, .. } if is_acknowledgement(answer) => {
            points.reach(state, Point::ReplicatedUnacknowledged, answer.lsn);
        }
        _ => {}
    }
}

/// The log reaches so far.
pub(crate) fn flushed(lsn: Lsn) {
    let Some(points) = ARMED.get() else { return };
    points.release(points.state(), Point::AppendedUnreplicated, lsn);
}

/// Records have been put aside, and are still in the log.
pub(crate) fn put_aside() {
    let Some(points) = ARMED.get() else { return };
    points.reach(points.state(), Point::PutAsideUntruncated, 0);
}

/// An answer is about to be written to a client.
pub(crate) fn answering(answer: &Answer) {
    let Some(points) = ARMED.get() else { return };
    let mut state = points.state();
    let is_it = |held: &Held| held.point == Point::AcknowledgedUnreplicated && held.lsn <= answer.lsn;
    state.is_acknowledged |= is_acknowledgement(answer) && state.held.as_ref().is_some_and(is_it);
}

/// What was to be written to a client has been written.
pub(crate) fn answered() {
    let Some(points) = ARMED.get() else { return };
    let mut state = points.state();
    if std::mem::take(&mut state.is_acknowledged) {
        points.release(state, Point::AcknowledgedUnreplicated, Lsn::MAX);
    }
}

/// Whether nothing is to be sent to other nodes now.
pub(crate) fn holds_back() -> bool {
    if !HOLDS_BACK.load(Ordering::Relaxed) {
        return false;
    }
    let Some(points) = ARMED.get() else { return false };
    let mut state = points.state();
    if state.held.as_ref().is_some_and(|held| held.since.elapsed() >= LONGEST_HOLD) {
        state.held = None;
        HOLDS_BACK.store(false, Ordering::Relaxed);
    }
    state.held.is_some()
}

/// Whether a write is answered as done.
fn is_acknowledgement(answer: &Answer) -> bool {
    answer.lsn > 0 && matches!(answer.outcome, Ok(Reply::Ok | Reply::Integer(_)))
}

impl PausePoints {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stops here, if it is the time for it.
    fn reach(&self, state: MutexGuard<'_, State>, point: Point, lsn: Lsn) {
        let line = self.if_armed(|armed| {
            let line = self.line(armed, &state, point, lsn)?;
            self.write_reached(&line).is_ok().then_some(line)
        });
        drop(state);
        if line.is_some() {
            stop();
        }
    }

    /// Holds frames back from here on, if it is the time for it.
    fn hold(&self, state: &mut State, lsn: Lsn) {
        for point in [Point::AppendedUnreplicated, Point::AcknowledgedUnreplicated] {
            let line = self.if_armed(|armed| self.line(armed, state, point, lsn));
            if let Some(line) = line.filter(|_| state.held.is_none()) {
                state.held = Some(Held { point, lsn, line, since: Instant::now() });
                HOLDS_BACK.store(true, Ordering::Relaxed);
            }
        }
    }

    /// Stops here, if frames are held back for this; they go out when the node goes on.
    fn release(&self, mut state: MutexGuard<'_, State>, point: Point, lsn: Lsn) {
        let Some(held) = state.held.take_if(|held| held.point == point && held.lsn <= lsn) else { return };
        let is_told = self.if_armed(|_| self.write_reached(&held.line).ok()).is_some();
        drop(state);
        if is_told {
            stop();
        }
        HOLDS_BACK.store(false, Ordering::Relaxed);
    }

    /// Looks at what is armed, which cannot change meanwhile.
    fn if_armed<R>(&self, look: impl FnOnce(&str) -> Option<R>) -> Option<R> {
        let mut file = File::open(self.directory.join("armed")).ok()?;
        file.lock_shared().ok()?;
        // It may have been taken away while the lock was waited for.
        let mut armed = String::new();
        (self.directory.join("armed").exists() && file.read_to_string(&mut armed).is_ok())
            .then(|| look(&armed))
            .flatten()
    }

    /// What to tell if this reach is the one that a line of `armed` is about.
    fn line(&self, armed: &str, state: &State, point: Point, lsn: Lsn) -> Option<String> {
        let leaders = self.directory.join("leaders");
        let leader =
            state.leads.map_or_else(|| leaders.metadata().map_or(0, |metadata| metadata.len()), |(_, number)| number);
        let mut found = None;
        for line in armed.lines() {
            let Some((step, name, wanted_leader, times)) = parse(line) else { continue };
            if point.name() == name && leader == wanted_leader && self.count_one(&format!("count-{step}")) == times {
                let epoch = state.leads.map_or(0, |(epoch, _)| epoch);
                found = Some(format!("{step} {name} {leader} {times} {} {epoch} {lsn}\n", self.id));
            }
        }
        found
    }

    fn write_reached(&self, line: &str) -> io::Result<()> {
        tracing::info!(reached = line.trim_end(), "pause point");
        let path = self.directory.join("reached");
        File::options().create(true).append(true).open(path)?.write_all(line.as_bytes())
    }

    /// Counts one more for all nodes; which one it is, or 0 where that cannot be told.
    fn count_one(&self, name: &str) -> u64 {
        let count = |path: &Path| {
            let mut file = File::options().create(true).append(true).open(path)?;
            file.write_all(b"1")?;
            file.stream_position()
        };
        count(&self.directory.join(name)).unwrap_or(0)
    }
}

impl Point {
    fn name(self) -> &'static str {
        POINTS.iter().find(|(_, point)| *point == self).expect("every point has a name").0
    }
}

fn parse(line: &str) -> Option<(u64, &str, u64, u64)> {
    let mut words = line.split(' ');
    let (step, name) = (words.next()?.parse().ok()?, words.next()?);
    Some((step, name, words.next()?.parse().ok()?, words.next()?.parse().ok()?))
}

/// Stops all of the process until it gets SIGCONT. The thread that raises the signal does not get past this.
fn stop() {
    if let Err(error) = raise(Signal::SIGSTOP) {
        tracing::error!(%error, "cannot stop at a pause point");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reach_that_was_armed_is_told_and_no_other() {
        let directory = tempfile::tempdir().unwrap();
        let of_node =
            |id: &str| PausePoints { directory: directory.path().to_owned(), id: id.into(), state: Mutex::default() };
        let (n1, n2) = (of_node("n1"), of_node("n2"));
        let reach = |points: &PausePoints, point| {
            let state = points.state();
            points.if_armed(|armed| points.line(armed, &state, point, 7))
        };
        let point = Point::FlushedUnconfirmed;
        assert_eq!(n1.count_one("leaders"), 1);
        assert_eq!(reach(&n1, point), None, "nothing is armed");
        std::fs::write(directory.path().join("armed"), "4 after-flush-before-confirm 1 2\n").unwrap();
        assert_eq!(reach(&n1, Point::VotedUnpersisted), None);
        assert_eq!(reach(&n1, point), None, "once");
        assert_eq!(
            reach(&n2, point).as_deref(),
            Some("4 after-flush-before-confirm 1 2 n2 0 7\n"),
            "nodes count together"
        );
        assert_eq!(reach(&n1, point), None, "a third time is not the second");

        std::fs::write(directory.path().join("armed"), "5 after-flush-before-confirm 2 1\n").unwrap();
        assert_eq!(reach(&n1, point), None, "the first leader leads");
        n2.count_one("leaders");
        assert!(reach(&n1, point).is_some(), "the second leader leads");
    }
}
