//! Where a node's reply ends and what its first word is, without taking it apart: replies pass through as bytes.
//!
//! Not here: what a reply means for the request (`queue`).

use bytes::{Bytes, BytesMut};

/// Most bytes of one reply. A list has at most 16 MiB, and each of its elements a few bytes of frame.
const MAX_REPLY_BYTES: usize = 64 << 20;
/// Longest line: lengths and integers are short, an error names a key at most.
const MAX_LINE_BYTES: usize = 64 << 10;

/// Finds the ends of replies in what a node sends. It remembers how far it has looked, so a large reply that comes in many
/// pieces is looked through once; and it counts what is to come instead of descending, so no nesting is too deep.
#[derive(Debug)]
pub(super) struct Scanner {
    at: usize,
    /// Frames still to come before the reply is complete.
    frames: usize,
}

impl Default for Scanner {
    fn default() -> Self {
        Scanner { at: 0, frames: 1 }
    }
}

/// What a node sent is no reply; its connection cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("what the node sent is no reply")]
pub(super) struct Garbled;

impl Scanner {
    /// Takes the first reply off `input`, if all of it is there.
    pub(super) fn take(&mut self, input: &mut BytesMut) -> Result<Option<Bytes>, Garbled> {
        while self.frames > 0 {
            let line = &input[self.at.min(input.len())..];
            let Some(end) = line.iter().take(MAX_LINE_BYTES).position(|&byte| byte == b'\n') else {
                return if line.len() >= MAX_LINE_BYTES { Err(Garbled) } else { Ok(None) };
            };
            let text = line[..end].strip_suffix(b"\r").ok_or(Garbled)?;
            let (&kind, rest) = text.split_first().ok_or(Garbled)?;
            self.at += end + 1;
            self.frames -= 1;
            match kind {
                b'+' | b'-' | b':' => {}
                b'$' => self.at += usize::try_from(number(rest)?).map_or(0, |length| length.saturating_add(2)),
                b'*' => self.frames += usize::try_from(number(rest)?).unwrap_or(0),
                _ => return Err(Garbled),
            }
            if self.at > MAX_REPLY_BYTES || self.frames > MAX_REPLY_BYTES {
                return Err(Garbled);
            }
        }
        if self.at > input.len() {
            return Ok(None);
        }
        let reply = input.split_to(self.at).freeze();
        *self = Scanner::default();
        Ok(Some(reply))
    }
}

fn number(text: &[u8]) -> Result<i64, Garbled> {
    std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or(Garbled)
}

/// The text of an error reply.
pub(super) fn error_text(reply: &[u8]) -> Option<&str> {
    let text = reply.strip_prefix(b"-")?.strip_suffix(b"\r\n")?;
    std::str::from_utf8(text).ok()
}

/// The text of a bulk string.
pub(super) fn bulk_text(reply: &[u8]) -> Option<&str> {
    let start = reply.strip_prefix(b"$")?.iter().position(|&byte| byte == b'\n')? + 2;
    std::str::from_utf8(reply.get(start..)?.strip_suffix(b"\r\n")?).ok()
}

/// Takes `[reply, epoch, lsn]` apart, the form of `CLIENT POSITION ON`. `None` for a reply that is not in that form.
pub(super) fn positioned(reply: &Bytes) -> Option<(Bytes, u64, u64)> {
    let inner = reply.strip_prefix(b"*3\r\n")?;
    let (inner, lsn) = last_integer(inner)?;
    let (inner, epoch) = last_integer(inner)?;
    Some((reply.slice_ref(inner), epoch, lsn))
}

/// Splits the integer frame off the end.
fn last_integer(text: &[u8]) -> Option<(&[u8], u64)> {
    let line = text.strip_suffix(b"\r\n")?;
    let start = line.iter().rposition(|&byte| byte == b'\n').map_or(0, |before| before + 1);
    let digits = line[start..].strip_prefix(b":")?;
    Some((&text[..start], std::str::from_utf8(digits).ok()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_reply_ends_where_it_ends_however_it_comes_in() {
        for reply in [
            &b"+OK\r\n"[..],
            b"-ERR no\r\n",
            b":1\r\n",
            b"$-1\r\n",
            b"$0\r\n\r\n",
            b"$4\r\n\r\n$1\r\n",
            b"*0\r\n",
            b"*-1\r\n",
            b"*3\r\n*2\r\n$1\r\na\r\n:1\r\n:2\r\n:3\r\n",
        ] {
            let (mut scanner, mut input) = (Scanner::default(), BytesMut::new());
            for (index, byte) in reply.iter().enumerate() {
                assert_eq!(scanner.take(&mut input), Ok(None), "{} at {index}", reply.escape_ascii());
                input.extend_from_slice(&[*byte]);
            }
            input.extend_from_slice(b"+next");
            assert_eq!(scanner.take(&mut input).unwrap().unwrap(), reply);
            assert_eq!(&input[..], b"+next");
        }
    }

    #[test]
    fn what_is_no_reply_is_said_to_be_none() {
        let long = vec![b'+'; MAX_LINE_BYTES];
        for garbage in [&b"x\r\n"[..], b"\r\n", b"+OK\n", b"$x\r\n", b"*99999999999\r\n", b"$99999999999\r\n", &long] {
            assert_eq!(
                Scanner::default().take(&mut BytesMut::from(garbage)),
                Err(Garbled),
                "{}",
                garbage.escape_ascii()
            );
        }
    }

    #[test]
    fn positions_are_taken_off() {
        for (reply, expected) in [
            ("*3\r\n+OK\r\n:2\r\n:17\r\n", Some(("+OK\r\n", 2, 17))),
            ("*3\r\n*2\r\n:1\r\n:2\r\n:2\r\n:17\r\n", Some(("*2\r\n:1\r\n:2\r\n", 2, 17))),
            ("+OK\r\n", None),
            ("-ERR no\r\n", None),
        ] {
            let taken = positioned(&Bytes::from(reply.to_owned()));
            let expected = expected.map(|(inner, epoch, lsn)| (Bytes::from(inner), epoch, lsn));
            assert_eq!(taken, expected, "{reply}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(input in proptest::collection::vec(prop_oneof![
            any::<u8>(), Just(b'*'), Just(b'$'), Just(b':'), Just(b'\r'), Just(b'\n'), b'0'..=b'9',
        ], 0..64)) {
            let (mut scanner, mut input) = (Scanner::default(), BytesMut::from(&input[..]));
            while let Ok(Some(reply)) = scanner.take(&mut input) {
                let _ = (positioned(&reply), error_text(&reply), bulk_text(&reply));
            }
        }
    }
}
