//! EDN, the format of Jepsen's `history.edn`: operation maps, bare or in one vector or list. It judges nothing.
//!
//! Jepsen orders a history by position; its `:time`s may go backwards between processes and are only for people here.
//! Operations of no client (`:process :nemesis`) are passed over.

mod form;

use std::io::{BufRead, Read as _};
use std::sync::Arc;

pub(super) use self::form::Form;
use self::form::Parser;
use super::pairing::Pairing;
use super::reading::Recorder;
use super::{Event, EventType, Function, Read, ReadError, Value};

/// The largest file that is read, in bytes: EDN is held in memory whole, and this is some five million events.
const LARGEST_FILE: u64 = 512 << 20;

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
    let mut recorder = Recorder::new(source_name, Pairing::by_position());
    let bytes = read_all(reader, source_name, &recorder)?;
    let text = std::str::from_utf8(&bytes).map_err(|error| {
        let (line, column) = place(&String::from_utf8_lossy(&bytes), error.valid_up_to());
        recorder.malformed(line, column, "expected UTF-8 text".to_owned())
    })?;
    let mut parser = Parser::new(text.strip_prefix('\u{feff}').unwrap_or(text));
    let mut places = Places::default();
    loop {
        let entry = match parser.next_entry() {
            Ok(Some(entry)) => entry,
            Ok(None) => return Ok(recorder.finish()),
            Err(error) if error.is_unfinished => {
                recorder.truncated(places.line(parser.text(), error.at));
                return Ok(recorder.finish());
            }
            Err(error) => {
                let (line, column) = place(parser.text(), error.at);
                return Err(recorder.malformed(line, column, error.message));
            }
        };
        let line = places.line(parser.text(), entry.at);
        let event = event(entry.form, tuples).map_err(|message| {
            let (line, column) = place(parser.text(), entry.at);
            recorder.malformed(line, column, message)
        })?;
        if let Some(event) = event {
            recorder.record(event, line)?;
        }
    }
}

fn read_all(reader: impl BufRead, source_name: &str, recorder: &Recorder<'_>) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::new();
    let length = reader.take(LARGEST_FILE).read_to_end(&mut bytes).map_err(|source| ReadError::Io {
        source_name: source_name.to_owned(),
        line: 1,
        source,
    })?;
    if length as u64 == LARGEST_FILE {
        let message =
            format!("the file is larger than {LARGEST_FILE} bytes; convert it to JSON lines, which are streamed");
        return Err(recorder.malformed(1, 1, message));
    }
    Ok(bytes)
}

/// Line and column, in bytes, both counted from 1.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..at];
    (before.matches('\n').count() + 1, at - before.rfind('\n').map_or(0, |newline| newline + 1) + 1)
}

/// The lines of increasing offsets, without counting from the beginning each time.
#[derive(Default)]
struct Places {
    at: usize,
    newlines: usize,
}

impl Places {
    fn line(&mut self, text: &str, at: usize) -> usize {
        self.newlines += text[self.at..at].matches('\n').count();
        self.at = at;
        self.newlines + 1
    }
}

/// The event that an operation map tells, or `None` if it is not a client's.
fn event(form: Form, tuples: Tuples) -> Result<Option<Event>, String> {
    let Form::Map(entries) = form else {
        return Err(format!("expected an operation such as {{:process 0, :type :invoke, :f :read}}, found {form}"));
    };
    let mut fields = Fields(entries);
    let process = match fields.take("process") {
        Some(Form::Int(process)) => {
            u64::try_from(process).map_err(|_| format!("expected a :process from 0, found {process}"))?
        }
        Some(_) => return Ok(None),
        None => return Err("expected an operation, found a map without :process".to_owned()),
    };
    let event_type = event_type(&fields.take("type").ok_or("expected a :type")?)?;
    let function = function(&fields.take("f").ok_or("expected an :f")?)?;
    let mut key = fields.text("key")?;
    let mut value = fields.take("value").unwrap_or(Form::Nil);
    if tuples == Tuples::Independent {
        value = match value {
            Form::List(pair) => match <[Form; 2]>::try_from(pair) {
                Ok([tuple_key, tuple_value]) => {
                    key = Some(text(tuple_key)?.into());
                    tuple_value
                }
                Err(list) => Form::List(list),
            },
            other => other,
        };
    }
    Ok(Some(Event {
        time: fields.number("time")?,
        process,
        event_type,
        function,
        key,
        value: self::value(value)?,
        node: fields.text("node")?,
        epoch: fields.number("epoch")?,
        lsn: fields.number("lsn")?,
        seen: fields.take("seen").map(self::value).transpose()?,
        error: fields.take("error").map(|form| form.to_string().into()),
    }))
}

/// The entries of an operation map, taken by the names of their keywords.
struct Fields(Vec<(Form, Form)>);

impl Fields {
    fn take(&mut self, name: &str) -> Option<Form> {
        let is_named = |(key, _): &(Form, Form)| matches!(key, Form::Keyword(keyword) if keyword == name);
        let index = self.0.iter().position(is_named)?;
        Some(self.0.swap_remove(index).1)
    }

    fn text(&mut self, name: &str) -> Result<Option<Arc<str>>, String> {
        Ok(self.take(name).map(text).transpose()?.map(Arc::from))
    }

    fn number(&mut self, name: &str) -> Result<Option<u64>, String> {
        match self.take(name) {
            None | Some(Form::Nil) => Ok(None),
            Some(Form::Int(number)) if number >= 0 => Ok(Some(number.unsigned_abs())),
            Some(other) => Err(format!("expected a whole number from 0 as :{name}, found {other}")),
        }
    }
}

/// The kind of an event by its keyword.
pub(super) fn event_type(form: &Form) -> Result<EventType, String> {
    match form {
        Form::Keyword(name) if name == "invoke" => Ok(EventType::Invoke),
        Form::Keyword(name) if name == "ok" => Ok(EventType::Ok),
        Form::Keyword(name) if name == "fail" => Ok(EventType::Fail),
        Form::Keyword(name) if name == "info" => Ok(EventType::Info),
        other => Err(format!("expected :invoke, :ok, :fail or :info, found {other}")),
    }
}

/// The function by its keyword.
pub(super) fn function(form: &Form) -> Result<Function, String> {
    match form {
        Form::Keyword(name) | Form::Text(name) => Ok(Function::from(name.as_str())),
        other => Err(format!("expected the name of a function, such as :read, found {other}")),
    }
}

fn text(form: Form) -> Result<String, String> {
    match form {
        Form::Text(text) | Form::Keyword(text) => Ok(text),
        Form::Int(number) => Ok(number.to_string()),
        other => Err(format!("expected a name or a number, found {other}")),
    }
}

/// Keywords and truth values become their names, and sets become lists.
pub(super) fn value(form: Form) -> Result<Value, String> {
    match form {
        Form::Nil => Ok(Value::Nil),
        Form::Int(number) => Ok(Value::Int(number)),
        Form::Text(text) | Form::Keyword(text) => Ok(Value::Text(text.into())),
        Form::List(elements) => elements.into_iter().map(value).collect::<Result<_, _>>().map(Value::List),
        Form::Map(_) => Err(format!("expected nil, a whole number, text or a list of these, found {form}")),
    }
}

/// The parser of single forms, for lines of logs that hold some.
pub(super) fn forms(text: &str) -> impl Iterator<Item = Result<Form, String>> {
    let mut parser = Parser::new(text);
    std::iter::from_fn(move || parser.next_form().map_err(|error| error.message).transpose())
}

#[cfg(test)]
mod tests {
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
        check("{:process 0 :type}", "h.edn:1:18: expected a value for the key before it");
        check("[ }", "h.edn:1:3: expected `]`, found `}`");
        check(&"[".repeat(1000), "forms are nested deeper than");
        check("{:process 0 :type :ok :f :read}", "h.edn:1: process 0 completes a read, but has no operation open");
    }
}
