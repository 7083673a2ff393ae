//! The promise: faults of disks do what they say, and a cluster that syncs what it acknowledges survives them. Without FUSE each of these
//! is skipped, and says so.

use crate::seen::{lines, told};
use interregnum::disk;
use interregnum::prelude::*;

/// Leaves the test where no disk can be mounted that fails.
macro_rules! needs_disks {
    () => {
        if let Some(obstacle) = disk::obstacle() {
            eprintln!("SKIPPED: {obstacle}");
            return Ok(());
        }
    };
}

fn sound() -> Experiment {
    Experiment::new(Node::cluster(3).fsync(Fsync::Always)).workload(Append::keys(3)).rate_per_s(500.0)
}

/// The power of all three fails in the middle of writes, and again; the second time their disks were in the middle of it, too.
#[tokio::test]
async fn what_was_synced_survives_the_power() -> interregnum::Result {
    needs_disks!();
    let failure = |at, torn| Step::at(millis(at), millis(300), Fault::PowerFailureAll { stall_ms: 50, torn }, all());
    let schedule = Schedule { steps: vec![failure(400, false), failure(2200, true)] };
    let report = sound().schedule(schedule).run_for(millis(3500)).await?;
    let lost = told(&report, "undo");
    assert_eq!(lost.len(), 2, "{lost:?}");
    // Somebody was writing; what it had not synced was not acknowledged.
    assert!(!lost[0].contains("n1 lost 0 writes") || !lost[0].contains("n2 lost 0 writes"), "{}", lost[0]);
    report.expect(linearizable()).expect(no_lost_writes()).verdict()
}

/// The same for a cluster that syncs only now and then: then acknowledged writes are gone.
#[tokio::test]
async fn what_was_not_synced_does_not() -> interregnum::Result {
    needs_disks!();
    let at_intervals = Node::cluster(3).fsync(Fsync::Interval(1000));
    let failures = power_failure_all(false).at(millis(700)).lasting(millis(300));
    let experiment = Experiment::new(at_intervals).workload(Append::keys(3)).rate_per_s(500.0).fault(failures);
    let report = experiment.run_for(millis(2000)).await?;
    assert!(report.broke(no_lost_writes()), "nothing was lost; see {}", report.run_dir().path().display());
    Ok(())
}

/// One after the other has a disk that fails, one that is slow and one without room; all of them come back.
#[tokio::test]
async fn disks_are_full_fail_and_are_slow() -> interregnum::Result {
    needs_disks!();
    let schedule = Schedule {
        steps: vec![
            Step::at(millis(300), millis(600), Fault::IoError { on: IoCall::Fsync }, node(1)),
            Step::at(millis(1200), millis(600), Fault::IoError { on: IoCall::Write }, node(2)),
            Step::at(millis(2100), millis(600), Fault::SlowFsync { delay_ms: 100 }, node(3)),
            // Last, because a node waits for a while before it looks again whether there is room.
            Step::at(millis(2900), millis(600), Fault::DiskFull, leader()),
        ],
    };
    let report = sound().schedule(schedule).run_for(millis(4000)).await?;
    let gave_up = |node, step: &str, error: &str| {
        let lines = lines(&report, node, "the disk takes no writes, so");
        lines.iter().filter(|line| line.contains(step) && line.contains(error)).count()
    };
    assert_eq!(gave_up(1, "cannot make durable", "os error 5"), 1, "a failed fsync is the end, until a restart");
    assert_eq!(gave_up(2, "cannot write", "os error 5"), 1);
    let found_full: usize = (1..=3).map(|node| gave_up(node, "cannot write", "os error 28")).sum();
    assert_eq!(found_full, 1, "whoever led had no room");
    report.expect(linearizable()).expect(no_lost_writes()).verdict()
}

/// A node whose log was damaged refuses to start and says where; then it gets everything from the others.
#[tokio::test]
async fn a_damaged_node_refuses_and_is_rebuilt() -> interregnum::Result {
    needs_disks!();
    let flip = bit_flip(node(2)).at(millis(1000)).lasting(millis(500));
    let report = sound().fault(flip).run_for(millis(2500)).await?;
    let flips = told(&report, "undo");
    assert!(flips[0].contains("is damaged at byte") && flips[0].contains("and was rebuilt"), "{flips:?}");
    assert_eq!(lines(&report, 2, "INFO rebuilt").len(), 1);
    report.expect(linearizable()).expect(no_lost_writes()).verdict()
}
