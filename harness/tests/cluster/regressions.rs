//! Bugs that were, each named after what it did.

use std::fs;

use interregnum::prelude::*;
use nix::sys::signal::{Signal, kill as send};
use nix::unistd::Pid;

/// The process ids of the nodes that this test process has started.
fn own_nodes() -> Vec<i32> {
    let threads = fs::read_dir("/proc/self/task").unwrap().flatten();
    let children = threads.map(|thread| fs::read_to_string(thread.path().join("children")).unwrap_or_default());
    let pids: Vec<i32> = children.flat_map(|pids| pids.split(' ').flat_map(str::parse).collect::<Vec<_>>()).collect();
    let is_node =
        |pid: &i32| fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.starts_with(b"interregnum\0node"));
    pids.into_iter().filter(is_node).collect()
}

/// Nodes begin their life before `main`, where Rust has not yet seen to it that a write to a closed socket is an error
/// and not a signal. One in eighty runs with all faults lost a node to that.
#[tokio::test]
async fn a_node_died_of_a_broken_pipe() -> interregnum::Result {
    let run = Experiment::new(Node::cluster(3)).rate_per_s(200.0).run_for(secs(2));
    let signals = async {
        while own_nodes().len() < 3 {
            tokio::time::sleep(millis(5)).await;
        }
        // They have been executed, but may not have begun: what ignores the signal shows in the kernel.
        for pid in own_nodes() {
            while !ignores_sigpipe(pid) {
                tokio::time::sleep(millis(5)).await;
            }
            send(Pid::from_raw(pid), Signal::SIGPIPE).unwrap();
        }
    };
    let (report, ()) = tokio::join!(run, signals);
    report?.expect(linearizable()).verdict()
}

/// Whether the kernel holds SIGPIPE, number 13, for ignored; see proc(5).
fn ignores_sigpipe(pid: i32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
    u64::from_str_radix(ignored.trim(), 16).unwrap() & (1 << (13 - 1)) != 0
}
