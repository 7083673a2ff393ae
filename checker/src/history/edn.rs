//! EDN, the format of Jepsen's `history.edn`: operation maps, bare or in one vector or list. It judges nothing.
//!
//! Jepsen orders a history by position; its `:time`s may go backwards between processes and are only for people here.
//! What is read and what is written have the same keywords: Jepsen's, and for what Jepsen has none, those of JSON lines
//! (`:key`, `:node`, `:epoch`, `:lsn`, `:seen`).

mod entries;
mod form;
mod write;

use std::io::BufRead;
use std::iter;
use std::sync::Arc;

use self::entries::{Entries, Located, Next};
pub(super) use self::form::Form;
use self::form::Parser;

pub use self::write::Writer;
use super::names::Names;
use super::pairing::Pairing;
use super::reading::{self, malformed};
use super::{Content, Entry, Event, EventType, Function, NemesisEvent, Read, ReadError, Value};

/// What a value `[k v]` means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tuples {
    /// A list of two, as in a compare-and-set.
    Plain,
    /// Key `k`, value `v`, as `jepsen.independent` writes them.
    Independent,
}

/// Reads a history. `source_name` is how messages name the file.
pub fn read(reader: impl BufRead, source_name: &str, tuples: Tuples) -> Result<Read, ReadError> {
    reading::collect(entries(reader, source_name, tuples), Pairing::by_position(), source_name)
}

/// The entries of a file, one after the other. Memory is an entry's.
pub fn entries(
    reader: impl BufRead,
    source_name: &str,
    tuples: Tuples,
) -> impl Iterator<Item = Result<Entry, ReadError>> {
    let mut entries = Entries::new(reader, source_name);
    let mut names = Names::new();
    let mut clients_before = 0;
    reading::until_error(move || {
        loop {
            let Located { line, column, form } = match entries.next() {
                Ok(Next::Entry(located)) => located,
                Ok(Next::CutShort { line }) => return Some(Ok(Entry { line, content: Content::CutShort })),
                Ok(Next::End) => return None,
                Err(error) => return Some(Err(error)),
            };
            match content(form, tuples, &mut names, clients_before) {
                Ok(Some(content)) => {
                    clients_before += u64::from(matches!(content, Content::Client(_)));
                    return Some(Ok(Entry { line, content }));
                }
                Ok(None) => {}
                Err(message) => return Some(Err(malformed(source_name, line, column, message))),
            }
        }
    })
}

/// What an operation map tells; nothing, if it is not a client's and lacks a type or a function.
fn content(form: Form, tuples: Tuples, names: &mut Names, clients_before: u64) -> Result<Option<Content>, String> {
    let Form::Map(entries) = form else {
        let found = shown(&form);
        return Err(format!("expected an operation such as {{:process 0, :type :invoke, :f :read}}, found {found}"));
    };
    let mut fields = Fields(entries);
    let process = fields.take("process").ok_or("expected an operation, found a map without :process")?;
    let event_type = fields.take("type").ok_or("expected a :type").map(|form| event_type(&form));
    let function = fields.take("f").ok_or("expected an :f").map(|form| function(&form));
    match operator(process)? {
        Operator::Client(process) => {
            let event = Event { event_type: event_type??, ..Event::invoke(process, function??) };
            client(event, fields, tuples, names).map(Content::Client).map(Some)
        }
        Operator::Nemesis(process) => {
            let (Ok(Ok(event_type)), Ok(Ok(function))) = (event_type, function) else { return Ok(None) };
            let time = fields.number("time").ok().flatten();
            let value = value_or_text(&fields.take("value").unwrap_or(Form::Nil));
            Ok(Some(Content::Nemesis(NemesisEvent { time, clients_before, process, event_type, function, value })))
        }
    }
}

/// The event with what the other fields tell.
fn client(bare: Event, mut fields: Fields, tuples: Tuples, names: &mut Names) -> Result<Event, String> {
    let mut key = fields.text("key", names)?;
    let mut value = fields.take("value").unwrap_or(Form::Nil);
    if tuples == Tuples::Independent {
        value = match value {
            Form::List(pair) => match <[Form; 2]>::try_from(pair) {
                Ok([tuple_key, tuple_value]) => {
                    key = Some(names.share(&text(tuple_key)?));
                    tuple_value
                }
                Err(list) => Form::List(list),
            },
            other => other,
        };
    }
    Ok(Event {
        time: fields.number("time")?,
        key,
        value: self::value(value)?,
        node: fields.text("node", names)?,
        epoch: fields.number("epoch")?,
        lsn: fields.number("lsn")?,
        seen: fields.take("seen").map(self::value).transpose()?,
        error: fields.take("error").filter(|form| *form != Form::Nil).map(|form| names.share(&form.to_string())),
        ..bare
    })
}

/// The entries of an operation map, taken by the names of their keywords.
struct Fields(Vec<(Form, Form)>);

impl Fields {
    fn take(&mut self, name: &str) -> Option<Form> {
        let is_named = |(key, _): &(Form, Form)| matches!(key, Form::Keyword(keyword) if keyword == name);
        let index = self.0.iter().position(is_named)?;
        Some(self.0.swap_remove(index).1)
    }

    fn text(&mut self, name: &str, names: &mut Names) -> Result<Option<Arc<str>>, String> {
        match self.take(name) {
            None | Some(Form::Nil) => Ok(None),
            Some(form) => text(form).map(|text| Some(names.share(&text))),
        }
    }

    fn number(&mut self, name: &str) -> Result<Option<u64>, String> {
        match self.take(name) {
            None | Some(Form::Nil) => Ok(None),
            Some(form) => match number(&form) {
                Some(number) => Ok(Some(number)),
                None => Err(format!("expected a whole number from 0 as :{name}, found {}", shown(&form))),
            },
        }
    }
}

/// Who did something.
pub(super) enum Operator {
    Client(u64),
    /// Or somebody else who is no client.
    Nemesis(Arc<str>),
}

pub(super) fn operator(form: Form) -> Result<Operator, String> {
    if let Some(process) = number(&form) {
        return Ok(Operator::Client(process));
    }
    let name = match form {
        Form::Int(process) => return Err(format!("expected a :process from 0, found {process}")),
        Form::Keyword(name) | Form::Text(name) => name,
        other => other.to_string(),
    };
    // As in JSON lines, which could not tell it from a client.
    match name.parse::<u64>() {
        Ok(_) => Err(format!("expected a number or a name as :process, found the keyword :{name}")),
        Err(_) => Ok(Operator::Nemesis(name.into())),
    }
}

/// A number that is no `i64` was kept as text.
fn number(form: &Form) -> Option<u64> {
    match form {
        Form::Int(number) => u64::try_from(*number).ok(),
        Form::Text(text) => text.parse().ok(),
        _ => None,
    }
}

/// The most characters of a form that a message shows.
const SHOWN_CHARS: usize = 80;

fn shown(form: &Form) -> String {
    let text = form.to_string();
    match text.char_indices().nth(SHOWN_CHARS) {
        None => text,
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

/// The kind of an event by its keyword.
pub(super) fn event_type(form: &Form) -> Result<EventType, String> {
    match form {
        Form::Keyword(name) if name == "invoke" => Ok(EventType::Invoke),
        Form::Keyword(name) if name == "ok" => Ok(EventType::Ok),
        Form::Keyword(name) if name == "fail" => Ok(EventType::Fail),
        Form::Keyword(name) if name == "info" => Ok(EventType::Info),
        other => Err(format!("expected :invoke, :ok, :fail or :info, found {}", shown(other))),
    }
}

/// The function by its keyword.
pub(super) fn function(form: &Form) -> Result<Function, String> {
    match form {
        Form::Keyword(name) | Form::Text(name) => Ok(Function::from(name.as_str())),
        other => Err(format!("expected the name of a function, such as :read, found {}", shown(other))),
    }
}

fn text(form: Form) -> Result<String, String> {
    match form {
        Form::Text(text) | Form::Keyword(text) => Ok(text),
        Form::Int(number) => Ok(number.to_string()),
        other => Err(format!("expected a name or a number, found {}", shown(&other))),
    }
}

/// Keywords and truth values become their names, and sets become lists.
pub(super) fn value(form: Form) -> Result<Value, String> {
    match form {
        Form::Nil => Ok(Value::Nil),
        Form::Int(number) => Ok(Value::Int(number)),
        Form::Text(text) | Form::Keyword(text) => Ok(Value::Text(text.into())),
        Form::List(elements) => elements.into_iter().map(value).collect::<Result<_, _>>().map(Value::List),
        Form::Map(_) => Err(format!("expected nil, a whole number, text or a list of these, found {}", shown(&form))),
    }
}

/// The same of what the nemesis tells, in which there are maps.
pub(super) fn value_or_text(form: &Form) -> Value {
    value(form.clone()).unwrap_or_else(|_| Value::Text(form.to_string().into()))
}

/// The parser of single forms, for lines of logs that hold some.
pub(super) fn forms(text: &str) -> impl Iterator<Item = Result<Form, String>> {
    let mut parser = Parser::new(text);
    iter::from_fn(move || parser.next_form().map_err(|error| error.message).transpose())
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    fn read_text(text: &str) -> Result<Read, ReadError> {
        read(text.as_bytes(), "h.edn", Tuples::Plain)
    }

    #[test]
    fn vectors_lists_and_bare_maps_are_one_history() {
        let maps = "{:process 1, :type :invoke, :f :cas, :value [1 2], :time 9} ; comment
            #jepsen.history.Op{:process :nemesis :type :info :f :kill :value {:n1 0.5}}
            {:f :cas :type :fail, :process 1, :value [1 2] :time 3 :error [:no \"way\"] :seen nil}\n";
        let bare = read_text(maps).expect("valid");
        for text in [format!("[{maps}]"), format!("({maps})"), format!("\u{feff}#_[1 2] [{maps}]")] {
            assert_eq!(read_text(&text).expect("valid"), bare, "{text}");
        }
        let [cas] = bare.history.operations() else { panic!("one operation") };
        assert_eq!((cas.seen.as_deref(), cas.error.as_deref()), (Some(&Value::Nil), Some("[:no way]")));
        assert_eq!(cas.input, Value::List(vec![Value::Int(1), Value::Int(2)]));
    }

    #[test]
    fn independent_tuples_are_keys_only_when_asked() {
        let text = "{:process 1 :type :invoke :f :read :value [x nil]} {:process 1 :type :ok :f :read :value [x 3]}";
        let keyed = read(text.as_bytes(), "h.edn", Tuples::Independent).expect("valid").history;
        assert_eq!((keyed.operations()[0].key.as_deref(), &keyed.operations()[0].output), (Some("x"), &Value::Int(3)));
        assert_eq!(read_text(text).expect("valid").history.operations()[0].key, None);
    }

    #[test]
    fn what_a_crashed_writer_leaves_is_read_with_a_warning() {
        let text = "[{:process 1, :type :invoke, :f :read, :value nil}\n {:process 2, :type :inv";
        let read = read_text(text).expect("the rest is sound");
        assert_eq!(read.history.operations().len(), 1);
        assert!(read.warnings[0].starts_with("h.edn:2: the last entry is cut short"), "{:?}", read.warnings);
    }

    /// Whatever the file is cut into for reading, it is the same history with the same places.
    #[test]
    fn files_longer_than_what_is_read_at_once_are_read_whole() {
        let padding = "ä, ".repeat(100);
        let long = format!("\"{}\"", "ö".repeat(100_000));
        for shift in 0..7 {
            let mut text = format!("{}[#_[{padding}] ; {long}\n", " ".repeat(shift));
            for process in 0..500 {
                let value = if process == 250 { &long } else { "ä" };
                writeln!(text, "{{:process {process}\n :type :invoke :f :write, :value {value}}} ;{padding}")
                    .expect("memory takes it");
            }
            assert_eq!(read_text(&format!("{text}]")).expect("valid").history.operations().len(), 500);
            let read = read_text(&text).expect("only its end is missing");
            assert!(read.warnings[0].starts_with("h.edn:1002: "), "{:?}", read.warnings);
            let message = read_text(&format!("{text}  {{:process 1 :type :okay :f :x}}]")).expect_err("refused");
            assert!(message.to_string().starts_with("h.edn:1002:3: expected :invoke"), "{message}");
        }
    }

    #[test]
    fn refusals_name_the_place_and_what_was_expected() {
        let check = |text: &str, expected: &str| {
            let message = read_text(text).expect_err("refused").to_string();
            assert!(message.contains(expected), "{message}\ndoes not say\n{expected}");
        };
        check("[7]", "h.edn:1:2: expected an operation such as {:process 0, :type :invoke, :f :read}, found 7");
        check("\n {:f :read}", "h.edn:2:2: expected an operation, found a map without :process");
        check("{:process 0 :type :okay :f :read}", "expected :invoke, :ok, :fail or :info, found :okay");
        check("{:process 0 :type :ok :f :read :time -1}", "expected a whole number from 0 as :time, found -1");
        check("{:process -1 :type :ok :f :read}", "expected a :process from 0, found -1");
        check("{:process :5 :type :ok :f :read}", "expected a number or a name as :process, found the keyword :5");
        check("{:process 0 :type}", "h.edn:1:18: expected a value for the key before it");
        check("[ }", "h.edn:1:3: expected `]`, found `}`");
        check(&"[".repeat(1000), "forms are nested deeper than");
        check("{:process 0 :type :ok :f :read}", "h.edn:1: process 0 completes a read, but has no operation open");
    }
}
