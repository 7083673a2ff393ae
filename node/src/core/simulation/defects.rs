//! Planted defects are found: each that lives in the core breaks something in a simulated cluster within a few seeds.
//!
//! Not here: those that need a moment so rare that it is played by hand (`scenarios::defects`), and those that live in the log.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::promises::TINY_LOGS;
use super::{SOUND, Setup, run};
use crate::defect::Defect;

/// Elections that follow one another so quickly that candidates meet.
const QUICK: &str = "--heartbeat-ms 5 --missed-heartbeats 3";
/// Leaders that do not know for long that they are deposed.
const UNFENCED: &str = "--fencing none --demote-after-ms 1000";

/// What is wrong with such a cluster; a node that stops itself with a failed assertion is wrong, too.
fn violation(nodes: u8, flags: &'static str, seed: u64) -> Option<String> {
    let outcome = catch_unwind(AssertUnwindSafe(|| run(Setup { nodes, flags, ..SOUND }, seed)));
    outcome.map_or_else(|_| Some("a node panicked".to_owned()), Result::err)
}

fn check(defect: Defect, nodes: u8, more: &str, most_seeds: u64) {
    let flags: &'static str = Box::leak(format!("--defect {defect} {more}").into_boxed_str());
    let caught = (0..most_seeds).find_map(|seed| Some((seed, violation(nodes, flags, seed)?)));
    println!("{defect}: {caught:?}");
    assert!(caught.is_some(), "{defect}: {} None of {most_seeds} seeds shows it.", defect.about().sentence);
}

#[test]
fn what_is_acknowledged_too_early_is_lost() {
    check(Defect::AckBeforeReplication, 3, "", 15);
    check(Defect::AckOffByOne, 3, "", 30);
    check(Defect::AckByTheReachable, 3, "", 15);
    check(Defect::AckUncertain, 3, "", 15);
}

#[test]
fn elections_that_are_not_careful_go_wrong() {
    check(Defect::VoteTwice, 5, QUICK, 15);
    check(Defect::VoteForBehind, 3, "", 15);
    check(Defect::PromoteLeastUpToDate, 3, "", 15);
    check(Defect::HalfIsMajority, 3, "", 15);
    check(Defect::CountLateAnswers, 3, "", 15);
    check(Defect::AcceptOldLeader, 3, "", 15);
}

#[test]
fn replicas_that_are_not_careful_differ() {
    check(Defect::SkipPreviousCheck, 3, QUICK, 30);
    check(Defect::KeepDivergedTail, 3, "", 15);
    check(Defect::RewindLogOnly, 3, "", 15);
    check(Defect::ApplyTwice, 3, "", 15);
    check(Defect::DropLastOfBatch, 3, "", 15);
    check(Defect::ServeBeforeReplay, 3, TINY_LOGS, 15);
}

#[test]
fn reads_that_are_not_careful_are_stale() {
    check(Defect::ReadUnconfirmed, 3, UNFENCED, 15);
    check(Defect::ForgetToRedirect, 3, "", 15);
}

#[test]
fn a_name_that_is_given_twice_is_seen() {
    check(Defect::ReuseGtids, 3, "", 30);
}
