//! Changes of rows as JSON, one line each, as change data capture has them.
//!
//! `{"lsn":7,"epoch":2,"gtid":"n1:5","op":"update","key":"k","before":"1","after":"2"}`. Bytes that are not UTF-8 appear as `{"hex":"…"}`.
//! Not here: whole records for people (`rewound`), and which changes are told to whom (`core::changes`).

use bytes::Bytes;
use serde_json::{Value as Json, json};

use crate::record::{Change, End, Gtid, Member, Record};
use crate::rewound::{bytes_json, value_json};

/// `n1:5`.
pub(crate) fn gtid_text(gtid: Gtid, members: &[String]) -> String {
    let Gtid { origin: Member(origin), sequence } = gtid;
    format!("{}:{sequence}", members.get(usize::from(origin)).map_or("?", String::as_str))
}

/// The changes of a record, one for each row; none, if it changes no rows.
pub(crate) fn change_lines(record: &Record, members: &[String]) -> Vec<Json> {
    let line = |op: &str, key: &Bytes| {
        json!({
            "lsn": record.stamp.lsn,
            "epoch": record.stamp.epoch,
            "gtid": gtid_text(record.stamp.gtid, members),
            "op": op,
            "key": bytes_json(key),
        })
    };
    match &record.change {
        Change::Noop | Change::Members { .. } | Change::Bytes(_) | Change::Check { .. } | Change::Repair { .. } => {
            Vec::new()
        }
        Change::Set { key, before: None, after } => {
            let mut line = line("insert", key);
            line["after"] = bytes_json(after);
            vec![line]
        }
        Change::Set { key, before: Some(before), after } => {
            let mut line = line("update", key);
            (line["before"], line["after"]) = (value_json(before), bytes_json(after));
            vec![line]
        }
        Change::Delete { rows } => {
            let delete = |(key, before): &(Bytes, _)| {
                let mut line = line("delete", key);
                line["before"] = value_json(before);
                line
            };
            rows.iter().map(delete).collect()
        }
        Change::Push { key, end, elements } => {
            let mut line = line("update", key);
            let part = if *end == End::Front { "push_front" } else { "push_back" };
            line[part] = elements.iter().map(bytes_json).collect();
            vec![line]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Stamp, Value};

    #[test]
    fn each_row_has_its_line_with_its_images() {
        let text = |text: &'static [u8]| Bytes::from_static(text);
        let lines = |change| {
            let stamp = Stamp { lsn: 7, epoch: 3, gtid: Gtid { origin: Member(1), sequence: 9 } };
            let lines = change_lines(&Record { stamp, change, request: None }, &["n1", "n2"].map(String::from));
            lines.iter().map(Json::to_string).collect::<Vec<_>>()
        };
        let list = || Value::List([text(b"x")].into_iter().collect());
        let at = r#""lsn":7,"op":"#;
        for (change, expected) in [
            (Change::Noop, vec![]),
            (
                Change::Set { key: text(b"k"), before: None, after: text(b"\xff\x00") },
                vec![format!(r#"{{"after":{{"hex":"ff00"}},"epoch":3,"gtid":"n2:9","key":"k",{at}"insert"}}"#)],
            ),
            (
                Change::Set { key: text(b"k"), before: Some(list()), after: text(b"v") },
                vec![format!(r#"{{"after":"v","before":["x"],"epoch":3,"gtid":"n2:9","key":"k",{at}"update"}}"#)],
            ),
            (
                Change::Delete { rows: vec![(text(b"a"), list()), (text(b"b"), Value::String(text(b"v")))] },
                vec![
                    format!(r#"{{"before":["x"],"epoch":3,"gtid":"n2:9","key":"a",{at}"delete"}}"#),
                    format!(r#"{{"before":"v","epoch":3,"gtid":"n2:9","key":"b",{at}"delete"}}"#),
                ],
            ),
            (
                Change::Push { key: text(b"l"), end: End::Front, elements: vec![text(b"y\n")] },
                vec![format!(r#"{{"epoch":3,"gtid":"n2:9","key":"l",{at}"update","push_front":["y\n"]}}"#)],
            ),
        ] {
            assert_eq!(lines(change), expected);
        }
    }
}
