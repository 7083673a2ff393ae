//! The promise: a member can be let go and taken in again while clients write, whoever dies meanwhile.

use crate::seen::{in_force, lines, operations};
use interregnum::prelude::*;

fn sound() -> Experiment {
    Experiment::new(Node::cluster(3).fsync(Fsync::Always)).workload(Append::keys(3)).rate_per_s(500.0)
}

/// Both followers are let go, and then they die: a leader that still needed one of them could acknowledge nothing.
#[tokio::test]
async fn writes_go_on_without_those_who_were_let_go() -> interregnum::Result {
    let schedule = Schedule {
        steps: vec![
            Step::at(millis(300), millis(2500), Fault::RemoveMember, followers()),
            Step::at(millis(1300), millis(1000), Fault::Kill, followers()),
        ],
    };
    let report = sound().schedule(schedule).run_for(millis(3500)).await?;

    let (removed, killed) = (in_force(&report, Fault::RemoveMember), in_force(&report, Fault::Kill));
    assert!(removed.start < killed.start && killed.end < removed.end, "{removed:?} {killed:?}");
    // What two nodes had confirmed before they died may be acknowledged a little later.
    let alone = killed.start + 200_000_000..killed.end;
    let is_alone = |at| alone.contains(&at);
    let written = operations(&report)
        .iter()
        .filter(|one| one.is_write && one.outcome == "ok" && is_alone(one.invoked_ns))
        .count();
    assert!(written > 0, "nobody could write, see {}", report.run_dir().path().display());
    report.expect(linearizable()).expect(no_lost_writes()).expect(replicas_agree()).verdict()
}

/// Two are left, and one of them dies, so that nobody can lead and give the third its vote again: that has to wait.
#[tokio::test]
async fn who_was_let_go_comes_back_when_there_is_a_majority() -> interregnum::Result {
    let schedule = Schedule {
        steps: vec![
            Step::at(millis(300), millis(900), Fault::RemoveMember, node(3)),
            Step::at(millis(900), millis(1200), Fault::Kill, leader()),
        ],
    };
    let report = sound().schedule(schedule).run_for(millis(3500)).await?;

    let (removed, killed) = (in_force(&report, Fault::RemoveMember), in_force(&report, Fault::Kill));
    assert!(killed.end < removed.end, "the kill was undone first: {killed:?} {removed:?}");
    assert_eq!(lines(&report, 3, "this node was removed from the cluster").len(), 1);
    report.expect(linearizable()).expect(no_lost_writes()).expect(replicas_agree()).verdict()
}

/// The leader is cut off, and asked to let both others go while it still leads. It may do neither before a majority has the first of
/// these changes; one that makes the second at once is alone then, and acknowledges what nobody else has.
async fn cut_off_and_asked_to_let_the_others_go(flags: &str) -> interregnum::Result<Report> {
    let schedule = Schedule {
        steps: vec![
            Step::at(millis(500), millis(2000), Fault::Partition(Shape::Isolate), leader()),
            Step::at(millis(520), millis(1500), Fault::RemoveMember, followers()),
        ],
    };
    let slow = Node::cluster(3).modes("--heartbeat-ms 100 --missed-heartbeats 8").modes(flags);
    Experiment::new(slow).workload(Append::keys(3)).schedule(schedule).rate_per_s(500.0).run_for(secs(4)).await
}

#[tokio::test]
async fn a_leader_that_is_cut_off_lets_nobody_go() -> interregnum::Result {
    let report = cut_off_and_asked_to_let_the_others_go("").await?;
    report.expect(linearizable()).expect(no_lost_writes()).expect(no_split_brain()).verdict()
}

#[tokio::test]
async fn changing_members_early_splits_the_brain() -> interregnum::Result {
    let report = cut_off_and_asked_to_let_the_others_go("--defect change-members-early").await?;
    assert!(report.broke(no_split_brain()), "nothing was broken; see {}", report.run_dir().path().display());
    Ok(())
}
