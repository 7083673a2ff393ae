//! The history as Jepsen has it, with the faults as what its nemesis did. How EDN is written is the checker's.

use std::fs::File;
use std::io::{BufReader, Write};

use anyhow::Context;
use interregnum_checker::history::edn::{Tuples, Writer};
use interregnum_checker::history::{Content, EventType, Function, NemesisEvent, Value, jsonl};

use crate::report::stored::Stored;
use crate::run_dir::RunDir;

pub(super) fn write(stored: &Stored, run_dir: &RunDir, out: &mut dyn Write) -> anyhow::Result<()> {
    let path = run_dir.history();
    let file = BufReader::new(File::open(&path).with_context(|| format!("{} cannot be read", path.display()))?);
    let mut nemesis = acts(stored).into_iter().peekable();
    let mut writer = Writer::new(out, Tuples::Plain);
    for entry in jsonl::entries(file, &path.display().to_string()) {
        let Content::Client(event) = entry?.content else { continue };
        while let Some(act) = nemesis.next_if(|act| act.time <= event.time) {
            writer.nemesis(&act)?;
        }
        writer.client(&event)?;
    }
    for act in nemesis {
        writer.nemesis(&act)?;
    }
    Ok(())
}

/// What began and ended each fault, in order of time: `start-kill`, `stop-kill`.
fn acts(stored: &Stored) -> Vec<NemesisEvent> {
    let mut acts = Vec::new();
    for taken in stored.judged.faults.iter().filter(|taken| !taken.nodes.is_empty()) {
        let nodes = taken.nodes.iter().map(|node| Value::Text(node.to_string().into())).collect();
        for (verb, time_ns) in [("start", taken.began_ns), ("stop", taken.ended_ns)] {
            acts.push(NemesisEvent {
                time: Some(time_ns),
                clients_before: 0,
                process: "nemesis".into(),
                event_type: EventType::Info,
                function: Function::from(format!("{verb}-{}", taken.step.fault).as_str()),
                value: Value::List(Vec::clone(&nodes)),
            });
        }
    }
    acts.sort_by_key(|act| act.time);
    acts
}
