//! The promise: every scenario shows what its sentence says. Each is a sentence of the table in `node/README.md`.

use std::process::Command;

fn shows(name: &str) {
    let directory = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_interregnum"))
        .args(["run", "--scenario", name, "--out", "kept"])
        .current_dir(directory.path())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(told.contains("as said"), "{told}");
    assert!(directory.path().join("kept").is_dir() && !directory.path().join("interregnum-runs").exists(), "{told}");
}

#[test]
fn majority_survives() {
    shows("majority-survives");
}

#[test]
fn async_loses_writes() {
    shows("async-loses-writes");
}

#[test]
fn one_follower_of_four() {
    shows("one-follower-of-four");
}

#[test]
fn split_brain() {
    shows("split-brain");
}

#[test]
fn all_is_fragile() {
    shows("all-is-fragile");
}

#[test]
fn whoever_promotes_itself() {
    shows("whoever-promotes-itself");
}

#[test]
fn supervised() {
    shows("supervised");
}

#[test]
fn promoted_by_hand() {
    shows("promoted-by-hand");
}

#[test]
fn too_far_behind() {
    shows("too-far-behind");
}

#[test]
fn stonith() {
    shows("stonith");
}

#[test]
fn stonith_fails() {
    shows("stonith-fails");
}

#[test]
fn visible_too_early() {
    shows("visible-too-early");
}

#[test]
fn coordinated() {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if !std::env::split_paths(&path).any(|directory| directory.join("etcd").is_file()) {
        eprintln!("SKIPPED: there is no etcd here; Debian has it as etcd-server");
        return;
    }
    shows("coordinated");
}

#[test]
fn degraded_semi_sync() {
    shows("degraded-semi-sync");
}

#[test]
fn slot_fills_the_disk() {
    shows("slot-fills-the-disk");
}

#[test]
fn switchover() {
    shows("switchover");
}

#[test]
fn exactly_once() {
    shows("exactly-once");
}

#[test]
fn stale_followers() {
    shows("stale-followers");
}

#[test]
fn drift() {
    shows("drift");
}

#[test]
fn leased_reads() {
    shows("leased-reads");
}

#[test]
fn bounded_staleness() {
    shows("bounded-staleness");
}

#[test]
fn read_your_writes() {
    shows("read-your-writes");
}

/// Plays a scenario whose nodes lie on disks that fail, where such can be mounted.
fn shows_on_faulty_disks(play: impl Fn()) {
    match interregnum::disk::obstacle() {
        Some(obstacle) => eprintln!("SKIPPED: {obstacle}"),
        None => play(),
    }
}

#[test]
fn memory_loses() {
    shows_on_faulty_disks(|| shows("memory-loses"));
}

#[test]
fn interval_loses() {
    shows_on_faulty_disks(|| shows("interval-loses"));
}

#[test]
fn lag_grows() {
    shows("lag-grows");
}

#[test]
#[ignore = "takes a minute; the nightly campaign plays it"]
fn detection() {
    shows("detection");
}

/// A scenario that is played nowhere promises what nobody has seen.
#[test]
fn every_scenario_is_played_here() {
    let help = Command::new(env!("CARGO_BIN_EXE_interregnum")).args(["run", "--scenario", "?"]).output().unwrap();
    let complaint = String::from_utf8_lossy(&help.stderr).into_owned();
    let names = complaint.split_once("[possible values: ").and_then(|(_, rest)| rest.split_once(']')).unwrap().0;
    let here = include_str!("scenarios.rs");
    for name in names.split(", ").map(|name| name.trim().replace('\n', "")) {
        assert!(here.contains(&format!("shows(\"{name}\")")), "no test plays {name}");
    }
}
