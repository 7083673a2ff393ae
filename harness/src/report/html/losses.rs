//! The acknowledged writes that were lost, each with all that is known of it. It finds none: the checker does.

use std::collections::BTreeMap;

use interregnum_checker::history::{Function, History, Outcome, Value};
use interregnum_checker::lost_writes::{self, Loss};
use interregnum_checker::wording::seconds;

use crate::report::logs::Line;
use crate::report::stored::Stored;

/// A row of the table.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub operation: usize,
    pub value: String,
    pub key: String,
    pub process: u64,
    pub acknowledged: String,
    pub node: String,
    pub epoch: String,
    pub lsn: String,
    /// The last acknowledged read that showed it.
    pub last_seen: Option<Seen>,
    pub replaced_by: String,
    pub faults: String,
    /// The lines of the acknowledging node's log that tell of it.
    pub log: Vec<String>,
}

/// Where a value was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub operation: usize,
    pub told: String,
}

/// The table's rows; and how many further writes were lost.
pub(super) fn rows(stored: &Stored, lines: &[Line<'_>]) -> (Vec<Row>, u64) {
    let found = lost_writes::check(&stored.history, &stored.fault_windows());
    let last_reads = last_reads(&stored.history, &found.losses);
    let row = |loss: &Loss| {
        let number = |number: Option<u64>| number.map_or_else(|| "unknown".to_owned(), |number| number.to_string());
        let node = loss.node.clone().unwrap_or_else(|| "unknown".to_owned());
        let replaced = loss.replaced_by.as_ref().map(|by| {
            let node = by.node.as_deref().unwrap_or("a leader");
            format!("{node} wrote LSN {} in epoch {}", by.lsn, by.epoch)
        });
        Row {
            operation: loss.operation,
            value: loss.value.to_string(),
            key: loss.key.clone().unwrap_or_default(),
            process: loss.process,
            acknowledged: loss.acknowledged_at_ns.map_or_else(String::new, seconds),
            log: matching(loss, &node, lines),
            node,
            epoch: number(loss.epoch),
            lsn: number(loss.lsn),
            last_seen: last_reads.get(&loss.operation).map(|&read| seen(&stored.history, read)),
            replaced_by: replaced.unwrap_or_default(),
            faults: loss.faults.join(", "),
        }
    };
    let left_out = found.counts.lost - found.losses.len() as u64;
    (found.losses.iter().map(row).collect(), left_out)
}

/// Of each lost write the last read that showed its value, if one did.
fn last_reads(history: &History, losses: &[Loss]) -> BTreeMap<usize, usize> {
    let mut lost: BTreeMap<Option<&str>, BTreeMap<&Value, usize>> = BTreeMap::new();
    for loss in losses {
        lost.entry(loss.key.as_deref()).or_default().insert(&loss.value, loss.operation);
    }
    let mut last_reads = BTreeMap::new();
    for (index, read) in history.operations().iter().enumerate() {
        let Some(lost) = lost.get(&read.key.as_deref()) else { continue };
        if read.function != Function::Read || read.outcome != Outcome::Ok {
            continue;
        }
        let shown = match &read.output {
            Value::List(elements) => elements.as_slice(),
            value => std::slice::from_ref(value),
        };
        for write in shown.iter().filter_map(|value| lost.get(value)) {
            last_reads.insert(*write, index);
        }
    }
    last_reads
}

fn seen(history: &History, read: usize) -> Seen {
    let told = &history.operations()[read];
    let at = told.completed.and_then(|moment| moment.time_ns).map_or_else(String::new, seconds);
    let node = told.node.as_deref().map_or_else(String::new, |node| format!(" at {node}"));
    Seen { operation: read, told: format!("{at} by process {}{node}", told.process) }
}

/// The line in which the node became the leader that acknowledged the write, and that in which a node gave it up.
fn matching(loss: &Loss, node: &str, lines: &[Line<'_>]) -> Vec<String> {
    let (Some(epoch), Some(lsn)) = (loss.epoch, loss.lsn) else { return Vec::new() };
    let led = format!("leader epoch={epoch} ");
    let acknowledged = loss.acknowledged_at_ns.unwrap_or(0);
    let is_matching = |line: &&Line<'_>| {
        let is_later = line.time_ns.is_none_or(|time| time >= acknowledged);
        line.node == node && (line.text.contains(&led) || is_later && line.gives_up(lsn))
    };
    let told = |line: &Line<'_>| {
        let at = line.time_ns.map_or_else(String::new, |time| seconds(time) + "  ");
        format!("{at}{}", line.text)
    };
    lines.iter().filter(is_matching).map(told).collect()
}
