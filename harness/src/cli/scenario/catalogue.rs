//! The scenarios: each sentence of the table of promises in `node/README.md` that an experiment can show.
//!
//! Not here: how they are played. The flags are chosen so that a sentence shows in nearly every run: a rare loss teaches nobody.

use std::time::Duration;

use super::Shows::{Breaks, Figures, Holds, Keeps};
use super::{Act, Scenario};
use crate::report::Report;

/// In the order of the table.
pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "majority-survives",
        sentence: "a write that a majority holds survives kills, pauses and partitions of every minority",
        acts: &[Act {
            title: "A leader that acknowledges when a majority holds the write, under every fault:",
            flags: "--workload append --rate 1500 --time 8s --interval 1200ms --fsync always",
            shows: Holds,
        }],
        compare: None,
    },
    Scenario {
        name: "async-loses-writes",
        sentence: "a leader that acknowledges at once loses what it had not sent when it dies",
        acts: &[
            Act {
                title: "Acknowledged by the leader alone, 20 ms from its followers:",
                flags: "--ack async --workload append --faults kill --target leader --interval 1s --time 5s --link-delay 20ms",
                shows: Breaks("lost-writes"),
            },
            Act {
                title: "The same faults, acknowledged by a majority:",
                flags: "--ack majority --workload append --faults kill --target leader --interval 1s --time 5s --link-delay 20ms",
                shows: Holds,
            },
        ],
        compare: None,
    },
    Scenario {
        name: "one-follower-of-four",
        sentence: "one follower's copy is a majority's copy in a cluster of three, and not in one of five",
        acts: &[
            Act {
                title: "Semi-synchronous among five; whoever leads is cut off with one follower, again and again:",
                flags: "--nodes 5 --ack semi-sync --workload append --faults halves --target leader --interval 1500ms --time 8s \
                        --missed-heartbeats 15 --link-delay 5ms",
                shows: Breaks("lost-writes"),
            },
            Act {
                title: "Semi-synchronous among three:",
                flags: "--nodes 3 --ack semi-sync --workload append --faults kill,isolate --target leader --interval 1s --time 6s",
                shows: Holds,
            },
        ],
        compare: None,
    },
    Scenario {
        name: "degraded-semi-sync",
        sentence: "semi-sync that degrades to async loses writes",
        acts: &[
            Act {
                title: "No follower answers for 100 ms, so the leader goes on alone, as MySQL's does:",
                flags: "--ack semi-sync --semi-sync-fallback async --semi-sync-timeout-ms 100 --fencing none --workload append \
                        --faults isolate --target leader --interval 2500ms --time 8s",
                shows: Breaks("lost-writes"),
            },
            Act {
                title: "It waits for a follower instead, as PostgreSQL's does:",
                flags: "--ack semi-sync --semi-sync-fallback block --fencing none --workload append \
                        --faults isolate --target leader --interval 2500ms --time 8s",
                shows: Keeps("lost-writes"),
            },
        ],
        compare: None,
    },
    Scenario {
        name: "all-is-fragile",
        sentence: "where all must acknowledge, one dead member stops all writes; where a majority must, it stops none",
        acts: &[
            Act {
                title: "Every member must hold a write, and n3 dies for two seconds:",
                flags: "--ack all --workload append --rate 500 --faults kill --target n3 --interval 4s --time 8s",
                shows: Figures,
            },
            Act {
                title: "A majority must:",
                flags: "--ack majority --workload append --rate 500 --faults kill --target n3 --interval 4s --time 8s",
                shows: Holds,
            },
        ],
        compare: Some(one_stops_all),
    },
    Scenario {
        name: "whoever-promotes-itself",
        sentence: "a node that is merely cut off promotes itself, and when it is back its log wins over a majority's",
        acts: &[
            Act {
                title: "Followers promote themselves when they miss the leader; a majority must hold each write:",
                flags: "--election timeout --ack majority --fencing none --demote-after-ms 300 --workload append --faults isolate --target n3 \
                        --interval 2500ms --time 8s --rate 1500",
                shows: Breaks("lost-writes"),
            },
            Act {
                title: "A majority must elect them, too:",
                flags: "--election vote --ack majority --fencing none --demote-after-ms 300 --workload append --faults isolate --target n3 \
                        --interval 2500ms --time 8s --rate 1500",
                shows: Holds,
            },
        ],
        compare: None,
    },
    Scenario {
        name: "supervised",
        sentence: "a supervisor that promotes the most up-to-date node loses nothing that a majority acknowledged, but what one node did",
        acts: &[
            Act {
                title: "A majority holds each write; leaders die, and the supervisor makes the next:",
                flags: "--election supervisor --ack majority --workload append --faults kill --target leader --interval 2s --time 7s",
                shows: Holds,
            },
            Act {
                title: "The leader alone acknowledges, 20 ms from its followers:",
                flags: "--election supervisor --ack async --workload append --faults kill --target leader --interval 2s --time 7s \
                        --link-delay 20ms",
                shows: Breaks("lost-writes"),
            },
        ],
        compare: None,
    },
    Scenario {
        name: "coordinated",
        sentence: "a lease in etcd makes one leader at a time, and saves only what others than the leader have",
        acts: &[
            Act {
                title: "A majority holds each write, and the lease decides who leads:",
                flags: "--election coordinator --lease-ttl-ms 1000 --ack majority --workload append --faults kill --target leader \
                        --interval 4s --time 9s --rate 500",
                shows: Holds,
            },
            Act {
                title: "The leader alone acknowledges, 20 ms from its followers, as with Patroni's defaults:",
                flags: "--election coordinator --lease-ttl-ms 1000 --ack async --workload append --faults kill --target leader \
                        --interval 4s --time 9s --link-delay 20ms",
                shows: Breaks("lost-writes"),
            },
        ],
        compare: None,
    },
    Scenario {
        name: "split-brain",
        sentence: "a returning leader without fencing splits the brain",
        acts: &[
            Act {
                title: "The leader is paused for two seconds; a follower promotes itself; nothing stops the old one:",
                flags: "--ack async --election timeout --fencing none --workload append --faults pause --target leader --interval 3s \
                        --time 7s --rate 1500",
                shows: Breaks("split-brain"),
            },
            Act {
                title: "The same with votes and epochs:",
                flags: "--ack majority --election vote --fencing epoch --workload append --faults pause --target leader --interval 3s \
                        --time 7s --rate 1500",
                shows: Keeps("split-brain"),
            },
        ],
        compare: None,
    },
    Scenario {
        name: "stale-followers",
        sentence: "reads at followers are stale, without any fault",
        acts: &[
            Act {
                title: "Every client reads at the node it likes:",
                flags: "--read follower --faults none --time 3s --link-delay 5ms",
                shows: Breaks("linearizable"),
            },
            Act {
                title: "Every client reads at the leader, which makes sure that it still is one:",
                flags: "--read leader --faults none --time 3s --link-delay 5ms",
                shows: Holds,
            },
        ],
        compare: None,
    },
    Scenario {
        name: "drift",
        sentence: "replicas that drift apart are found when they are compared, and mended while writes go on",
        acts: &[
            Act {
                title: "Rows of both followers are changed behind the log's back, again and again, until a repair:",
                flags: "--allow-corruption true --workload append --faults drift --interval 1500ms --time 6s --rate 500",
                shows: Holds,
            },
            Act {
                title: "The same where the rows are in files:",
                flags: "--allow-corruption true --storage redb --workload append --faults drift --interval 1500ms --time 6s --rate 300",
                shows: Holds,
            },
        ],
        compare: None,
    },
    Scenario {
        name: "leased-reads",
        sentence: "a leader with a lease answers reads without asking its followers, and they are as fresh",
        acts: &[
            Act {
                title: "Followers are 50 ms away, and each read waits for their answer:",
                flags: "--read leader --workload register --link-delay 50ms --heartbeat-ms 100 --faults none --time 5s",
                shows: Holds,
            },
            Act {
                title: "The same under a lease:",
                flags: "--read leader-lease --workload register --link-delay 50ms --heartbeat-ms 100 --faults none --time 5s",
                shows: Holds,
            },
        ],
        compare: Some(leases_save_time),
    },
    Scenario {
        name: "bounded-staleness",
        sentence: "a follower that is cut off answers with ever older data, unless reads say how old these may be",
        acts: &[
            Act {
                title: "A follower is cut off for a second, and clients read at the node they like:",
                flags: "--read follower --workload append --faults isolate --target n3 --interval 2s --time 6s --rate 500",
                shows: Figures,
            },
            Act {
                title: "The same, but reads of data that may be older than 400 ms are refused:",
                flags: "--read follower --max-read-lag-ms 400 --workload append --faults isolate --target n3 --interval 2s --time 6s \
                        --rate 500",
                shows: Figures,
            },
        ],
        compare: Some(a_bound_holds),
    },
    Scenario {
        name: "read-your-writes",
        sentence: "read-your-writes breaks on followers and is mended by tokens",
        acts: &[
            Act {
                title: "Every client writes at the leader and reads at the node it likes:",
                flags: "--ack async --read follower --workload append --faults none --time 3s --link-delay 20ms",
                shows: Breaks("sessions"),
            },
            Act {
                title: "The same, but each read must have seen what its client wrote or saw last:",
                flags: "--ack async --read follower --session-tokens --workload append --faults none --time 3s --link-delay 20ms",
                shows: Keeps("sessions"),
            },
        ],
        compare: None,
    },
    Scenario {
        name: "lag-grows",
        sentence: "replication lag grows with the rate of writes",
        acts: &[
            Act {
                title: "200 operations a second, followers 20 ms away:",
                flags: "--ack async --workload append --faults none --time 4s --link-delay 20ms --clients 32 --rate 200",
                shows: Figures,
            },
            Act {
                title: "As many as 32 clients can make:",
                flags: "--ack async --workload append --faults none --time 4s --link-delay 20ms --clients 32",
                shows: Figures,
            },
        ],
        compare: Some(lag_grows),
    },
    Scenario {
        name: "slot-fills-the-disk",
        sentence: "the log that is kept for a dead follower fills the disk, unless that is limited; then it needs a new base snapshot",
        acts: &[
            Act {
                title: "n3 dies for a while; the leader keeps what n3 will need:",
                flags: "--snapshot-bytes 4096 --keep-log-bytes 0 --segment-bytes 4096 --link-delay 0ms --clients 16 --faults kill --target n3 \
                        --interval 8s --time 13s",
                shows: Holds,
            },
            Act {
                title: "The same, and at most 8 kB are kept:",
                flags: "--snapshot-bytes 4096 --keep-log-bytes 0 --segment-bytes 4096 --max-slot-size 8192 --link-delay 0ms --clients 16 \
                        --faults kill --target n3 --interval 8s --time 13s",
                shows: Holds,
            },
        ],
        compare: Some(slots_cost_disk),
    },
    Scenario {
        name: "switchover",
        sentence: "a planned switchover loses nothing, and leaves no client in doubt",
        acts: &[
            Act {
                title: "Leadership is handed over again and again, also where one node's copy is enough:",
                flags: "--ack async --election manual --fencing none --workload append --faults switchover --interval 700ms --time 5s \
                        --rate 1500",
                shows: Holds,
            },
            Act {
                title: "Nodes get SIGTERM, as before an upgrade:",
                flags: "--workload append --faults stop --target leader --interval 1s --time 5s --rate 1500",
                shows: Holds,
            },
        ],
        compare: Some(nobody_in_doubt),
    },
    Scenario {
        name: "exactly-once",
        sentence: "who asks again writes twice, unless requests are numbered",
        acts: &[
            Act {
                title: "Clients just ask again what they do not know of, while leaders die:",
                flags: "--retry-unknown naive --workload append --clients 16 --faults kill --target leader --interval 1200ms --time 6s \
                        --link-delay 10ms",
                shows: Breaks("linearizable"),
            },
            Act {
                title: "They ask again under the same request number:",
                flags: "--retry-unknown exactly-once --workload append --clients 16 --faults kill --target leader --interval 1200ms \
                        --time 6s --link-delay 10ms",
                shows: Keeps("linearizable"),
            },
        ],
        compare: None,
    },
    Scenario {
        name: "detection",
        sentence: "a quick detection flaps under pauses, a slow one does not, but costs its own time in writes when the leader dies",
        acts: &[
            Act {
                title: "A leader that is silent for 200 ms is taken for dead; it is paused again and again:",
                flags: "--heartbeat-ms 40 --missed-heartbeats 5 --workload append --faults pause --target leader --interval 1500ms \
                        --time 8s --rate 500",
                shows: Figures,
            },
            Act {
                title: "The same pauses, and 10 s of patience:",
                flags: "--heartbeat-ms 500 --missed-heartbeats 20 --workload append --faults pause --target leader \
                        --interval 1500ms --time 8s --rate 500",
                shows: Figures,
            },
            Act {
                title: "10 s of patience, and the leader dies:",
                flags: "--heartbeat-ms 500 --missed-heartbeats 20 --workload append --faults kill --target leader --interval 10s \
                        --time 14s --rate 500",
                shows: Figures,
            },
        ],
        compare: Some(patience_costs_writes),
    },
];

fn lag_grows(reports: &[Report]) -> Result<String, String> {
    let [slow, fast] = [&reports[0], &reports[1]].map(|report| report.lag_records().median);
    let told = format!("at the slow rate the last follower was {slow} records behind (median), at the fast one {fast}");
    if fast > 2 * slow.max(1) { Ok(told) } else { Err(told) }
}

fn one_stops_all(reports: &[Report]) -> Result<String, String> {
    let [all, majority] =
        [&reports[0], &reports[1]].map(|report| Duration::from_nanos(report.availability().writes.longest_wait_ns));
    let told = format!(
        "nobody wrote for {:.1} s where all must acknowledge, and for {:.1} s at most where a majority must",
        all.as_secs_f64(),
        majority.as_secs_f64()
    );
    if all > Duration::from_secs(1) && all > 2 * majority { Ok(told) } else { Err(told) }
}

fn leases_save_time(reports: &[Report]) -> Result<String, String> {
    let [asked, leased] = [&reports[0], &reports[1]].map(|report| report.counts().ok);
    let told = format!("the same clients were answered {asked} times when reads waited, {leased} times under a lease");
    if leased * 10 > asked * 12 { Ok(told) } else { Err(told) }
}

fn a_bound_holds(reports: &[Report]) -> Result<String, String> {
    let [unbounded, bounded] = [&reports[0], &reports[1]].map(|report| {
        let ns = report.staleness().all.time_ns.as_ref().map_or(0, |quantiles| quantiles.max);
        Duration::from_nanos(ns).as_millis()
    });
    let told = format!("the stalest read was {unbounded} ms behind without a bound, {bounded} ms with it");
    if unbounded > 500 && bounded <= 400 { Ok(told) } else { Err(told) }
}

fn slots_cost_disk(reports: &[Report]) -> Result<String, String> {
    let [unlimited, limited] = [&reports[0], &reports[1]].map(Report::disk_bytes);
    let told =
        format!("a node had up to {} kB on its disk without a limit, {} kB with it", unlimited / 1000, limited / 1000);
    if unlimited > 2 * limited { Ok(told) } else { Err(told) }
}

fn nobody_in_doubt(reports: &[Report]) -> Result<String, String> {
    let [planned, stopped] = [&reports[0], &reports[1]].map(|report| report.counts().info);
    let changes = reports[0].leader_changes() + reports[1].leader_changes();
    // A node that ends closes its connections; who had just asked something there does not know.
    let told = format!(
        "{changes} changes of leader; operations of unknown outcome: {planned} by switchovers, {stopped} by ends"
    );
    if planned == 0 && changes >= 4 { Ok(told) } else { Err(told) }
}

fn patience_costs_writes(reports: &[Report]) -> Result<String, String> {
    let [flapping, patient] = [&reports[0], &reports[1]].map(Report::leader_changes);
    let outage = Duration::from_nanos(reports[2].availability().writes.longest_wait_ns);
    let told = format!(
        "under pauses the leader changed {flapping} times with 200 ms and {patient} times with 10 s; when it died, nobody wrote for \
         {:.1} s",
        outage.as_secs_f64()
    );
    if flapping > patient && patient == 0 && outage > Duration::from_secs(8) { Ok(told) } else { Err(told) }
}
