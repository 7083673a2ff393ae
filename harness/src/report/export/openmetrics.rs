//! What a run did over time, in the text format of `OpenMetrics`: operations by outcome, leaders, lag and faults, each sample with its
//! time. After <https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md>.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write;

use interregnum_checker::history::Outcome;

use super::word;
use crate::record::RunEvent;
use crate::report::roles::{self, State};
use crate::report::stored::Stored;

/// How far apart the samples of operations are.
const STEP_NS: u64 = 100_000_000;

/// The families in the making. Samples of one metric stand together, in order of time.
struct Exposition {
    text: String,
    /// Nanoseconds between 1970 and the run's beginning; a run that does not tell begins in 1970.
    offset_ns: u64,
}

pub(super) fn write(stored: &Stored, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut told = Exposition { text: String::new(), offset_ns: stored.clock_offset_ns().unwrap_or(0) };
    operations(stored, &mut told);
    leaders(stored, &mut told);
    lags(stored, &mut told);
    faults(stored, &mut told);
    told.text.push_str("# EOF\n");
    Ok(out.write_all(told.text.as_bytes())?)
}

fn operations(stored: &Stored, told: &mut Exposition) {
    told.family("interregnum_operations", "counter", "Operations that ended, by outcome.");
    let steps = stored.end_ns() / STEP_NS + 1;
    for outcome in [Outcome::Ok, Outcome::Fail, Outcome::Info] {
        let mut ended = vec![0_u64; steps as usize + 1];
        for operation in stored.history.operations().iter().filter(|operation| operation.outcome == outcome) {
            let end_ns = operation.completed.or(operation.gave_up).and_then(|end| end.time_ns);
            if let Some(step) = end_ns.map(|ns| ns.div_ceil(STEP_NS).min(steps)) {
                ended[step as usize] += 1;
            }
        }
        let mut total = 0;
        for (step, ended) in (0..).zip(ended) {
            total += ended;
            told.sample("interregnum_operations_total", &[("outcome", word(outcome))], total, step * STEP_NS);
        }
    }
}

fn leaders(stored: &Stored, told: &mut Exposition) {
    let spans = roles::spans(&stored.events, &stored.judged.faults, stored.end_ns());
    told.family("interregnum_leader", "gauge", "Whether the node leads.");
    for span in &spans {
        let leads = u64::from(span.state == State::Leader);
        told.sample("interregnum_leader", &[("node", &span.node.to_string())], leads, span.from);
    }
    told.family("interregnum_epoch", "gauge", "The epoch that the node is in.");
    for span in &spans {
        if let Some(epoch) = span.epoch {
            told.sample("interregnum_epoch", &[("node", &span.node.to_string())], epoch, span.from);
        }
    }
}

fn lags(stored: &Stored, told: &mut Exposition) {
    let mut lags: BTreeMap<_, Vec<(u64, u64)>> = BTreeMap::new();
    for event in &stored.events {
        if let RunEvent::Lag { leader, followers_ms } = &event.event {
            for (follower, &ms) in followers_ms {
                lags.entry((*follower, *leader)).or_default().push((event.time, ms));
            }
        }
    }
    told.family("interregnum_replication_lag_ms", "gauge", "How far a follower is behind, as its leader tells.");
    for ((follower, leader), lags) in lags {
        let labels = [("node", &*follower.to_string()), ("leader", &*leader.to_string())];
        for (at_ns, ms) in lags {
            told.sample("interregnum_replication_lag_ms", &labels, ms, at_ns);
        }
    }
}

fn faults(stored: &Stored, told: &mut Exposition) {
    let mut edges: BTreeMap<String, Vec<(u64, u64)>> = BTreeMap::new();
    for window in stored.fault_windows() {
        edges.entry(window.name).or_default().extend([(window.start_ns, 1), (window.end_ns, 0)]);
    }
    told.family("interregnum_fault_active", "gauge", "Whether the fault is in force.");
    for (fault, mut edges) in edges {
        edges.sort_unstable();
        for (at_ns, is_active) in edges {
            told.sample("interregnum_fault_active", &[("fault", &fault)], is_active, at_ns);
        }
    }
}

impl Exposition {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.text, "# TYPE {name} {kind}\n# HELP {name} {help}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: u64, at_ns: u64) {
        let labels: Vec<_> = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
        let at_ns = self.offset_ns + at_ns;
        let (seconds, nanos) = (at_ns / 1_000_000_000, at_ns % 1_000_000_000);
        let _ = writeln!(self.text, "{name}{{{}}} {value} {seconds}.{nanos:09}", labels.join(","));
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', "\\n")
}
