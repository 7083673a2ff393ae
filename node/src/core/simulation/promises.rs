//! The promises of the modes, each on many seeds. `INTERREGNUM_SEEDS=10000` tries more.

use super::{Setup, run};

const SOUND: Setup = Setup { nodes: 3, flags: "" };

pub(super) fn seeds(few: u64) -> std::ops::Range<u64> {
    let asked = std::env::var("INTERREGNUM_SEEDS").ok();
    0..asked.map_or(few, |count| count.parse().expect("INTERREGNUM_SEEDS is a number"))
}

/// Says how many base snapshots were installed on the way.
fn check_sound(setup: Setup, few: u64) -> usize {
    let check = |seed| run(setup, seed).unwrap_or_else(|found| panic!("{setup:?} with seed {seed}: {found}"));
    seeds(few).map(check).sum()
}

/// The violations that these seeds show, by their first word.
fn violations(setup: Setup, few: u64) -> Vec<String> {
    let first_word = |violation: String| violation.split(':').next().unwrap_or_default().to_owned();
    seeds(few).filter_map(|seed| run(setup, seed).err().map(first_word)).collect()
}

#[test]
fn three_nodes_with_votes_and_majorities_are_linearizable_and_lose_nothing() {
    check_sound(SOUND, 80);
}

#[test]
fn so_are_five() {
    check_sound(Setup { nodes: 5, ..SOUND }, 25);
}

#[test]
fn votes_protect_majorities_even_without_fencing() {
    check_sound(Setup { flags: "--fencing none --demote-after-ms 1000", ..SOUND }, 40);
}

#[test]
fn all_members_are_a_majority_too() {
    check_sound(Setup { flags: "--ack all", ..SOUND }, 30);
}

#[test]
fn a_lease_from_outside_is_as_sound_as_votes_with_majorities() {
    check_sound(Setup { flags: "--election coordinator", ..SOUND }, 50);
    check_sound(Setup { nodes: 5, flags: "--election coordinator --ack all" }, 8);
}

#[test]
fn a_lease_saves_nothing_that_was_not_replicated_and_nothing_from_a_leader_that_ignores_it() {
    for flags in ["--election coordinator --ack async", "--election coordinator --ack async --fencing none"] {
        let found = violations(Setup { flags, ..SOUND }, 12);
        assert!(found.iter().any(|violation| violation == "lost"), "{flags}: {found:?}");
        assert!(found.iter().all(|violation| violation != "election safety"), "{flags}: {found:?}");
    }
}

#[test]
fn a_leader_that_acknowledges_alone_loses_writes() {
    let found = violations(Setup { flags: "--ack async", ..SOUND }, 30);
    assert!(found.iter().any(|violation| violation == "lost"), "{found:?}");
}

#[test]
fn one_follower_of_four_is_not_enough() {
    let found = violations(Setup { nodes: 5, flags: "--ack semi-sync" }, 30);
    assert!(found.iter().any(|violation| violation == "lost"), "{found:?}");
}

#[test]
fn leaders_that_promote_themselves_lose_writes_fenced_or_not() {
    for flags in
        ["--ack async --election timeout", "--ack async --election timeout --fencing none --demote-after-ms 1000"]
    {
        let found = violations(Setup { flags, ..SOUND }, 30);
        assert!(found.iter().any(|violation| violation == "lost"), "{flags}: {found:?}");
        assert!(found.iter().all(|violation| violation != "liveness"), "{flags}: {found:?}");
    }
}

/// Thresholds so small that a log is cut several times a run, and every node that was away needs a base snapshot.
pub(super) const TINY_LOGS: &str = "--snapshot-bytes 500 --keep-log-bytes 100 --segment-bytes 1";

#[test]
fn so_are_nodes_that_keep_little_of_their_logs() {
    for slots in ["", " --max-slot-size 0", " --max-slot-size 300 --fencing none"] {
        let flags: &'static str = Box::leak(format!("{TINY_LOGS}{slots}").into_boxed_str());
        let installed = check_sound(Setup { flags, ..SOUND }, 15) + check_sound(Setup { nodes: 5, flags }, 3);
        assert!(installed > 0, "{flags}: no base snapshot was needed");
    }
}

#[test]
fn unsound_nodes_recover_with_base_snapshots_too() {
    let flags =
        "--ack async --election timeout --snapshot-bytes 500 --keep-log-bytes 100 --segment-bytes 1 --max-slot-size 0";
    let found = violations(Setup { flags, ..SOUND }, 30);
    assert!(found.iter().any(|violation| violation == "lost"), "{found:?}");
    assert!(found.iter().all(|violation| violation != "liveness" && violation != "log matching"), "{found:?}");
}

#[test]
fn so_are_nodes_that_keep_their_rows_in_files() {
    check_sound(Setup { flags: "--storage redb --checkpoint-bytes 4000", ..SOUND }, 4);
    let tiny = "--storage redb --checkpoint-bytes 4000 --snapshot-bytes 1500 --keep-log-bytes 100 --segment-bytes 1 --max-slot-size 0";
    let installed = check_sound(Setup { flags: tiny, ..SOUND }, 4);
    assert!(installed > 0, "no base snapshot was needed");
}

#[test]
fn so_are_nodes_whose_log_is_the_bytes_of_a_file() {
    check_sound(Setup { flags: "--storage redb --log physical --checkpoint-bytes 500000", ..SOUND }, 1);
    let tiny = "--storage redb --log physical --checkpoint-bytes 500000 --snapshot-bytes 1000000 --keep-log-bytes 100000 \
                --segment-bytes 1 --max-slot-size 0";
    let installed = check_sound(Setup { flags: tiny, ..SOUND }, 2);
    assert!(installed > 0, "no base snapshot was needed");
}
