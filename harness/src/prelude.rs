//! Everything that a test needs: `use interregnum::prelude::*`.

pub use std::time::Duration;

pub use interregnum_checker::judgement::{Judgement, Proof};
pub use interregnum_checker::verdict::Verdict;
pub use interregnum_node::{Ack, Election, Fencing, Fsync, ReadMode};
pub use interregnum_workloads::append::Append;
pub use interregnum_workloads::register::Register;

pub use crate::expectation::{
    Expectation, epochs_only_grow, leader_changed, linearizable, no_lost_writes, no_split_brain, replicas_agree,
    session_guarantees,
};
pub use crate::experiment::Experiment;
pub use crate::fault::{Fault, FaultBudget, IoCall, Shape, ThreadName};
pub use crate::report::Report;
pub use crate::schedule::{
    Injection, Schedule, ScheduleError, Step, Trigger, all_faults, bit_flip, clock_drift, clock_jump, corrupt,
    crash_loop, disk_full, drift, flapping, half_close, half_open, io_error, kill, kill_all, mixed, partition,
    partitions, pause, pause_thread, power_failure, power_failure_all, promote, remove_member, reset, rolling_restart,
    slow_close, slow_fsync, slow_link, slow_process, stop, switchover, upgrade,
};
pub use crate::systems::node::{Node, RetryUnknown};
pub use crate::target::{
    Target, all, at_pause_point, followers, leader, majority, minority, most_up_to_date, node, random,
};

/// So many seconds.
#[must_use]
pub const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// So many milliseconds.
#[must_use]
pub const fn millis(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}
