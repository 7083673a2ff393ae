//! Planted defects are found: each that lives in the core breaks something in a simulated cluster within a few seeds.
//!
//! Not here: those that need a moment so rare that it is played by hand (`scenarios::defects`), and those that live in the log.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::clients::Habit;
use super::faults::Hazard;
use super::promises::TINY_LOGS;
use super::{SOUND, Setup, run};
use crate::defect::Defect;

/// Elections that follow one another so quickly that candidates meet.
const QUICK: Setup = Setup { flags: "--heartbeat-ms 5 --missed-heartbeats 3", ..SOUND };
/// Leaders that do not know for long that they are deposed.
const UNFENCED: Setup = Setup { flags: "--fencing none --demote-after-ms 1000", ..SOUND };
/// Every node that was away needs a base snapshot.
const TINY: Setup = Setup { flags: TINY_LOGS, ..SOUND };
const NUMBERED: Setup = Setup { habits: &[Habit::Number], ..SOUND };
const CARRIED: Setup = Setup { habits: &[Habit::ReadAnywhere, Habit::CarryPositions], ..SOUND };
const MEMBERS: Setup = Setup { hazards: &[Hazard::Members], ..SOUND };
const LOST_LOGS: Setup = Setup { hazards: &[Hazard::LostLogs], ..SOUND };

/// What is wrong with such a cluster; a node that stops itself with a failed assertion is wrong, too.
fn violation(setup: Setup, seed: u64) -> Option<String> {
    let outcome = catch_unwind(AssertUnwindSafe(|| run(setup, seed)));
    outcome.map_or_else(|_| Some("a node panicked".to_owned()), Result::err)
}

fn check(defect: Defect, setup: Setup, most_seeds: u64) {
    let setup = Setup { defect: Some(defect), ..setup };
    let caught = (0..most_seeds).find_map(|seed| Some((seed, violation(setup, seed)?)));
    println!("{defect}: {caught:?}");
    assert!(caught.is_some(), "{defect}: {} None of {most_seeds} seeds shows it.", defect.about().sentence);
}

#[test]
fn what_is_acknowledged_too_early_is_lost() {
    check(Defect::AckBeforeReplication, SOUND, 15);
    check(Defect::AckOffByOne, SOUND, 30);
    check(Defect::AckByTheReachable, SOUND, 15);
    check(Defect::AckUncertain, SOUND, 15);
    check(Defect::AckOneFewer, Setup { flags: "--ack 2", ..SOUND }, 15);
}

#[test]
fn elections_that_are_not_careful_go_wrong() {
    check(Defect::VoteTwice, Setup { nodes: 5, ..QUICK }, 15);
    check(Defect::VoteForBehind, SOUND, 15);
    check(Defect::PromoteLeastUpToDate, SOUND, 15);
    check(Defect::HalfIsMajority, SOUND, 15);
    check(Defect::CountLateAnswers, SOUND, 15);
    check(Defect::AcceptOldLeader, SOUND, 15);
}

#[test]
fn replicas_that_are_not_careful_differ() {
    check(Defect::SkipPreviousCheck, QUICK, 30);
    check(Defect::KeepDivergedTail, SOUND, 15);
    check(Defect::RewindLogOnly, SOUND, 15);
    check(Defect::ApplyTwice, SOUND, 15);
    check(Defect::DropLastOfBatch, SOUND, 15);
    check(Defect::ServeBeforeReplay, TINY, 15);
}

#[test]
fn reads_that_are_not_careful_are_stale() {
    check(Defect::ReadUnconfirmed, UNFENCED, 15);
    check(Defect::ForgetToRedirect, SOUND, 15);
    check(Defect::CompareTokensByLsn, CARRIED, 60);
}

#[test]
fn a_name_that_is_given_twice_is_seen() {
    check(Defect::ReuseGtids, SOUND, 30);
}

#[test]
fn requests_that_are_not_remembered_are_executed_twice() {
    check(Defect::RequestsNotReplicated, NUMBERED, 15);
    check(Defect::SnapshotWithoutRequests, Setup { habits: NUMBERED.habits, ..TINY }, 60);
}

#[test]
fn changes_of_members_that_are_not_careful_go_wrong() {
    check(Defect::AckByLearners, Setup { flags: "--ack 2", ..MEMBERS }, 60);
    // With more nodes a change that can be undone is refused nearly always: a majority must be there when it is asked for.
    check(Defect::KeepUndoneMembers, Setup { nodes: 2, ..MEMBERS }, 60);
}

#[test]
fn a_node_that_lost_its_log_and_is_not_careful_loses_what_others_were_told() {
    check(Defect::VoteWhileRebuilding, LOST_LOGS, 60);
}

#[test]
fn writes_that_overtake_those_held_back_are_seen() {
    check(Defect::OvertakeHeldWrites, Setup { flags: "--throttle-lag-ms 8", habits: &[Habit::Burst], ..SOUND }, 60);
}
