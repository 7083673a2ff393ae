//! JSON lines: no bytes make the reader panic, what it refuses it places, and what it tells of an event is what `serde_json`
//! tells of the line: the reader has a quicker way than that through plain lines.

#![no_main]

use interregnum_checker::history::{Content, Event, jsonl};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Err(error) = jsonl::read(bytes, "file") {
        assert!(error.to_string().starts_with("file:"), "{error}");
    }
    let lines: Vec<&[u8]> = bytes.split(|&byte| byte == b'\n').collect();
    for entry in jsonl::entries(bytes, "file").map_while(Result::ok) {
        if let Content::Client(event) = entry.content {
            let line = lines[entry.line - 1];
            let line = line.strip_prefix("\u{feff}".as_bytes()).filter(|_| entry.line == 1).unwrap_or(line);
            assert_eq!(serde_json::from_slice::<Event>(line).ok(), Some(event));
        }
    }
});
