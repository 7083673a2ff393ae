//! Histories told line by line: `PROCESS TYPE F VALUE`, each event at its second. It knows no checker.

use interregnum_checker::history::{History, jsonl};

/// The history of a story. What follows a `|` is put into the event as it is.
pub(crate) fn history(story: &str) -> History {
    let line = |(index, line): (usize, &str)| {
        let (event, more) =
            line.split_once('|').map_or((line, String::new()), |(event, more)| (event, format!(",{more}")));
        let parts: Vec<&str> = event.trim().splitn(4, ' ').collect();
        let [process, kind, function, value] = parts[..] else { panic!("not an event: {line}") };
        let time = (index + 1) * 1_000_000_000;
        format!(
            "{{\"time\":{time},\"process\":{process},\"type\":\"{kind}\",\"f\":\"{function}\",\"value\":{value}{more}}}\n"
        )
    };
    let text: String = story.trim().lines().enumerate().map(line).collect();
    jsonl::read(text.as_bytes(), "story").unwrap_or_else(|error| panic!("{error}")).history
}
