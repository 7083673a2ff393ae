//! The plan of a run's faults: what an experiment asks for, and the steps that are drawn from it before the run begins.
//!
//! Not here: how steps are drawn (`schedule/draw.rs`), schedules as files (`schedule/file.rs`), and what a step waits for
//! (`schedule/trigger.rs`).

mod draw;
mod file;
mod trigger;

use std::time::Duration;

use interregnum_workloads::seed::Seed;
use serde::{Deserialize, Serialize};

use crate::fault::{Fault, IoCall, STALL_MS, Shape, ThreadName};
use crate::target::Target;
pub use file::ScheduleError;
pub use trigger::Trigger;

/// The shortest time that a fault is in force. A partition is verified by what it holds back, and a heartbeat comes every
/// few tens of milliseconds.
pub(crate) const SHORTEST_HOLD: Duration = Duration::from_millis(200);

/// One step: a fault, on whom, from when and for how long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "file::StepText", into = "file::StepText")]
pub struct Step {
    /// What it waits for.
    pub trigger: Trigger,
    /// How much later it is injected, in milliseconds.
    pub delay_ms: u64,
    /// When it is injected all the same if what it waits for has not come, in milliseconds since clients are being served. Not for
    /// pause points, where there is nobody to strike then.
    pub latest_ms: Option<u64>,
    /// How long it is in force, in milliseconds.
    pub hold_ms: u64,
    /// What.
    pub fault: Fault,
    /// On whom, resolved when it is injected.
    pub target: Target,
}

/// All steps of a run. They may overlap.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Schedule {
    /// The steps.
    pub steps: Vec<Step>,
}

/// A wish for faults, from which steps are drawn. Made by [`kill`], [`pause`], [`partition`] or [`mixed`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Injection {
    /// Each step takes one of these groups in turn, and one fault of the group.
    groups: Vec<Vec<Fault>>,
    /// `None`: drawn anew for each step, mostly the leader.
    target: Option<Target>,
    timing: Timing,
    hold: Option<Duration>,
    /// How long one subset of the groups has the word; `None`: all have it all the time.
    swarm: Option<Duration>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Timing {
    Every(Duration),
    At(Duration),
    /// At one of these pause points, again and again.
    PausePoints(Vec<&'static str>),
}

/// SIGKILL, and a restart later.
#[must_use]
pub fn kill(target: Target) -> Injection {
    one(Fault::Kill, target)
}

/// SIGKILL of every node at once, and restarts later.
#[must_use]
pub fn kill_all() -> Injection {
    one(Fault::KillAll, Target::All)
}

/// SIGKILL again as soon as the node is up, so many times.
#[must_use]
pub fn crash_loop(times: u64, target: Target) -> Injection {
    one(Fault::CrashLoop { times }, target)
}

/// SIGTERM and a restart, one target after the other.
#[must_use]
pub fn rolling_restart(target: Target) -> Injection {
    one(Fault::RollingRestart, target)
}

/// SIGTERM, a start from the system's other version, and the way back later.
#[must_use]
pub fn upgrade(target: Target) -> Injection {
    one(Fault::Upgrade, target)
}

/// The processes may run for one time and are stopped for the other, in turn.
#[must_use]
pub fn slow_process(run: Duration, stop: Duration, target: Target) -> Injection {
    one(Fault::SlowProcess { run_ms: run.as_millis() as u64, stop_ms: stop.as_millis() as u64 }, target)
}

/// SIGTERM, and a restart later.
#[must_use]
pub fn stop(target: Target) -> Injection {
    one(Fault::Stop, target)
}

/// A planned change of leader.
#[must_use]
pub fn switchover() -> Injection {
    one(Fault::Switchover, Target::Leader)
}

/// A member that the leader lets go, and later takes in again.
#[must_use]
pub fn remove_member(target: Target) -> Injection {
    one(Fault::RemoveMember, target)
}

/// A row changed behind the back of replication, and mended later. The reference system needs `--allow-corruption true` for it.
#[must_use]
pub fn drift(target: Target) -> Injection {
    one(Fault::Drift, target)
}

/// SIGKILL, the loss of what was not synced, and a restart later. If it tears, a part of that survives.
#[must_use]
pub fn power_failure(torn: bool, target: Target) -> Injection {
    one(Fault::PowerFailure { stall_ms: STALL_MS, torn }, target)
}

/// The same for every node at once.
#[must_use]
pub fn power_failure_all(torn: bool) -> Injection {
    one(Fault::PowerFailureAll { stall_ms: STALL_MS, torn }, Target::All)
}

/// The disk has no room.
#[must_use]
pub fn disk_full(target: Target) -> Injection {
    one(Fault::DiskFull, target)
}

/// Calls of this kind to the disk fail.
#[must_use]
pub fn io_error(on: IoCall, target: Target) -> Injection {
    one(Fault::IoError { on }, target)
}

/// An fsync takes so much longer, up to five seconds.
#[must_use]
pub fn slow_fsync(delay: Duration, target: Target) -> Injection {
    one(Fault::SlowFsync { delay_ms: delay.as_millis() as u64 }, target)
}

/// SIGKILL, a bit that flips in a file that the system checks, and a start.
#[must_use]
pub fn bit_flip(target: Target) -> Injection {
    one(Fault::BitFlip, target)
}

/// A follower is made leader by an operator's order, whoever leads.
#[must_use]
pub fn promote(target: Target) -> Injection {
    one(Fault::Promote, target)
}

/// SIGSTOP, and SIGCONT later.
#[must_use]
pub fn pause(target: Target) -> Injection {
    one(Fault::Pause, target)
}

/// One thread is stopped, and the others run; `None` is one that is drawn.
#[must_use]
pub fn pause_thread(thread: Option<ThreadName>, target: Target) -> Injection {
    one(Fault::PauseThread { thread }, target)
}

/// The nodes' own clocks jump by so many milliseconds, back if that is negative.
#[must_use]
pub fn clock_jump(by_ms: i64, target: Target) -> Injection {
    one(Fault::ClockJump { by_ms }, target)
}

/// The nodes' own clocks run so many millionths too fast, or too slowly if that is negative.
#[must_use]
pub fn clock_drift(ppm: i64, target: Target) -> Injection {
    one(Fault::ClockDrift { ppm }, target)
}

/// A partition of this shape between the targets and the others.
#[must_use]
pub fn partition(shape: Shape, target: Target) -> Injection {
    one(Fault::Partition(shape), target)
}

/// A partition of this shape that is there for one period and not for the next, in turn.
#[must_use]
pub fn flapping(shape: Shape, period: Duration, target: Target) -> Injection {
    one(Fault::Flapping { shape, period_ms: period.as_millis() as u64 }, target)
}

/// Bytes between the targets and other nodes are under way for so much longer, and up to `jitter` more.
#[must_use]
pub fn slow_link(delay: Duration, jitter: Duration, target: Target) -> Injection {
    let (delay_ms, jitter_ms) = (delay.as_millis() as u64, jitter.as_millis() as u64);
    one(Fault::SlowLink { delay_ms, jitter_ms, bytes_per_s: 0 }, target)
}

/// Every connection of the targets is reset, again and again.
#[must_use]
pub fn reset(every: Duration, target: Target) -> Injection {
    one(Fault::Reset { every_ms: every.as_millis() as u64 }, target)
}

/// The targets forget their connections with other nodes, which believe them to be open.
#[must_use]
pub fn half_open(target: Target) -> Injection {
    one(Fault::HalfOpen, target)
}

/// Other nodes and clients are told that the targets are done sending, while the targets still hear them.
#[must_use]
pub fn half_close(target: Target) -> Injection {
    one(Fault::HalfClose, target)
}

/// The targets' connections are closed, and other nodes and clients learn of it so much later.
#[must_use]
pub fn slow_close(delay: Duration, target: Target) -> Injection {
    one(Fault::SlowClose { delay_ms: delay.as_millis() as u64 }, target)
}

/// A bit is changed in one of so many pieces that the targets send to other nodes.
#[must_use]
pub fn corrupt(one_in: u64, target: Target) -> Injection {
    one(Fault::Corrupt { one_in }, target)
}

/// Kills, pauses and partitions of every shape in turn, mostly of the leader.
#[must_use]
pub fn all_faults() -> Injection {
    mixed([vec![Fault::Kill], vec![Fault::Pause], partitions()])
}

/// The given groups of faults in turn, one fault of a group at a time, mostly on the leader.
#[must_use]
pub fn mixed(groups: impl IntoIterator<Item = Vec<Fault>>) -> Injection {
    Injection::new(groups.into_iter().collect(), None)
}

/// One kind of fault, on this target.
fn one(fault: Fault, target: Target) -> Injection {
    Injection::new(vec![vec![fault]], Some(target))
}

/// Partitions between nodes of the shapes that any cluster can have: all but the ring.
#[must_use]
pub fn partitions() -> Vec<Fault> {
    let shapes = [Shape::Isolate, Shape::Halves, Shape::Inbound, Shape::Outbound, Shape::Bridge];
    shapes.map(Fault::Partition).to_vec()
}

impl Injection {
    fn new(groups: Vec<Vec<Fault>>, target: Option<Target>) -> Self {
        assert!(groups.iter().all(|group| !group.is_empty()), "a group of faults has at least one");
        Self { groups, target, timing: Timing::Every(Duration::from_secs(2)), hold: None, swarm: None }
    }

    /// On these nodes, instead of those that the seed would draw.
    #[must_use]
    pub fn on(self, target: Target) -> Self {
        Self { target: Some(target), ..self }
    }

    /// About every `interval`; 2 seconds unless set. The seed moves each step by up to a quarter of it.
    #[must_use]
    pub fn every(self, interval: Duration) -> Self {
        Self { timing: Timing::Every(interval), ..self }
    }

    /// Once, this long after the load began.
    #[must_use]
    pub fn at(self, offset: Duration) -> Self {
        Self { timing: Timing::At(offset), ..self }
    }

    /// Not by the clock, but where the node stands that reaches one of these pause points: for each leader that the run may see, the seed
    /// chooses whether it is hunted, where, and for which time. See [`System::pause_points`](crate::system::System::pause_points).
    #[must_use]
    pub fn at_pause_points(self, points: Vec<&'static str>) -> Self {
        assert!(!points.is_empty(), "a system without pause points cannot be struck at one");
        Self { target: Some(Target::AtPausePoint), timing: Timing::PausePoints(points), ..self }
    }

    /// Draws anew, every `length` or so, which groups take part, how densely they come and how long they last; now and then none does. A run in which
    /// everything happens all the time never comes to states that need some of it to be absent (swarm testing, Groce et al., ISSTA 2012).
    #[must_use]
    pub fn in_swarms(self, length: Duration) -> Self {
        Self { swarm: Some(length), ..self }
    }

    /// In force for this long. Unless set, the seed chooses: up to a little more than the interval, so that faults
    /// overlap now and then.
    #[must_use]
    pub fn lasting(self, hold: Duration) -> Self {
        Self { hold: Some(hold), ..self }
    }
}

impl Step {
    /// A step at a time that counts from when the clients are being served.
    #[must_use]
    pub fn at(at: Duration, hold: Duration, fault: Fault, target: Target) -> Self {
        Self::when(Trigger::At(at.as_millis() as u64), hold, fault, target)
    }

    /// A step that waits for something.
    #[must_use]
    pub fn when(trigger: Trigger, hold: Duration, fault: Fault, target: Target) -> Self {
        Self { trigger, delay_ms: 0, latest_ms: None, hold_ms: hold.as_millis() as u64, fault, target }
    }
}

impl Schedule {
    /// Draws the steps of a run of this length.
    #[must_use]
    pub fn draw(injections: &[Injection], run_for: Duration, seed: Seed) -> Self {
        let mut steps = Vec::new();
        for (number, injection) in injections.iter().enumerate() {
            steps.extend(injection.draw(run_for, &mut seed.stream(&format!("schedule {number}"))));
        }
        steps.sort_by_key(|step| step.trigger.at_ms());
        Self { steps }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEN_SECONDS: Duration = Duration::from_secs(10);

    fn draw(injection: Injection, seed: u64) -> Vec<Step> {
        Schedule::draw(&[injection], TEN_SECONDS, Seed(seed)).steps
    }

    #[test]
    fn a_schedule_repeats_from_its_seed() {
        assert_eq!(draw(all_faults(), 5), draw(all_faults(), 5));
        assert_ne!(draw(all_faults(), 5), draw(all_faults(), 6));
    }

    #[test]
    fn every_step_is_in_force_for_a_while_before_the_run_ends() {
        for seed in 0..200 {
            let steps = draw(all_faults().every(Duration::from_secs(1)), seed);
            assert!((7..=12).contains(&steps.len()), "{} steps in ten seconds", steps.len());
            for step in steps {
                assert!(step.hold_ms >= SHORTEST_HOLD.as_millis() as u64, "{step:?}");
                assert!(step.trigger.at_ms().unwrap() + step.hold_ms <= 10_000, "{step:?}");
            }
        }
    }

    #[test]
    fn every_group_comes_up_before_any_comes_up_again() {
        for seed in 0..50 {
            let steps = draw(all_faults().every(Duration::from_secs(2)), seed);
            let group = |step: &Step| match step.fault {
                Fault::Partition(_) => "partition".to_owned(),
                fault => fault.to_string(),
            };
            let mut first: Vec<_> = steps.iter().take(3).map(group).collect();
            first.sort();
            assert_eq!(first, ["kill", "partition", "pause"]);
        }
    }

    #[test]
    fn a_given_time_and_duration_are_kept() {
        let (at, hold) = (Duration::from_secs(3), Duration::from_secs(1));
        let steps = draw(kill(Target::Leader).at(at).lasting(hold), 1);
        assert_eq!(steps, [Step::at(at, hold, Fault::Kill, Target::Leader)]);
    }

    #[test]
    fn a_step_is_readable_json() {
        let ms = Duration::from_millis;
        let step = Step::at(ms(1), ms(2), Fault::Partition(Shape::Bridge), Target::Random(2));
        let text = serde_json::to_string(&step).unwrap();
        assert_eq!(text, r#"{"at_ms":1,"hold_ms":2,"fault":"bridge","target":"random(2)"}"#);
        assert_eq!(serde_json::from_str::<Step>(&text).unwrap(), step);
    }
}
