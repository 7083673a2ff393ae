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
use crate::schedule::{Schedule, Step, Trigger};

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
    /// So many leaders were waited for in vain. They count as having come, so that steps of later leaders do not wait for one too many.
    missed_leaders: u64,
    /// Nobody reads logs that no step waits for.
    logs: Vec<Tail>,
}

impl Signs {
    /// From now on.
    pub(super) fn begin(schedule: &Schedule, progress: watch::Receiver<Snapshot>, logs: &[PathBuf]) -> Self {
        let reads_logs = schedule.steps.iter().any(|step| matches!(step.trigger, Trigger::OnLog(_)));
        let logs = logs.iter().filter(|_| reads_logs).map(|path| Tail::from_end(path)).collect();
        Self { begin: Instant::now(), progress, came: BTreeMap::new(), missed_leaders: 0, logs }
    }

    /// When the schedule's time began.
    pub(super) fn begin_time(&self) -> Instant {
        self.begin
    }

    /// Looks at everything once, for the steps that still wait.
    pub(super) fn look<'a>(&mut self, waiting: impl Iterator<Item = (usize, &'a Step)> + Clone) {
        self.look_at(Instant::now(), waiting);
    }

    fn look_at<'a>(&mut self, now: Instant, waiting: impl Iterator<Item = (usize, &'a Step)> + Clone) {
        let (acknowledged, leaders) = {
            let snapshot = self.progress.borrow();
            (snapshot.tally.counts().ok, snapshot.leaders)
        };
        let lines: Vec<String> = self.logs.iter_mut().flat_map(Tail::new_lines).collect();
        let leader_since = self.wait_no_longer(now, waiting.clone(), leaders);
        for (number, step) in waiting {
            let since = match &step.trigger {
                Trigger::AfterAcknowledged(count) if acknowledged >= *count => now,
                Trigger::OnLeader(count) if leaders + self.missed_leaders >= *count => leader_since,
                Trigger::OnLog(expression) if lines.iter().any(|line| expression.is_match(line)) => now,
                _ => continue,
            };
            self.came.entry(number).or_insert(since);
        }
    }

    /// Lets steps strike that have waited as long as they may; since when a leader counts as having come that another step waits for.
    fn wait_no_longer<'a>(
        &mut self,
        now: Instant,
        waiting: impl Iterator<Item = (usize, &'a Step)>,
        leaders: u64,
    ) -> Instant {
        let mut leader_since = now;
        for (number, step) in waiting {
            let is_late = step.latest_ms.is_some_and(|ms| now >= self.begin + Duration::from_millis(ms));
            if !is_late || self.came.contains_key(&number) {
                continue;
            }
            let since = now.checked_sub(Duration::from_millis(step.delay_ms)).unwrap_or(now);
            self.came.insert(number, since);
            if let Trigger::OnLeader(count) = step.trigger
                && count > leaders + self.missed_leaders
            {
                self.missed_leaders = count - leaders;
                leader_since = since;
            }
        }
        leader_since
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
        let steps = triggers.clone().map(|trigger| Step::when(trigger, Duration::ZERO, Fault::Kill, Target::Leader));
        let schedule = Schedule { steps: steps.to_vec() };
        let progress = watch::Sender::new(Snapshot::default());
        let mut signs = Signs::begin(&schedule, progress.subscribe(), &[log.path().to_owned()]);
        let mut come = move || -> Vec<usize> {
            signs.look(steps.iter().enumerate());
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

    /// Leader 2 came by itself in the run that is replayed, and does not come again: whoever waits for leader 3 must not wait for a fourth.
    #[test]
    fn a_leader_that_does_not_come_is_waited_for_only_so_long() {
        let on_leader = |count, delay_ms, latest_ms| Step {
            delay_ms,
            latest_ms,
            ..Step::when(Trigger::OnLeader(count), Duration::ZERO, Fault::Kill, Target::Leader)
        };
        let steps = [
            on_leader(2, 100, Some(1000)),
            on_leader(2, 400, Some(1500)),
            on_leader(3, 50, Some(9000)),
            on_leader(9, 0, None),
        ];
        let progress = watch::Sender::new(Snapshot::default());
        let mut signs = Signs::begin(&Schedule { steps: steps.to_vec() }, progress.subscribe(), &[]);
        let begin = signs.begin_time();
        let mut due_ms = |at_ms| {
            signs.look_at(begin + Duration::from_millis(at_ms), steps.iter().enumerate());
            let came = |number: usize| {
                Some(
                    (signs.moment(number, &steps[number].trigger)? - begin).as_millis() as u64 + steps[number].delay_ms,
                )
            };
            [0, 1, 2, 3].map(came)
        };
        progress.send_modify(|snapshot| snapshot.leaders = 1);
        assert_eq!(due_ms(999), [None; 4]);
        assert_eq!(due_ms(1000), [Some(1000), Some(1300), None, None]);
        progress.send_modify(|snapshot| snapshot.leaders = 2);
        assert_eq!(due_ms(2000), [Some(1000), Some(1300), Some(2050), None]);
    }
}
