//! Writes down what happens, while it happens: the history of the clients, and the events of the run, on one clock.
//!
//! Each line reaches the kernel before the recording call returns, so a harness that is killed leaves everything it saw.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use interregnum_checker::history::{Event, EventType, History, Outcome, jsonl};
use interregnum_workloads::client::{Completion, Invocation};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::fault::Fault;
use crate::node_id::NodeId;
use crate::run_dir::RunDir;
use crate::system::Role;
use crate::target::Target;

/// The clock of a run and its two logs.
#[derive(Debug)]
pub(crate) struct Recorder {
    /// Monotonic, started with the run.
    start: Instant,
    history: Mutex<Log>,
    events: Mutex<Log>,
}

/// A file of lines. After a failed write nothing more is written, so that no line follows a gap, and the first error is
/// kept to be told.
#[derive(Debug)]
struct Log {
    file: File,
    failure: Option<io::Error>,
}

/// What happens beside the operations of clients. One line of `events.jsonl`, with its `time` in nanoseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub(crate) enum RunEvent {
    /// Where this clock stands on the wall's, which is that of the nodes' logs: nanoseconds since 1970.
    Clock { unix_ns: u64 },
    /// The run enters its next phase.
    Phase { phase: String },
    /// A fault is in force, since `began_ns`.
    Inject { step: usize, fault: Fault, target: Target, nodes: Vec<NodeId>, began_ns: u64, detail: String },
    /// A fault is no longer in force. Its undoing began at `began_ns`, which runs of earlier versions do not tell.
    Undo {
        step: usize,
        fault: Fault,
        nodes: Vec<NodeId>,
        #[serde(default)]
        began_ns: u64,
        verified: bool,
        evidence: String,
    },
    /// A node stands at a pause point, stopped as far as the kernel shows.
    PausePoint { step: usize, trigger: String, node: NodeId, epoch: u64, lsn: u64, stopped: bool },
    /// A step could not be done.
    Skip { step: usize, fault: Fault, target: Target, reason: String },
    /// A node tells something new of itself.
    Status { node: NodeId, role: Role, epoch: u64, leader: Option<NodeId> },
    /// How far its followers are behind a leader, in milliseconds, whenever that is new.
    Lag { leader: NodeId, followers_ms: BTreeMap<NodeId, u64> },
    /// A node cannot be asked any more.
    Silent { node: NodeId },
    /// The fence device switched a node off because another party asked for it, and on again unless a fault kept it down.
    Fenced { node: NodeId, by: String, evidence: String },
    /// A person ended the run.
    Interrupted,
}

/// An event with its time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct TimedEvent {
    /// Nanoseconds since the run began.
    pub time: u64,
    #[serde(flatten)]
    pub event: RunEvent,
}

impl Recorder {
    /// Starts the clock and opens the logs.
    pub(crate) fn start(run_dir: &RunDir) -> io::Result<Self> {
        let open = |path| Ok::<_, io::Error>(Mutex::new(Log::create(path)?));
        let recorder =
            Self { start: Instant::now(), history: open(run_dir.history())?, events: open(run_dir.events())? };
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        recorder.happened(RunEvent::Clock { unix_ns: since_1970.as_nanos() as u64 });
        Ok(recorder)
    }

    /// Nanoseconds since the run began.
    pub(crate) fn now_ns(&self) -> u64 {
        self.start.elapsed().as_nanos() as u64
    }

    /// Records that `process` is about to send `invocation`.
    pub(crate) fn invoked(&self, process: u64, invocation: &Invocation) {
        self.write(process, EventType::Invoke, invocation, None);
    }

    /// Records that the answer to `invocation` has been read, or will not come.
    pub(crate) fn completed(&self, process: u64, invocation: &Invocation, completion: &Completion) {
        let event_type = match completion.outcome {
            Outcome::Ok => EventType::Ok,
            Outcome::Fail => EventType::Fail,
            Outcome::Info => EventType::Info,
        };
        self.write(process, event_type, invocation, Some(completion));
    }

    fn write(&self, process: u64, event_type: EventType, invocation: &Invocation, completion: Option<&Completion>) {
        let value = completion.and_then(|completion| completion.value.clone());
        let mut event = Event {
            time: None,
            process,
            event_type,
            function: invocation.function.clone(),
            key: Some(invocation.key.as_str().into()),
            value: value.unwrap_or_else(|| invocation.value.clone()),
            node: completion.and_then(|completion| completion.node.as_deref().map(Into::into)),
            epoch: completion.and_then(|completion| completion.epoch),
            lsn: completion.and_then(|completion| completion.lsn),
            seen: completion.and_then(|completion| completion.seen.clone()),
            error: completion.and_then(|completion| completion.error.as_deref().map(Into::into)),
        };
        let mut log = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        // Taken under the lock: the order of the lines is the order of their times.
        event.time = Some(self.now_ns());
        log.append(|file| jsonl::write_event(file, &event));
    }

    /// Records an event; returns its time.
    pub(crate) fn happened(&self, event: RunEvent) -> u64 {
        let mut log = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let time = self.now_ns();
        log.append(|file| {
            let mut line = serde_json::to_vec(&TimedEvent { time, event })?;
            line.push(b'\n');
            file.write_all(&line)
        });
        time
    }

    /// The first error of either log, if there was one: what it holds is then not all that happened.
    pub(crate) fn failure(&self) -> Option<io::Error> {
        let take = |log: &Mutex<Log>| log.lock().unwrap_or_else(PoisonError::into_inner).failure.take();
        take(&self.history).or_else(|| take(&self.events))
    }
}

impl Log {
    fn create(path: impl AsRef<std::path::Path>) -> io::Result<Self> {
        Ok(Self { file: File::create_new(path)?, failure: None })
    }

    fn append(&mut self, write_line: impl FnOnce(&mut File) -> io::Result<()>) {
        if self.failure.is_none() {
            self.failure = write_line(&mut self.file).err();
        }
    }
}

/// Reads back the history that a run recorded.
pub(crate) fn read_history(run_dir: &RunDir) -> anyhow::Result<History> {
    let path = run_dir.history();
    let file = io::BufReader::new(File::open(&path)?);
    Ok(jsonl::read(file, &path.display().to_string())?.history)
}
