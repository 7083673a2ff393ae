//! The quick way through a plain line: whole numbers, texts without escapes, flat lists, at most one blank between things.
//! It decides nothing: what it does not know, and whatever is wrong, it leaves to `serde_json`, which also words the errors.
//!
//! It exists for speed alone (a line costs about what it costs `serde_json` to skip it), so its one promise, held by
//! a test in `tests/readers.rs` and by fuzzing, is that it never tells another event than `serde_json` does.

use super::super::names::Names;
use super::super::{Event, EventType, Function, Value};

/// The event on a plain line, or `None` if the line is not plain.
pub(super) fn event(line: &str, names: &mut Names) -> Option<Event> {
    let mut scan = Scan { line, at: 0 };
    let mut event = Event::invoke(0, Function::Read);
    let mut told = 0;
    scan.skip(b'{')?;
    loop {
        let name = scan.word()?;
        scan.skip(b':')?;
        let field = read_field(name, &mut event, &mut scan, names)?;
        if told & field != 0 {
            return None; // A field that is there twice.
        }
        told |= field;
        match scan.next()? {
            b',' => scan.skip_blank(),
            b'}' if scan.at == line.len() => return (told & REQUIRED == REQUIRED).then_some(event),
            _ => return None,
        }
    }
}

/// The bits of the fields that every event has.
const REQUIRED: u16 = 0b111;

/// Reads the field of that name and returns its bit; Jepsen's index, which we have no use for, has none.
fn read_field(name: u64, event: &mut Event, scan: &mut Scan<'_>, names: &mut Names) -> Option<u16> {
    let bit = match name {
        PROCESS => {
            event.process = scan.number()?;
            0
        }
        TYPE => {
            event.event_type = event_type(scan.word()?)?;
            1
        }
        FUNCTION => {
            event.function = names.function(scan.text()?);
            2
        }
        TIME => {
            event.time = Some(scan.number()?);
            3
        }
        KEY => {
            event.key = Some(names.share(scan.text()?));
            4
        }
        VALUE => {
            event.value = scan.value()?;
            5
        }
        NODE => {
            event.node = Some(names.share(scan.text()?));
            6
        }
        EPOCH => {
            event.epoch = Some(scan.number()?);
            7
        }
        LSN => {
            event.lsn = Some(scan.number()?);
            8
        }
        SEEN => {
            event.seen = Some(scan.value()?);
            9
        }
        ERROR => {
            event.error = Some(names.share(scan.text()?));
            10
        }
        INDEX => return scan.number().map(|_| 0),
        _ => return None,
    };
    Some(1 << bit)
}

const TIME: u64 = word(b"time");
const PROCESS: u64 = word(b"process");
const TYPE: u64 = word(b"type");
const FUNCTION: u64 = word(b"f");
const KEY: u64 = word(b"key");
const VALUE: u64 = word(b"value");
const NODE: u64 = word(b"node");
const EPOCH: u64 = word(b"epoch");
const LSN: u64 = word(b"lsn");
const SEEN: u64 = word(b"seen");
const INDEX: u64 = word(b"index");
const ERROR: u64 = word(b"error");
const INVOKE: u64 = word(b"invoke");
const OK: u64 = word(b"ok");
const FAIL: u64 = word(b"fail");
const INFO: u64 = word(b"info");

/// A name of up to 7 bytes and the quote behind it as one number, which is compared at once.
const fn word(name: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    bytes.split_at_mut(name.len()).0.copy_from_slice(name);
    bytes[name.len()] = b'"';
    u64::from_le_bytes(bytes)
}

/// The high bits of those of eight bytes that are less than the bound. Above the lowest such byte, others may be set in error.
/// (From *Hacker's Delight*, Warren, section 6-1.) Most texts are shorter than eight bytes, and their ends are found so
/// without a branch that the processor would have to guess.
const fn less(bytes: u64, bound: u8) -> u64 {
    bytes.wrapping_sub(ONES * bound as u64) & !bytes & (ONES << 7)
}

const fn equal(bytes: u64, byte: u8) -> u64 {
    less(bytes ^ (ONES * byte as u64), 1)
}

const ONES: u64 = u64::from_le_bytes([0x01; 8]);

fn event_type(name: u64) -> Option<EventType> {
    match name {
        INVOKE => Some(EventType::Invoke),
        OK => Some(EventType::Ok),
        FAIL => Some(EventType::Fail),
        INFO => Some(EventType::Info),
        _ => None,
    }
}

/// A place in a line. Each method reads one thing behind it, and is `None` where that is not plain.
struct Scan<'a> {
    line: &'a str,
    at: usize,
}

impl<'a> Scan<'a> {
    fn peek(&self) -> Option<u8> {
        self.line.as_bytes().get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn skip_blank(&mut self) {
        self.at += usize::from(self.peek() == Some(b' '));
    }

    /// The byte, and a blank behind it.
    fn skip(&mut self, byte: u8) -> Option<()> {
        (self.next()? == byte).then(|| self.skip_blank())
    }

    /// The next eight bytes; the line ends with zeros, which are control characters.
    fn eight(&self) -> u64 {
        let rest = &self.line.as_bytes()[self.at..];
        u64::from_le_bytes(rest.first_chunk().copied().unwrap_or_else(|| {
            let mut bytes = [0; 8];
            bytes[..rest.len()].copy_from_slice(rest);
            bytes
        }))
    }

    /// A text of up to 7 bytes, see [`word`]. It is only compared, so what it may not hold needs no look.
    fn word(&mut self) -> Option<u64> {
        (self.next()? == b'"').then_some(())?;
        let eight = self.eight();
        let length = equal(eight, b'"').trailing_zeros() / 8;
        self.at += length as usize + 1;
        Some(eight & (u64::MAX >> 56_u32.checked_sub(8 * length)?))
    }

    fn text(&mut self) -> Option<&'a str> {
        (self.next()? == b'"').then_some(())?;
        let start = self.at;
        loop {
            let eight = self.eight();
            let ends = equal(eight, b'"') | equal(eight, b'\\') | less(eight, b' ');
            self.at += ends.trailing_zeros() as usize / 8;
            if ends != 0 {
                let text = &self.line[start..self.at.min(self.line.len())];
                return (self.next()? == b'"').then_some(text);
            }
        }
    }

    /// A whole number that cannot overflow: up to 18 digits, without a leading zero.
    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        let start = self.at;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            number = 10 * number + u64::from(digit - b'0');
            self.at += 1;
            if self.at - start > 18 {
                return None;
            }
        }
        let is_sound = match self.at - start {
            0 => false,
            1 => true,
            _ => self.line.as_bytes()[start] != b'0',
        };
        // A fraction or an exponent is no whole number's end.
        (is_sound && !matches!(self.peek(), Some(b'.' | b'e' | b'E'))).then_some(number)
    }

    fn value(&mut self) -> Option<Value> {
        if self.peek()? != b'[' {
            return self.scalar();
        }
        self.skip(b'[')?;
        let mut elements = Vec::new();
        if self.peek()? == b']' {
            self.at += 1;
            return Some(Value::List(elements));
        }
        loop {
            elements.push(self.scalar()?);
            match self.next()? {
                b',' => self.skip_blank(),
                b']' => return Some(Value::List(elements)),
                _ => return None,
            }
        }
    }

    fn scalar(&mut self) -> Option<Value> {
        match self.peek()? {
            b'"' => self.text().map(|text| Value::Text(text.into())),
            b'0'..=b'9' => self.number().map(|number| Value::Int(number.cast_signed())),
            b'-' => {
                self.at += 1;
                // `-0` is no whole number to `serde_json`.
                self.number().filter(|&number| number > 0).map(|number| Value::Int(-number.cast_signed()))
            }
            b'n' if self.line[self.at..].starts_with("null") => {
                self.at += 4;
                Some(Value::Nil)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    use super::*;

    const LINES: [&str; 4] = [
        r#"{"time":1200,"process":3,"type":"invoke","f":"cas","key":"k1","value":[1,-2]}"#,
        r#"{"time":3400,"process":3,"type":"ok","f":"read","key":"k1","value":7,"node":"n2","epoch":4,"lsn":812}"#,
        r#"{"index": 9, "process": 0, "type": "fail", "f": "add", "value": ["ä", null], "seen": [], "error": "no leader"}"#,
        r#"{"f":"read","type":"info","process":18446744,"value":null}"#,
    ];

    /// What is not plain is left alone; what is plain is what `serde_json` says. Returns whether it was plain.
    fn check(line: &str) -> bool {
        let Some(event) = event(line, &mut Names::new()) else { return false };
        match serde_json::from_str::<Event>(line) {
            Ok(expected) => assert_eq!(event, expected, "{line}"),
            Err(error) => panic!("{line} was read, but {error}"),
        }
        true
    }

    #[test]
    fn what_writers_write_is_plain() {
        for line in LINES {
            assert!(check(line), "{line}");
        }
    }

    #[test]
    fn what_is_unusual_or_wrong_is_left_to_serde_json() {
        for (from, to) in [
            ("\"k1\"", "\"k\\n1\""),
            ("812", "812.0"),
            ("812", "0812"),
            ("812", "18446744073709551615"),
            (":7", ":-0"),
            (":7", ":[[7]]"),
            (":7", ":7e1"),
            ("\"node\"", "\"nodes\""),
            ("\"lsn\"", "\"epoch\""),
            ("\"type\":\"ok\",", ""),
            ("\"ok\"", "\"okay\""),
            ("}", "} "),
            ("}", ",}"),
            ("}", ""),
            ("k1", "k\u{1}"),
        ] {
            let line = LINES[1].replace(from, to);
            assert!(line != LINES[1] && !check(&line), "{line}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 20_000,
            rng_seed: RngSeed::Fixed(1),
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn no_damage_makes_it_tell_another_event_than_serde_json(
            line in prop::sample::select(&LINES[..]),
            damage in prop::collection::vec((any::<prop::sample::Index>(), r#"["\\,:{}\[\]0-9a-fnä \x00-]{0,2}"#), 1..3),
        ) {
            let mut line = line.to_owned();
            for (index, text) in damage {
                let starts: Vec<usize> = line.char_indices().map(|(start, _)| start).collect();
                let at = starts[index.index(starts.len())];
                line.remove(at);
                line.insert_str(at, &text);
            }
            check(&line);
        }
    }
}
