//! The promise: faults of the network do what they say, seen by the clients and in the nodes' logs, and a sound cluster survives
//! them.

use crate::seen::{Operation, in_force, leaders_of, lines, operations};
use interregnum::prelude::*;

/// The leader's links become slow, then bytes on them are damaged, then all its connections are reset.
#[tokio::test]
async fn links_are_slow_damaged_and_reset() -> interregnum::Result {
    let slow = Fault::SlowLink { delay_ms: 40, jitter_ms: 10, bytes_per_s: 0 };
    let (corrupt, reset) = (Fault::Corrupt { one_in: 5 }, Fault::Reset { every_ms: 100 });
    let schedule = Schedule {
        steps: vec![
            Step::at(millis(300), millis(800), slow, leader()),
            Step::at(millis(1300), millis(800), corrupt, leader()),
            Step::at(millis(2300), millis(500), reset, leader()),
        ],
    };
    let patient = Node::cluster(3).modes("--heartbeat-ms 100 --missed-heartbeats 5");
    let report = Experiment::new(patient).schedule(schedule).rate_per_s(500.0).run_for(secs(3)).await?;

    // Over the slow links a write is acknowledged after a way there and a way back.
    let slow = in_force(&report, slow);
    let operations = operations(&report);
    let written_slowly: Vec<_> = operations
        .iter()
        .filter(|one| one.is_write && one.outcome == "ok" && slow.start < one.invoked_ns && one.ended_ns < slow.end)
        .collect();
    assert!(!written_slowly.is_empty(), "nothing was written, see {}", report.run_dir().path().display());
    for write in written_slowly {
        assert!(write.ended_ns - write.invoked_ns >= 80_000_000, "{write:?} was not slow");
    }
    // The nodes found damaged bytes, and closed the connections.
    let found: usize = (1..=3).map(|node| lines(&report, node, "damaged on its way").len()).sum();
    assert!(found > 0, "no damage was found, see {}", report.run_dir().path().display());
    // The clients were told of the resets.
    let reset = in_force(&report, reset);
    let told = operations.iter().filter(|one| reset.contains(&one.ended_ns) && one.error.contains("reset"));
    assert!(told.count() > 0, "no client met a reset, see {}", report.run_dir().path().display());
    report.expect(linearizable()).expect(no_lost_writes()).expect(replicas_agree()).verdict()
}

/// Clients cannot reach n3, while its peers can; then n3 forgets its connections, and its peers do not know.
#[tokio::test]
async fn a_follower_is_cut_off_from_clients_and_half_cut_off_from_peers() -> interregnum::Result {
    let (client_side, half_open) = (Fault::Partition(Shape::ClientSide), Fault::HalfOpen);
    let schedule = Schedule {
        steps: vec![
            Step::at(millis(300), millis(1000), client_side, node(3)),
            Step::at(millis(1600), millis(1000), half_open, node(3)),
        ],
    };
    let system = Node::cluster(3).read(ReadMode::Follower).operation_timeout(millis(200));
    let report = Experiment::new(system).schedule(schedule).rate_per_s(500.0).run_for(secs(3)).await?;

    let cut_off = in_force(&report, client_side);
    let served = |range: std::ops::Range<u64>| {
        operations(&report)
            .iter()
            .filter(|one| one.node == "n3" && one.outcome == "ok" && range.contains(&one.ended_ns))
            .count()
    };
    assert!(served(0..cut_off.start) > 0, "n3 served nobody before");
    assert_eq!(served(cut_off.clone()), 0, "n3 served clients that could not reach it");
    // Its peers did: it followed all the time, and missed the leader only when nothing came over the connections it had forgotten.
    assert_eq!(leaders_of(&report, 3, &cut_off), [""; 0], "n3 changed its mind about the leader");
    let missed = leaders_of(&report, 3, &in_force(&report, half_open));
    assert!(missed.contains(&String::new()), "n3 missed nobody: {missed:?}, see {}", report.run_dir().path().display());
    report.expect(no_lost_writes()).expect(replicas_agree()).verdict()
}

/// Five nodes of which no two hear the same majority go on; with a leader that comes and goes they choose another.
#[tokio::test]
async fn majorities_on_a_ring_and_a_flapping_leader() -> interregnum::Result {
    let flapping = Fault::Flapping { shape: Shape::Isolate, period_ms: 500 };
    let schedule = Schedule {
        steps: vec![
            Step::at(millis(300), millis(1000), Fault::Partition(Shape::Ring), all()),
            Step::at(millis(1700), millis(1400), flapping, leader()),
        ],
    };
    let report = Experiment::new(Node::cluster(5)).schedule(schedule).rate_per_s(300.0).run_for(millis(3500)).await?;

    let ring = in_force(&report, Fault::Partition(Shape::Ring));
    let served = operations(&report).iter().filter(|one| one.outcome == "ok" && ring.contains(&one.ended_ns)).count();
    assert!(served > 0, "nobody was served on the ring, see {}", report.run_dir().path().display());
    report.expect(linearizable()).expect(no_lost_writes()).expect(leader_changed(1)).verdict()
}

/// The followers' connections end on one side: first n2's peers and clients are told and n2 is not, then n3 is told and they are not.
#[tokio::test]
async fn connections_end_on_one_side() -> interregnum::Result {
    let (half_close, slow_close) = (Fault::HalfClose, Fault::SlowClose { delay_ms: 700 });
    let schedule = Schedule {
        steps: vec![
            Step::at(millis(300), millis(600), half_close, node(2)),
            Step::at(millis(1300), millis(1000), slow_close, node(3)),
        ],
    };
    let system = Node::cluster(3).read(ReadMode::Follower).operation_timeout(millis(300));
    let report = Experiment::new(system).schedule(schedule).rate_per_s(500.0).run_for(secs(3)).await?;

    let operations = operations(&report);
    let half_closed = in_force(&report, half_close);
    let is_served = |one: &Operation| one.node == "n2" && one.outcome == "ok" && half_closed.contains(&one.ended_ns);
    assert!(operations.iter().any(is_served), "clients of n2 were told, and dialed again");
    let wait_in_vain = |range: &std::ops::Range<u64>| {
        operations.iter().filter(|one| one.error.contains("no answer within") && range.contains(&one.ended_ns)).count()
    };
    assert_eq!(wait_in_vain(&half_closed), 0, "clients of n2 were told at once");
    let closed_late = in_force(&report, slow_close);
    assert!(wait_in_vain(&closed_late) > 0, "no client of n3 waited for an answer in vain");
    report.expect(no_lost_writes()).expect(replicas_agree()).verdict()
}

/// What n1 has to say is held back while n1 is dead, so the partition stays until n1 is back and has something to say.
#[tokio::test]
async fn a_partition_waits_for_somebody_whom_it_keeps_from_speaking() -> interregnum::Result {
    let silent = Fault::Partition(Shape::Outbound);
    let schedule = Schedule {
        steps: vec![
            Step::at(millis(300), millis(1700), Fault::Kill, node(1)),
            Step::at(millis(500), millis(300), silent, node(1)),
        ],
    };
    let report = Experiment::new(Node::cluster(3)).schedule(schedule).rate_per_s(200.0).run_for(secs(3)).await?;
    let (dead, silent) = (in_force(&report, Fault::Kill), in_force(&report, silent));
    assert!(silent.end > dead.end, "{silent:?} was over before {dead:?}");
    report.verdict()
}
