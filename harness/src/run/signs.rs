//! What triggers wait for: looks at the run again and again, and says since when a trigger's moment has come.
//!
//! Not here: what is done then (`nemesis`).

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::snapshot::Snapshot;
use crate::schedule::{Schedule, Trigger};

/// The most that is read of a log at one look, 100 times a second: a node that prints more than that is behind by some looks.
const MOST_BYTES_A_LOOK: u64 = 1 << 20;

/// A line that is longer is looked at in parts.
const LONGEST_LINE_BYTES: usize = 1 << 16;

/// The run as triggers see it.
pub(super) struct Signs {
    begin: Instant,
    progress: watch::Receiver<Snapshot>,
    /// Since when each trigger's moment has come, by the number of its step.
    came: BTreeMap<usize, Instant>,
    /// Nobody reads logs that no step waits for.
    logs: Vec<Tail>,
}

impl Signs {
    /// From now on.
    pub(super) fn begin(schedule: &Schedule, progress: watch::Receiver<Snapshot>, logs: &[PathBuf]) -> Self {
        let reads_logs = schedule.steps.iter().any(|step| matches!(step.trigger, Trigger::OnLog(_)));
        let logs = logs.iter().filter(|_| reads_logs).map(|path| Tail::from_end(path)).collect();
        Self { begin: Instant::now(), progress, came: BTreeMap::new(), logs }
    }

    /// When the schedule's time began.
    pub(super) fn begin_time(&self) -> Instant {
        self.begin
    }

    /// Looks at everything once, for the steps that still wait.
    pub(super) fn look<'a>(&mut self, waiting: impl Iterator<Item = (usize, &'a Trigger)>) {
        let (acknowledged, leaders) = {
            let snapshot = self.progress.borrow();
            (snapshot.tally.counts().ok, snapshot.leaders)
        };
        let lines: Vec<String> = self.logs.iter_mut().flat_map(Tail::new_lines).collect();
        for (number, trigger) in waiting {
            let has_come = match trigger {
                Trigger::At(_) | Trigger::OnPausePoint { .. } => continue,
                Trigger::AfterAcknowledged(count) => acknowledged >= *count,
                Trigger::OnLeader(count) => leaders >= *count,
                Trigger::OnLog(expression) => lines.iter().any(|line| expression.is_match(line)),
            };
            if has_come {
                self.came.entry(number).or_insert_with(Instant::now);
            }
        }
    }

    /// A step's moment has come, as somebody else has seen.
    pub(super) fn come(&mut self, number: usize) {
        self.came.entry(number).or_insert_with(Instant::now);
    }

    /// When the trigger's moment came, or will come; `None` while that cannot be said.
    pub(super) fn moment(&self, number: usize, trigger: &Trigger) -> Option<Instant> {
        match trigger {
            Trigger::At(at_ms) => Some(self.begin + Duration::from_millis(*at_ms)),
            _ => self.came.get(&number).copied(),
        }
    }
}

/// The end of a log that grows.
struct Tail {
    path: PathBuf,
    /// Everything before this has been seen.
    at: u64,
    unfinished: Vec<u8>,
}

impl Tail {
    fn from_end(path: &Path) -> Self {
        let at = path.metadata().map_or(0, |metadata| metadata.len());
        Self { path: path.to_owned(), at, unfinished: Vec::new() }
    }

    /// Whole lines that were printed since the last look. A log that cannot be read has none; it may come.
    fn new_lines(&mut self) -> Vec<String> {
        let mut bytes = std::mem::take(&mut self.unfinished);
        match self.read(&mut bytes) {
            Ok(read) => self.at += read as u64,
            Err(error) => tracing::debug!(%error, log = %self.path.display(), "cannot be read"),
        }
        let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
        let end = if bytes.len() - end > LONGEST_LINE_BYTES { bytes.len() } else { end };
        self.unfinished = bytes.split_off(end);
        String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect()
    }

    fn read(&self, bytes: &mut Vec<u8>) -> io::Result<usize> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.at))?;
        file.take(MOST_BYTES_A_LOOK).read_to_end(bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use interregnum_checker::history::Outcome;

    use super::*;
    use crate::fault::Fault;
    use crate::schedule::Step;
    use crate::target::Target;

    #[test]
    fn a_moment_comes_when_its_sign_is_seen_and_not_before() {
        let mut log = tempfile::NamedTempFile::new().unwrap();
        writeln!(log, "elected long ago").unwrap();
        let triggers = [
            Trigger::At(1000),
            Trigger::AfterAcknowledged(10),
            Trigger::OnLeader(2),
            Trigger::on_log("elected|promoted").unwrap(),
        ];
        let step = |trigger| Step::when(trigger, Duration::ZERO, Fault::Kill, Target::Leader);
        let schedule = Schedule { steps: triggers.clone().map(step).to_vec() };
        let progress = watch::Sender::new(Snapshot::default());
        let mut signs = Signs::begin(&schedule, progress.subscribe(), &[log.path().to_owned()]);
        let mut come = move || -> Vec<usize> {
            signs.look(triggers.iter().enumerate());
            (1..4).filter(|&number| signs.moment(number, &triggers[number]).is_some()).collect()
        };
        assert_eq!(come(), [0; 0]);
        let acknowledged = |times| (0..times).for_each(|_| progress.borrow().tally.count(Outcome::Ok, Duration::ZERO));
        acknowledged(9);
        progress.send_modify(|snapshot| snapshot.leaders = 1);
        write!(log, "n2 is elec").unwrap();
        assert_eq!(come(), [0; 0]);
        writeln!(log, "ted").unwrap();
        assert_eq!(come(), [3]);
        acknowledged(1);
        progress.send_modify(|snapshot| snapshot.leaders = 2);
        assert_eq!(come(), [1, 2, 3]);
    }
}
