//! How a node's cluster lets a member go and takes it in again: `MEMBER REMOVE`, `MEMBER ADD`, `MEMBER PROMOTE`, `MEMBER LIST`.
//!
//! A leader answers these only when what it answers is committed, and says so of what had been done before, too: it refuses
//! everything while a change is under way. Not here: when they are asked (`fault::remove_member`).

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::Node;
use super::connection::{lines, order, within};
use crate::node_id::NodeId;
use crate::system::{Members, Place, Standing};

/// How long a change may take to be committed before it is asked for again. What was asked may still be done then.
const LIMIT: Duration = Duration::from_millis(500);

/// What a leader says, committed, of who need not be changed.
const HAD_GONE: &str = "is no member";
const WAS_VOTER: &str = "is a voter already";

impl Members for Node {
    fn remove<'a>(&'a self, leader: &'a Place, node: NodeId) -> BoxFuture<'a, io::Result<()>> {
        async move {
            match ask(leader, ["MEMBER", "REMOVE", &node.to_string()]).await {
                Err(error) if error.to_string().contains(HAD_GONE) => Ok(()),
                asked => asked,
            }
        }
        .boxed()
    }

    fn admit<'a>(&'a self, leader: &'a Place, node: NodeId) -> BoxFuture<'a, io::Result<bool>> {
        async move {
            let id = node.to_string();
            match ask(leader, ["MEMBER", "PROMOTE", &id]).await {
                Err(error) if error.to_string().contains(WAS_VOTER) => Ok(true),
                Err(error) if error.to_string().contains(HAD_GONE) => {
                    // Others reach it by links of their own, which their `--peer` flags name.
                    let address =
                        leader.reaches.get(&node).ok_or_else(|| io::Error::other("it leads without a vote"))?;
                    ask(leader, ["MEMBER", "ADD", &id, &address.to_string()]).await.map(|()| false)
                }
                asked => asked.map(|()| true),
            }
        }
        .boxed()
    }

    fn standings<'a>(&'a self, leader: &'a Place) -> BoxFuture<'a, io::Result<BTreeMap<NodeId, Standing>>> {
        within(LIMIT, async move { listed(&lines(leader.clients, ["MEMBER", "LIST"]).await?) }).boxed()
    }
}

async fn ask<const N: usize>(leader: &Place, words: [&str; N]) -> io::Result<()> {
    within(LIMIT, order(leader.clients, words)).await.map(drop)
}

/// The members, one a line: `id=n3,index=2,standing=removed`.
fn listed(lines: &[String]) -> io::Result<BTreeMap<NodeId, Standing>> {
    let one = |line: &String| {
        let field = |name: &str| line.split(',').find_map(|field| field.strip_prefix(name));
        let standing = match field("standing=") {
            Some("voter") => Standing::Voter,
            Some("learner") => Standing::Learner,
            Some("removed") => Standing::Removed,
            _ => return None,
        };
        Some((field("id=")?.parse().ok()?, standing))
    };
    let member = |line| one(line).ok_or_else(|| io::Error::other(format!("`{line}` is no member")));
    lines.iter().map(member).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lines: &[&str], expected: Result<&[(usize, Standing)], &str>) {
        let lines: Vec<_> = lines.iter().map(|&line| line.to_owned()).collect();
        match (listed(&lines), expected) {
            (Ok(found), Ok(expected)) => {
                let expected = expected.iter().map(|(number, standing)| (NodeId(number - 1), *standing)).collect();
                assert_eq!(found, expected);
            }
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
            (found, expected) => panic!("{lines:?}: {found:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn members_are_told_with_their_standing() {
        let founder = "id=n1,index=0,standing=voter";
        let added = "id=n3,index=2,standing=learner,address=127.0.0.1:7";
        let gone = "id=n2,index=1,standing=removed";
        check(&[founder, gone, added], Ok(&[(1, Standing::Voter), (2, Standing::Removed), (3, Standing::Learner)]));
        check(&[founder, "id=n2,index=1"], Err("`id=n2,index=1` is no member"));
        check(&["id=etcd,standing=voter"], Err("is no member"));
    }
}
