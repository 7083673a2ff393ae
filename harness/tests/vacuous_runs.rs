//! The promise: a run that did not exercise what it claims does not pass, and says why.

use interregnum::prelude::*;

#[tokio::test]
async fn a_demand_that_is_not_met_is_inconclusive() -> interregnum::Result {
    let run = Experiment::new(Node::cluster(3)).rate_per_s(200.0).run_for(secs(1)).await?;
    let error = run.expect(linearizable()).expect(leader_changed(5)).verdict().expect_err("nobody killed a leader");
    assert_eq!(error.verdict(), Verdict::Inconclusive);
    // A busy machine may change the leader by itself, but not five times in a second.
    assert!(error.to_string().contains("times, at least 5 wanted"), "{error}");
    Ok(())
}

/// A cluster of one has no links between nodes, so isolating its node holds nothing back.
#[tokio::test]
async fn a_partition_without_effect_is_inconclusive() -> interregnum::Result {
    let run = Experiment::new(Node::cluster(1))
        .fault(partition(Shape::Isolate, all()).at(millis(500)))
        .rate_per_s(200.0)
        .run_for(secs(1))
        .await?;
    let error = run.verdict().expect_err("nothing was cut");
    assert_eq!(error.verdict(), Verdict::Inconclusive);
    assert!(error.to_string().contains("every fault was verified in effect"), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_cluster_that_does_not_come_up_is_a_harness_error() -> interregnum::Result {
    // A single node has nobody to wait for: it refuses to start.
    let run = Experiment::new(Node::cluster(1).ack(Ack::SemiSync)).run_for(secs(1)).await;
    let error = run.expect_err("semi-sync needs a follower");
    assert_eq!(error.verdict(), Verdict::HarnessError);
    assert!(error.to_string().contains("the cluster did not come up: n1 ended with exit code 3"), "{error}");
    Ok(())
}
