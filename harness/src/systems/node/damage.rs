//! What the reference node finds when its disk was damaged, and how it is rebuilt then: see `--rebuild` in its README.

use std::io;

use super::{Node, command};
use crate::process::CommandLine;
use crate::system::{Damage, Place};

impl Damage for Node {
    fn checked_files(&self) -> &'static str {
        r"^data/log/\d+\.log$"
    }

    fn rebuild_commands(&self, place: &Place) -> io::Result<Vec<CommandLine>> {
        let mut rebuilding = command(place, None, &self.modes);
        rebuilding.arguments.push("--rebuild".into());
        Ok(vec![rebuilding])
    }
}
