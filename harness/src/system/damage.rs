//! Damage to what a system keeps on its disk: the seam behind which it says which files have checksums, and how a node is rebuilt that
//! refuses to start because of one.
//!
//! Not here: when a disk is damaged (`fault::bit_flip`).

use std::io;

use super::Place;
use crate::process::CommandLine;

/// What a system offers that looks for damage when it starts.
pub trait Damage: Send + Sync {
    /// The files in which it finds any damage: a regular expression for their paths relative to the node's directory.
    fn checked_files(&self) -> &'static str;

    /// The commands of a node that gives up what is damaged and gets everything from the others.
    fn rebuild_commands(&self, place: &Place) -> io::Result<Vec<CommandLine>>;
}
