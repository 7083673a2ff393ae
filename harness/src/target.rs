//! On whom a fault is injected: named by role before the run, resolved to nodes when the fault strikes.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::node_id::NodeId;
use crate::system::{Role, Status};

/// The nodes a fault is meant for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The node that leads. Of several that believe so, the one with the newest epoch.
    Leader,
    /// Every node but the leader.
    Followers,
    /// The follower with the longest log: the one that should be promoted.
    MostUpToDate,
    /// So many nodes, drawn anew each time.
    Random(usize),
    /// The largest number of nodes that leaves a majority, drawn anew each time.
    Minority,
    /// The smallest number of nodes that is a majority, drawn anew each time.
    Majority,
    /// This node.
    Node(NodeId),
    /// Every node.
    All,
    /// The node that stands at the pause point which the step waited for.
    AtPausePoint,
}

/// The leader.
#[must_use]
pub fn leader() -> Target {
    Target::Leader
}

/// Every node but the leader.
#[must_use]
pub fn followers() -> Target {
    Target::Followers
}

/// The follower with the longest log.
#[must_use]
pub fn most_up_to_date() -> Target {
    Target::MostUpToDate
}

/// So many nodes, drawn anew each time.
#[must_use]
pub fn random(nodes: usize) -> Target {
    Target::Random(nodes)
}

/// The largest number of nodes that leaves a majority, drawn anew each time.
#[must_use]
pub fn minority() -> Target {
    Target::Minority
}

/// The smallest number of nodes that is a majority, drawn anew each time.
#[must_use]
pub fn majority() -> Target {
    Target::Majority
}

/// The node of this number, from 1.
#[must_use]
pub fn node(number: usize) -> Target {
    assert!(number > 0, "nodes are numbered from 1");
    Target::Node(NodeId(number - 1))
}

/// The node that stands at the pause point which the step waited for.
#[must_use]
pub fn at_pause_point() -> Target {
    Target::AtPausePoint
}

/// Every node.
#[must_use]
pub fn all() -> Target {
    Target::All
}

impl Target {
    /// The nodes it stands for right now, in order. `statuses` holds every node that can be a target, with what it
    /// believes where it could be asked; `nodes` is the size of the cluster.
    pub(crate) fn resolve(
        self,
        statuses: &BTreeMap<NodeId, Option<Status>>,
        nodes: usize,
        rng: &mut ChaCha8Rng,
    ) -> Vec<NodeId> {
        let believed = |node: &NodeId| statuses[node].as_ref();
        let candidates: Vec<_> = statuses.keys().copied().collect();
        let leader = newest_leader(statuses);
        let mut draw = |count: usize| candidates.sample(rng, count).copied().collect();
        let mut targets: Vec<_> = match self {
            Self::Leader => leader.into_iter().collect(),
            Self::Followers => match leader {
                Some(leader) => candidates.into_iter().filter(|node| *node != leader).collect(),
                None => Vec::new(),
            },
            Self::MostUpToDate => candidates
                .into_iter()
                .filter(|node| Some(*node) != leader)
                .max_by_key(|node| (believed(node).map(|status| status.last_lsn), std::cmp::Reverse(*node)))
                .into_iter()
                .collect(),
            Self::Random(count) => draw(count),
            Self::Minority => draw((nodes - 1) / 2),
            Self::Majority => draw(nodes / 2 + 1),
            Self::Node(node) => candidates.into_iter().filter(|candidate| *candidate == node).collect(),
            Self::All => candidates,
            Self::AtPausePoint => Vec::new(), // known to who has seen it stop
        };
        targets.sort_unstable();
        targets
    }
}

/// The node that leads; of several that believe so, the one with the newest epoch.
pub(crate) fn newest_leader(statuses: &BTreeMap<NodeId, Option<Status>>) -> Option<NodeId> {
    let leading = |(node, status): (&NodeId, &Option<Status>)| {
        let status = status.as_ref().filter(|status| status.role == Role::Leader)?;
        Some((status.epoch, *node))
    };
    statuses.iter().filter_map(leading).max().map(|(_, node)| node)
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leader => f.write_str("leader"),
            Self::Followers => f.write_str("followers"),
            Self::MostUpToDate => f.write_str("most-up-to-date"),
            Self::Random(count) => write!(f, "random({count})"),
            Self::Minority => f.write_str("minority"),
            Self::Majority => f.write_str("majority"),
            Self::Node(node) => node.fmt(f),
            Self::All => f.write_str("all"),
            Self::AtPausePoint => f.write_str("at-pause-point"),
        }
    }
}

/// A word that names no target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no target; choose from: leader, followers, most-up-to-date, random (or random(2), …), minority, majority, \
     all, at-pause-point, or a node: n1, n2, …"
)]
pub struct UnknownTarget(String);

impl FromStr for Target {
    type Err = UnknownTarget;

    fn from_str(word: &str) -> Result<Self, UnknownTarget> {
        let unknown = || UnknownTarget(word.to_owned());
        Ok(match word {
            "leader" => Self::Leader,
            "followers" => Self::Followers,
            "most-up-to-date" => Self::MostUpToDate,
            "random" => Self::Random(1),
            "minority" => Self::Minority,
            "majority" => Self::Majority,
            "all" => Self::All,
            "at-pause-point" => Self::AtPausePoint,
            _ => match word.strip_prefix("random(").and_then(|rest| rest.strip_suffix(')')) {
                Some(count) => Self::Random(count.parse().map_err(|_| unknown())?),
                None => Self::Node(word.parse().map_err(|_| unknown())?),
            },
        })
    }
}

impl Serialize for Target {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use interregnum_workloads::seed::Seed;

    use super::*;

    fn status(role: Role, epoch: u64, last_lsn: u64) -> Status {
        Status { role, epoch, leader: None, last_lsn, lags: BTreeMap::new(), account: None }
    }

    /// n1 led epoch 1 and does not know better; n2 leads epoch 2; n4 is ahead of n3; n5 cannot be asked.
    fn check(target: Target, expected: &str) {
        let statuses = [
            Some(status(Role::Leader, 1, 90)),
            Some(status(Role::Leader, 2, 80)),
            Some(status(Role::Follower, 2, 70)),
            Some(status(Role::Follower, 2, 75)),
            None,
        ];
        let statuses = statuses.into_iter().enumerate().map(|(node, status)| (NodeId(node), status)).collect();
        let targets = target.resolve(&statuses, 5, &mut Seed(1).stream("targets"));
        let words: Vec<_> = targets.iter().map(ToString::to_string).collect();
        assert_eq!(words.join(" "), expected, "{target}");
    }

    #[test]
    fn roles_resolve_to_nodes() {
        check(leader(), "n2");
        check(followers(), "n1 n3 n4 n5");
        check(most_up_to_date(), "n1");
        check(node(3), "n3");
        check(node(6), "");
        check(all(), "n1 n2 n3 n4 n5");
    }

    #[test]
    fn targets_are_read_as_they_are_written() {
        for target in [
            leader(),
            followers(),
            most_up_to_date(),
            random(2),
            minority(),
            majority(),
            node(4),
            all(),
            at_pause_point(),
        ] {
            assert_eq!(target.to_string().parse(), Ok(target));
        }
        for word in ["", "king", "n0", "random(", "random(x)"] {
            assert!(word.parse::<Target>().is_err(), "{word} was accepted");
        }
    }

    #[test]
    fn numbers_resolve_to_so_many_nodes() {
        let statuses = (0..5).map(|node| (NodeId(node), None)).collect();
        let mut rng = Seed(1).stream("targets");
        let mut count = |target: Target| target.resolve(&statuses, 5, &mut rng).len();
        assert_eq!(count(minority()), 2);
        assert_eq!(count(majority()), 3);
        assert_eq!(count(random(4)), 4);
        assert_eq!(count(leader()), 0, "nobody leads");
    }
}
