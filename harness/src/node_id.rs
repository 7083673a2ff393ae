//! The name of a node in a cluster: `n1`, `n2`, … wherever people read it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The largest cluster. Real ones have 3 to 7 members; each of n nodes costs a process here, and n−1 proxies.
pub const MAX_NODES: usize = 15;

/// One node, counted from 0, written from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NodeId(pub usize);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("n{}", self.0 + 1))
    }
}

impl FromStr for NodeId {
    type Err = NotANodeId;

    fn from_str(text: &str) -> Result<Self, NotANodeId> {
        let number = text.strip_prefix('n').and_then(|digits| digits.parse::<usize>().ok());
        match number {
            Some(number @ 1..=MAX_NODES) => Ok(Self(number - 1)),
            _ => Err(NotANodeId(text.to_owned())),
        }
    }
}

impl TryFrom<String> for NodeId {
    type Error = NotANodeId;

    fn try_from(text: String) -> Result<Self, NotANodeId> {
        text.parse()
    }
}

impl From<NodeId> for String {
    fn from(node: NodeId) -> Self {
        node.to_string()
    }
}

/// A word that names no node.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no node; nodes are n1, n2, … up to n{MAX_NODES}")]
pub struct NotANodeId(String);
