//! The promises of the modes, each on many seeds. `INTERREGNUM_SEEDS=10000` tries more.

use super::{Modes, run};
use crate::config::{Ack, Election, Fencing};

const SOUND: Modes = Modes { nodes: 3, ack: Ack::Majority, election: Election::Vote, fencing: Fencing::Epoch };

fn seeds(few: u64) -> std::ops::Range<u64> {
    let asked = std::env::var("INTERREGNUM_SEEDS").ok();
    0..asked.map_or(few, |count| count.parse().expect("INTERREGNUM_SEEDS is a number"))
}

fn check_sound(modes: Modes, few: u64) {
    for seed in seeds(few) {
        if let Err(violation) = run(modes, seed) {
            panic!("{modes:?} with seed {seed}: {violation}");
        }
    }
}

/// The violations that these seeds show, by their first word.
fn violations(modes: Modes, few: u64) -> Vec<String> {
    let first_word = |violation: String| violation.split(':').next().unwrap_or_default().to_owned();
    seeds(few).filter_map(|seed| run(modes, seed).err().map(first_word)).collect()
}

#[test]
fn three_nodes_with_votes_and_majorities_are_linearizable_and_lose_nothing() {
    check_sound(SOUND, 200);
}

#[test]
fn so_are_five() {
    check_sound(Modes { nodes: 5, ..SOUND }, 60);
}

#[test]
fn votes_protect_majorities_even_without_fencing() {
    check_sound(Modes { fencing: Fencing::None, ..SOUND }, 100);
}

#[test]
fn all_members_are_a_majority_too() {
    check_sound(Modes { ack: Ack::All, ..SOUND }, 60);
}

#[test]
fn a_leader_that_acknowledges_alone_loses_writes() {
    let found = violations(Modes { ack: Ack::Async, ..SOUND }, 30);
    assert!(found.iter().any(|violation| violation == "lost"), "{found:?}");
}

#[test]
fn one_follower_of_four_is_not_enough() {
    let found = violations(Modes { nodes: 5, ack: Ack::SemiSync, ..SOUND }, 30);
    assert!(found.iter().any(|violation| violation == "lost"), "{found:?}");
}

#[test]
fn leaders_that_promote_themselves_lose_writes_fenced_or_not() {
    for fencing in [Fencing::Epoch, Fencing::None] {
        let modes = Modes { ack: Ack::Async, election: Election::Timeout, fencing, ..SOUND };
        let found = violations(modes, 30);
        assert!(found.iter().any(|violation| violation == "lost"), "{fencing}: {found:?}");
        assert!(found.iter().all(|violation| violation != "liveness"), "{fencing}: {found:?}");
    }
}
