//! The promises of the modes, each on many seeds. `INTERREGNUM_SEEDS=10000` tries more, `INTERREGNUM_SEEDS=300..900` others.

use super::clients::Habit;
use super::faults::Hazard;
use super::{Met, SOUND, Setup, run};
use crate::config::Ack;

pub(super) fn seeds(few: u64) -> std::ops::Range<u64> {
    let Ok(asked) = std::env::var("INTERREGNUM_SEEDS") else { return 0..few };
    let number =
        |text: &str| text.parse().unwrap_or_else(|_| panic!("INTERREGNUM_SEEDS is COUNT or FROM..TO, not {asked}"));
    asked.split_once("..").map_or_else(|| 0..number(&asked), |(from, to)| number(from)..number(to))
}

/// Says what was met on the way.
fn check_sound(setup: Setup, few: u64) -> Met {
    let check = |seed| run(setup, seed).unwrap_or_else(|found| panic!("{setup:?} with seed {seed}: {found}"));
    seeds(few).map(check).fold(Met::default(), Met::and)
}

/// These modes break their promise with one of so many seeds, in the way that `expected` says first; what `never` says stays true
/// on the way there, which is `few` seeds at least.
fn check_unsound(setup: Setup, expected: &str, never: &[&str], few: u64) {
    let mut kinds = Vec::new();
    for seed in seeds(few).chain(seeds(few).end..100 * few) {
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
    check_sound(SOUND, 50);
}

#[test]
fn so_are_five() {
    check_sound(Setup { nodes: 5, ..SOUND }, 15);
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
    check_sound(Setup { nodes: 5, flags: "--election coordinator --ack all", ..SOUND }, 8);
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
    check_unsound(Setup { nodes: 5, flags: "--ack semi-sync", ..SOUND }, "lost", &["liveness", "election safety"], 3);
}

#[test]
fn leaders_that_promote_themselves_lose_writes_fenced_or_not() {
    for flags in
        ["--ack async --election timeout", "--ack async --election timeout --fencing none --demote-after-ms 1000"]
    {
        check_unsound(Setup { flags, ..SOUND }, "lost", &["liveness"], 15);
    }
}

const STONITH: &str = "--ack async --fencing stonith --stonith-command true";

#[test]
fn who_is_killed_before_it_is_succeeded_does_not_lead_beside_its_successor() {
    let never = &["two leaders at once", "liveness", "election safety"];
    check_unsound(Setup { flags: STONITH, ..SOUND }, "lost", never, 15);
    check_unsound(Setup { nodes: 5, flags: STONITH, ..SOUND }, "lost", never, 15);
    let met = check_sound(Setup { nodes: 5, flags: "--fencing stonith --stonith-command true", ..SOUND }, 8);
    assert!(met.executed > 0, "nobody had to be killed");
}

#[test]
fn where_the_command_lies_it_does() {
    let hazards = &[Hazard::FalseReports];
    check_unsound(Setup { flags: STONITH, hazards, ..SOUND }, "two leaders at once", &["election safety"], 3);
}

/// Thresholds so small that a log is cut several times a run, and every node that was away needs a base snapshot.
pub(super) const TINY_LOGS: &str = "--snapshot-bytes 500 --keep-log-bytes 100 --segment-bytes 1";

#[test]
fn so_are_nodes_that_keep_little_of_their_logs() {
    for slots in ["", " --max-slot-size 0", " --max-slot-size 300 --fencing none"] {
        let flags: &'static str = Box::leak(format!("{TINY_LOGS}{slots}").into_boxed_str());
        let met = check_sound(Setup { flags, ..SOUND }, 15).and(check_sound(Setup { nodes: 5, flags, ..SOUND }, 3));
        assert!(met.installed > 0, "{flags}: no base snapshot was needed");
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
    let met = check_sound(Setup { flags: tiny, ..SOUND }, 4);
    assert!(met.installed > 0, "no base snapshot was needed");
}

#[test]
fn so_are_nodes_whose_log_is_the_bytes_of_a_file() {
    check_sound(Setup { flags: "--storage redb --log physical --checkpoint-bytes 500000", ..SOUND }, 1);
    let tiny = "--storage redb --log physical --checkpoint-bytes 500000 --snapshot-bytes 1000000 --keep-log-bytes 100000 \
                --segment-bytes 1 --max-slot-size 0";
    let met = check_sound(Setup { flags: tiny, ..SOUND }, 2);
    assert!(met.installed > 0, "no base snapshot was needed");
}

#[test]
fn so_many_members_are_enough_as_are_a_majority_and_fewer_are_not() {
    for (nodes, ack, few) in
        [(3, "--ack 2", 15), (3, "--ack 3", 8), (5, "--ack 3", 8), (5, "--ack 4", 4), (5, "--ack 5", 4)]
    {
        check_sound(Setup { nodes, flags: ack, ..SOUND }, few);
    }
    for (nodes, ack) in [(3, "--ack 1"), (5, "--ack 1"), (5, "--ack 2")] {
        check_unsound(Setup { nodes, flags: ack, ..SOUND }, "lost", &["liveness", "election safety"], 3);
    }
}

#[test]
fn a_write_is_as_safe_as_it_asked_whatever_its_node_demands() {
    let asks = |flags, habits| Setup { flags, habits, ..SOUND };
    check_sound(asks("--ack async", &[Habit::AskFor(Ack::Majority), Habit::OnlyWrite]), 8);
    check_sound(asks("--ack async", &[Habit::AskFor(Ack::Nodes(2)), Habit::OnlyWrite]), 8);
    check_sound(asks("", &[Habit::AskFor(Ack::All)]), 5);
    check_unsound(asks("", &[Habit::AskFor(Ack::Async)]), "lost", &["liveness"], 2);
    check_unsound(Setup { nodes: 5, ..asks("", &[Habit::AskFor(Ack::Nodes(2))]) }, "lost", &["liveness"], 2);
}

#[test]
fn what_is_on_disks_survives_the_loss_of_power_and_what_is_in_memory_does_not() {
    let without_power = |flags| Setup { flags, hazards: &[Hazard::PowerLoss], ..SOUND };
    for flags in ["", "--ack all", "--ack 2 --ack-durability applied", TINY_LOGS] {
        check_sound(without_power(flags), 8);
    }
    check_sound(Setup { flags: "--fsync interval:50", ..SOUND }, 8);
    for flags in [
        "--fsync interval:50",
        "--ack-durability memory",
        "--ack all --ack-durability memory",
        "--ack-durability received",
    ] {
        check_unsound(without_power(flags), "lost", &["liveness", "election safety"], 3);
    }
    let memory = Setup { flags: "--ack-durability memory", ..SOUND };
    check_unsound(memory, "lost", &["liveness", "election safety"], 5);
}

#[test]
fn writes_that_are_held_back_are_executed_in_their_order_or_not_at_all() {
    for flags in ["--throttle-lag-ms 8", "--throttle-lag-ms 25", "--throttle-lag-ms 10 --ack all"] {
        let met = check_sound(Setup { flags, habits: &[Habit::Burst], ..SOUND }, 10);
        assert!(met.held_ms > 0, "{flags}: nothing was held back");
    }
}

#[test]
fn who_carries_a_position_reads_what_it_wrote_and_nothing_older_than_it_saw() {
    for flags in ["", "--ack 2", "--election coordinator", TINY_LOGS] {
        check_sound(Setup { flags, habits: &[Habit::ReadAnywhere, Habit::CarryPositions], ..SOUND }, 10);
    }
    check_unsound(Setup { habits: &[Habit::ReadAnywhere], ..SOUND }, "went back", &["lost", "liveness"], 2);
}

#[test]
fn a_numbered_write_happens_once_however_often_it_is_asked() {
    for flags in ["", "--ack 2", "--sessions 2", "--election coordinator", "--throttle-lag-ms 10", TINY_LOGS] {
        check_sound(Setup { flags, habits: &[Habit::Number], ..SOUND }, 8);
    }
    check_sound(Setup { nodes: 5, flags: "--ack 3", habits: &[Habit::Number], ..SOUND }, 5);
}

#[test]
fn consumers_are_told_every_change_once_and_nothing_that_a_failover_takes_back() {
    let consumed = |flags| Setup { flags, habits: &[Habit::Consume], ..SOUND };
    for flags in ["", "--ack 2", "--election coordinator"] {
        check_sound(consumed(flags), 8);
    }
    check_unsound(consumed("--ack async"), "taken back", &["liveness"], 2);
}

#[test]
fn members_come_and_go_and_nothing_is_lost() {
    for (nodes, flags, few) in
        [(2, "", 20), (3, "", 30), (5, "", 5), (3, "--ack all", 8), (3, "--election coordinator", 8), (3, TINY_LOGS, 8)]
    {
        let met = check_sound(Setup { nodes, flags, hazards: &[Hazard::Members], ..SOUND }, few);
        assert!(met.memberships > 0, "{flags}: no list of members was ever in force");
    }
}

/// Found with this seed: its links know who calls before its log does.
#[test]
fn a_voter_that_is_behind_answers_a_candidate_that_joined_meanwhile() {
    run(Setup { nodes: 5, hazards: &[Hazard::Members], ..SOUND }, 67).unwrap();
}

#[test]
fn a_node_that_lost_its_log_does_no_harm_and_is_rebuilt_whatever_interrupts_that() {
    for (nodes, flags, few) in [(3, "", 10), (3, TINY_LOGS, 20), (5, TINY_LOGS, 5), (3, "--election coordinator", 8)] {
        let hazards = &[Hazard::LostLogs, Hazard::Interruptions];
        let met = check_sound(Setup { nodes, flags, hazards, ..SOUND }, few);
        assert!(met.rebuilt > 0 && (met.interrupted > 0 || flags != TINY_LOGS), "{flags}: {met:?}");
    }
}

#[test]
fn a_base_snapshot_of_many_parts_comes_whole_or_not_at_all() {
    let hazards = &[Hazard::LostLogs, Hazard::Interruptions];
    let met = check_sound(Setup { flags: TINY_LOGS, habits: &[Habit::LargeRows, Habit::Number], hazards, ..SOUND }, 6);
    assert!(met.installed > 0 && met.interrupted > 0, "{met:?}");
}

const ALL: Setup = Setup {
    habits: &[Habit::Number, Habit::ReadAnywhere, Habit::CarryPositions, Habit::Consume],
    hazards: &[Hazard::Members, Hazard::LostLogs, Hazard::Interruptions, Hazard::PowerLoss],
    ..SOUND
};

#[test]
fn all_of_that_holds_at_once() {
    let met = ["--throttle-lag-ms 20", TINY_LOGS].map(|flags| check_sound(Setup { flags, ..ALL }, 6));
    let met = met.into_iter().fold(Met::default(), Met::and);
    assert!(met.memberships > 0 && met.rebuilt > 0, "{met:?}");
}

/// Found with this seed: a log was lost while the removal of another voter was under way.
#[test]
fn no_log_is_lost_of_voters_that_are_about_to_be_two() {
    run(Setup { flags: "--throttle-lag-ms 20", ..ALL }, 186).unwrap();
}
