//! The promise: clusters do not notice each other, however many run at once and whoever else uses the machine's ports.

use interregnum::prelude::*;

#[tokio::test]
async fn many_clusters_run_at_once() -> interregnum::Result {
    let runs = (0..6).map(|seed| {
        // Eighteen nodes on a busy machine are slow to answer; none of them is to be taken for dead for that.
        let cluster = Node::cluster(3).modes("--heartbeat-ms 250");
        let experiment = Experiment::new(cluster).seed(seed).clients(4).rate_per_s(300.0);
        // The restarted follower has to find its ports free.
        experiment.fault(kill(most_up_to_date()).at(millis(500)).lasting(secs(2))).run_for(secs(4))
    });
    for report in futures::future::join_all(runs).await {
        report?.expect(linearizable()).expect(replicas_agree()).verdict()?;
    }
    Ok(())
}
