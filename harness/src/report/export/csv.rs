//! Operations as comma-separated values: a row each, in order of invocation. Values are JSON, times nanoseconds since the run began.

use std::io::Write;

use interregnum_checker::history::{History, Operation, Value};

use super::word;

const TITLES: [&str; 14] = [
    "number",
    "process",
    "function",
    "key",
    "input",
    "output",
    "outcome",
    "invoked_ns",
    "ended_ns",
    "latency_ns",
    "node",
    "epoch",
    "lsn",
    "error",
];

pub(super) fn write(history: &History, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut rows = csv::Writer::from_writer(out);
    rows.write_record(TITLES)?;
    for (number, told) in history.operations().iter().enumerate() {
        rows.write_record(row(number, told))?;
    }
    Ok(rows.flush()?)
}

fn row(number: usize, told: &Operation) -> [String; 14] {
    let count = |number: Option<u64>| number.map_or_else(String::new, |number| number.to_string());
    let (invoked_ns, ended_ns) = (told.invoked.time_ns, told.completed.or(told.gave_up).and_then(|end| end.time_ns));
    let latency_ns = invoked_ns.zip(ended_ns).map(|(invoked, ended)| ended.saturating_sub(invoked));
    let text = |text: &Option<std::sync::Arc<str>>| text.as_deref().unwrap_or_default().to_owned();
    [
        number.to_string(),
        told.process.to_string(),
        told.function.name().to_owned(),
        text(&told.key),
        json(&told.input),
        json(told.seen.as_deref().unwrap_or(&told.output)),
        word(told.outcome).to_owned(),
        count(invoked_ns),
        count(ended_ns),
        count(latency_ns),
        text(&told.node),
        count(told.epoch),
        count(told.lsn),
        text(&told.error),
    ]
}

/// Nothing is an empty field.
fn json(value: &Value) -> String {
    if *value == Value::Nil { String::new() } else { serde_json::to_string(value).expect("every value is JSON") }
}
