//! What the server tells of itself: `INFO`, `ROLE`, `HELLO`, `CONFIG GET`, in the shapes that Redis' tools expect.
//!
//! Not here: where the numbers come from (`core::status`).

use std::fmt::Write;

use bytes::Bytes;
use redis_protocol::resp2::types::BytesFrame;

use super::{MAX_CONNECTIONS, Node};
use crate::change_json::gtid_text;
use crate::config::{Ack, Modes};
use crate::core::status::{FollowerStatus, Status};
use crate::record::Member;

/// The Redis version whose commands and wording this server follows; tools decide by it what they may ask.
const REDIS_VERSION: &str = "7.0.15";

fn text(text: impl Into<Bytes>) -> BytesFrame {
    BytesFrame::BulkString(text.into())
}

fn number(number: u64) -> BytesFrame {
    BytesFrame::Integer(number.cast_signed())
}

/// `INFO` in Redis' format; every section, or the one asked for.
pub(super) fn info_text(node: &Node, status: &Status, section: Option<&str>) -> String {
    let all = matches!(section, None | Some("all" | "default" | "everything"));
    let sections = [
        ("Server", server_section(node)),
        ("Clients", clients_section(node)),
        ("Replication", replication_section(node, status)),
        ("Persistence", persistence_section(status)),
        ("Keyspace", format!("db0:keys={},expires=0,avg_ttl=0\r\n", status.keys)),
    ];
    let wanted = sections.iter().filter(|(title, _)| all || section == Some(&title.to_ascii_lowercase()));
    wanted.map(|(title, body)| format!("# {title}\r\n{body}")).collect::<Vec<_>>().join("\r\n")
}

fn server_section(node: &Node) -> String {
    let Modes { acknowledgement, reads, failover, .. } = &node.config.modes.modes;
    format!(
        "redis_version:{REDIS_VERSION}\r\nredis_mode:standalone\r\ninterregnum_version:{}\r\nprocess_id:{}\r\n\
         tcp_port:{}\r\nuptime_in_seconds:{}\r\nack:{}\r\nelection:{}\r\nfencing:{}\r\nread:{}\r\nfsync:{}\r\n",
        env!("CARGO_PKG_VERSION"),
        std::process::id(),
        node.address.port(),
        node.started.elapsed().as_secs(),
        acknowledgement.ack,
        failover.election,
        failover.fencing,
        reads.read,
        acknowledgement.fsync,
    ) + &crate::clock::told()
        + &defect_line(node)
}

/// Only where there is one: nobody is to overlook it.
fn defect_line(node: &Node) -> String {
    node.config.modes.defect.map(|defect| format!("planted_defect:{defect}\r\n")).unwrap_or_default()
}

fn clients_section(node: &Node) -> String {
    format!("connected_clients:{}\r\nmaxclients:{MAX_CONNECTIONS}\r\n", node.connected())
}

fn persistence_section(status: &Status) -> String {
    let (disk, why) = match &status.disk_trouble {
        None => ("ok", ""),
        Some(trouble) => (trouble.ailment.word(), &*trouble.why),
    };
    let why = why.replace(['\r', '\n'], " ");
    format!("disk:{disk}\r\ndisk_error:{why}\r\nrefused_messages:{}\r\n", status.refused_messages)
}

fn replication_section(node: &Node, status: &Status) -> String {
    let id = |member: Member| status.members.id(member).to_owned();
    let number = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
    let (leader_id, leader_address) =
        status.leader.map_or_else(Default::default, |(member, address)| (id(member), address.to_string()));
    let semi_sync = match node.config.modes.acknowledgement.ack {
        Ack::SemiSync if status.semi_sync.is_degraded => "degraded",
        Ack::SemiSync => "on",
        _ => "off",
    };
    let mut out = format!(
        "role:{}\r\nid:{}\r\nepoch:{}\r\nleader_id:{leader_id}\r\nleader_address:{leader_address}\r\n\
         last_lsn:{}\r\nflushed_lsn:{}\r\ncommit_lsn:{}\r\napplied_lsn:{}\r\npending_operations:{}\r\nsessions:{}\r\n\
         last_verified_lsn:{}\r\ndrifted_ranges:{}\r\nfailover_time_ms:{}\r\nleader_silent_ms:{}\r\ndata_age_ms:{}\r\nsemi_sync:{}\r\nsemi_sync_degradations:{}\r\n",
        status.role,
        node.config.id,
        status.epoch,
        status.last_lsn,
        status.flushed_lsn,
        status.commit_lsn,
        status.last_lsn, // records are applied as they are appended
        status.pending,
        status.sessions,
        status.verified_lsn,
        status.drifted_ranges,
        number(status.failover_ms),
        number(status.silent_ms),
        number(status.age_ms),
        semi_sync,
        status.semi_sync.degradations,
    );
    let _ = write!(
        out,
        "last_epoch:{}\r\nwrites:{}\r\nwrite_throughput:{:.1}\r\nthrottled:{}\r\nthrottled_ms:{}\r\nheld_operations:{}\r\n",
        status.last_epoch,
        status.writes,
        status.writes_per_second,
        u8::from(status.throttle.throttled_ms.is_some()),
        status.throttle.throttled_ms.unwrap_or(0),
        status.throttle.held
    );
    let last_gtid = status.last_gtid.map(|gtid| gtid_text(gtid, &status.members.ids())).unwrap_or_default();
    let voters = status.members.voters().map(id);
    let _ = write!(
        out,
        "gtid_executed:{}\r\nlast_gtid:{last_gtid}\r\ncommit_epoch:{}\r\nvoters:{}\r\nvoted_for:{}\r\nleader_lease:{}\r\n",
        status.gtid_executed,
        status.commit_epoch,
        voters.collect::<Vec<_>>().join(","),
        status.voted_for.map(id).unwrap_or_default(),
        u8::from(status.has_lease),
    );
    for (index, follower) in status.followers.iter().enumerate() {
        let lag = status.last_lsn.saturating_sub(follower.match_lsn);
        let state = if follower.linked { "online" } else { "offline" };
        let FollowerStatus { state: replication_state, sync_state, sent_lsn, write_lsn, match_lsn, .. } = follower;
        let _ = write!(
            out,
            "follower{index}:id={},state={state},match_lsn={match_lsn},lag_records={lag},replication_state={replication_state},\
             sent_lsn={sent_lsn},write_lsn={write_lsn},flush_lsn={match_lsn},replay_lsn={write_lsn},lag_bytes={},lag_ms={},\
             sync_state={sync_state},verified_lsn={},drifted_ranges={}\r\n",
            id(follower.member),
            follower.lag_bytes,
            follower.lag_ms,
            follower.verified_lsn,
            follower.drifted_ranges,
        );
    }
    out
}

/// `ROLE` in Redis' shape. `master` and `slave` are that system's own words; its clients compare them.
pub(super) fn role_frame(status: &Status) -> BytesFrame {
    if status.role == "leader" {
        let follower = |follower: &FollowerStatus| {
            let id = status.members.id(follower.member).to_owned();
            BytesFrame::Array(vec![text(id), text("0"), text(follower.match_lsn.to_string())])
        };
        let followers = status.followers.iter().map(follower).collect();
        return BytesFrame::Array(vec![text("master"), number(status.last_lsn), BytesFrame::Array(followers)]);
    }
    let (host, port) = status
        .leader
        .map_or_else(|| (String::new(), 0), |(_, address)| (address.ip().to_string(), u64::from(address.port())));
    let link = if status.leader.is_some() { "connected" } else { "connect" };
    BytesFrame::Array(vec![text("slave"), text(host), number(port), text(link), number(status.last_lsn)])
}

/// `HELLO` as RESP2 has it: a map laid flat.
pub(crate) fn server_frame(id: u64) -> BytesFrame {
    BytesFrame::Array(vec![
        text("server"),
        text("redis"), // client libraries look for this word
        text("version"),
        text(REDIS_VERSION),
        text("proto"),
        number(2),
        text("id"),
        number(id),
        text("mode"),
        text("standalone"),
        text("modules"),
        BytesFrame::Array(Vec::new()),
    ])
}

/// `CONFIG GET` of the two parameters that `redis-benchmark` asks for: no snapshots, and always a log.
pub(super) fn config_frame(patterns: &[Bytes]) -> BytesFrame {
    let known = [("save", ""), ("appendonly", "yes")];
    let asked = known.iter().filter(|(name, _)| {
        patterns.iter().any(|pattern| pattern.eq_ignore_ascii_case(name.as_bytes()) || &pattern[..] == b"*")
    });
    BytesFrame::Array(asked.flat_map(|&(name, value)| [text(name), text(value)]).collect())
}
