//! Schedules as files, TOML or JSON, that people write by hand and runs leave behind.
//!
//! ```toml
//! [[step]]
//! on_leader = 2        # the first change of leader
//! delay_ms = 50        # and a little later
//! hold_ms = 700
//! fault = "isolate"
//! target = "leader"
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Schedule, Step, Trigger};
use crate::fault::Fault;
use crate::target::Target;

/// A schedule is as long as a run, and a run has a fault a second at most. What is larger is no schedule.
const LARGEST_FILE_BYTES: u64 = 1 << 20;

/// A step as it is written. Exactly one of the five triggers is given.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StepText {
    #[serde(skip_serializing_if = "Option::is_none")]
    at_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after_acknowledged: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    on_leader: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    on_log: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    on_pause_point: Option<String>,
    /// Of a pause point: while which leader leads, and for which time it is reached; 1 unless said otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    leader: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    times: Option<u64>,
    #[serde(default, skip_serializing_if = "is_zero")]
    delay_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    latest_ms: Option<u64>,
    hold_ms: u64,
    fault: Fault,
    target: Target,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl From<Step> for StepText {
    fn from(step: Step) -> Self {
        let Step { trigger, delay_ms, latest_ms, hold_ms, fault, target } = step;
        let mut text = Self {
            at_ms: None,
            after_acknowledged: None,
            on_leader: None,
            on_log: None,
            on_pause_point: None,
            leader: None,
            times: None,
            delay_ms,
            latest_ms,
            hold_ms,
            fault,
            target,
        };
        match trigger {
            Trigger::At(at_ms) => text.at_ms = Some(at_ms),
            Trigger::AfterAcknowledged(count) => text.after_acknowledged = Some(count),
            Trigger::OnLeader(count) => text.on_leader = Some(count),
            Trigger::OnLog(expression) => text.on_log = Some(expression.as_str().to_owned()),
            Trigger::OnPausePoint { point, leader, times } => {
                (text.on_pause_point, text.leader, text.times) = (Some(point), Some(leader), Some(times));
            }
        }
        text
    }
}

impl TryFrom<StepText> for Step {
    type Error = String;

    fn try_from(text: StepText) -> Result<Self, String> {
        let StepText { delay_ms, latest_ms, hold_ms, fault, target, leader, times, .. } = text;
        let on_log = text.on_log.map(|expression| Trigger::on_log(&expression)).transpose();
        let on_log = on_log.map_err(|error| format!("on_log is no regular expression: {error}"))?;
        if text.on_pause_point.is_none() && (leader.is_some() || times.is_some()) {
            return Err("leader and times belong to on_pause_point".to_owned());
        }
        if leader == Some(0) || times == Some(0) {
            return Err("leader and times count from 1".to_owned());
        }
        if latest_ms.is_some() && (text.on_pause_point.is_some() || text.at_ms.is_some()) {
            return Err("latest_ms belongs to after_acknowledged, on_leader or on_log".to_owned());
        }
        let (leader, times) = (leader.unwrap_or(1), times.unwrap_or(1));
        let given = [
            text.at_ms.map(Trigger::At),
            text.after_acknowledged.map(Trigger::AfterAcknowledged),
            text.on_leader.map(Trigger::OnLeader),
            on_log,
            text.on_pause_point.map(|point| Trigger::OnPausePoint { point, leader, times }),
        ];
        let mut given = given.into_iter().flatten();
        match (given.next(), given.next()) {
            (Some(trigger), None) => Ok(Step { trigger, delay_ms, latest_ms, hold_ms, fault, target }),
            _ => Err("a step has one of at_ms, after_acknowledged, on_leader, on_log and on_pause_point".to_owned()),
        }
    }
}

/// A TOML document: an array must have a name there.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    step: Vec<Step>,
}

/// A file that holds no schedule. Each names the file, and the place in it where there is one.
#[derive(Debug, thiserror::Error)]
pub enum ScheduleError {
    /// It cannot be read.
    #[error("{} cannot be read: {source}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is far too large for one.
    #[error("{} is larger than {LARGEST_FILE_BYTES} bytes, so it is no schedule", .0.display())]
    TooLarge(PathBuf),
    /// It is not TOML as a schedule is.
    #[error("{} is no schedule: {what}", .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        what: String,
    },
}

impl Schedule {
    /// Reads a schedule: JSON if its name ends so, TOML otherwise.
    pub fn read(path: &Path) -> Result<Self, ScheduleError> {
        let unreadable = |source| ScheduleError::Unreadable { path: path.to_owned(), source };
        if fs::metadata(path).map_err(unreadable)?.len() > LARGEST_FILE_BYTES {
            return Err(ScheduleError::TooLarge(path.to_owned()));
        }
        let text = fs::read_to_string(path).map_err(unreadable)?;
        let is_json = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
        let schedule = if is_json { Self::from_json(&text) } else { Self::from_toml(&text) };
        schedule.map_err(|what| ScheduleError::Malformed { path: path.to_owned(), what })
    }

    /// Reads a schedule that is written as TOML; an error tells what is wrong, and where.
    ///
    /// ```
    /// use interregnum::prelude::*;
    /// let schedule = Schedule::from_toml("[[step]]\non_leader = 2\nhold_ms = 700\nfault = 'isolate'\ntarget = 'leader'")?;
    /// assert_eq!(schedule.steps[0].target, leader());
    /// # Ok::<_, String>(())
    /// ```
    pub fn from_toml(text: &str) -> Result<Self, String> {
        let document: Document = toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?;
        Ok(Self { steps: document.step })
    }

    fn from_json(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }
}

impl Step {
    /// The step as TOML, to be put behind others.
    pub(crate) fn to_toml(&self) -> String {
        let document = Document { step: vec![self.clone()] };
        toml::to_string(&document).expect("a step is made of numbers and words")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::ALL_FAULTS;

    fn check(text: &str, expected: Result<Step, &str>) {
        match (Schedule::from_toml(text), expected) {
            (Ok(schedule), Ok(step)) => assert_eq!(schedule.steps, [step], "{text}"),
            (Err(what), Err(part)) => assert!(what.contains(part), "{text}: {what}"),
            (read, expected) => panic!("{text}: {read:?} instead of {expected:?}"),
        }
    }

    fn step(trigger: Trigger) -> Step {
        Step { trigger, delay_ms: 0, latest_ms: None, hold_ms: 5, fault: Fault::Kill, target: Target::Leader }
    }

    const REST: &str = "hold_ms = 5\nfault = \"kill\"\ntarget = \"leader\"\n";

    #[test]
    fn steps_are_read_as_they_are_written() {
        let triggers = [
            Trigger::At(1),
            Trigger::AfterAcknowledged(2),
            Trigger::OnLeader(3),
            Trigger::on_log("a\"b").unwrap(),
            Trigger::OnPausePoint { point: "here".into(), leader: 2, times: 9 },
        ];
        for trigger in triggers {
            let can_be_late = !matches!(trigger, Trigger::At(_) | Trigger::OnPausePoint { .. });
            let step = Step { delay_ms: 7, latest_ms: can_be_late.then_some(8), ..step(trigger) };
            check(&step.to_toml(), Ok(step.clone()));
            let json = serde_json::to_string(&[&step]).unwrap();
            assert_eq!(Schedule::from_json(&json).unwrap().steps, [step]);
        }
    }

    #[test]
    fn every_fault_is_read_as_it_is_written() {
        for fault in ALL_FAULTS {
            let step = Step { fault, ..step(Trigger::At(1)) };
            check(&step.to_toml(), Ok(step.clone()));
        }
        let step = Step { fault: Fault::SlowProcess { run_ms: 7, stop_ms: 90 }, ..step(Trigger::At(1)) };
        check(&step.to_toml(), Ok(step.clone()));
    }

    #[test]
    fn what_is_wrong_with_a_step_is_said() {
        check(&format!("[[step]]\nat_ms = 9\n{REST}"), Ok(step(Trigger::At(9))));
        check(&format!("[[step]]\n{REST}"), Err("one of at_ms"));
        check(&format!("[[step]]\nat_ms = 9\non_leader = 2\n{REST}"), Err("one of at_ms"));
        check(&format!("[[step]]\nat_ms = 9\ndelay = 3\n{REST}"), Err("unknown field `delay`"));
        check(&format!("[[step]]\nat_ms = -1\n{REST}"), Err("at_ms"));
        check(&format!("[[step]]\non_log = \"(\"\n{REST}"), Err("no regular expression"));
        check("[[step]]\nat_ms = 9\nhold_ms = 5\nfault = \"kilt\"\ntarget = \"leader\"", Err("`kilt` is no fault"));
        check("[[step]]\nat_ms = 9\nhold_ms = 5\nfault = \"kill\"\ntarget = \"king\"", Err("`king` is no target"));
        check(&format!("[[step]]\non_pause_point = \"here\"\n{REST}"), Ok(step(Trigger::on_pause_point("here"))));
        check(&format!("[[step]]\nat_ms = 9\ntimes = 2\n{REST}"), Err("belong to on_pause_point"));
        check(&format!("[[step]]\non_pause_point = \"here\"\ntimes = 0\n{REST}"), Err("count from 1"));
        check(&format!("[[step]]\nat_ms = 9\nlatest_ms = 10\n{REST}"), Err("latest_ms belongs to"));
        check("[[steps]]\n", Err("unknown field `steps`"));
    }
}
