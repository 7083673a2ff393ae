//! Faults as they are written in flags and schedules: a name, and behind colons the parameters that are not as usual:
//! `crash-loop:times=5`.

use std::fmt::{self, Write as _};
use std::ops::RangeInclusive;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Fault, IoCall, STALL_MS, Shape};

/// Every fault that flags and schedules can name, with its usual parameters.
pub const ALL_FAULTS: [Fault; 36] = [
    Fault::Kill,
    Fault::KillAll,
    Fault::CrashLoop { times: 3 },
    Fault::Stop,
    Fault::RollingRestart,
    Fault::Upgrade,
    Fault::Switchover,
    Fault::Promote,
    Fault::RemoveMember,
    Fault::Pause,
    Fault::PauseThread { thread: None },
    Fault::SlowProcess { run_ms: 10, stop_ms: 40 },
    Fault::ClockJump { by_ms: -500 },
    Fault::ClockDrift { ppm: -500_000 },
    Fault::Partition(Shape::Isolate),
    Fault::Partition(Shape::Halves),
    Fault::Partition(Shape::Inbound),
    Fault::Partition(Shape::Outbound),
    Fault::Partition(Shape::Bridge),
    Fault::Partition(Shape::Ring),
    Fault::Partition(Shape::ClientSide),
    Fault::Partition(Shape::FenceSide),
    Fault::Flapping { shape: Shape::Isolate, period_ms: 300 },
    Fault::SlowLink { delay_ms: 50, jitter_ms: 20, bytes_per_s: 0 },
    Fault::Reset { every_ms: 250 },
    Fault::HalfOpen,
    Fault::HalfClose,
    Fault::SlowClose { delay_ms: 500 },
    Fault::Corrupt { one_in: 20 },
    Fault::Drift,
    Fault::PowerFailure { stall_ms: STALL_MS, torn: false },
    Fault::PowerFailureAll { stall_ms: STALL_MS, torn: false },
    Fault::DiskFull,
    Fault::IoError { on: IoCall::Fsync },
    Fault::SlowFsync { delay_ms: 200 },
    Fault::BitFlip,
];

/// How long a parameter that is a time may be, in milliseconds. A fault lasts seconds.
const TIMES_MS: RangeInclusive<u64> = 1..=10_000;

/// The thread that is drawn.
const ANY_THREAD: &str = "any";

/// How much longer an fsync may take, in milliseconds. A process cannot be killed while it waits for one.
const FSYNCS_MS: RangeInclusive<u64> = 1..=5000;

impl Fault {
    /// Its name, without parameters.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::KillAll => "kill-all",
            Self::CrashLoop { .. } => "crash-loop",
            Self::Stop => "stop",
            Self::RollingRestart => "rolling-restart",
            Self::Upgrade => "upgrade",
            Self::Switchover => "switchover",
            Self::Promote => "promote",
            Self::RemoveMember => "remove-member",
            Self::Pause => "pause",
            Self::PauseThread { .. } => "pause-thread",
            Self::SlowProcess { .. } => "slow-process",
            Self::ClockJump { .. } => "clock-jump",
            Self::ClockDrift { .. } => "clock-drift",
            Self::Partition(shape) => shape.name(),
            Self::Flapping { .. } => "flapping",
            Self::SlowLink { .. } => "slow-link",
            Self::Reset { .. } => "reset",
            Self::HalfOpen => "half-open",
            Self::HalfClose => "half-close",
            Self::SlowClose { .. } => "slow-close",
            Self::Corrupt { .. } => "corrupt",
            Self::Drift => "drift",
            Self::PowerFailure { .. } => "power-failure",
            Self::PowerFailureAll { .. } => "power-failure-all",
            Self::DiskFull => "disk-full",
            Self::IoError { .. } => "io-error",
            Self::SlowFsync { .. } => "slow-fsync",
            Self::BitFlip => "bit-flip",
        }
    }

    /// Its parameters by name.
    fn parameters(self) -> Vec<(&'static str, String)> {
        match self {
            Self::CrashLoop { times } => vec![("times", times.to_string())],
            Self::PauseThread { thread } => {
                vec![("thread", thread.map_or(ANY_THREAD.to_owned(), |name| name.to_string()))]
            }
            Self::SlowProcess { run_ms, stop_ms } => {
                vec![("run_ms", run_ms.to_string()), ("stop_ms", stop_ms.to_string())]
            }
            Self::ClockJump { by_ms } => vec![("by_ms", by_ms.to_string())],
            Self::ClockDrift { ppm } => vec![("ppm", ppm.to_string())],
            Self::Flapping { shape, period_ms } => {
                vec![("shape", shape.name().to_owned()), ("period_ms", period_ms.to_string())]
            }
            Self::SlowLink { delay_ms, jitter_ms, bytes_per_s } => vec![
                ("delay_ms", delay_ms.to_string()),
                ("jitter_ms", jitter_ms.to_string()),
                ("bytes_per_s", bytes_per_s.to_string()),
            ],
            Self::Reset { every_ms } => vec![("every_ms", every_ms.to_string())],
            Self::SlowClose { delay_ms } | Self::SlowFsync { delay_ms } => vec![("delay_ms", delay_ms.to_string())],
            Self::Corrupt { one_in } => vec![("one_in", one_in.to_string())],
            Self::PowerFailure { stall_ms, torn } | Self::PowerFailureAll { stall_ms, torn } => {
                vec![("stall_ms", stall_ms.to_string()), ("torn", torn.to_string())]
            }
            Self::IoError { on } => vec![("on", on.to_string())],
            _ => Vec::new(),
        }
    }

    fn set(&mut self, parameter: &str, value: &str) -> Result<(), String> {
        match (&mut *self, parameter) {
            (Self::CrashLoop { times }, "times") => *times = number(value, 2..=100)?,
            (Self::PauseThread { thread }, "thread") => {
                *thread = if value == ANY_THREAD { None } else { Some(value.parse()?) };
            }
            (Self::SlowProcess { run_ms, .. }, "run_ms") => *run_ms = number(value, TIMES_MS)?,
            (Self::SlowProcess { stop_ms, .. }, "stop_ms") => *stop_ms = number(value, TIMES_MS)?,
            (Self::ClockJump { by_ms }, "by_ms") => *by_ms = change(value, -10_000..=10_000)?,
            (Self::ClockDrift { ppm }, "ppm") => *ppm = change(value, -900_000..=9_000_000)?,
            (Self::Flapping { shape, .. }, "shape") => *shape = value.parse()?,
            (Self::Flapping { period_ms, .. }, "period_ms") => *period_ms = number(value, TIMES_MS)?,
            (Self::SlowLink { delay_ms, .. }, "delay_ms") => *delay_ms = number(value, 0..=*TIMES_MS.end())?,
            (Self::SlowLink { jitter_ms, .. }, "jitter_ms") => *jitter_ms = number(value, 0..=*TIMES_MS.end())?,
            (Self::SlowLink { bytes_per_s, .. }, "bytes_per_s") => *bytes_per_s = number(value, 0..=u64::MAX)?,
            (Self::Reset { every_ms }, "every_ms") => *every_ms = number(value, TIMES_MS)?,
            (Self::SlowClose { delay_ms }, "delay_ms") => *delay_ms = number(value, TIMES_MS)?,
            (Self::Corrupt { one_in }, "one_in") => *one_in = number(value, 1..=1_000_000)?,
            (Self::PowerFailure { stall_ms, .. } | Self::PowerFailureAll { stall_ms, .. }, "stall_ms") => {
                *stall_ms = number(value, 0..=*FSYNCS_MS.end())?;
            }
            (Self::PowerFailure { torn, .. } | Self::PowerFailureAll { torn, .. }, "torn") => {
                *torn = value.parse().map_err(|_| format!("`{value}` is neither true nor false"))?;
            }
            (Self::IoError { on }, "on") => *on = value.parse()?,
            (Self::SlowFsync { delay_ms }, "delay_ms") => *delay_ms = number(value, FSYNCS_MS)?,
            _ => {
                let known: Vec<_> = self.parameters().into_iter().map(|(name, _)| name).collect();
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                return Err(format!("`{}` has no parameter `{parameter}`; it has: {known}", self.name()));
            }
        }
        Ok(())
    }
}

fn number(value: &str, range: RangeInclusive<u64>) -> Result<u64, String> {
    let number = value.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| format!("`{value}` is no number from {} to {}", range.start(), range.end()))
}

/// A number that is not 0, as nothing would change by that.
fn change(value: &str, range: RangeInclusive<i64>) -> Result<i64, String> {
    let number = value.parse().ok().filter(|number| range.contains(number) && *number != 0);
    number.ok_or_else(|| format!("`{value}` is no number from {} to {} other than 0", range.start(), range.end()))
}

/// The fault of this name, with its usual parameters.
fn usual(name: &str) -> Option<Fault> {
    ALL_FAULTS.into_iter().find(|fault| fault.name() == name)
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let usual = usual(self.name()).map(Self::parameters).unwrap_or_default();
        let mut word = self.name().to_owned();
        for (name, value) in self.parameters().into_iter().filter(|parameter| !usual.contains(parameter)) {
            write!(word, ":{name}={value}")?;
        }
        f.pad(&word)
    }
}

/// A word that names no fault, or names it with parameters that it does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnknownFault {
    /// The name is none.
    #[error("`{name}` is no fault; choose from: {}", ALL_FAULTS.map(Fault::name).join(", "))]
    Name {
        /// What was written.
        name: String,
    },
    /// A parameter is none, or has a value that it cannot have.
    #[error("`{word}` is no fault: {what}")]
    Parameter {
        /// What was written.
        word: String,
        /// What is wrong with it.
        what: String,
    },
}

impl FromStr for Fault {
    type Err = UnknownFault;

    fn from_str(word: &str) -> Result<Self, UnknownFault> {
        let mut parts = word.split(':');
        let name = parts.next().unwrap_or_default();
        let mut fault = usual(name).ok_or_else(|| UnknownFault::Name { name: name.to_owned() })?;
        for part in parts {
            let set = match part.split_once('=') {
                Some((parameter, value)) => fault.set(parameter, value),
                None => Err(format!("`{part}` is no parameter; one is written name=value")),
            };
            set.map_err(|what| UnknownFault::Parameter { word: word.to_owned(), what })?;
        }
        Ok(fault)
    }
}

impl Serialize for Fault {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fault {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_read_as_it_is_written() {
        for fault in ALL_FAULTS {
            assert_eq!(fault.to_string(), fault.name(), "usual parameters are not written");
            assert_eq!(fault.to_string().parse(), Ok(fault));
        }
    }

    fn check(word: &str, expected: Result<Fault, &str>) {
        match (word.parse::<Fault>(), expected) {
            (Ok(fault), Ok(expected)) => {
                assert_eq!(fault, expected, "{word}");
                assert_eq!(fault.to_string().parse(), Ok(fault), "{word}");
            }
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{word}: {error}"),
            (read, expected) => panic!("{word}: {read:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn parameters_are_read_and_what_is_wrong_with_them_is_said() {
        check("crash-loop:times=5", Ok(Fault::CrashLoop { times: 5 }));
        check("slow-process:stop_ms=90", Ok(Fault::SlowProcess { run_ms: 10, stop_ms: 90 }));
        check("slow-process:stop_ms=90:run_ms=1", Ok(Fault::SlowProcess { run_ms: 1, stop_ms: 90 }));
        check("flapping:shape=halves", Ok(Fault::Flapping { shape: Shape::Halves, period_ms: 300 }));
        check("slow-link:bytes_per_s=4096", Ok(Fault::SlowLink { delay_ms: 50, jitter_ms: 20, bytes_per_s: 4096 }));
        check("clock-jump:by_ms=250", Ok(Fault::ClockJump { by_ms: 250 }));
        check("clock-drift:ppm=-900001", Err("`-900001` is no number from -900000 to 9000000 other than 0"));
        check("clock-jump:by_ms=0", Err("other than 0"));
        check("pause-thread:thread=log", Ok(Fault::PauseThread { thread: Some("log".parse().unwrap()) }));
        check("pause-thread:thread=any", Ok(Fault::PauseThread { thread: None }));
        check("pause-thread:thread=", Err("`` is no name of a thread"));
        check("power-failure:torn=true", Ok(Fault::PowerFailure { stall_ms: STALL_MS, torn: true }));
        check("io-error:on=write", Ok(Fault::IoError { on: IoCall::Write }));
        check("power-failure-all:torn=half", Err("`half` is neither true nor false"));
        check("io-error:on=seek", Err("`seek` is no call; choose from: read, write, fsync"));
        check("slow-fsync:delay_ms=60000", Err("`60000` is no number from 1 to 5000"));
        check("flapping:shape=star", Err("`star` is no shape; choose from: isolate"));
        check("kilt", Err("`kilt` is no fault; choose from: kill, kill-all"));
        check("crash-loop:times=1", Err("`1` is no number from 2 to 100"));
        check("crash-loop:time=5", Err("`crash-loop` has no parameter `time`; it has: times"));
        check("kill:times=5", Err("it has: none"));
        check("crash-loop:5", Err("one is written name=value"));
        check("", Err("`` is no fault"));
    }
}
