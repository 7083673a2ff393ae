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

/// The last fault is held until enough has been acknowledged under it, which on a busy machine may take longer than was planned. Where
/// that never comes it is undone at last, and the run proves nothing.
#[tokio::test]
async fn a_fault_lasts_longer_while_nothing_is_acknowledged_under_it() -> interregnum::Result {
    let short = kill(minority()).at(millis(500)).lasting(millis(100));
    let run = Experiment::new(Node::cluster(3).ack(Ack::All)).fault(short).rate_per_s(200.0).run_for(secs(3)).await?;
    let window = run.availability().faults[0].fault.clone();
    assert!(window.end_ns - window.start_ns > 2_000_000_000, "no member may be missing: {window:?}");
    let error = run.verdict().expect_err("nothing was acknowledged under the fault");
    assert!(error.to_string().contains("operations were acknowledged during the faults"), "{error}");
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
