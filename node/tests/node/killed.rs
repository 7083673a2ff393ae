//! Nodes killed again and again while they write, begin segments, take snapshots and make checkpoints: each start finds every acknowledged
//! write, once and in its order, whatever the moment.
//!
//! `INTERREGNUM_KILLS` says how often each kind of node is killed; the nightly campaign asks for hundreds. The moments come from
//! `INTERREGNUM_SEED`.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::support::{Cluster, request};

/// Everything is small, so that something is always being begun or removed.
const SMALL: &str = "--segment-bytes 4096 --snapshot-bytes 8192 --keep-log-bytes 0";
/// Requests that are under way when the node is killed, at most.
const BURST: usize = 200;

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).map_or(otherwise, |text| text.parse().expect("a whole number"))
}

fn check(flags: &str) {
    let (kills, seed) = (number("INTERREGNUM_KILLS", 4), number("INTERREGNUM_SEED", 1));
    let mut moments = ChaCha8Rng::seed_from_u64(seed);
    let mut cluster = Cluster::start(1, &format!("{flags} {SMALL}"));
    let mut lengths = Vec::new();
    cluster.leader();
    for round in 0..kills {
        let acknowledged = moments.random_range(1..BURST);
        let mut client = cluster.client(1);
        for number in 0..BURST {
            client.send(request(&format!("RPUSH l{round} {number}")).as_bytes());
        }
        for _ in 0..acknowledged {
            assert!(client.reply().starts_with(':'));
        }
        cluster.kill(1);
        cluster.start_node(1);
        cluster.leader();

        let mut client = cluster.client(1);
        let mut list = |round: u64| client.ask(&format!("LRANGE l{round} 0 -1"));
        let found = list(round);
        let length = found.split(", ").count();
        assert!((acknowledged..=BURST).contains(&length), "round {round}: {length} of {acknowledged} acknowledged");
        let expected: Vec<String> = (0..length).map(|number| format!("\"{number}\"")).collect();
        assert_eq!(found, format!("[{}]", expected.join(", ")), "round {round}: once and in order");
        lengths.push(length);
        // One of the earlier ones, which by now is in a snapshot or a checkpoint.
        let earlier = moments.random_range(0..=round);
        assert_eq!(list(earlier).split(", ").count(), lengths[earlier as usize], "round {round}: list {earlier}");
    }
}

#[test]
fn in_memory() {
    check("");
}

#[test]
fn in_memory_without_fsync() {
    check("--fsync interval:1000"); // a process that dies takes nothing with it that was written
}

#[test]
fn in_a_file() {
    check("--storage redb --checkpoint-bytes 4096");
}

#[test]
fn with_a_physical_log() {
    check("--storage redb --log physical --checkpoint-bytes 65536");
}
