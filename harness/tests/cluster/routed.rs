//! The promise: behind a router the sound configuration is as sound, and a failover is a pause and no error: nothing is refused, since
//! what nobody can take is held.

use interregnum::prelude::*;

async fn over_changes_of_leaders(cluster: Node) -> interregnum::Result<Report> {
    Experiment::new(cluster)
        .workload(Append::keys(3))
        .fault(mixed([vec![Fault::Kill], vec![Fault::Switchover]]).every(millis(1500)).on(leader()))
        .run_for(secs(6))
        .await
}

#[tokio::test]
async fn a_failover_behind_a_router_is_a_pause() -> interregnum::Result {
    let report = over_changes_of_leaders(Node::cluster(3).routed()).await?;
    assert_eq!(report.counts().fail, 0, "refused in spite of the router");
    report.expect(linearizable()).expect(no_lost_writes()).expect(replicas_agree()).verdict()
}

#[tokio::test]
async fn numbered_requests_behind_a_router_leave_nothing_unknown() -> interregnum::Result {
    let report = over_changes_of_leaders(Node::cluster(3).routed().retry_unknown(RetryUnknown::ExactlyOnce)).await?;
    let counts = report.counts();
    assert_eq!((counts.fail, counts.info), (0, 0), "refused or unknown in spite of the router");
    report.expect(linearizable()).expect(no_lost_writes()).expect(replicas_agree()).verdict()
}
