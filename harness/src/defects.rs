//! The defect suite: every bug that can be planted in the reference node is looked for under one profile of faults and one workload,
//! with no hint of which it is. That measures this harness: what it finds, by which checker, and how soon.
//!
//! Not here: making the runs (`campaign`), the bugs (`interregnum_node::Defect`), the command line (`cli/defects.rs`).

mod found;
mod table;

use std::collections::BTreeSet;
use std::time::Duration;

use clap::ValueEnum as _;
use interregnum_node::{Defect, Promise};

use crate::campaign::{Campaign, Expect, Row};
pub(crate) use found::Found;
pub(crate) use table::{Speed, json, told};

/// The row without any defect: whatever is found there is an alarm that is false, or a bug that nobody planted.
pub(crate) const SOUND: &str = "none";

/// In how many of a hundred runs a defect is to be found.
pub(crate) const BAR_PERCENT: u32 = 90;

/// The system and its clients. Sound modes, with the lease that only they allow; elections that are quick; logs and snapshots so small that
/// their ends are met all the time, but not so small that whoever was away is always replaced and never rewound; links on which something
/// always is under way; clients that ask again, and late: by then who answers may have been started anew.
const SYSTEM: &str = "--nodes 3 --workload append --clients 20 --retry-unknown exactly-once --retry-pause 3s --read leader-lease \
     --link-delay 5ms --heartbeat-ms 30 --missed-heartbeats 5 --fsync always --verify-interval-ms 150 --segment-bytes 4096 \
     --snapshot-bytes 8192 --keep-log-bytes 32768";

/// Streams of faults that overlap, each in swarms: what a defect needs to show may be that others are absent.
const STREAMS: [&str; 4] = [
    "kill,pause",
    "isolate,outbound,inbound,flapping:period_ms=200,flapping:period_ms=300",
    "reset:every_ms=150,slow-link:delay_ms=20:jitter_ms=150,slow-link:delay_ms=300:jitter_ms=600,client-side",
    "kill,pause@at-pause-point",
];

/// Beside the first of them, where disks can lose what was not synced in the time of some round trips; and where they can't.
const POWER: &str = "power-failure:stall_ms=200,power-failure-all:stall_ms=200";
const NO_POWER: &str = "kill-all";

/// What only a failure of power shows: SIGKILL leaves what was written in the kernel.
pub(crate) const OF_POWER: [Defect; 3] = [Defect::AckBeforeFsync, Defect::AckReceiptAsDurable, Defect::ReuseGtids];

/// What every run is made of, but for its length, its seed and the defect.
pub(crate) fn profile(power_fails: bool) -> Vec<String> {
    let [processes, others @ ..] = STREAMS;
    let processes = format!("{processes},{}", if power_fails { POWER } else { NO_POWER });
    let faults = format!("{processes}+{}", others.join("+"));
    let words = SYSTEM.split_whitespace().chain(["--interval", "2s", "--swarm", "5s", "--faults", &*faults]);
    words.map(str::to_owned).collect()
}

/// The suite as a campaign: a row for each of these defects, or for all that need nothing beside the profile, and one without.
pub(crate) fn suite(
    only: &[Defect],
    runs: u32,
    sound_runs: u32,
    time: Duration,
    seed: u64,
    power_fails: bool,
) -> Campaign {
    let all = Defect::value_variants();
    let can_show = |defect: &Defect| defect.needs().is_none() && (power_fails || !OF_POWER.contains(defect));
    let chosen = all.iter().filter(|defect| if only.is_empty() { can_show(defect) } else { only.contains(defect) });
    let arguments = || profile(power_fails).into_iter().chain(["--time".to_owned(), format!("{}ms", time.as_millis())]);
    let row = |name: String, expect, by, runs, arguments| Row {
        mode: name.clone(),
        name,
        faults: "general".to_owned(),
        expect,
        by,
        least_percent: BAR_PERCENT as u8,
        runs,
        arguments,
    };
    let defects = chosen.map(|&defect| {
        let planted = ["--defect".to_owned(), defect.to_string()];
        row(defect.to_string(), Expect::Violation, checkers(defect), runs, arguments().chain(planted).collect())
    });
    let sound = row(SOUND.to_owned(), Expect::Pass, BTreeSet::new(), sound_runs, arguments().collect());
    let rows = (sound_runs > 0).then_some(sound).into_iter().chain(defects).collect();
    Campaign { name: "defects".to_owned(), seed, rows }
}

/// The checkers that are right to complain about a defect: those that watch over a promise that it breaks.
fn checkers(defect: Defect) -> BTreeSet<String> {
    let of = |promise: &Promise| match promise {
        Promise::WritesSurvive => &["lost-writes", "elements", "linearizable", "committed-log"][..],
        Promise::ReadsAreCurrent => &["linearizable", "sessions", "elements", "leases"],
        Promise::OnceOnly => &["elements", "linearizable"],
        Promise::OneLeader => &["split-brain", "leadership", "epochs"],
        Promise::ReplicasAgree => &["replicas-agree", "rows", "committed-log"],
        Promise::UniqueGtids => &["gtids"],
        Promise::NodesSurvive => &["survival", "recovery"],
    };
    defect.about().breaks.iter().flat_map(of).map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_differ_in_nothing_but_the_defect() {
        let suite = suite(&[], 2, 3, Duration::from_secs(20), 1, true);
        let (sound, defects) = suite.rows.split_first().unwrap();
        assert_eq!((sound.name.as_str(), sound.runs), (SOUND, 3));
        assert!(defects.len() >= 24, "{} defects", defects.len());
        for row in defects {
            let planted = ["--defect".to_owned(), row.name.clone()];
            assert_eq!(row.arguments, [&sound.arguments[..], &planted[..]].concat());
            assert!(!row.by.is_empty(), "{}: nobody is to find it", row.name);
        }
    }

    #[test]
    fn where_power_cannot_fail_nothing_that_needs_it_is_looked_for() {
        let suite = |power_fails| suite(&[], 2, 0, Duration::from_secs(20), 1, power_fails).rows;
        let missing: Vec<_> =
            suite(true).into_iter().filter(|row| !suite(false).iter().any(|other| other.name == row.name)).collect();
        assert_eq!(
            missing.iter().map(|row| &*row.name).collect::<Vec<_>>(),
            ["ack-before-fsync", "ack-receipt-as-durable", "reuse-gtids"]
        );
        assert!(missing[0].arguments.iter().any(|word| word.contains("power-failure-all")));
        assert!(!suite(false)[0].arguments.iter().any(|word| word.contains("power-failure")));
    }
}
