//! JSON lines, the format of `history.jsonl`: one event a line, Jepsen's field names. It joins nothing and judges nothing.
//!
//! ```text
//! {"time":1200,"process":3,"type":"invoke","f":"cas","key":"k1","value":[1,2]}
//! {"time":3400,"process":3,"type":"ok","f":"cas","key":"k1","value":[1,2],"node":"n2","epoch":4,"lsn":812}
//! ```
//!
//! `time` may be absent, and fields that are not [`Event`]'s are ignored. Of events whose process is not a number
//! (`"nemesis"`) those are kept that have a `type` and an `f`, and the others are passed over. A last line that a crash
//! cut short is left out with a warning.

mod plain;

use std::borrow::Cow;
use std::io::{self, BufRead, Write};

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::lines::{Line, Lines};
use super::names::Names;
use super::pairing::Pairing;
use super::reading::{self, malformed};
use super::{Content, Entry, Event, EventType, Function, NemesisEvent, Read, ReadError, Value};

/// Reads a history. `source_name` is how messages name the file.
pub fn read(reader: impl BufRead, source_name: &str) -> Result<Read, ReadError> {
    reading::collect(entries(reader, source_name), Pairing::by_time(), source_name)
}

/// The entries of a file, one after the other. Memory is a line's.
///
/// ```
/// use interregnum_checker::history::{Content, jsonl};
///
/// let file = &br#"{"process":"nemesis","type":"info","f":"kill","value":["n1"]}"#[..];
/// let Some(Ok(entry)) = jsonl::entries(file, "example").next() else { panic!("one entry") };
/// let Content::Nemesis(kill) = entry.content else { panic!("not a client's") };
/// assert_eq!(kill.function.name(), "kill");
/// ```
pub fn entries(reader: impl BufRead, source_name: &str) -> impl Iterator<Item = Result<Entry, ReadError>> {
    let mut lines = Lines::new(reader, source_name);
    let mut names = Names::new();
    let mut clients_before = 0;
    reading::until_error(move || {
        loop {
            let line = match lines.next().transpose()? {
                Ok(line) if line.text.trim_ascii().is_empty() => continue,
                Ok(line) => line,
                Err(error) => return Some(Err(error)),
            };
            let content = match event(line.text, &mut names) {
                Ok(event) => {
                    clients_before += 1;
                    Content::Client(event)
                }
                Err(error) => match Stranger::read(line.text) {
                    Some(stranger) => match stranger.event(clients_before) {
                        Some(event) => Content::Nemesis(event),
                        None => continue,
                    },
                    None if is_cut_short(&line) => Content::CutShort,
                    None => return Some(Err(malformed(source_name, line.number, error.column(), message(&error)))),
                },
            };
            return Some(Ok(Entry { line: line.number, content }));
        }
    })
}

fn event(line: &[u8], names: &mut Names) -> serde_json::Result<Event> {
    if let Some(event) = plain::event(line, names) {
        return Ok(event);
    }
    let mut event: Event = serde_json::from_slice(line)?;
    for text in [&mut event.key, &mut event.node, &mut event.error].into_iter().flatten() {
        *text = names.share(text);
    }
    Ok(event)
}

/// Writes one event and its newline. It is a single write, so a crash tears one line at most.
pub fn write_event(writer: &mut impl Write, event: &Event) -> io::Result<()> {
    write_line(writer, event)
}

/// Writes one event of the nemesis and its newline, likewise.
pub fn write_nemesis(writer: &mut impl Write, event: &NemesisEvent) -> io::Result<()> {
    write_line(writer, event)
}

fn write_line(writer: &mut impl Write, event: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(event)?;
    line.push(b'\n');
    writer.write_all(&line)
}

/// What a line holds that tells of another actor than a client. All but the actor's name is its own affair.
#[derive(Deserialize)]
struct Stranger<'a> {
    #[serde(default)]
    time: serde_json::Value,
    #[serde(borrow)]
    process: Cow<'a, str>,
    #[serde(default, rename = "type")]
    event_type: serde_json::Value,
    #[serde(default, rename = "f")]
    function: serde_json::Value,
    #[serde(default)]
    value: serde_json::Value,
}

impl<'a> Stranger<'a> {
    fn read(line: &'a [u8]) -> Option<Self> {
        let stranger: Self = serde_json::from_slice(line).ok()?;
        stranger.process.parse::<u64>().is_err().then_some(stranger)
    }

    /// Without a type and a function it tells us nothing.
    fn event(self, clients_before: u64) -> Option<NemesisEvent> {
        Some(NemesisEvent {
            time: self.time.as_u64(),
            clients_before,
            process: self.process.into(),
            event_type: EventType::deserialize(self.event_type).ok()?,
            function: Function::deserialize(self.function).ok()?,
            value: Value::deserialize(&self.value).unwrap_or_else(|_| Value::Text(self.value.to_string().into())),
        })
    }
}

/// A prefix of a line lacks its newline and its end, whoever it tells of.
fn is_cut_short(line: &Line<'_>) -> bool {
    !line.ended && serde_json::from_slice::<IgnoredAny>(line.text).is_err_and(|error| error.is_eof())
}

/// What `serde_json` says, without the place that it appends: its line is always 1.
fn message(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Function, Outcome, Value};

    const WRITE: &str = r#"{"time":5,"process":1,"type":"invoke","f":"write","key":"k","value":7}
{"time":9,"process":1,"type":"ok","f":"write","key":"k","value":7,"node":"n1","epoch":2,"lsn":31}
"#;

    fn read_text(text: &str) -> Result<Read, ReadError> {
        read(text.as_bytes(), "h.jsonl")
    }

    #[track_caller]
    fn check_refused(text: &str, expected: &str) {
        let message = read_text(text).expect_err("refused").to_string();
        assert!(message.contains(expected), "{message}\ndoes not say\n{expected}");
    }

    #[test]
    fn an_operation_has_what_both_its_events_told() {
        let history = read_text(WRITE).expect("valid").history;
        let [write] = history.operations() else { panic!("one operation") };
        assert_eq!((&write.function, &write.input, write.outcome), (&Function::Write, &Value::Int(7), Outcome::Ok));
        assert_eq!((write.node.as_deref(), write.epoch, write.lsn), (Some("n1"), Some(2), Some(31)));
        assert_eq!((write.invoked.order, write.invoked.time_ns), (0, Some(5)));
        assert_eq!(write.completed.map(|moment| (moment.order, moment.time_ns)), Some((1, Some(9))));
    }

    #[test]
    fn what_is_written_is_read_back() {
        let events: Vec<Event> = WRITE.lines().map(|line| serde_json::from_str(line).expect("valid")).collect();
        let mut written = Vec::new();
        for event in &events {
            write_event(&mut written, event).expect("memory takes it");
        }
        assert_eq!(String::from_utf8(written).expect("text"), WRITE);
    }

    #[test]
    fn a_compare_that_found_nothing_differs_from_one_that_does_not_tell() {
        let event = |seen: &str| {
            let invoke = r#"{"process":1,"type":"invoke","f":"cas","value":[1,2]}"#;
            let text = format!("{invoke}\n{{\"process\":1,\"type\":\"fail\",\"f\":\"cas\"{seen}}}\n");
            read_text(&text).expect("valid").history.operations()[0].seen.clone()
        };
        assert_eq!(event(""), None);
        assert_eq!(event(r#","seen":null"#), Some(Value::Nil.into()));
        assert_eq!(event(r#","seen":3"#), Some(Value::Int(3).into()));
    }

    #[test]
    fn strangers_are_passed_over() {
        let nemesis = r#"{"process":"nemesis","type":"info","f":"kill","value":{"n1":0.5}}"#;
        let unknown_field = WRITE.replace("\"key\"", "\"index\":[{}],\"key\"");
        let read = read_text(&format!("\u{feff}{nemesis}\r\n\n{unknown_field}")).expect("valid");
        assert_eq!((read.history.operations().len(), read.warnings.len()), (1, 0));
    }

    #[test]
    fn only_a_cut_in_the_last_line_is_forgiven() {
        for cut in 1..WRITE.len() {
            let read = read_text(&WRITE[..cut]).expect("the rest is sound");
            let whole_lines = [WRITE.find('\n').expect("two lines"), WRITE.len() - 1];
            let is_torn = !whole_lines.contains(&cut) && !WRITE[..cut].ends_with('\n');
            assert_eq!(read.warnings.len(), usize::from(is_torn), "cut at {cut}: {:?}", read.warnings);
        }
        let nemesis = r#"{"process":"nemesis","type":"info","f":"kill","value":"ä"}"#;
        for cut in 1..nemesis.len() {
            let read = read([WRITE.as_bytes(), &nemesis.as_bytes()[..cut]].concat().as_slice(), "h.jsonl");
            assert_eq!(read.expect("the rest is sound").warnings.len(), 1, "cut at {cut}");
        }
        check_refused(&format!("{}\n{WRITE}", &WRITE[..20]), "h.jsonl:1:20: EOF while parsing");
    }

    #[test]
    fn refusals_name_the_place_and_what_was_expected() {
        check_refused("{]\n", "h.jsonl:1:2: key must be a string");
        check_refused(&format!("{WRITE}{{\"process\":1,\"type\":\"okay\"}}\n"), "h.jsonl:3:26: unknown variant `okay`");
        check_refused(r#"{"process":1,"type":"ok","f":"read","value":0.5}"#, "expected null, a whole number");
        check_refused(r#"{"process":-1,"type":"ok","f":"read"}"#, "invalid value: integer `-1`");
        check_refused("\u{1}\n", "h.jsonl:1:1: expected value");
    }

    #[test]
    fn events_that_no_single_threaded_client_records_are_refused() {
        let line = |process: u64, kind: &str, function: &str| {
            format!("{{\"process\":{process},\"type\":\"{kind}\",\"f\":\"{function}\",\"key\":\"k{process}\"}}\n")
        };
        let read = line(1, "invoke", "read");
        check_refused(&line(1, "ok", "read"), "h.jsonl:1: process 1 completes a read, but has no operation open");
        check_refused(&format!("{read}{read}"), "h.jsonl:2: process 1 invokes a read while its read (event 1) is open");
        check_refused(&format!("{read}{}", line(1, "ok", "cas")), "h.jsonl:2: process 1 completes a cas, but had");
        check_refused(&format!("{read}{}", line(1, "ok", "read").replace("k1", "k2")), "but had invoked it on \"k1\"");
        let gone = format!("{read}{}{read}", line(1, "info", "read"));
        check_refused(&gone, "h.jsonl:3: process 1 acts again after an operation of unknown outcome (event 2)");
        let late = WRITE.replace("\"time\":5", "\"time\":10");
        check_refused(&late, "h.jsonl:2: time goes backwards, from 10 to 9 ns");
    }

    #[test]
    fn equal_times_are_concurrent_and_without_times_the_order_counts() {
        let orders = |text: &str| -> Vec<(u64, Option<u64>)> {
            let history = read_text(text).expect("valid").history;
            let order = |operation: &crate::history::Operation| {
                (operation.invoked.order, operation.completed.map(|completed| completed.order))
            };
            history.operations().iter().map(order).collect()
        };
        let second = WRITE.replace("\"process\":1", "\"process\":2").replace("\"time\":5", "\"time\":9");
        assert_eq!(orders(&format!("{WRITE}{second}")), [(0, Some(1)), (1, Some(1))]);
        let untimed = second.replace("\"time\":9,", "");
        assert_eq!(orders(&format!("{WRITE}{untimed}")), [(0, Some(1)), (2, Some(3))]);
    }
}
