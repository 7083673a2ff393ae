//! What any reader reads, both writers write so that it is read back the same.

#![no_main]

use interregnum_checker::history::edn::{self, Tuples};
use interregnum_checker::history::{Content, Entry, Format, ReadError, entries, jsonl};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for format in [Format::Jsonl, Format::Edn, Format::JepsenLog] {
        let Ok(entries) = entries(bytes, "file", Some(format)) else { continue };
        let told = contents(entries);
        let mut lines = Vec::new();
        let mut writer = edn::Writer::new(Vec::new(), Tuples::Plain);
        for content in &told {
            match content {
                Content::Client(event) => jsonl::write_event(&mut lines, event).and_then(|()| writer.client(event)),
                Content::Nemesis(event) => jsonl::write_nemesis(&mut lines, event).and_then(|()| writer.nemesis(event)),
                Content::CutShort => Ok(()),
            }
            .expect("memory takes it");
        }
        assert_eq!(contents(jsonl::entries(&lines[..], "lines")), told);
        assert_eq!(contents(edn::entries(&writer.into_inner()[..], "EDN", Tuples::Plain)), told);
    }
});

/// The entries up to the first that is wrong or cut short.
fn contents(entries: impl Iterator<Item = Result<Entry, ReadError>>) -> Vec<Content> {
    let contents = entries.map_while(Result::ok).map(|entry| entry.content);
    contents.filter(|content| *content != Content::CutShort).collect()
}
