//! Scenarios about stonith: an old leader is killed before there is a new one, by a command that may lie or fail.

use std::time::Duration;

use super::{in_words, longest_wait};
use crate::cli::scenario::Shows::{Breaks, Keeps};
use crate::cli::scenario::{Act, Scenario};
use crate::report::Report;

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "stonith",
        sentence: "a leader that is killed before it has a successor can't split the brain; one that is only said to be dead does",
        acts: &[
            Act {
                title: "A follower that misses the leader has it switched off before it promotes itself:",
                flags: "--ack async --read leader-local --election timeout --fencing stonith --workload append --faults bridge --target leader \
                        --interval 2500ms --time 6s --rate 1500 --link-delay 100ms --heartbeat-ms 100",
                shows: Keeps("split-brain"),
            },
            Act {
                title: "The same, and the command succeeds without doing anything:",
                flags: "--ack async --read leader-local --election timeout --fencing stonith --stonith-command true --workload append --faults bridge --target leader \
                        --interval 2500ms --time 6s --rate 1500 --link-delay 100ms --heartbeat-ms 100",
                shows: Breaks("split-brain"),
            },
        ],
        compare: Some(somebody_was_switched_off),
    },
    Scenario {
        name: "stonith-fails",
        sentence: "where nobody can make sure that the old leader is dead there is no new one: that costs service, and no write",
        acts: &[
            Act {
                title: "The leader dies while no node reaches the fence device:",
                flags: "--fencing stonith --workload append --rate 500 --time 7s \
                        --schedule fence-device-out-of-reach.toml",
                shows: Keeps("lost-writes"),
            },
            Act {
                title: "The leader dies, and the fence device makes sure of that:",
                flags: "--fencing stonith --workload append --rate 500 --time 7s \
                        --schedule leader-dies.toml",
                shows: Keeps("lost-writes"),
            },
        ],
        compare: Some(doubt_stops_writes),
    },
];

fn somebody_was_switched_off(reports: &[Report]) -> Result<String, String> {
    let [stonith, lie] = [&reports[0], &reports[1]].map(Report::fencings);
    let told = format!("{stonith} nodes were switched off by the fence device, {lie} by the command that does nothing");
    if stonith > 0 && lie == 0 { Ok(told) } else { Err(told) }
}

fn doubt_stops_writes(reports: &[Report]) -> Result<String, String> {
    let [in_doubt, sure] = [&reports[0], &reports[1]].map(longest_wait);
    let told = format!(
        "nobody wrote for {} without the fence device, and for {} at most with it",
        in_words(in_doubt),
        in_words(sure)
    );
    if in_doubt > Duration::from_secs(3) && in_doubt > 2 * sure { Ok(told) } else { Err(told) }
}
