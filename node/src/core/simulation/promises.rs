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

/// These modes break their promise with one of so many seeds, in the way that `expected` says first; what `never` says stays true
/// on the way there, which is `few` seeds at least.
fn check_unsound(setup: Setup, expected: &str, never: &[&str], few: u64) {
    let mut kinds = Vec::new();
    for seed in seeds(few).chain(seeds(few).end..20 * few) {
        let found = run(setup, seed).err();
        let kind = found.as_deref().and_then(|violation| violation.split(':').next()).unwrap_or("sound");
        assert!(!never.contains(&kind), "{setup:?} with seed {seed}: {found:?}");
        kinds.push(kind.to_owned());
        if kinds.len() as u64 >= few && kinds.iter().any(|kind| kind == expected) {
            return;
        }
    }
    panic!("{setup:?}: nothing was {expected} with any of {} seeds, but {kinds:?}", kinds.len());
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
        check_unsound(Setup { flags, ..SOUND }, "lost", &["election safety"], 8);
    }
}

#[test]
fn a_leader_that_acknowledges_alone_loses_writes() {
    check_unsound(Setup { flags: "--ack async", ..SOUND }, "lost", &["liveness", "election safety"], 10);
}

#[test]
fn one_follower_of_four_is_not_enough() {
    check_unsound(Setup { nodes: 5, flags: "--ack semi-sync" }, "lost", &["liveness", "election safety"], 10);
}

#[test]
fn leaders_that_promote_themselves_lose_writes_fenced_or_not() {
    for flags in
        ["--ack async --election timeout", "--ack async --election timeout --fencing none --demote-after-ms 1000"]
    {
        check_unsound(Setup { flags, ..SOUND }, "lost", &["liveness"], 15);
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
    check_unsound(Setup { flags, ..SOUND }, "lost", &["liveness", "log matching"], 20);
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
