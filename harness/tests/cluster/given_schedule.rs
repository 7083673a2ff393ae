//! The promise: a schedule that a person wrote is carried out as written, overlapping steps included, and what really
//! happened is written down.

use std::fs;

use interregnum::prelude::*;
use serde_json::Value;

#[tokio::test]
async fn steps_are_carried_out_as_written() -> interregnum::Result {
    let step = |at_ms, hold_ms, fault, number| Step::at(millis(at_ms), millis(hold_ms), fault, node(number));
    let schedule = Schedule {
        steps: vec![
            step(400, 1200, Fault::Pause, 3),
            // n3 is killed while it is paused, and comes back unpaused before the pause is over.
            step(600, 500, Fault::Kill, 3),
            step(1400, 600, Fault::Partition(Shape::Isolate), 2),
        ],
    };
    let report = Experiment::new(Node::cluster(3)).schedule(schedule).rate_per_s(500.0).run_for(millis(2500)).await?;

    let events = fs::read_to_string(report.run_dir().events()).unwrap();
    let events: Vec<Value> = events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told = |kind: &str| -> Vec<String> {
        let of_kind = events.iter().filter(|event| event["event"] == kind);
        of_kind.map(|event| format!("{} {}", event["fault"], event["nodes"]).replace('"', "")).collect()
    };
    assert_eq!(told("inject"), ["pause [n3]", "kill [n3]", "isolate [n2]"]);
    // On a busy machine a fault takes a while to inject, and lasts so much longer.
    let mut undone = told("undo");
    undone.sort();
    assert_eq!(undone, ["isolate [n2]", "kill [n3]", "pause [n3]"]);
    report.expect(linearizable()).expect(no_lost_writes()).expect(replicas_agree()).verdict()
}
