//! Scenarios about replicas that fall behind or drift apart, the log that is kept for them, and requests that are asked again.

use crate::cli::scenario::Shows::{Breaks, Figures, Holds, Keeps};
use crate::cli::scenario::{Act, Scenario};
use crate::report::Report;

pub(super) static SCENARIOS: &[Scenario] = &[
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
];

fn lag_grows(reports: &[Report]) -> Result<String, String> {
    let [slow, fast] = [&reports[0], &reports[1]].map(|report| report.lag_records().median);
    let told = format!("at the slow rate the last follower was {slow} records behind (median), at the fast one {fast}");
    if fast > 2 * slow.max(1) { Ok(told) } else { Err(told) }
}

fn slots_cost_disk(reports: &[Report]) -> Result<String, String> {
    let [unlimited, limited] = [&reports[0], &reports[1]].map(Report::disk_bytes);
    let told =
        format!("a node had up to {} kB on its disk without a limit, {} kB with it", unlimited / 1000, limited / 1000);
    if unlimited > 2 * limited { Ok(told) } else { Err(told) }
}
