//! The quick way through a plain line: whole numbers, texts without escapes, flat lists, at most one blank between things.
//! It decides nothing: what it does not know, and whatever is wrong, it leaves to `serde_json`, which also words the errors.
//!
//! It exists for speed alone (a line costs about what it costs `serde_json` to skip it), so its one promise, held by
//! a test in `tests/readers.rs` and by fuzzing, is that it never tells another event than `serde_json` does.

use super::super::names::Names;
use super::super::{Event, EventType, Function, Value};

/// The event on a plain line, or `None` if the line is not plain.
pub(super) fn event(line: &[u8], names: &mut Names) -> Option<Event> {
    let mut scan = Scan { rest: line };
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
            b'}' if scan.rest.is_empty() => return (told & REQUIRED == REQUIRED).then_some(event),
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

/// What is left of a line. Each method reads one thing off its beginning, and is `None` where that is not plain.
struct Scan<'a> {
    rest: &'a [u8],
}

impl<'a> Scan<'a> {
    fn next(&mut self) -> Option<u8> {
        let (byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*byte)
    }

    fn skip_blank(&mut self) {
        self.rest = self.rest.strip_prefix(b" ").unwrap_or(self.rest);
    }

    /// The byte, and a blank behind it.
    fn skip(&mut self, byte: u8) -> Option<()> {
        (self.next()? == byte).then(|| self.skip_blank())
    }

    /// A text of up to 7 bytes, see [`word`]. It is only compared, so what it may not hold needs no look.
    fn word(&mut self) -> Option<u64> {
        let text = self.rest.strip_prefix(b"\"")?;
        let eight = eight(text);
        let length = equal(eight, b'"').trailing_zeros() / 8;
        self.rest = text.get(length as usize + 1..)?;
        Some(eight & (u64::MAX >> 56_u32.checked_sub(8 * length)?))
    }

    fn text(&mut self) -> Option<&'a str> {
        let text = self.rest.strip_prefix(b"\"")?;
        let mut length = 0;
        loop {
            let eight = eight(&text[length..]);
            let ends = equal(eight, b'"') | equal(eight, b'\\') | less(eight, b' ');
            length += ends.trailing_zeros() as usize / 8;
            if ends != 0 {
                let (text, rest) = text.split_at(length);
                self.rest = rest.strip_prefix(b"\"")?;
                return std::str::from_utf8(text).ok();
            }
        }
    }

    /// A whole number that cannot overflow: up to 18 digits, without a leading zero.
    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        let mut length = 0;
        for byte in self.rest {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 || length > 18 {
                break;
            }
            number = 10 * number + u64::from(digit);
            length += 1;
        }
        let (digits, rest) = self.rest.split_at(length);
        self.rest = rest;
        let is_sound = matches!(digits, [_] | [b'1'..=b'9', ..]) && length <= 18;
        // A fraction or an exponent is no whole number's end.
        (is_sound && !matches!(rest, [b'.' | b'e' | b'E', ..])).then_some(number)
    }

    fn value(&mut self) -> Option<Value> {
        if *self.rest.first()? != b'[' {
            return self.scalar();
        }
        self.skip(b'[')?;
        // Room for what the commas tell, at once and no more: lists are most of what an append history holds.
        let end = memchr::memchr(b']', self.rest)?;
        let commas = memchr::memchr_iter(b',', &self.rest[..end]).count();
        let mut elements = Vec::with_capacity(if end == 0 { 0 } else { commas + 1 });
        if let Some(rest) = self.rest.strip_prefix(b"]") {
            self.rest = rest;
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
        match self.rest {
            [b'"', ..] => self.text().map(|text| Value::Text(text.into())),
            [b'0'..=b'9', ..] => self.number().map(|number| Value::Int(number.cast_signed())),
            [b'-', rest @ ..] => {
                self.rest = rest;
                // `-0` is no whole number to `serde_json`.
                self.number().filter(|&number| number > 0).map(|number| Value::Int(-number.cast_signed()))
            }
            [b'n', b'u', b'l', b'l', rest @ ..] => {
                self.rest = rest;
                Some(Value::Nil)
            }
            _ => None,
        }
    }
}

/// The first eight bytes; what is shorter ends with zeros, which are control characters.
fn eight(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes.first_chunk().copied().unwrap_or_else(|| {
        let mut padded = [0; 8];
        padded[..bytes.len()].copy_from_slice(bytes);
        padded
    }))
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
        let Some(event) = event(line.as_bytes(), &mut Names::new()) else { return false };
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
