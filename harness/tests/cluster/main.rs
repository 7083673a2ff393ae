//! What is promised of whole clusters: a file for each promise, whose tests play it out with real processes.
//!
//! They are one program, as each program that starts nodes holds all of the harness and takes seconds to link. Not here: tests of
//! what a harness leaves behind (`no_trace_left`), which must know every process that their own program has started.

mod disk_faults;
mod exactly_once;
mod given_schedule;
mod members;
mod network_faults;
mod pause_points;
mod physical_log;
mod process_faults;
mod regressions;
mod replay;
mod routed;
mod seen;
mod shrink;
mod side_by_side;
mod sound_configuration;
mod stonith;
mod unsound_configurations;
mod vacuous_runs;
mod watch;
mod what_faults_cost;
