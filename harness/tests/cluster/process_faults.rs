//! The promise: faults of processes do what they say, seen from the nodes' own logs, and a sound cluster survives them.

use crate::seen::{in_force, lines, operations, told};
use interregnum::prelude::*;

fn sound() -> Experiment {
    Experiment::new(Node::cluster(3).fsync(Fsync::Always)).workload(Append::keys(3)).rate_per_s(500.0)
}

/// One follower crashes three times in a row and stays down until somebody looks after it; then the power fails for all.
#[tokio::test]
async fn nodes_crash_again_and_again_and_all_together() -> interregnum::Result {
    let schedule = Schedule {
        steps: vec![
            Step::at(millis(200), millis(2500), Fault::CrashLoop { times: 3 }, node(3)),
            Step::at(millis(2900), millis(300), Fault::KillAll, all()),
        ],
    };
    let report = sound().schedule(schedule).run_for(millis(3500)).await?;

    // The first start, two in the loop, one that ended it, and one after the power failure.
    assert_eq!(lines(&report, 3, "INFO started").len(), 5);
    for other in [1, 2] {
        assert_eq!(lines(&report, other, "INFO started").len(), 2);
    }
    report.expect(linearizable()).expect(no_lost_writes()).verdict()
}

/// An operator restarts all nodes for a new configuration, and tries another version on one of them.
#[tokio::test]
async fn nodes_are_restarted_one_after_the_other_and_upgraded() -> interregnum::Result {
    let program = env!("CARGO_BIN_EXE_interregnum").into();
    let system = Node::cluster(3).fsync(Fsync::Always).upgraded_to(Some(program), "--read leader-local");
    let schedule = Schedule {
        steps: vec![
            Step::at(millis(200), millis(2800), Fault::RollingRestart, all()),
            Step::at(millis(3100), millis(1200), Fault::Upgrade, node(2)),
        ],
    };
    let report = Experiment::new(system).schedule(schedule).rate_per_s(500.0).run_for(millis(4500)).await?;

    // Nobody is stopped before the one before has come back.
    let (stops, starts): (Vec<_>, Vec<_>) =
        (1..=3).map(|node| (lines(&report, node, "INFO stopping"), lines(&report, node, "INFO listening"))).unzip();
    for node in 0..2 {
        assert!(starts[node][1] < stops[node + 1][0], "{} before {}", starts[node][1], stops[node + 1][0]);
    }
    // n2 was stopped for the restart, for the upgrade and for the way back.
    assert_eq!(stops[1].len(), 3);
    assert_eq!(stops[0].len(), 1);
    report.expect(linearizable()).expect(no_lost_writes()).verdict()
}

/// A leader whose host gives it a hundredth of the time misses its heartbeats, and the others choose another.
#[tokio::test]
async fn a_slow_leader_loses_leadership() -> interregnum::Result {
    let slow = slow_process(millis(5), millis(600), leader());
    let report = sound().fault(slow.at(millis(200)).lasting(millis(2000))).run_for(millis(2500)).await?;
    report.expect(linearizable()).expect(no_lost_writes()).expect(leader_changed(1)).verdict()
}

/// Of three nodes one may be faulty: the second kill waits until the first node is back, and one of two nodes never comes.
#[tokio::test]
async fn a_budget_keeps_a_majority() -> interregnum::Result {
    let schedule = Schedule {
        steps: vec![
            Step::at(millis(200), millis(900), Fault::Kill, node(1)),
            Step::at(millis(400), millis(700), Fault::Kill, node(2)),
            Step::at(millis(500), millis(500), Fault::Kill, majority()),
        ],
    };
    let report = sound().schedule(schedule).fault_budget(FaultBudget::Minority).run_for(millis(3500)).await?;

    let begins = |node| lines(&report, node, "INFO started");
    let (first, second) = (begins(1), begins(2));
    assert_eq!((first.len(), second.len(), begins(3).len()), (2, 2, 1), "the kill of two nodes was skipped");
    assert!(first[1] < second[1], "n2 was killed before n1 was back: {first:?} {second:?}");
    let skipped = told(&report, "skip");
    assert_eq!(skipped.len(), 1, "{skipped:?}");
    assert!(skipped[0].contains("over the fault budget of minority: 2 of 3 nodes would be faulty"), "{skipped:?}");
    let waited = told(&report, "inject").into_iter().filter(|event| event.contains("beside kill n1")).count();
    assert_eq!(waited, 1, "the kill of n2 waited");
    report.expect(linearizable()).expect(no_lost_writes()).verdict()
}

/// Nobody promotes itself here. The leader dies, and an operator orders a follower to lead; clients are served again.
#[tokio::test]
async fn an_operator_promotes_a_follower() -> interregnum::Result {
    let schedule = Schedule {
        steps: vec![
            Step::at(millis(300), millis(1800), Fault::Kill, leader()),
            Step::at(millis(700), millis(400), Fault::Promote, most_up_to_date()),
        ],
    };
    let manual = Node::cluster(3).ack(Ack::SemiSync).election(Election::Manual);
    let report = Experiment::new(manual).schedule(schedule).rate_per_s(300.0).run_for(millis(2500)).await?;
    report.expect(no_lost_writes()).expect(leader_changed(1)).verdict()
}

/// The leader's log never gets to its disk while the leader goes on beating: nothing is acknowledged, and nobody takes over. The same
/// node is paused meanwhile. Then n2's first thread is stopped, which is all of it to the others, and it is killed so.
#[tokio::test]
async fn a_thread_is_stopped_beside_a_pause_and_a_kill() -> interregnum::Result {
    let log = Fault::PauseThread { thread: Some("log".parse().unwrap()) };
    let main = Fault::PauseThread { thread: Some("main".parse().unwrap()) };
    let schedule = Schedule {
        steps: vec![
            Step::at(millis(300), millis(1200), log, leader()),
            Step::at(millis(900), millis(100), Fault::Pause, leader()),
            Step::at(millis(1900), millis(900), main, node(2)),
            Step::at(millis(2200), millis(300), Fault::Kill, node(2)),
        ],
    };
    let disk = Node::cluster(3).fsync(Fsync::Always).modes("--ack 3 --heartbeat-ms 100 --missed-heartbeats 8");
    let report = Experiment::new(disk).schedule(schedule).rate_per_s(500.0).run_for(secs(4)).await?;

    let stopped = in_force(&report, log);
    // What was on its way to the clients when the thread stopped may still have come.
    let late = stopped.start + 100_000_000..stopped.end;
    let written = operations(&report)
        .iter()
        .filter(|one| one.is_write && one.outcome == "ok" && late.contains(&one.ended_ns))
        .count();
    assert_eq!(
        written,
        0,
        "a write was acknowledged that all nodes had to store, see {}",
        report.run_dir().path().display()
    );
    assert_eq!(lines(&report, 2, "INFO started").len(), 2, "n2 came back");
    report.expect(linearizable()).expect(no_lost_writes()).verdict()
}
