//! The promise: with `ack=majority election=vote fencing=epoch read=leader` the cluster is linearizable and loses nothing,
//! under each fault and under all at once.

use interregnum::prelude::*;

/// The reference system in its sound modes, which are also its defaults.
fn sound() -> Node {
    Node::cluster(3).ack(Ack::Majority).election(Election::Vote).fencing(Fencing::Epoch).read(ReadMode::Leader)
}

async fn survives(experiment: Experiment) -> interregnum::Result {
    let report = experiment.rate_per_s(1000.0).run_for(secs(6)).await?;
    was_listened_to(&report);
    report
        .expect(linearizable())
        .expect(no_lost_writes())
        .expect(session_guarantees())
        .expect(no_split_brain())
        .expect(epochs_only_grow())
        .expect(replicas_agree())
        .verdict()
}

/// What nodes tell is held against itself only if it is heard: of what was acknowledged about half are writes.
fn was_listened_to(report: &Report) {
    let first_number = |checker: &str| {
        let told = report.judgements().iter().find(|judgement| judgement.checker == checker).expect("it is judged");
        let number = told.summary.split(' ').find_map(|word| word.parse::<u64>().ok());
        number.unwrap_or_else(|| panic!("{checker}: {}", told.summary))
    };
    let acknowledged = report.counts().ok;
    for checker in ["committed-log", "gtids"] {
        assert!(first_number(checker) * 5 > acknowledged, "{checker}: {acknowledged} operations were acknowledged");
    }
    assert!(first_number("epochs") > 100, "each node is asked forty times a second");
}

#[tokio::test]
async fn survives_kills_of_the_leader() -> interregnum::Result {
    survives(Experiment::new(sound()).workload(Append::keys(3)).fault(kill(leader()).every(millis(1500)))).await
}

#[tokio::test]
async fn survives_pauses_of_the_leader() -> interregnum::Result {
    survives(Experiment::new(sound()).workload(Register::keys(5)).fault(pause(leader()).every(millis(1500)))).await
}

#[tokio::test]
async fn survives_partitions_of_every_shape() -> interregnum::Result {
    let partitions = mixed([partitions()]).every(millis(1000));
    survives(Experiment::new(sound()).workload(Register::keys(5)).fault(partitions)).await
}

#[tokio::test]
async fn survives_all_faults_at_once() -> interregnum::Result {
    let overlapping = all_faults().every(millis(1000)).lasting(millis(1500));
    survives(Experiment::new(sound()).workload(Append::keys(3)).fault(overlapping)).await
}

#[tokio::test]
async fn survives_them_too_when_reads_rely_on_a_lease() -> interregnum::Result {
    let leased = sound().read(ReadMode::LeaderLease);
    survives(Experiment::new(leased).workload(Register::keys(5)).fault(all_faults().every(millis(1000)))).await
}

#[tokio::test]
async fn survives_all_faults_with_five_nodes_that_sync_every_write() -> interregnum::Result {
    let five = Node::cluster(5).fsync(Fsync::Always);
    survives(Experiment::new(five).workload(Register::keys(3)).fault(all_faults().every(millis(1200)))).await
}

#[tokio::test]
async fn leadership_passes_on_when_leaders_die() -> interregnum::Result {
    Experiment::new(sound())
        .fault(kill(leader()).every(secs(2)))
        .rate_per_s(1000.0)
        .run_for(secs(7))
        .await?
        .expect(linearizable())
        .expect(no_lost_writes())
        .expect(leader_changed(2))
        .verdict()
}
