//! The files in which a rewound node puts aside the records it gives up, as `MongoDB` keeps rollback files.
//!
//! One JSON object a line, for people: `{"lsn":7,"epoch":2,"gtid":"n1:5","set":{"key":"k","before":"1","after":"2"}}`.
//! Bytes that are not UTF-8 appear as `{"hex":"…"}`.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde_json::{Value as Json, json};

use crate::change_json::gtid_text;
use crate::disk::{Disk, DiskError};
use crate::record::{Change, End, Epoch, Record, Value};

/// Bytes of lines put together for one write.
const BUFFER_BYTES: usize = 1 << 20;

/// Puts records aside durably, in a new file under `data/rewound` that is named after the epoch that made the node give
/// them up and the first of them. Returns its path.
pub(crate) fn put_aside(
    disk: &Disk,
    data: &Path,
    members: &[String],
    epoch: Epoch,
    records: &[Record],
) -> Result<PathBuf, DiskError> {
    let dir = data.join("rewound");
    fs::create_dir_all(&dir).map_err(DiskError::write(&dir))?;
    let first_lsn = records.first().map_or(0, |record| record.stamp.lsn);
    let (file, path) = create_new(disk, &dir, &format!("{epoch}-{first_lsn}"))?;
    if let Err(error) = write(disk, &file, &path, members, records) {
        let _ = fs::remove_file(&path); // half of it; the records are still in the log, and are put aside again after recovery
        return Err(error);
    }
    disk.sync_dir(&dir)?;
    disk.sync_dir(data)?;
    Ok(path)
}

fn write(disk: &Disk, file: &File, path: &Path, members: &[String], records: &[Record]) -> Result<(), DiskError> {
    let mut lines = Vec::new();
    for record in records {
        let _ = writeln!(lines, "{}", record_json(record, members)); // a vector takes anything
        if lines.len() >= BUFFER_BYTES {
            disk.write(file, path, &lines)?;
            lines.clear();
        }
    }
    disk.write(file, path, &lines)?;
    disk.sync_all(file, path)
}

/// Never an existing file: it may hold other records, given up to another leader of the same epoch.
fn create_new(disk: &Disk, dir: &Path, name: &str) -> Result<(File, PathBuf), DiskError> {
    let names = std::iter::once(format!("{name}.jsonl")).chain((2..).map(|attempt| format!("{name}-{attempt}.jsonl")));
    for path in names.map(|name| dir.join(name)) {
        match disk.create_new(&path) {
            Err(error) if error.source.kind() == io::ErrorKind::AlreadyExists => {}
            opened => return opened.map(|file| (file, path)),
        }
    }
    unreachable!("there is always another number")
}

/// A record for people; also what `dump` prints.
pub(crate) fn record_json(record: &Record, members: &[String]) -> Json {
    let mut json = json!({
        "lsn": record.stamp.lsn,
        "epoch": record.stamp.epoch,
        "gtid": gtid_text(record.stamp.gtid, members),
    });
    let (name, change) = match &record.change {
        Change::Noop => ("noop", Json::Null),
        Change::Members { before, after } => ("members", json!({ "before": before, "after": after })),
        Change::Check { range, sum } => {
            let (rows, checksum) = (sum.rows, format!("{:08x}", sum.checksum));
            (
                "check",
                json!({ "from": bytes_json(&range.from), "to": range.to.as_ref().map(bytes_json), "rows": rows, "checksum": checksum }),
            )
        }
        Change::Repair { range, rows } => (
            "repair",
            json!({ "from": bytes_json(&range.from), "to": range.to.as_ref().map(bytes_json), "rows": rows.len() }),
        ),
        Change::Bytes(delta) => {
            let (places, bytes) = delta.extent();
            ("bytes", json!({ "places": places, "bytes": bytes }))
        }
        Change::Set { key, before, after } => {
            let before = before.as_ref().map_or(Json::Null, value_json);
            ("set", json!({ "key": bytes_json(key), "before": before, "after": bytes_json(after) }))
        }
        Change::Delete { rows } => {
            let row = |(key, value): &(Bytes, Value)| json!({ "key": bytes_json(key), "before": value_json(value) });
            ("delete", rows.iter().map(row).collect())
        }
        Change::Push { key, end, elements } => {
            let elements: Vec<Json> = elements.iter().map(bytes_json).collect();
            let name = if *end == End::Front { "push_front" } else { "push_back" };
            (name, json!({ "key": bytes_json(key), "elements": elements }))
        }
    };
    json[name] = change;
    json
}

pub(crate) fn value_json(value: &Value) -> Json {
    match value {
        Value::String(string) => bytes_json(string),
        Value::List(list) => list.range(0..list.len()).map(bytes_json).collect(),
    }
}

pub(crate) fn bytes_json(bytes: &Bytes) -> Json {
    match std::str::from_utf8(bytes) {
        Ok(text) => Json::from(text),
        Err(_) => json!({ "hex": format!("{bytes:x}") }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Gtid, Member, Stamp};

    #[test]
    fn an_operator_can_read_what_was_given_up() {
        let dir = tempfile::tempdir().unwrap();
        let members = ["n1", "n2"].map(String::from);
        let record = |lsn, change| {
            let gtid = Gtid { origin: Member(1), sequence: lsn };
            Record { stamp: Stamp { lsn, epoch: 3, gtid }, change, request: None }
        };
        let text = |text: &'static [u8]| Bytes::from_static(text);
        let list = Value::List([text(b"x")].into_iter().collect());
        let records = [
            record(7, Change::Noop),
            record(8, Change::Set { key: text(b"k"), before: None, after: text(b"\xff\x00") }),
            record(9, Change::Delete { rows: vec![(text(b"l"), list)] }),
            record(10, Change::Push { key: text(b"l"), end: End::Back, elements: vec![text(b"y\n")] }),
        ];
        let path = put_aside(&Disk::default(), dir.path(), &members, 4, &records).unwrap();
        assert!(path.ends_with("rewound/4-7.jsonl"), "{}", path.display());
        let expected = [
            r#"{"epoch":3,"gtid":"n2:7","lsn":7,"noop":null}"#,
            r#"{"epoch":3,"gtid":"n2:8","lsn":8,"set":{"after":{"hex":"ff00"},"before":null,"key":"k"}}"#,
            r#"{"delete":[{"before":["x"],"key":"l"}],"epoch":3,"gtid":"n2:9","lsn":9}"#,
            r#"{"epoch":3,"gtid":"n2:10","lsn":10,"push_back":{"elements":["y\n"],"key":"l"}}"#,
        ];
        assert_eq!(fs::read_to_string(&path).unwrap().lines().collect::<Vec<_>>(), expected);

        let second = put_aside(&Disk::default(), dir.path(), &members, 4, &records[..1]).unwrap();
        assert_ne!(second, path, "what was put aside is never overwritten");
    }
}
