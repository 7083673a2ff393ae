//! A trace that ui.perfetto.dev opens, in Chrome's trace event format: a track for each client, node and fault, and counters. After
//! <https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU>; times are microseconds.

use std::io::Write;

use interregnum_checker::history::Operation;
use interregnum_checker::wording;
use serde::Serialize;
use serde_json::{Value, json};

use super::word;
use crate::record::RunEvent;
use crate::report::logs;
use crate::report::marks;
use crate::report::roles;
use crate::report::stored::Stored;

/// The processes of the trace: groups of tracks.
const CLIENTS: u64 = 1;
const NODES: u64 = 2;
const FAULTS: u64 = 3;

/// One event of the trace. What a kind of event has no use for is left out.
#[derive(Default, Serialize)]
struct Event {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    cat: Option<&'static str>,
    ph: &'static str,
    ts: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    dur: Option<f64>,
    pid: u64,
    tid: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    s: Option<&'static str>,
    #[serde(skip_serializing_if = "Value::is_null")]
    args: Value,
}

pub(super) fn write(stored: &Stored, out: &mut dyn Write) -> anyhow::Result<()> {
    let nodes = stored.nodes();
    let node_track =
        |name: &str| nodes.iter().position(|node| node.to_string() == name).map_or(0, |place| place as u64 + 1);
    let lines = logs::lines(&stored.logs, stored.clock_offset_ns());
    let operations =
        stored.history.operations().iter().enumerate().map(|(number, told)| operation(stored, number, told));
    let spans = roles::spans(&stored.events, &stored.judged.faults, stored.end_ns()).into_iter().map(|span| Event {
        name: span.epoch.map_or_else(|| span.state.to_string(), |epoch| format!("{} e{epoch}", span.state)),
        args: json!({"epoch": span.epoch, "leader": span.leader}),
        ..track(NODES, node_track(&span.node.to_string()), "X", span.from).lasting(span.to - span.from)
    });
    let faults = stored.judged.faults.iter().enumerate().filter(|(_, taken)| !taken.nodes.is_empty());
    let faults = faults.map(|(number, taken)| Event {
        name: taken.step.fault.striking(&taken.nodes),
        args: json!({"target": taken.step.target.to_string(), "verified": taken.effect.verified, "evidence": taken.effect.evidence}),
        ..track(FAULTS, number as u64 + 1, "X", taken.began_ns).lasting(taken.ended_ns - taken.began_ns)
    });
    let marks = marks::of(stored, &lines).into_iter().map(|mark| {
        let node = mark.node.as_deref().map_or(0, node_track);
        Event { name: mark.text, cat: Some(mark.kind), s: Some("p"), ..track(NODES, node, "i", mark.at) }
    });
    let lags = stored.events.iter().filter_map(|told| match &told.event {
        RunEvent::Lag { followers_ms, .. } => {
            let name = "replication_lag_ms".to_owned();
            Some(Event { name, args: json!(followers_ms), ..track(NODES, 0, "C", told.time) })
        }
        _ => None,
    });
    let mut all = names(stored).into_iter().chain(operations).chain(spans).chain(faults).chain(marks).chain(lags);
    out.write_all(b"{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n")?;
    if let Some(first) = all.next() {
        serde_json::to_writer(&mut *out, &first)?;
    }
    for event in all {
        out.write_all(b",\n")?;
        serde_json::to_writer(&mut *out, &event)?;
    }
    Ok(out.write_all(b"\n]}\n")?)
}

/// What groups and tracks are called.
fn names(stored: &Stored) -> Vec<Event> {
    let name = |kind: &str, pid: u64, tid: u64, name: String| Event {
        name: kind.to_owned(),
        args: json!({"name": name}),
        ..track(pid, tid, "M", 0)
    };
    let groups = [(CLIENTS, "clients"), (NODES, "nodes"), (FAULTS, "faults")];
    let groups = groups.map(|(pid, told)| name("process_name", pid, 0, told.to_owned()));
    let clients =
        (0..stored.plan.clients as u64).map(|lane| name("thread_name", CLIENTS, lane + 1, format!("client {lane}")));
    let nodes = (1..).zip(stored.nodes()).map(|(track, node)| name("thread_name", NODES, track, node.to_string()));
    let faults = (1..).zip(&stored.judged.faults);
    let faults = faults.map(|(track, taken)| name("thread_name", FAULTS, track, taken.step.fault.to_string()));
    groups.into_iter().chain(clients).chain(nodes).chain(faults).collect()
}

fn operation(stored: &Stored, number: usize, told: &Operation) -> Event {
    let invoked_ns = told.invoked.time_ns.unwrap_or(0);
    let ended_ns = told.completed.or(told.gave_up).and_then(|end| end.time_ns).unwrap_or_else(|| stored.end_ns());
    let lane = told.process % stored.plan.clients.max(1) as u64 + 1;
    let key = told.key.as_deref().unwrap_or_default();
    Event {
        name: format!("{} {key}", wording::action(told)),
        cat: Some(word(told.outcome)),
        args: json!({
            "argument": told.input, "result": told.output, "outcome": word(told.outcome), "error": told.error, "process": told.process,
            "node": told.node, "epoch": told.epoch, "lsn": told.lsn, "number": number,
        }),
        ..track(CLIENTS, lane, "X", invoked_ns).lasting(ended_ns.saturating_sub(invoked_ns))
    }
}

fn track(pid: u64, tid: u64, ph: &'static str, at_ns: u64) -> Event {
    Event { ph, ts: microseconds(at_ns), pid, tid, ..Event::default() }
}

fn microseconds(ns: u64) -> f64 {
    ns as f64 / 1e3
}

impl Event {
    fn lasting(self, ns: u64) -> Self {
        Self { dur: Some(microseconds(ns)), ..self }
    }
}
