//! The promise: a client that asks again whatever it does not know of writes nothing twice, if it numbers its requests; and the proof
//! that this test could fail: a client that just asks again does.

use interregnum::prelude::*;

async fn over_dying_leaders(retry: RetryUnknown) -> interregnum::Result<Report> {
    // Five kills of the leader under load: each leaves some clients with an operation that was logged and not answered.
    Experiment::new(Node::cluster(3).retry_unknown(retry))
        .workload(Append::keys(3))
        .clients(16)
        .fault(kill(leader()).every(millis(1200)))
        .link_delay(millis(10))
        .run_for(secs(6))
        .await
}

#[tokio::test]
async fn numbered_requests_that_are_asked_again_happen_once() -> interregnum::Result {
    over_dying_leaders(RetryUnknown::ExactlyOnce)
        .await?
        .expect(linearizable())
        .expect(no_lost_writes())
        .expect(epochs_only_grow())
        .expect(no_split_brain())
        .verdict()
}

#[tokio::test]
async fn a_client_that_just_asks_again_writes_twice() -> interregnum::Result {
    let report = over_dying_leaders(RetryUnknown::Naive).await?;
    let told: Vec<_> = report.judgements().iter().map(|judgement| judgement.summary.clone()).collect();
    assert!(report.broke(linearizable()), "nothing happened twice; {told:#?}");
    Ok(())
}
