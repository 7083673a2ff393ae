//! The fault budget: how many nodes may be faulty at once. It is looked at when a step strikes, because only then is it known
//! whom it strikes and what is in force beside it.
//!
//! A node is faulty if it is down, stopped or out of the clients' reach, or if it does not belong to the largest group around one
//! node that hears and is heard by each of the others: so partitions, rings and kills that overlap are counted as what they are.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use crate::network::Direction;
use crate::node_id::NodeId;

/// How many nodes may be faulty at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultBudget {
    /// So many.
    Nodes(usize),
    /// As many as leave a majority.
    Minority,
}

/// What a fault takes away while it is in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Toll {
    /// Nodes that do not work.
    pub(crate) nodes: BTreeSet<NodeId>,
    /// Directions that do not work as they should.
    pub(crate) directions: BTreeSet<Direction>,
    /// So many nodes besides, of which it is not said which they are at what time.
    pub(crate) any: usize,
}

impl FaultBudget {
    /// How many nodes of so many.
    pub(crate) fn limit(self, nodes: usize) -> usize {
        match self {
            Self::Nodes(limit) => limit,
            Self::Minority => nodes.saturating_sub(1) / 2,
        }
    }
}

/// How many nodes are faulty.
pub(crate) fn faulty<'a>(nodes: &BTreeSet<NodeId>, tolls: impl IntoIterator<Item = &'a Toll>) -> usize {
    let (mut down, mut cut, mut any) = (BTreeSet::<NodeId>::new(), BTreeSet::<Direction>::new(), 0);
    for toll in tolls {
        down.extend(&toll.nodes);
        cut.extend(&toll.directions);
        any += toll.any;
    }
    let up: Vec<_> = nodes.difference(&down).copied().collect();
    let is_open = |a, b| !cut.contains(&Direction::between(a, b)) && !cut.contains(&Direction::between(b, a));
    let group = |centre: &NodeId| up.iter().filter(|node| *node == centre || is_open(*centre, **node)).count();
    let largest = up.iter().map(group).max().unwrap_or(0);
    (nodes.len() - largest + any).min(nodes.len())
}

impl fmt::Display for FaultBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nodes(limit) => limit.fmt(f),
            Self::Minority => f.write_str("minority"),
        }
    }
}

impl FromStr for FaultBudget {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "minority" => Ok(Self::Minority),
            number => number
                .parse()
                .map(Self::Nodes)
                .map_err(|_| format!("`{word}` is no budget: give a number of nodes, or minority")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn down(numbers: &[usize]) -> Toll {
        Toll { nodes: numbers.iter().map(|number| NodeId(number - 1)).collect(), ..Toll::default() }
    }

    fn cut(pairs: &[(usize, usize)]) -> Toll {
        let directions = pairs.iter().map(|(from, to)| Direction::between(NodeId(from - 1), NodeId(to - 1))).collect();
        Toll { directions, ..Toll::default() }
    }

    fn check(nodes: usize, tolls: &[Toll], expected: usize) {
        let nodes = (0..nodes).map(NodeId).collect();
        assert_eq!(faulty(&nodes, tolls), expected, "{tolls:?}");
    }

    #[test]
    fn what_overlaps_is_counted_as_what_it_is() {
        check(3, &[], 0);
        check(3, &[down(&[1]), down(&[1])], 1);
        check(3, &[down(&[1]), down(&[2])], 2);
        check(3, &[down(&[1, 2, 3])], 3);
        // One direction is enough: who is not heard does not take part.
        check(3, &[cut(&[(1, 2), (1, 3)])], 1);
        check(3, &[cut(&[(1, 2)])], 0);
        check(3, &[cut(&[(1, 2), (1, 3)]), down(&[1])], 1);
        check(3, &[cut(&[(1, 2), (1, 3)]), down(&[2])], 2);
        // A ring of five: each sees two neighbours.
        let ring = cut(&[(1, 3), (1, 4), (2, 4), (2, 5), (3, 5)]);
        check(5, std::slice::from_ref(&ring), 2);
        check(5, &[ring, down(&[1])], 2);
        let one_of_them = Toll { any: 1, ..Toll::default() };
        check(3, std::slice::from_ref(&one_of_them), 1);
        check(3, &[one_of_them.clone(), down(&[1])], 2);
        check(3, &[one_of_them, down(&[1, 2, 3])], 3);
    }

    #[test]
    fn budgets_are_read_as_they_are_written() {
        for budget in [FaultBudget::Nodes(0), FaultBudget::Nodes(2), FaultBudget::Minority] {
            assert_eq!(budget.to_string().parse(), Ok(budget));
        }
        assert!("some".parse::<FaultBudget>().is_err());
        assert_eq!([1, 2, 3, 4, 5].map(|nodes| FaultBudget::Minority.limit(nodes)), [0, 0, 1, 1, 2]);
    }
}
