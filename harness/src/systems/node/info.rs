//! A node's status, from its answer to `INFO replication`.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redis_protocol::resp2::types::{BytesFrame, Resp2Frame};

use super::connection::{Connection, command};
use crate::node_id::NodeId;
use crate::system::{Account, Lag, RecordId, Role, Status};

/// Asks nodes for their status over connections that it keeps: each node is asked forty times a second, and a new connection costs both
/// sides more than the answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Asker {
    idle: Arc<Mutex<BTreeMap<SocketAddr, Connection>>>,
}

impl Asker {
    /// Asks the node that listens at `address`. A connection over which no answer came is not used again.
    pub(super) async fn status(&self, address: SocketAddr) -> io::Result<Status> {
        let idle = self.idle().remove(&address).filter(Connection::is_open);
        let mut connection = match idle {
            Some(connection) => connection,
            None => Connection::open(address).await?,
        };
        let text = section_over(&mut connection, "replication").await?;
        self.idle().insert(address, connection);
        parse(&text)
    }

    fn idle(&self) -> MutexGuard<'_, BTreeMap<SocketAddr, Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which connections are open makes no system another.
impl PartialEq for Asker {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Asker {}

/// One section of what the node that listens at `address` tells of itself.
pub(super) async fn section(address: SocketAddr, name: &str) -> io::Result<String> {
    section_over(&mut Connection::open(address).await?, name).await
}

async fn section_over(connection: &mut Connection, name: &str) -> io::Result<String> {
    let answer = connection.ask(command(["INFO", name])).await?;
    let BytesFrame::BulkString(text) = &answer else {
        return Err(invalid(format!("INFO answered {:?}", answer.kind())));
    };
    Ok(String::from_utf8_lossy(text).into_owned())
}

fn parse(text: &str) -> io::Result<Status> {
    let fields: BTreeMap<_, _> = text.lines().filter_map(|line| line.split_once(':')).collect();
    let field = |name: &str| fields.get(name).copied().ok_or_else(|| invalid(format!("INFO tells no `{name}`")));
    let number = |name: &str| {
        let text = field(name)?;
        text.parse::<u64>().map_err(|_| invalid(format!("INFO tells `{name}:{text}`, which is no number")))
    };
    let role = match field("role")? {
        "leader" => Role::Leader,
        "follower" => Role::Follower,
        "candidate" => Role::Candidate,
        other => return Err(invalid(format!("INFO tells `role:{other}`, which is no role"))),
    };
    let leader = field("leader_id")?.parse().ok();
    let followers = fields.iter().filter(|(name, _)| name.starts_with("follower"));
    let lags = followers.filter_map(|(_, told)| lag(told)).collect();
    let (epoch, last_lsn) = (number("epoch")?, number("last_lsn")?);
    let account = || {
        let nodes = |list: &str| list.split(',').map(|id| id.parse().ok()).collect::<Option<BTreeSet<_>>>();
        let last =
            RecordId { lsn: last_lsn, epoch: number("last_epoch").ok()?, gtid: field("last_gtid").ok()?.to_owned() };
        Some(Account {
            voted_for: field("voted_for").ok()?.parse().ok(),
            has_lease: number("leader_lease").ok()? == 1,
            voters: nodes(field("voters").ok()?)?,
            last: Some(last).filter(|last| !last.gtid.is_empty()),
            commit: (number("commit_lsn").ok()?, number("commit_epoch").ok()?),
            drifted_ranges: number("drifted_ranges").ok()?,
        })
    };
    let account = account();
    Ok(Status { role, epoch, leader, last_lsn, lags, account })
}

/// `id=n2,state=online,match_lsn=7,lag_records=0,lag_ms=0`
fn lag(follower: &str) -> Option<(NodeId, Lag)> {
    let field = |name: &str| follower.split(',').find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
    let lag = Lag { records: field("lag_records")?.parse().ok()?, ms: field("lag_ms")?.parse().ok()? };
    Some((field("id")?.parse().ok()?, lag))
}

fn invalid(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn a_status_is_read_from_info() {
        let text = "# Replication\r\nrole:follower\r\nid:n2\r\nepoch:7\r\nleader_id:n3\r\nlast_lsn:41\r\n";
        let (leader, lags) = (Some(NodeId(2)), BTreeMap::new());
        let status = Status { role: Role::Follower, epoch: 7, leader, last_lsn: 41, lags, account: None };
        assert_eq!(parse(text).unwrap(), status);
        let more = "last_epoch:6\r\nlast_gtid:n1:40\r\ncommit_lsn:39\r\ncommit_epoch:5\r\nvoters:n1,n3\r\nvoted_for:n3\r\ndrifted_ranges:1\r\nleader_lease:1\r\n";
        let account = Account {
            voted_for: Some(NodeId(2)),
            has_lease: true,
            voters: [NodeId(0), NodeId(2)].into(),
            last: Some(RecordId { lsn: 41, epoch: 6, gtid: "n1:40".to_owned() }),
            commit: (39, 5),
            drifted_ranges: 1,
        };
        assert_eq!(parse(&format!("{text}{more}")).unwrap().account, Some(account));
    }

    #[tokio::test]
    async fn a_connection_is_kept_until_the_node_closes_it() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let node = tokio::spawn(async move {
            let text = "role:leader\r\nepoch:7\r\nleader_id:n1\r\nlast_lsn:41\r\n";
            let answer = format!("${}\r\n{text}\r\n", text.len());
            for answers in [2, 1] {
                let (mut stream, _) = listener.accept().await.unwrap();
                for _ in 0..answers {
                    assert!(stream.read(&mut [0; 1024]).await.unwrap() > 0);
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            }
        });
        let asker = Asker::default();
        for _ in 0..2 {
            assert_eq!(asker.status(address).await.unwrap().epoch, 7);
        }
        while asker.idle().get(&address).is_some_and(Connection::is_open) {
            tokio::task::yield_now().await;
        }
        assert_eq!(asker.status(address).await.unwrap().epoch, 7, "over a new connection");
        node.await.unwrap();
    }

    #[test]
    fn a_leader_tells_how_far_its_followers_are_behind() {
        let text = "role:leader\r\nepoch:7\r\nleader_id:n1\r\nlast_lsn:41\r\n\
                    follower0:id=n2,state=online,match_lsn=40,lag_records=1,lag_ms=3\r\n\
                    follower1:id=n3,state=offline,match_lsn=9,lag_records=32,lag_ms=900\r\n";
        let status = parse(text).unwrap();
        let told: Vec<_> = status.lags.iter().map(|(node, lag)| (*node, lag.records, lag.ms)).collect();
        assert_eq!((told, status.lag_records()), (vec![(NodeId(1), 1, 3), (NodeId(2), 32, 900)], Some(32)));
    }

    #[test]
    fn a_node_without_a_leader_says_so() {
        let text = "role:candidate\r\nepoch:7\r\nleader_id:\r\nlast_lsn:0\r\n";
        assert_eq!(parse(text).unwrap().leader, None);
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let complaint = |text: &str| parse(text).unwrap_err().to_string();
        assert_eq!(complaint("epoch:7"), "INFO tells no `role`");
        assert_eq!(complaint("role:king\r\n"), "INFO tells `role:king`, which is no role");
        assert_eq!(complaint("role:leader\r\nleader_id:n1\r\nepoch:x\r\n"), "INFO tells `epoch:x`, which is no number");
    }
}
