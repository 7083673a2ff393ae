//! The promise: faults strike when what they wait for has come, and what happened in a run can be run again from its directory.

use std::fs;
use std::process::{Command, Output};

use interregnum::prelude::*;

#[tokio::test]
async fn steps_wait_for_what_happens() -> interregnum::Result {
    let hold = millis(600);
    let promoted = Trigger::on_log(r"INFO leader epoch=\d").expect("it is an expression");
    let schedule = Schedule {
        steps: vec![
            Step::when(Trigger::AfterAcknowledged(30), hold, Fault::Kill, leader()),
            // Its successor, a little later.
            Step { delay_ms: 50, ..Step::when(Trigger::OnLeader(2), hold, Fault::Pause, leader()) },
            // Its log tells it too, and then there is time to recover.
            Step { delay_ms: 1500, ..Step::when(promoted, hold, Fault::Pause, random(1)) },
        ],
    };
    let report = Experiment::new(Node::cluster(3)).schedule(schedule).run_for(secs(7)).await?;
    let again = Schedule::read(&report.run_dir().schedule()).expect("what happened is a schedule");
    let later = again.steps.iter().filter(|step| matches!(step.trigger, Trigger::OnLeader(_))).count();
    assert_eq!((again.steps.len(), later), (3, 2), "two of the three are tied to a later leader: {again:?}");
    report.expect(linearizable()).expect(no_lost_writes()).expect(leader_changed(1)).verdict()
}

#[tokio::test]
async fn a_step_whose_moment_does_not_come_leaves_the_run_inconclusive() -> interregnum::Result {
    let steps = vec![Step::when(Trigger::OnLeader(100), millis(300), Fault::Kill, leader())];
    let report = Experiment::new(Node::cluster(1)).schedule(Schedule { steps }).run_for(millis(500)).await?;
    assert_eq!(report.overall(), Verdict::Inconclusive);
    Ok(())
}

/// In a recorded run an election had come by nobody's fault, and in its replays, where it did not come, nothing struck.
#[tokio::test]
async fn a_leader_who_does_not_come_again_is_waited_for_only_so_long() -> interregnum::Result {
    let on_leader = |count, latest_ms| Step {
        latest_ms: Some(latest_ms),
        ..Step::when(Trigger::OnLeader(count), millis(600), Fault::Kill, leader())
    };
    let steps = vec![on_leader(3, 300), on_leader(4, 60_000)];
    let report = Experiment::new(Node::cluster(3)).schedule(Schedule { steps }).run_for(secs(7)).await?;
    let again = Schedule::read(&report.run_dir().schedule()).expect("what happened is a schedule");
    assert_eq!(again.steps.len(), 2, "leader 2 counts as the fourth: {again:?}");
    report.expect(linearizable()).expect(no_lost_writes()).verdict()
}

fn interregnum(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_interregnum")).args(arguments).output().expect("it runs")
}

#[test]
fn a_run_is_replayed_from_its_directory() {
    let directory = tempfile::tempdir().expect("a directory");
    let out = directory.path().join("run");
    let run = out.to_str().expect("it is UTF-8");
    let first = interregnum(&[
        "run",
        "--workload",
        "append",
        "--faults",
        "pause",
        "--target",
        "most-up-to-date",
        "--time",
        "3s",
        "--out",
        run,
    ]);
    assert_eq!(first.status.code(), Some(0), "{}", String::from_utf8_lossy(&first.stderr));

    let replay = interregnum(&["replay", run, "--times", "2"]);
    let told = String::from_utf8_lossy(&replay.stdout);
    assert_eq!(replay.status.code(), Some(0), "{told}{}", String::from_utf8_lossy(&replay.stderr));
    assert!(told.contains("reproduced 2 of 2"), "{told}");
    let replayed = fs::read_to_string(directory.path().join("run-replays/2/run.json")).expect("it leaves a directory");
    assert!(replayed.contains("--schedule"), "{replayed}");

    let missing = interregnum(&["replay", directory.path().to_str().expect("it is UTF-8")]);
    assert_eq!(missing.status.code(), Some(3));
    let complaint = String::from_utf8_lossy(&missing.stderr);
    assert!(complaint.contains("is this a run's directory?"), "{complaint}");
}
