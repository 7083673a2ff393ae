//! RESP2 on the wire: requests in, frames out.
//!
//! Frames are encoded by `redis-protocol`. Its decoder is not used for requests: it accepts any frame, to any depth, and a few bytes of
//! nested arrays overflow the stack. A request is one array of bulk strings, so it takes one loop with bounds.

use bytes::{Buf, Bytes, BytesMut};
use redis_protocol::resp2::encode::extend_encode;
use redis_protocol::resp2::types::BytesFrame;
use tokio::net::TcpStream;

/// Most bytes of one request.
pub(crate) const MAX_REQUEST_BYTES: usize = 1 << 20;
/// Most arguments of one request, the command's name among them.
const MAX_ARGUMENTS: u16 = 4096;
/// Longest line: a length, or an inline command (as in Redis).
const MAX_LINE_BYTES: usize = 64 << 10;

/// Bytes that are no request, in Redis' words. The connection cannot go on after it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("ERR Protocol error: {0}")]
pub(crate) struct ProtocolError(String);

fn error<T>(what: &str) -> Result<T, ProtocolError> {
    Err(ProtocolError(what.to_owned()))
}

/// Takes the first request off `input`: its arguments, none for an empty line. `None` when it is not all there yet.
pub(crate) fn take_request(input: &mut BytesMut) -> Result<Option<Vec<Bytes>>, ProtocolError> {
    let parsed = match input.first() {
        None => return Ok(None),
        Some(b'*') => parse_array(input)?,
        Some(_) => parse_inline(input)?,
    };
    let Some((arguments, length)) = parsed else {
        // An argument's length line may still be to come, and its bytes.
        return if input.len() > MAX_REQUEST_BYTES + MAX_LINE_BYTES { error("too big request") } else { Ok(None) };
    };
    input.advance(length);
    Ok(Some(arguments))
}

type Parsed = Option<(Vec<Bytes>, usize)>;

fn parse_array(input: &[u8]) -> Result<Parsed, ProtocolError> {
    let Some((count, mut at)) = parse_length(input, 1, "invalid multibulk length")? else { return Ok(None) };
    if count > i64::from(MAX_ARGUMENTS) {
        return error("invalid multibulk length");
    }
    let mut arguments = Vec::new();
    for _ in 0..count {
        match input.get(at) {
            None => return Ok(None),
            Some(b'$') => {}
            Some(&other) => return error(&format!("expected '$', got '{}'", other.escape_ascii())),
        }
        let Some((length, start)) = parse_length(input, at + 1, "invalid bulk length")? else { return Ok(None) };
        let Some(end) =
            usize::try_from(length).ok().map(|length| start + length).filter(|&end| end <= MAX_REQUEST_BYTES)
        else {
            return error("invalid bulk length");
        };
        match input.get(end..end + 2) {
            None => return Ok(None),
            // A copy: a slice would keep the whole read buffer alive for as long as the store has the value.
            Some(b"\r\n") => arguments.push(Bytes::copy_from_slice(&input[start..end])),
            Some(_) => return error("expected CRLF after a bulk string"),
        }
        at = end + 2;
    }
    Ok(Some((arguments, at)))
}

/// The number on the line from `start` on, and where the next line begins.
fn parse_length(input: &[u8], start: usize, otherwise: &str) -> Result<Option<(i64, usize)>, ProtocolError> {
    const LONGEST: usize = 24;
    let line = &input[start.min(input.len())..];
    let Some(length) = line.iter().take(LONGEST).position(|&byte| byte == b'\n') else {
        return if line.len() >= LONGEST { error(otherwise) } else { Ok(None) };
    };
    let digits = line[..length].strip_suffix(b"\r").and_then(|digits| std::str::from_utf8(digits).ok());
    match digits.and_then(|digits| digits.parse().ok()) {
        Some(number) => Ok(Some((number, start + length + 1))),
        None => error(otherwise),
    }
}

/// A line of words, for people with telnet.
fn parse_inline(input: &[u8]) -> Result<Parsed, ProtocolError> {
    let Some(length) = input.iter().take(MAX_LINE_BYTES).position(|&byte| byte == b'\n') else {
        return if input.len() >= MAX_LINE_BYTES { error("too big inline request") } else { Ok(None) };
    };
    let words = input[..length].split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let words: Vec<Bytes> = words.map(Bytes::copy_from_slice).take(usize::from(MAX_ARGUMENTS) + 1).collect();
    if words.len() > usize::from(MAX_ARGUMENTS) { error("too many words") } else { Ok(Some((words, length + 1))) }
}

/// Appends a frame to `out`.
pub(crate) fn encode(frame: &BytesFrame, out: &mut BytesMut) {
    extend_encode(out, frame, false).expect("a growing buffer has room for any frame");
}

/// A request as it is sent to a node.
pub(crate) fn array(arguments: &[Bytes]) -> Bytes {
    let mut out = BytesMut::new();
    encode(&BytesFrame::Array(arguments.iter().cloned().map(BytesFrame::BulkString).collect()), &mut out);
    out.freeze()
}

/// A request in words of ours.
pub(crate) fn words(words: &[&str]) -> Bytes {
    array(&words.iter().map(|word| Bytes::copy_from_slice(word.as_bytes())).collect::<Vec<_>>())
}

/// An error frame. A line break in it would end it early, and what follows would be read as the next reply.
pub(crate) fn error_frame(text: &str) -> BytesFrame {
    BytesFrame::Error(text.replace(['\r', '\n'], " ").into())
}

/// Says why a connection is not served, if the socket takes that at once.
pub(crate) fn refuse(stream: &TcpStream, why: &str) {
    let _ = stream.try_write(format!("-{why}\r\n").as_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn take(input: &[u8]) -> Result<Option<Vec<Bytes>>, ProtocolError> {
        take_request(&mut BytesMut::from(input))
    }

    #[test]
    fn requests_are_arrays_of_bulk_strings_or_lines_of_words() {
        for (input, expected) in [
            (&b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"[..], &["GET", "k"][..]),
            (b"*1\r\n$0\r\n\r\n", &[""]),
            (b"*0\r\n", &[]),
            (b"*-1\r\n", &[]),
            (b"GET  k \r\n", &["GET", "k"]),
            (b"\r\n", &[]),
        ] {
            let arguments = take(input).unwrap().unwrap();
            assert_eq!(arguments, expected, "{}", input.escape_ascii());
        }
    }

    #[test]
    fn bytes_that_are_no_request_are_named_and_bounded() {
        let long_line = vec![b'x'; MAX_LINE_BYTES];
        let nested = b"*1\r\n".repeat(100_000);
        for (input, expected) in [
            (&b"*x\r\n"[..], "invalid multibulk length"),
            (b"*99999999\r\n", "invalid multibulk length"),
            (b"*11111111111111111111111111111", "invalid multibulk length"),
            (b"*1\r\n$-1\r\n", "invalid bulk length"),
            (b"*1\r\n$1048577\r\n", "invalid bulk length"),
            (b"*1\r\n:1\r\n", "expected '$', got ':'"),
            (b"*1\r\n$1\r\nabc", "expected CRLF"),
            (&long_line, "too big inline request"),
            (&nested, "expected '$', got '*'"),
        ] {
            let error = take(input).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    proptest! {
        #[test]
        fn a_request_is_taken_exactly_when_its_last_byte_is_there(
            arguments in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..20), 1..5),
        ) {
            let mut bytes = BytesMut::new();
            let bulk = |argument: &Vec<u8>| BytesFrame::BulkString(argument.clone().into());
            encode(&BytesFrame::Array(arguments.iter().map(bulk).collect()), &mut bytes);
            for cut in 0..bytes.len() {
                prop_assert_eq!(take(&bytes[..cut]), Ok(None));
            }
            bytes.extend_from_slice(b"*");
            prop_assert_eq!(take_request(&mut bytes).unwrap().unwrap(), arguments);
            prop_assert_eq!(&bytes[..], b"*");
        }

        #[test]
        fn no_bytes_make_it_panic(mut input in proptest::collection::vec(prop_oneof![
            any::<u8>(), Just(b'*'), Just(b'$'), Just(b'\r'), Just(b'\n'), b'0'..=b'9',
        ], 0..64)) {
            while let Ok(Some(_)) = take_request(&mut BytesMut::from(&input[..])) {
                input.pop();
            }
        }
    }
}
