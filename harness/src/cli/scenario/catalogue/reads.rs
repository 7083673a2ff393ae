//! Scenarios about where reads are answered, and how old their answers may be.

use std::time::Duration;

use crate::cli::scenario::Shows::{Breaks, Figures, Holds, Keeps};
use crate::cli::scenario::{Act, Scenario};
use crate::report::Report;

pub(super) static SCENARIOS: &[Scenario] = &[
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
        name: "visible-too-early",
        sentence: "what is visible before it is replicated is read, and then gone with its leader",
        acts: &[
            Act {
                title: "A majority holds what is acknowledged, but the leader shows it at once (AFTER_COMMIT), 20 ms from its followers:",
                flags: "--ack majority --read leader-local --visible after-commit --workload append --clients 32 --faults kill \
                        --target leader --interval 1s --time 6s --link-delay 20ms",
                shows: Breaks("linearizable"),
            },
            Act {
                title: "The leader shows what is acknowledged (AFTER_SYNC):",
                flags: "--ack majority --read leader-local --visible after-sync --workload append --clients 32 --faults kill \
                        --target leader --interval 1s --time 6s --link-delay 20ms",
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
];

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
