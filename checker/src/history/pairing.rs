//! Joins events into operations, and refuses what no single-threaded client could have recorded. It reads no files.

use std::collections::HashMap;

use thiserror::Error;

use super::{Event, EventType, Function, History, Moment, Operation, Outcome};
use crate::history::Value;

/// An event that cannot be where it is.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("event {event}: {problem}")]
pub struct HistoryError {
    /// The event's number, counted from 1.
    pub event: usize,
    /// What is wrong with it.
    pub problem: Problem,
}

/// Why an event cannot be where it is.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Problem {
    /// A completion of nothing.
    #[error("process {process} completes a {function}, but has no operation open")]
    NothingOpen {
        /// The client.
        process: u64,
        /// What it completes.
        function: Function,
    },
    /// A second invocation before the first one's completion.
    #[error(
        "process {process} invokes a {function} while its {open} (event {since}) is open; a process does one thing at a \
         time: give each concurrent client its own number"
    )]
    StillOpen {
        /// The client.
        process: u64,
        /// What it invokes.
        function: Function,
        /// What it has not completed.
        open: Function,
        /// The number of the event that invoked it.
        since: usize,
    },
    /// A completion of another function than the invoked one.
    #[error("process {process} completes a {function}, but had invoked a {open} (event {since})")]
    OtherFunction {
        /// The client.
        process: u64,
        /// What it completes.
        function: Function,
        /// What it had invoked.
        open: Function,
        /// The number of the event that invoked it.
        since: usize,
    },
    /// A completion on another key than the invocation's.
    #[error("process {process} completes a {function} of key {key:?}, but had invoked it on {open:?} (event {since})")]
    OtherKey {
        /// The client.
        process: u64,
        /// What it completes.
        function: Function,
        /// The key of the completion.
        key: String,
        /// The key of the invocation.
        open: String,
        /// The number of the event that invoked it.
        since: usize,
    },
    /// An event of a process whose last operation may still be going on.
    #[error(
        "process {process} acts again after an operation of unknown outcome (event {since}); that operation may still be \
         going on, so its client has to go on under a new process number"
    )]
    ActsAfterInfo {
        /// The client.
        process: u64,
        /// The number of the `info` event.
        since: usize,
    },
    /// A time less than that of the event before.
    #[error(
        "time goes backwards, from {before_ns} to {time_ns} ns; events are to be written in the order of one monotonic \
         clock, or without times"
    )]
    TimeGoesBackwards {
        /// The time of the event.
        time_ns: u64,
        /// The time of the event before it.
        before_ns: u64,
    },
}

/// What a process is doing. The numbers are those of events.
#[derive(Clone, Copy)]
enum Process {
    Idle,
    Open { operation: usize, since: usize },
    Gone { since: usize },
}

/// The processes below this number have a place in a table; of the others, which few histories have, a map knows.
const TABLED_PROCESSES: u64 = 1 << 16;

/// What each process is doing. A process that was never heard of is idle.
#[derive(Default)]
struct Processes {
    table: Vec<Process>,
    map: HashMap<u64, Process>,
}

impl Processes {
    fn get(&mut self, process: u64) -> &mut Process {
        if process >= TABLED_PROCESSES {
            return self.map.entry(process).or_insert(Process::Idle);
        }
        let index = process as usize;
        if index >= self.table.len() {
            self.table.resize(index + 1, Process::Idle);
        }
        &mut self.table[index]
    }
}

/// A history in the making.
pub(super) struct Pairing {
    by_time: bool,
    operations: Vec<Operation>,
    processes: Processes,
    events: usize,
    /// The events, counted from 0, that have the same time as the one before. All others are of one rank more.
    ties: Vec<u64>,
    last_time: Option<u64>,
}

impl Pairing {
    /// Times, where all events have one, rank the events.
    pub(super) fn by_time() -> Self {
        Self::new(true)
    }

    /// The position alone ranks the events, as in Jepsen's own files; times are only for people.
    pub(super) fn by_position() -> Self {
        Self::new(false)
    }

    fn new(by_time: bool) -> Self {
        Self {
            by_time,
            operations: Vec::new(),
            processes: Processes::default(),
            events: 0,
            ties: Vec::new(),
            last_time: None,
        }
    }

    /// Takes the next event.
    #[inline]
    pub(super) fn push(&mut self, event: Event) -> Result<(), HistoryError> {
        self.events += 1;
        self.accept(event).map_err(|problem| HistoryError { event: self.events, problem })
    }

    #[inline]
    fn accept(&mut self, event: Event) -> Result<(), Problem> {
        self.rank(event.time)?;
        let moment = Moment { order: self.events as u64 - 1, time_ns: event.time };
        let process = self.processes.get(event.process);
        match (*process, event.event_type) {
            (Process::Gone { since }, _) => Err(Problem::ActsAfterInfo { process: event.process, since }),
            (Process::Idle, EventType::Invoke) => {
                *process = Process::Open { operation: self.operations.len(), since: self.events };
                self.operations.push(invoked(event, moment));
                Ok(())
            }
            (Process::Idle, _) => Err(Problem::NothingOpen { process: event.process, function: event.function }),
            (Process::Open { operation, since }, EventType::Invoke) => {
                let open = self.operations[operation].function.clone();
                Err(Problem::StillOpen { process: event.process, function: event.function, open, since })
            }
            (Process::Open { operation, since }, event_type) => {
                let unknown = event_type == EventType::Info;
                *process = if unknown { Process::Gone { since: self.events } } else { Process::Idle };
                complete(&mut self.operations[operation], event, moment, since)
            }
        }
    }

    fn rank(&mut self, time: Option<u64>) -> Result<(), Problem> {
        let Some(time_ns) = time.filter(|_| self.by_time) else {
            self.by_time = false;
            return Ok(());
        };
        match self.last_time {
            Some(before_ns) if time_ns < before_ns => return Err(Problem::TimeGoesBackwards { time_ns, before_ns }),
            Some(before_ns) if time_ns == before_ns => self.ties.push(self.events as u64 - 1),
            _ => {}
        }
        self.last_time = Some(time_ns);
        Ok(())
    }

    /// The operations of the events so far.
    pub(super) fn finish(mut self) -> History {
        if self.by_time && !self.ties.is_empty() {
            for operation in &mut self.operations {
                let moments = [Some(&mut operation.invoked), operation.completed.as_mut(), operation.gave_up.as_mut()];
                for moment in moments.into_iter().flatten() {
                    moment.order -= self.ties.partition_point(|&tie| tie <= moment.order) as u64;
                }
            }
        }
        self.operations.shrink_to_fit();
        History { operations: self.operations }
    }
}

#[inline]
fn invoked(event: Event, moment: Moment) -> Operation {
    Operation {
        process: event.process,
        function: event.function,
        key: event.key,
        input: event.value,
        output: Value::Nil,
        outcome: Outcome::Info,
        invoked: moment,
        completed: None,
        gave_up: None,
        node: event.node,
        epoch: event.epoch,
        lsn: event.lsn,
        seen: None,
        error: None,
    }
}

/// Foreign completions may leave out the key; what they do say has to agree with the invocation.
fn complete(operation: &mut Operation, event: Event, moment: Moment, since: usize) -> Result<(), Problem> {
    if event.function != operation.function {
        let open = operation.function.clone();
        return Err(Problem::OtherFunction { process: event.process, function: event.function, open, since });
    }
    if let Some(key) = event.key.filter(|key| operation.key.as_ref() != Some(key)) {
        let (key, open) = (key.to_string(), operation.key.as_deref().unwrap_or_default().to_owned());
        return Err(Problem::OtherKey { process: event.process, function: event.function, key, open, since });
    }
    (operation.outcome, operation.completed, operation.gave_up) = match event.event_type {
        EventType::Ok => (Outcome::Ok, Some(moment), None),
        EventType::Fail => (Outcome::Fail, Some(moment), None),
        EventType::Info | EventType::Invoke => (Outcome::Info, None, Some(moment)),
    };
    operation.output = event.value;
    operation.node = event.node.or_else(|| operation.node.take());
    operation.epoch = event.epoch.or(operation.epoch);
    operation.lsn = event.lsn.or(operation.lsn);
    operation.seen = event.seen.map(Box::new);
    operation.error = event.error;
    Ok(())
}
