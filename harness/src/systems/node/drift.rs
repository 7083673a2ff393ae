//! How a node's row is changed behind its log's back, and how its cluster finds and mends that: `DEBUG CORRUPT`, `VERIFY`, `REPAIR`.
//!
//! Not here: when (`fault::drift`).

use std::collections::BTreeSet;
use std::io;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::Node;
use super::connection::{lines, order};
use crate::node_id::NodeId;
use crate::system::{Drift, Place};

/// No workload has a key like that.
const KEY: &str = "interregnum:drift";

impl Drift for Node {
    fn corrupt<'a>(&'a self, place: &'a Place) -> BoxFuture<'a, io::Result<String>> {
        async move {
            order(place.clients, ["DEBUG", "CORRUPT", KEY, "another row"]).await?;
            Ok(format!("a row `{KEY}` that its log does not know"))
        }
        .boxed()
    }

    fn compare<'a>(&'a self, leader: &'a Place) -> BoxFuture<'a, io::Result<BTreeSet<NodeId>>> {
        async move { differing(&lines(leader.clients, ["VERIFY"]).await?) }.boxed()
    }

    fn repair<'a>(&'a self, leader: &'a Place) -> BoxFuture<'a, io::Result<BTreeSet<NodeId>>> {
        async move { differing(&lines(leader.clients, ["REPAIR"]).await?) }.boxed()
    }
}

/// What a comparison found, one line a follower: `id=n3,state=drifted,…`.
fn differing(lines: &[String]) -> io::Result<BTreeSet<NodeId>> {
    let mut differing = BTreeSet::new();
    for line in lines {
        let field = |name: &str| line.split(',').find_map(|field| field.strip_prefix(name));
        match (field("id="), field("state=")) {
            (Some(id), Some("unverified")) => return Err(io::Error::other(format!("{id} was not compared"))),
            (Some(id), Some("drifted")) => {
                differing.insert(id.parse().map_err(|_| io::Error::other(format!("`{id}` is no node")))?);
            }
            _ => {}
        }
    }
    Ok(differing)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lines: &[&str], expected: Result<&str, &str>) {
        let lines: Vec<_> = lines.iter().map(|&line| line.to_owned()).collect();
        match (differing(&lines), expected) {
            (Ok(found), Ok(expected)) => {
                let found: Vec<_> = found.iter().map(NodeId::to_string).collect();
                assert_eq!(found.join(" "), expected, "{lines:?}");
            }
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
            (found, expected) => panic!("{lines:?}: {found:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn a_comparison_counts_when_every_follower_took_part() {
        let head = "verified_lsn=4711,rows=250000,slices=250";
        let equal = "id=n2,state=equal,verified_lsn=4711,drifted_ranges=0";
        let drifted = "id=n3,state=drifted,verified_lsn=4711,drifted_ranges=1";
        let range = "id=n3,from=\"user:1000\",to=\"user:2000\"";
        check(&[head, equal], Ok(""));
        check(&[head, equal, drifted, range], Ok("n3"));
        check(&[head, "id=n2,state=unverified,verified_lsn=0,drifted_ranges=0", drifted], Err("n2 was not compared"));
    }
}
