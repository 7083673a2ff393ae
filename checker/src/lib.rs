//! What a history means.
//!
//! This crate reads histories of concurrent operations and says which promises they keep: linearizability, no lost
//! acknowledged write, no element of a list or set that comes and goes, the guarantees of sessions, no two leaders at
//! once, no epoch that goes back; and it measures how stale reads were and when nobody was served. It is pure: no clock,
//! no process, no async, and no I/O beyond the reader or writer it is handed. It does not know how a history came about.

mod answers;
mod appends;
pub mod availability;
mod collection;
mod drawing;
pub mod elements;
pub mod history;
pub mod judgement;
pub mod leadership;
pub mod linearizability;
pub mod lost_writes;
pub mod model;
pub mod nemesis;
mod numbers;
pub mod sessions;
pub mod split_brain;
pub mod staleness;
pub mod verdict;
mod versions;
pub mod wording;

/// The README's example is a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
