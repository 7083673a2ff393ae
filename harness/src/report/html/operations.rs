//! The operations of a history as columns of numbers, which a page unpacks faster than it could read them as text.
//!
//! A column is an array of little-endian numbers; the columns stand one after the other, those of the widest numbers first, so
//! that each is aligned. What operations say in words (arguments, answers, errors) is one text behind them.

use std::collections::BTreeMap;
use std::io::Write;

use interregnum_checker::history::{Function, History, Operation, Outcome, Value};
use serde::Serialize;

/// Instead of an index, where there is nothing to point to.
const NONE: u32 = u32::MAX;

/// What a page must know to read the columns.
#[derive(Debug, Default, Serialize)]
pub(super) struct Directory {
    pub count: usize,
    pub columns: Vec<Column>,
    /// What the indices in the columns `function`, `key` and `node` stand for.
    pub functions: Vec<String>,
    pub keys: Vec<String>,
    pub nodes: Vec<String>,
}

/// Where a column is.
#[derive(Debug, Serialize)]
pub(super) struct Column {
    name: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    offset: usize,
    length: usize,
}

/// Numbers for names, in the order in which they come.
#[derive(Default)]
struct Names {
    numbers: BTreeMap<String, u32>,
    names: Vec<String>,
}

impl Names {
    fn number(&mut self, name: &str) -> u32 {
        if let Some(&number) = self.numbers.get(name) {
            return number;
        }
        let number = self.names.len() as u32;
        self.numbers.insert(name.to_owned(), number);
        self.names.push(name.to_owned());
        number
    }
}

/// The columns and what is in them. `nodes` come first among the names of nodes, so that indices agree with the page's.
pub(super) fn columns(history: &History, nodes: &[String]) -> (Directory, Vec<u8>) {
    let operations = history.operations();
    let (mut functions, mut keys, mut node_names) = (Names::default(), Names::default(), Names::default());
    for node in nodes {
        node_names.number(node);
    }
    let mut packed = Packed::default();
    packed.f64("invoked", operations.iter().map(|told| time(told.invoked.time_ns)));
    packed
        .f64("ended", operations.iter().map(|told| time(told.completed.or(told.gave_up).and_then(|end| end.time_ns))));
    packed.f64("lsn", operations.iter().map(|told| told.lsn.map_or(f64::NAN, |lsn| lsn as f64)));
    packed.u32("process", operations.iter().map(|told| told.process as u32));
    packed.u32("epoch", operations.iter().map(|told| told.epoch.map_or(NONE, |epoch| epoch as u32)));
    packed.u32("key", operations.iter().map(|told| told.key.as_deref().map_or(NONE, |key| keys.number(key))));
    packed.u32("node", operations.iter().map(|told| told.node.as_deref().map_or(NONE, |node| node_names.number(node))));
    packed.u32("function", operations.iter().map(|told| functions.number(told.function.name())));
    let (ends, text) = words(operations);
    packed.u32("ends", ends.into_iter());
    packed.u8("outcome", operations.iter().map(|told| outcome(told.outcome)));
    packed.u8("text", text.into_iter());
    let directory = Directory {
        count: operations.len(),
        columns: packed.columns,
        functions: functions.names,
        keys: keys.names,
        nodes: node_names.names,
    };
    (directory, packed.bytes)
}

/// Nanoseconds since the run began; a run would have to last a hundred days before a `f64` does not hold each of them.
fn time(time_ns: Option<u64>) -> f64 {
    time_ns.map_or(f64::NAN, |time_ns| time_ns as f64)
}

fn outcome(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Ok => 0,
        Outcome::Fail => 1,
        Outcome::Info => 2,
    }
}

/// Of each operation its argument, its answer where that is another, and its error; and where each of the three ends.
fn words(operations: &[Operation]) -> (Vec<u32>, Vec<u8>) {
    let (mut ends, mut text) = (Vec::with_capacity(operations.len() * 3), Vec::new());
    for told in operations {
        let is_read = told.function == Function::Read;
        if told.input != Value::Nil {
            json(&mut text, &told.input);
        }
        ends.push(text.len() as u32);
        match &told.seen {
            Some(seen) => json(&mut text, seen),
            None if told.outcome == Outcome::Ok && (is_read || told.output != told.input) => {
                json(&mut text, &told.output);
            }
            None => {}
        }
        ends.push(text.len() as u32);
        text.extend_from_slice(told.error.as_deref().unwrap_or_default().as_bytes());
        ends.push(text.len() as u32);
    }
    (ends, text)
}

fn json(text: &mut Vec<u8>, value: &Value) {
    serde_json::to_writer(&mut *text, value).expect("memory takes any value");
}

/// Columns in the making.
#[derive(Default)]
struct Packed {
    columns: Vec<Column>,
    bytes: Vec<u8>,
}

impl Packed {
    fn f64(&mut self, name: &'static str, values: impl Iterator<Item = f64>) {
        self.column(name, "f64", size_of::<f64>(), values.map(f64::to_le_bytes));
    }

    fn u32(&mut self, name: &'static str, values: impl Iterator<Item = u32>) {
        self.column(name, "u32", size_of::<u32>(), values.map(u32::to_le_bytes));
    }

    fn u8(&mut self, name: &'static str, values: impl Iterator<Item = u8>) {
        self.column(name, "u8", size_of::<u8>(), values.map(|value| [value]));
    }

    fn column<const SIZE: usize>(
        &mut self,
        name: &'static str,
        kind: &'static str,
        size: usize,
        values: impl Iterator<Item = [u8; SIZE]>,
    ) {
        let offset = self.bytes.len();
        assert!(offset.is_multiple_of(size), "wider numbers come first");
        for value in values {
            self.bytes.extend_from_slice(&value);
        }
        self.columns.push(Column { name, kind, offset, length: (self.bytes.len() - offset) / size });
    }
}

/// Bytes for a script of the page: compressed, and as text that nothing in a page takes for anything else.
pub(super) fn as_text(bytes: &[u8]) -> String {
    use base64::Engine as _;
    let mut compressed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    compressed.write_all(bytes).expect("memory takes any number of bytes");
    let compressed = compressed.finish().expect("memory takes any number of bytes");
    base64::engine::general_purpose::STANDARD.encode(compressed)
}

#[cfg(test)]
mod tests {
    use interregnum_checker::history::jsonl;

    use super::*;

    const HISTORY: &str = r#"{"time":5,"process":1,"type":"invoke","f":"append","key":"l0","value":7}
{"time":6,"process":2,"type":"invoke","f":"read","key":"l1","value":null}
{"time":9,"process":1,"type":"ok","f":"append","key":"l0","value":7,"node":"n2","epoch":3,"lsn":31}
{"time":11,"process":2,"type":"ok","f":"read","key":"l1","value":[],"node":"n1"}
{"time":12,"process":3,"type":"invoke","f":"append","key":"l0","value":8}
{"time":20,"process":3,"type":"info","f":"append","key":"l0","value":8,"error":"timed out"}
"#;

    /// A column as numbers.
    fn numbers(directory: &Directory, bytes: &[u8], name: &str) -> Vec<f64> {
        let column = directory.columns.iter().find(|column| column.name == name).expect("a column");
        let at = &bytes[column.offset..];
        let number = |index: usize| match column.kind {
            "f64" => f64::from_le_bytes(at[index * 8..][..8].try_into().unwrap()),
            "u32" => u32::from_le_bytes(at[index * 4..][..4].try_into().unwrap()).into(),
            _ => at[index].into(),
        };
        (0..column.length).map(number).collect()
    }

    #[test]
    fn columns_hold_what_operations_tell() {
        let history = jsonl::read(HISTORY.as_bytes(), "h").unwrap().history;
        let (directory, bytes) = columns(&history, &["n1".to_owned(), "n2".to_owned()]);
        let column = |name: &str| numbers(&directory, &bytes, name);
        assert_eq!(directory.count, 3);
        assert_eq!((column("invoked"), column("ended")), (vec![5.0, 6.0, 12.0], vec![9.0, 11.0, 20.0]));
        assert_eq!((column("process"), column("outcome")), (vec![1.0, 2.0, 3.0], vec![0.0, 0.0, 2.0]));
        assert_eq!(
            (column("node"), column("epoch")),
            (vec![1.0, 0.0, NONE.into()], vec![3.0, NONE.into(), NONE.into()])
        );
        assert_eq!((&directory.keys, column("key")), (&vec!["l0".to_owned(), "l1".to_owned()], vec![0.0, 1.0, 0.0]));
        assert_eq!(column("lsn")[0].to_bits(), 31_f64.to_bits());
        let text = directory.columns.last().unwrap();
        assert_eq!(&bytes[text.offset..], b"7[]8timed out");
        assert_eq!(column("ends"), [1.0, 1.0, 1.0, 1.0, 3.0, 3.0, 4.0, 4.0, 13.0]);
    }
}
