//! Scenarios about what each way of acknowledging a write promises, and what it loses.

use std::time::Duration;

use super::{in_words, longest_wait};
use crate::cli::scenario::Shows::{Breaks, Figures, Holds, Keeps};
use crate::cli::scenario::{Act, Scenario};
use crate::report::Report;

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
                flags: "--ack async --workload append --clients 32 --faults kill --target leader --interval 1s --time 5s --link-delay 20ms",
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
        name: "memory-loses",
        sentence: "what is acknowledged in memory is gone when the power fails everywhere; what is on disks is not",
        acts: &[
            Act {
                title: "A majority has each write in memory, and the power of all three nodes fails at once:",
                flags: "--ack-durability memory --fsync always --workload append --faults power-failure-all --interval 2s --time 5s",
                shows: Breaks("lost-writes"),
            },
            Act {
                title: "It has them on its disks:",
                flags: "--ack-durability flushed --fsync always --workload append --faults power-failure-all --interval 2s --time 5s",
                shows: Holds,
            },
        ],
        compare: None,
    },
    Scenario {
        name: "interval-loses",
        sentence: "a log that is synced at intervals loses its last interval when the power fails everywhere; else nothing is lost",
        acts: &[
            Act {
                title: "Each node syncs its log every second, and the power of all three fails at once:",
                flags: "--fsync interval --workload append --faults power-failure-all --interval 2s --time 5s",
                shows: Breaks("lost-writes"),
            },
            Act {
                title: "Each syncs what it has before it confirms it, and what was being written is torn besides:",
                flags: "--fsync always --workload append --faults power-failure-all:torn=true --interval 2s --time 5s",
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
];

fn one_stops_all(reports: &[Report]) -> Result<String, String> {
    let [all, majority] = [&reports[0], &reports[1]].map(longest_wait);
    let told = format!(
        "nobody wrote for {} where all must acknowledge, and for {} at most where a majority must",
        in_words(all),
        in_words(majority)
    );
    if all > Duration::from_secs(1) && all > 2 * majority { Ok(told) } else { Err(told) }
}
