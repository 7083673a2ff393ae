//! The promise of the sound modes does not depend on how the log says what was changed: with `--log physical`, which ships the bytes of
//! a storage file, the cluster is linearizable and loses nothing.

use interregnum::prelude::*;

async fn survives(experiment: Experiment) -> interregnum::Result {
    experiment
        .rate_per_s(300.0)
        .run_for(secs(7))
        .await?
        .expect(linearizable())
        .expect(no_lost_writes())
        .expect(no_split_brain())
        .expect(replicas_agree())
        .verdict()
}

fn physical() -> Node {
    Node::cluster(3).modes("--storage redb --log physical")
}

#[tokio::test]
async fn a_physical_log_survives_kills_of_the_leader() -> interregnum::Result {
    survives(Experiment::new(physical()).workload(Append::keys(3)).fault(kill(leader()).every(millis(3000)))).await
}

#[tokio::test]
async fn a_physical_log_survives_partitions() -> interregnum::Result {
    let partitions = mixed([partitions()]).every(millis(2500));
    survives(Experiment::new(physical()).workload(Register::keys(5)).fault(partitions)).await
}
