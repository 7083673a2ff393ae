//! A node's state as Prometheus text. The registry is made anew for each scrape, since the core keeps the numbers.
//!
//! Not here: HTTP.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::prometheus_text::encode;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::registry::Registry;

use crate::core::status::{FollowerStatus, Status};

pub(super) use prometheus_client::encoding::prometheus_text::CONTENT_TYPE;

type Labels = [(&'static str, String); 1];
type Labelled = Family<Labels, Gauge<u64, AtomicU64>>;

/// The text of these numbers.
pub(super) fn text(status: &Status, connections: usize) -> String {
    let mut registry = Registry::default();
    register_node(&mut registry, status, connections);
    register_followers(&mut registry, status);
    let mut text = String::new();
    encode(&mut text, &registry).expect("a string takes any text");
    text
}

fn register_node(registry: &mut Registry, status: &Status, connections: usize) {
    let roles = Labelled::default();
    for role in ["leader", "follower", "candidate"] {
        roles.get_or_create(&[("role", role.to_owned())]).set(u64::from(role == status.role));
    }
    registry.register("role", "1 for the role that this node has", roles);
    let disk = Labelled::default();
    let ailment = status.disk_trouble.as_ref().map_or("ok", |trouble| trouble.ailment.word());
    for state in ["ok", "full", "failed"] {
        disk.get_or_create(&[("state", state.to_owned())]).set(u64::from(state == ailment));
    }
    registry.register("disk", "1 for the state of this node's disk; unless it is ok, the node takes no writes", disk);
    let gauges = [
        ("epoch", "The greatest epoch that this node knows", Some(status.epoch)),
        ("last_lsn", "The last record of the log", Some(status.last_lsn)),
        ("flushed_lsn", "The last record that is durable here", Some(status.flushed_lsn)),
        ("commit_lsn", "The last record that a majority is known to hold", Some(status.commit_lsn)),
        ("pending_operations", "Operations of clients that await their acknowledgement", Some(status.pending as u64)),
        ("connected_clients", "Connections of clients", Some(connections as u64)),
        ("keys", "Keys in the store", Some(status.keys as u64)),
        ("sessions", "Clients whose last request is remembered", Some(status.sessions as u64)),
        (
            "semi_sync_degraded",
            "1 while semi-synchronous writes do not wait for a follower",
            Some(u64::from(status.semi_sync.is_degraded)),
        ),
        (
            "throttled_ms",
            "How long writes have been held because of lag; 0 if they are not",
            Some(status.throttle.throttled_ms.unwrap_or(0)),
        ),
        ("last_verified_lsn", "The last check of the rows that this node has made", Some(status.verified_lsn)),
        (
            "drifted_ranges",
            "Ranges of keys in which this node's rows were not its leader's",
            Some(status.drifted_ranges as u64),
        ),
        ("held_operations", "Writes that are held because of lag", Some(status.throttle.held as u64)),
        ("failover_time_ms", "How long nobody led before this node did, of its last promotion", status.failover_ms),
        ("data_age_ms", "How long ago this node surely had everything that was acknowledged", status.age_ms),
        ("leader_silent_ms", "How long the leader that this node follows was not heard", status.silent_ms),
    ];
    for (name, help, value) in gauges {
        if let Some(value) = value {
            registry.register(name, help, ConstGauge::new(value));
        }
    }
    let throughput = ConstGauge::new(status.writes_per_second);
    registry.register("write_throughput", "Writes a second that this node logged in the last seconds", throughput);
    registry.register("writes", "Writes that this node logged as a leader", ConstCounter::new(status.writes));
    let refused = ConstCounter::new(status.refused_messages);
    registry.register("refused_messages", "Messages of other nodes that could not be true", refused);
    let degradations = ConstCounter::new(status.semi_sync.degradations);
    registry.register("semi_sync_degradations", "How often semi-synchronous writes stopped waiting", degradations);
}

/// What only a leader knows; others have no such lines.
fn register_followers(registry: &mut Registry, status: &Status) {
    type Of = fn(&FollowerStatus, &Status) -> u64;
    let families: [(&str, &str, Of); 5] = [
        ("replication_lag_ms", "Age of the first record that is not durable at the follower", |told, _| told.lag_ms),
        ("replication_lag_records", "Records that are not durable at the follower", |told, status| {
            status.last_lsn.saturating_sub(told.match_lsn)
        }),
        ("replication_lag_bytes", "Bytes of these records in the log", |told, _| told.lag_bytes),
        ("follower_drifted_ranges", "Ranges of keys in which the follower's rows are not the leader's", |told, _| {
            told.drifted_ranges as u64
        }),
        ("follower_connected", "1 while there are connections to the follower both ways", |told, _| {
            u64::from(told.linked)
        }),
    ];
    for (name, help, of) in families.into_iter().filter(|_| !status.followers.is_empty()) {
        let family = Labelled::default();
        for told in &status.followers {
            let labels = [("follower", status.members.id(told.member).to_owned())];
            family.get_or_create(&labels).set(of(told, status));
        }
        registry.register(name, help, family);
    }
}
