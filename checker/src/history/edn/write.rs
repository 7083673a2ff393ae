//! Writes EDN as Jepsen does, one operation map a line, for Knossos, Elle and whatever else reads a `history.edn`.

use std::io::{self, Write};

use super::Tuples;
use crate::history::{Event, EventType, Function, NemesisEvent, Value};

/// Writes a history, entry by entry. Keys, nodes and other text become strings, names of types and functions keywords.
///
/// What is so written is read back the same with the same [`Tuples`]. (Of [`Tuples::Independent`] one thing cannot be: an event
/// without a key whose value is a list of two.)
///
/// ```
/// use interregnum_checker::history::{Event, Function, edn};
///
/// let event = Event { key: Some("x".into()), ..Event::invoke(3, Function::Read) };
/// let mut writer = edn::Writer::new(Vec::new(), edn::Tuples::Independent);
/// writer.client(&event)?;
/// assert_eq!(writer.into_inner(), b"{:type :invoke, :f :read, :value [\"x\" nil], :process 3, :index 0}\n");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    tuples: Tuples,
    /// Jepsen numbers the entries of a history from 0.
    index: u64,
    /// The line in the making, kept for its room.
    line: Vec<u8>,
}

impl<W: Write> Writer<W> {
    /// A writer of what stands at the beginning of a file.
    pub fn new(out: W, tuples: Tuples) -> Self {
        Self { out, tuples, index: 0, line: Vec::new() }
    }

    /// Writes what a client did. It is a single write, so a crash tears one line at most.
    pub fn client(&mut self, event: &Event) -> io::Result<()> {
        let tuple_key = event.key.as_deref().filter(|_| self.tuples == Tuples::Independent);
        let value = if event.function.name() == "txn" { transaction } else { value };
        self.begin(event.event_type, &event.function);
        let line = &mut self.line;
        match tuple_key {
            Some(key) => {
                line.push(b'[');
                text(line, key);
                line.push(b' ');
                value(line, &event.value);
                line.push(b']');
            }
            None => value(line, &event.value),
        }
        field(line, "process", |line| number(line, event.process));
        let key = event.key.as_deref().filter(|_| tuple_key.is_none());
        for (name, told) in [("key", key), ("node", event.node.as_deref()), ("error", event.error.as_deref())] {
            if let Some(told) = told {
                field(line, name, |line| text(line, told));
            }
        }
        for (name, told) in [("time", event.time), ("epoch", event.epoch), ("lsn", event.lsn)] {
            if let Some(told) = told {
                field(line, name, |line| number(line, told));
            }
        }
        if let Some(seen) = &event.seen {
            field(line, "seen", |line| self::value(line, seen));
        }
        self.end()
    }

    /// Writes what the nemesis did, likewise.
    pub fn nemesis(&mut self, event: &NemesisEvent) -> io::Result<()> {
        self.begin(event.event_type, &event.function);
        let line = &mut self.line;
        value(line, &event.value);
        field(line, "process", |line| name(line, &event.process));
        if let Some(time) = event.time {
            field(line, "time", |line| number(line, time));
        }
        self.end()
    }

    /// What was written to.
    pub fn into_inner(self) -> W {
        self.out
    }

    fn begin(&mut self, event_type: EventType, function: &Function) {
        let event_type = match event_type {
            EventType::Invoke => "invoke",
            EventType::Ok => "ok",
            EventType::Fail => "fail",
            EventType::Info => "info",
        };
        self.line.clear();
        self.line.extend_from_slice(b"{:type :");
        self.line.extend_from_slice(event_type.as_bytes());
        field(&mut self.line, "f", |line| name(line, function.name()));
        self.line.extend_from_slice(b", :value ");
    }

    fn end(&mut self) -> io::Result<()> {
        let index = self.index;
        field(&mut self.line, "index", |line| number(line, index));
        self.line.extend_from_slice(b"}\n");
        self.index += 1;
        self.out.write_all(&self.line)
    }
}

fn field(line: &mut Vec<u8>, name: &str, write: impl FnOnce(&mut Vec<u8>)) {
    line.extend_from_slice(b", :");
    line.extend_from_slice(name.as_bytes());
    line.push(b' ');
    write(line);
}

fn number(line: &mut Vec<u8>, number: u64) {
    line.extend_from_slice(number.to_string().as_bytes());
}

fn value(line: &mut Vec<u8>, told: &Value) {
    match told {
        Value::Nil => line.extend_from_slice(b"nil"),
        Value::Int(number) => line.extend_from_slice(number.to_string().as_bytes()),
        Value::Text(told) => text(line, told),
        Value::List(elements) => list(line, elements, |line, _, element| value(line, element)),
    }
}

/// The value of a transaction: a list of operations, whose names, first in each, are keywords to Elle.
fn transaction(line: &mut Vec<u8>, told: &Value) {
    let Value::List(operations) = told else { return value(line, told) };
    list(line, operations, |line, _, operation| match operation {
        Value::List(parts) => list(line, parts, |line, index, part| match part {
            Value::Text(told) if index == 0 => name(line, told),
            part => value(line, part),
        }),
        other => value(line, other),
    });
}

fn list(line: &mut Vec<u8>, elements: &[Value], write: impl Fn(&mut Vec<u8>, usize, &Value)) {
    line.push(b'[');
    for (index, element) in elements.iter().enumerate() {
        if index > 0 {
            line.push(b' ');
        }
        write(line, index, element);
    }
    line.push(b']');
}

fn text(line: &mut Vec<u8>, told: &str) {
    line.push(b'"');
    for byte in told.bytes() {
        match byte {
            b'"' | b'\\' => line.extend([b'\\', byte]),
            b'\n' => line.extend_from_slice(b"\\n"),
            b'\r' => line.extend_from_slice(b"\\r"),
            b'\t' => line.extend_from_slice(b"\\t"),
            other => line.push(other),
        }
    }
    line.push(b'"');
}

/// A keyword, or text where it would not be read back as one.
fn name(line: &mut Vec<u8>, told: &str) {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.*+!?<>=/".contains(&byte);
    if !told.is_empty() && told.bytes().all(is_plain) {
        line.push(b':');
        line.extend_from_slice(told.as_bytes());
    } else {
        text(line, told);
    }
}
