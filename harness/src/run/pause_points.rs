//! Pause points: places in a system's own code at which a node stops itself, so that a step strikes exactly there. Tells the nodes
//! which ones, by files that they share, and learns from them which were reached; see `interregnum_node::pause_points`.
//!
//! Not here: what is done with a node that has stopped (`nemesis`).

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io;
use std::path::PathBuf;

use anyhow::{Context, ensure};

use crate::node_id::NodeId;
use crate::schedule::{Schedule, Trigger};
use crate::system::System;

/// The shared files of one cluster.
pub(super) struct PausePoints {
    directory: PathBuf,
    /// Lines of `reached` that have been seen.
    seen: usize,
}

/// A node stands at a point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reached {
    /// The step that waits for it.
    pub step: usize,
    pub node: NodeId,
    pub epoch: u64,
    pub lsn: u64,
}

/// Whether a step of the schedule waits for a pause point. Names that the system does not have are told.
pub(super) fn are_wanted(schedule: &Schedule, system: &dyn System) -> anyhow::Result<bool> {
    let mut wanted = false;
    for step in &schedule.steps {
        if let Trigger::OnPausePoint { point, .. } = &step.trigger {
            let known = system.pause_points();
            ensure!(
                known.contains(&point.as_str()),
                "`{}` has no pause point `{point}`; it has: {}",
                system.name(),
                if known.is_empty() { "none".to_owned() } else { known.join(", ") }
            );
            wanted = true;
        }
    }
    Ok(wanted)
}

impl PausePoints {
    pub(super) fn in_directory(directory: PathBuf) -> Self {
        Self { directory, seen: 0 }
    }

    /// From now on nodes stop at the points of this schedule.
    pub(super) fn arm(&self, schedule: &Schedule) -> anyhow::Result<()> {
        let mut armed = String::new();
        for (number, step) in schedule.steps.iter().enumerate() {
            if let Trigger::OnPausePoint { point, leader, times } = &step.trigger {
                let _ = writeln!(armed, "{number} {point} {leader} {times}");
            }
        }
        // Nobody is to see half of it.
        let unfinished = self.directory.join("unfinished");
        fs::write(&unfinished, armed).context("arming pause points")?;
        fs::rename(unfinished, self.directory.join("armed")).context("arming pause points")
    }

    /// From now on no node stops any more. Who was about to has told it by then.
    pub(super) fn disarm(&self) -> anyhow::Result<()> {
        let path = self.directory.join("armed");
        let disarmed = File::open(&path).and_then(|armed| {
            armed.lock()?;
            fs::remove_file(&path)
        });
        match disarmed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).context("disarming pause points"),
            _ => Ok(()),
        }
    }

    /// What has been reached since the last look.
    pub(super) fn look(&mut self) -> Vec<Reached> {
        let text = fs::read_to_string(self.directory.join("reached")).unwrap_or_default();
        // A line without an end is being written.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let reached: Vec<_> = whole.lines().skip(self.seen).filter_map(parse).collect();
        self.seen = whole.lines().count();
        reached
    }
}

/// `step point leader times node epoch lsn`.
fn parse(line: &str) -> Option<Reached> {
    let words: Vec<_> = line.split(' ').collect();
    let [step, _, _, _, node, epoch, lsn] = words[..] else { return None };
    Some(Reached {
        step: step.parse().ok()?,
        node: node.parse().ok()?,
        epoch: epoch.parse().ok()?,
        lsn: lsn.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::fault::Fault;
    use crate::schedule::Step;
    use crate::systems::node::Node;
    use crate::target::Target;

    fn schedule(point: &str) -> Schedule {
        let trigger = Trigger::OnPausePoint { point: point.to_owned(), leader: 1, times: 3 };
        Schedule { steps: vec![Step::when(trigger, Duration::ZERO, Fault::Kill, Target::AtPausePoint)] }
    }

    #[test]
    fn what_is_reached_is_seen_once_and_whole() {
        let directory = tempfile::tempdir().unwrap();
        let mut points = PausePoints::in_directory(directory.path().to_owned());
        points.arm(&schedule("after-vote-before-persist")).unwrap();
        let armed = fs::read_to_string(directory.path().join("armed")).unwrap();
        assert_eq!(armed, "0 after-vote-before-persist 1 3\n");
        assert_eq!(points.look(), []);
        let write = |text: &str| fs::write(directory.path().join("reached"), text).unwrap();
        write("0 after-vote-before-persist 1 3 n2 4 99");
        assert_eq!(points.look(), [], "the line has no end yet");
        write("0 after-vote-before-persist 1 3 n2 4 99\n");
        assert_eq!(points.look(), [Reached { step: 0, node: NodeId(1), epoch: 4, lsn: 99 }]);
        assert_eq!(points.look(), []);
        points.disarm().unwrap();
        points.disarm().unwrap();
        assert!(!directory.path().join("armed").exists());
    }

    #[test]
    fn a_point_that_the_system_does_not_have_is_told() {
        let node = Node::cluster(3);
        assert!(are_wanted(&schedule("after-vote-before-persist"), &node).unwrap());
        assert!(!are_wanted(&Schedule::default(), &node).unwrap());
        let error = are_wanted(&schedule("after-lunch"), &node).unwrap_err().to_string();
        assert!(
            error.starts_with("`node` has no pause point `after-lunch`; it has: after-append-before-replicate"),
            "{error}"
        );
    }
}
