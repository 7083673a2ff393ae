//! Jepsen's `jepsen.log`: lines such as `INFO  jepsen.util - 0\t:invoke\t:read\tnil` among others. It judges nothing.
//!
//! Lines that do not look like operations are passed over; one that looks like an operation and is none is an error.

use std::io::BufRead;

use super::edn::{self, Operator};
use super::lines::Lines;
use super::pairing::Pairing;
use super::reading::{self, malformed};
use super::{Content, Entry, Event, NemesisEvent, Read, ReadError};

/// What stands before an operation.
const MARKER: &str = "jepsen.util";

/// Reads a history. `source_name` is how messages name the file.
pub fn read(reader: impl BufRead, source_name: &str) -> Result<Read, ReadError> {
    reading::collect(entries(reader, source_name), Pairing::by_position(), source_name)
}

/// The entries of a file, one after the other. Memory is a line's.
pub fn entries(reader: impl BufRead, source_name: &str) -> impl Iterator<Item = Result<Entry, ReadError>> {
    let mut lines = Lines::new(reader, source_name);
    let mut clients_before = 0;
    reading::until_error(move || {
        loop {
            let line = match lines.next().transpose()? {
                Ok(line) => line,
                Err(error) => return Some(Err(error)),
            };
            let text = String::from_utf8_lossy(line.text);
            let Some(operation) = operation(&text) else { continue };
            let content = match content(operation, clients_before) {
                Ok(Some(content)) => content,
                Ok(None) => continue,
                Err(_) if !line.ended => Content::CutShort,
                Err(message) => {
                    let column = text.len() - operation.len() + 1;
                    return Some(Err(malformed(source_name, line.number, column, message)));
                }
            };
            clients_before += u64::from(matches!(content, Content::Client(_)));
            return Some(Ok(Entry { line: line.number, content }));
        }
    })
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

/// What `PROCESS :TYPE :F VALUE` tells; nothing, if it is not a client's and not of that form.
fn content(operation: &str, clients_before: u64) -> Result<Option<Content>, String> {
    let mut forms = edn::forms(operation);
    let mut next = |what: &str| forms.next().unwrap_or_else(|| Err(format!("expected {what}, found the line's end")));
    let operator = edn::operator(next("a process")?)?;
    let mut rest = || {
        Ok::<_, String>((edn::event_type(&next("a type")?)?, edn::function(&next("a function")?)?, next("a value")?))
    };
    match (operator, rest()) {
        (Operator::Client(process), rest) => {
            let (event_type, function, value) = rest?;
            let value = edn::value(value)?;
            Ok(Some(Content::Client(Event { event_type, value, ..Event::invoke(process, function) })))
        }
        (Operator::Nemesis(process), Ok((event_type, function, value))) => {
            let value = edn::value_or_text(&value);
            Ok(Some(Content::Nemesis(NemesisEvent {
                time: None,
                clients_before,
                process,
                event_type,
                function,
                value,
            })))
        }
        (Operator::Nemesis(_), Err(_)) => Ok(None),
    }
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
