//! The promise: each unsound configuration is caught, and by the checker whose business it is.

use interregnum::prelude::*;

/// What the last run of a test showed, where it did not show what it should have.
fn told(report: &Report) -> String {
    let summaries = report.judgements().iter().map(|judgement| format!("\n  {}", judgement.summary));
    format!("see {}:{}", report.run_dir().path().display(), summaries.collect::<String>())
}

#[tokio::test]
async fn asynchronous_acknowledgement_loses_writes_when_the_leader_dies() -> interregnum::Result {
    let report = Experiment::new(Node::cluster(3).ack(Ack::Async))
        .workload(Append::keys(3))
        .fault(kill(leader()).every(secs(1)))
        // What is acknowledged while it is under way to the followers dies with the leader.
        .link_delay(millis(20))
        .run_for(secs(5))
        .await?;
    assert!(report.broke(no_lost_writes()), "no write was lost; {}", told(&report));
    Ok(())
}

/// A leader that is cut off or paused does not notice that another has promoted itself, and nothing stops it.
async fn splits_the_brain(fault: Injection) -> interregnum::Result {
    let unfenced = Node::cluster(3).ack(Ack::Async).election(Election::Timeout).fencing(Fencing::None);
    let report = Experiment::new(unfenced).workload(Append::keys(3)).fault(fault).run_for(secs(5)).await?;
    assert!(report.broke(no_split_brain()), "no two leaders acknowledged; {}", told(&report));
    Ok(())
}

#[tokio::test]
async fn a_partitioned_leader_without_fencing_splits_the_brain() -> interregnum::Result {
    splits_the_brain(partition(Shape::Isolate, leader()).at(secs(1)).lasting(secs(2))).await
}

#[tokio::test]
async fn a_paused_leader_without_fencing_splits_the_brain() -> interregnum::Result {
    splits_the_brain(pause(leader()).at(secs(1)).lasting(secs(2))).await
}

#[tokio::test]
async fn reads_at_followers_are_stale() -> interregnum::Result {
    let report =
        Experiment::new(Node::cluster(3).read(ReadMode::Follower)).workload(Register::keys(2)).run_for(secs(2)).await?;
    assert!(report.broke(linearizable()), "every read was fresh; {}", told(&report));
    assert!(!report.broke(no_lost_writes()), "reading loses nothing; {}", told(&report));
    Ok(())
}
