//! The promise: a fault strikes at a named place in the node's code, so that a race is no matter of luck.

use std::collections::BTreeSet;

use crate::seen::{directory, lines, told};
use interregnum::prelude::*;

fn at(point: &str, leader: u64, times: u64, hold_ms: u64, fault: Fault) -> Step {
    let trigger = Trigger::OnPausePoint { point: point.into(), leader, times };
    Step::when(trigger, millis(hold_ms), fault, at_pause_point())
}

/// The first leader acknowledges a write and dies before it has told anybody. That is one write, lost in each run.
#[tokio::test]
async fn an_asynchronous_leader_loses_what_it_acknowledged_and_did_not_replicate() {
    let schedule = Schedule { steps: vec![at("after-acknowledge-before-replicate", 1, 20, 700, Fault::Kill)] };
    let run = |ack| {
        // The first leader must lead until its twentieth acknowledgement, also on a busy machine.
        let patient = Node::cluster(3).ack(ack).modes("--heartbeat-ms 100 --missed-heartbeats 10");
        let experiment = Experiment::new(patient).workload(Append::keys(3)).rate_per_s(300.0);
        experiment.schedule(schedule.clone()).out(directory(&format!("{ack}"))).run_for(secs(3))
    };
    let report = run(Ack::Async).await.unwrap();
    assert_eq!(told(&report, "pause-point").len(), 1, "see {}", report.run_dir().path().display());
    assert!(report.broke(no_lost_writes()), "no write was lost, see {}", report.run_dir().path().display());

    // Who waits for a majority never stands there.
    let report = run(Ack::Majority).await.unwrap();
    assert_eq!(told(&report, "pause-point"), [""; 0]);
    assert!(told(&report, "skip")[0].contains("what it waited for did not come"));
    assert!(!report.broke(no_lost_writes()));
}

/// Nodes stop at every other point; a leader dies with a record that nobody else has, and gives it up when it is back.
#[tokio::test]
async fn every_point_can_be_reached() -> interregnum::Result {
    let mut steps = vec![
        at("after-flush-before-confirm", 1, 10, 20, Fault::Pause),
        at("after-replicate-before-acknowledge", 1, 20, 20, Fault::Pause),
        at("after-append-before-replicate", 1, 30, 1500, Fault::Kill),
        at("after-vote-before-persist", 1, 1, 20, Fault::Pause),
        at("after-persist-before-vote-reply", 1, 1, 20, Fault::Pause),
        at("after-election-before-announce", 2, 1, 20, Fault::Pause),
    ];
    // On a busy machine the second leader may not lead for long.
    steps.extend((2..6).map(|leader| at("after-put-aside-before-truncate", leader, 1, 20, Fault::Pause)));
    let points: BTreeSet<_> =
        steps.iter().map(|step| step.trigger.to_string()[3..].split(',').next().unwrap().to_owned()).collect();
    let patient = Node::cluster(3).modes("--heartbeat-ms 100 --missed-heartbeats 4");
    let report = Experiment::new(patient).schedule(Schedule { steps }).rate_per_s(200.0).run_for(secs(5)).await?;

    let standing = told(&report, "pause-point");
    assert!(standing.iter().all(|stop| stop.contains("\"stopped\":true")), "{standing:?}");
    let reached = |point: &String| standing.iter().any(|stop| stop.contains(point.as_str()));
    let missing: Vec<_> = points.iter().filter(|point| !reached(point)).collect();
    assert!(missing.is_empty(), "{missing:?} were not reached, see {}", report.run_dir().path().display());
    // The nodes tell it as well.
    let in_logs: usize = (1..=3).map(|node| lines(&report, node, "pause point").len()).sum();
    assert!(in_logs >= standing.len(), "{in_logs} of {}", standing.len());
    report.expect(linearizable()).expect(no_lost_writes()).verdict()
}
