//! Scenarios about who comes to lead, how the old leader is kept from leading on, and what the change costs.

use std::time::Duration;

use super::{in_words, longest_wait};
use crate::cli::scenario::Shows::{Breaks, Figures, Holds, Keeps};
use crate::cli::scenario::{Act, Scenario};
use crate::report::Report;

pub(super) static SCENARIOS: &[Scenario] = &[
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
                flags: "--election supervisor --ack async --workload append --clients 32 --faults kill --target leader --interval 2s \
                        --time 7s --link-delay 20ms",
                shows: Breaks("lost-writes"),
            },
        ],
        compare: None,
    },
    Scenario {
        name: "promoted-by-hand",
        sentence: "where nobody promotes itself, there is no leader until an operator makes one",
        acts: &[
            Act {
                title: "The leader dies; an operator promotes a follower three seconds later:",
                flags: "--election manual --workload append --rate 500 --time 7s \
                        --schedule operator-promotes.toml",
                shows: Figures,
            },
            Act {
                title: "The leader dies, and the others vote:",
                flags: "--election vote --workload append --rate 500 --time 7s \
                        --schedule leader-dies.toml",
                shows: Holds,
            },
        ],
        compare: Some(operators_take_their_time),
    },
    Scenario {
        name: "too-far-behind",
        sentence: "a follower that is known to lag is not promoted where that is limited: an outage instead of lost writes",
        acts: &[
            Act {
                title: "A follower lags over a slow link, where it waits too long for heartbeats, and promotes itself; then the leader dies:",
                flags: "--nodes 2 --ack async --read leader-local --election timeout --fencing none --workload append --rate 500 --time 8s \
                        --schedule lagging-follower.toml",
                shows: Breaks("lost-writes"),
            },
            Act {
                title: "The same, but nobody is promoted who lacks more than 100 records:",
                flags: "--nodes 2 --ack async --read leader-local --election timeout --fencing none --max-lag-on-failover 100 --workload append --rate 500 \
                        --time 8s --schedule lagging-follower.toml",
                shows: Keeps("lost-writes"),
            },
        ],
        compare: Some(an_outage_instead),
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
                title: "The leader alone acknowledges, 50 ms from its followers, as with Patroni's defaults:",
                flags: "--election coordinator --lease-ttl-ms 1000 --ack async --workload append --clients 32 --faults kill \
                        --target leader --interval 4s --time 9s --link-delay 50ms",
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

fn operators_take_their_time(reports: &[Report]) -> Result<String, String> {
    let [by_hand, by_vote] = [&reports[0], &reports[1]].map(longest_wait);
    let told = format!(
        "nobody wrote for {} until the operator came, and for {} at most where the others voted",
        in_words(by_hand),
        in_words(by_vote)
    );
    if by_hand > Duration::from_millis(2800) && by_hand > 2 * by_vote { Ok(told) } else { Err(told) }
}

fn an_outage_instead(reports: &[Report]) -> Result<String, String> {
    let [promoted, waited] = [&reports[0], &reports[1]].map(longest_wait);
    let told = format!(
        "clients waited for a write for {} at most where the follower promoted itself, and for {} where it was not to",
        in_words(promoted),
        in_words(waited)
    );
    if waited > Duration::from_millis(2500) && waited > promoted { Ok(told) } else { Err(told) }
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
    let outage = longest_wait(&reports[2]);
    let told = format!(
        "under pauses the leader changed {flapping} times with 200 ms and {patient} times with 10 s; when it died, nobody wrote for {}",
        in_words(outage)
    );
    if flapping > patient && patient == 0 && outage > Duration::from_secs(8) { Ok(told) } else { Err(told) }
}
