//! Jepsen's `jepsen.log`: lines such as `INFO  jepsen.util - 0\t:invoke\t:read\tnil` among others. It judges nothing.
//!
//! Lines that do not look like operations are passed over; one that looks like an operation and is none is an error.

use std::io::BufRead;

use super::edn::{self, Form};
use super::lines::Lines;
use super::pairing::Pairing;
use super::reading::Recorder;
use super::{Event, Read, ReadError};

/// What stands before an operation.
const MARKER: &str = "jepsen.util";

/// Reads a history. `source_name` is how messages name the file.
pub fn read(reader: impl BufRead, source_name: &str) -> Result<Read, ReadError> {
    let mut recorder = Recorder::new(source_name, Pairing::by_position());
    let mut lines = Lines::new(reader, source_name);
    while let Some(line) = lines.next()? {
        let text = String::from_utf8_lossy(line.text);
        let Some(operation) = operation(&text) else { continue };
        let column = text.len() - operation.len() + 1;
        match event(operation) {
            Ok(Some(event)) => recorder.record(event, line.number)?,
            Ok(None) => {}
            Err(_) if !line.ended => recorder.truncated(line.number),
            Err(message) => return Err(recorder.malformed(line.number, column, message)),
        }
    }
    Ok(recorder.finish())
}

/// The part of the line that tells an operation, if it looks like one: a client's number or an event's type is there.
fn operation(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once(MARKER)?;
    let rest = rest.trim_start();
    let rest = rest.strip_prefix("- ").unwrap_or(rest).trim_start();
    let mut words = rest.split_whitespace();
    let starts_with_number = words.next()?.parse::<i64>().is_ok();
    let has_type = words.next().is_some_and(|word| [":invoke", ":ok", ":fail", ":info"].contains(&word));
    (starts_with_number || has_type).then_some(rest)
}

/// The event that `PROCESS :TYPE :F VALUE` tells, or `None` if it is not a client's.
fn event(operation: &str) -> Result<Option<Event>, String> {
    let mut forms = edn::forms(operation);
    let mut next = |what: &str| forms.next().unwrap_or_else(|| Err(format!("expected {what}, found the line's end")));
    let process = match next("a process")? {
        Form::Int(process) => {
            u64::try_from(process).map_err(|_| format!("expected a process from 0, found {process}"))?
        }
        _ => return Ok(None),
    };
    Ok(Some(Event {
        time: None,
        process,
        event_type: edn::event_type(&next("a type")?)?,
        function: edn::function(&next("a function")?)?,
        key: None,
        value: edn::value(next("a value")?)?,
        node: None,
        epoch: None,
        lsn: None,
        seen: None,
        error: None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Outcome;

    fn read_text(text: &str) -> Result<Read, ReadError> {
        read(text.as_bytes(), "jepsen.log")
    }

    #[test]
    fn operations_are_found_among_other_lines() {
        let text = "INFO  jepsen.core - Running test\n\
                    INFO  jepsen.util - 0\t:invoke\t:cas\t[1 2]\n\
                    INFO  jepsen.util - waiting for 3 nodes\n\
                    INFO  jepsen.util - :nemesis\t:info\t:start\t\"Cut off {:n1 #{:n2}}\"\n\
                    INFO  jepsen.util - 0   :info   :cas    :timed-out\n";
        let history = read_text(text).expect("valid").history;
        assert_eq!(history.operations().len(), 1);
        assert_eq!(history.operations()[0].outcome, Outcome::Info);
    }

    #[test]
    fn what_only_looks_like_an_operation_is_refused() {
        let check = |text: &str, expected: &str| {
            let message = read_text(text).expect_err("refused").to_string();
            assert!(message.contains(expected), "{message}\ndoes not say\n{expected}");
        };
        check("INFO  jepsen.util - 0\t:okay\t:read\tnil\n", "jepsen.log:1:21: expected :invoke, :ok, :fail or :info");
        check("INFO  jepsen.util - 0\t:invoke\t:read\n", "jepsen.log:1:21: expected a value, found the line's end");
        check("INFO  jepsen.util - 0\t:ok\t:read\tnil\n", "jepsen.log:1: process 0 completes a read");
    }

    #[test]
    fn a_last_line_cut_short_is_left_out() {
        let read = read_text("INFO  jepsen.util - 0\t:invoke\t:read\tnil\nINFO  jepsen.util - 0\t:ok").expect("valid");
        assert_eq!((read.history.operations().len(), read.warnings.len()), (1, 1));
    }
}
