//! Many runs: which there are (`plan`, `shard`), who makes them (`child`, `pool`), in what course (`course`, `journal`, `kept`), and what
//! they came to together (`tally`), as people and machines read it (`table`, `markdown`,
//! `junit`, `annotations`).
//!
//! Each run is a child process of this program, so that whatever becomes of one harms no other.

pub(crate) mod annotations;
mod child;
mod course;
mod journal;
pub(crate) mod junit;
mod kept;
pub(crate) mod markdown;
mod merge;
mod outcome;
mod plan;
mod pool;
mod shard;
pub(crate) mod table;
mod tally;

pub(crate) use child::{ChildRun, end_with_parent};
pub(crate) use course::{Course, Watcher};
pub(crate) use kept::Kept;
pub(crate) use merge::merge;
pub(crate) use outcome::Outcome;
pub(crate) use plan::{Campaign, Expect, Row, Trial};
pub(crate) use pool::run_all;
pub(crate) use shard::Shard;
pub(crate) use tally::{Group, Signature, Tally};
