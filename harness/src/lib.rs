//! Interregnum: what do your clients lose when the leader dies, hangs or is cut off?
//!
//! A multi-process cluster test harness for leader–follower systems. It launches real processes on loopback, drives a
//! client workload against them, injects faults, and checks the recorded history: is it linearizable, was an acknowledged
//! write lost, did two leaders acknowledge at once?
//!
//! ```no_run
//! use interregnum::prelude::*;
//!
//! #[tokio::test]
//! async fn acknowledged_writes_survive_the_leader() -> interregnum::Result {
//!     Experiment::new(Node::cluster(3).ack(Ack::Majority))
//!         .workload(Register::keys(5))
//!         .fault(kill(leader()).every(secs(2)))
//!         .run_for(secs(10))
//!         .await?
//!         .expect(linearizable())
//!         .expect(no_lost_writes())
//!         .expect(leader_changed(3))
//!         .verdict()
//! }
//! # fn main() {}
//! ```
//!
//! This crate is everything that touches the operating system: processes, the network, faults, runs, reports and the
//! command line. What a history means is in `interregnum-checker`, what clients do in `interregnum-workloads`.

#[cfg(not(target_os = "linux"))]
compile_error!(
    "interregnum runs on Linux: it needs /proc, a loopback network of 127.0.0.0/8, and signals to process groups"
);

mod campaign;
pub mod cli;
mod cluster;
mod defects;
pub mod disk;
mod error;
pub mod expectation;
pub mod experiment;
pub mod fault;
mod fencing;
pub mod gate;
pub mod network;
pub mod node_id;
pub mod prelude;
pub mod process;
mod record;
mod reentry;
pub mod report;
mod run;
pub mod run_dir;
pub mod schedule;
mod serve;
mod shrink;
mod sole_file;
#[cfg(any(test, feature = "proptest"))]
pub mod strategies;
pub mod system;
pub mod systems;
pub mod target;

pub use error::{Error, Result};
