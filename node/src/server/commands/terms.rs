//! The terms of operations: `CLIENT READ`, `CLIENT ACK`, `CLIENT AFTER`, `CLIENT MAXLAG` for a connection, `WITH … command` for one operation.
//!
//! Not here: what they mean (`terms`).

use bytes::Bytes;

use super::{Command, Misunderstood, lossy, parse_data};
use crate::terms::{AFTER_TIMEOUT_MS, Choice, Token};

/// Understands one choice at the beginning of these words, and says what is left of them. `None` if none stands there.
pub(super) fn parse_choice(words: &[Bytes]) -> Result<Option<(Choice, &[Bytes])>, Misunderstood> {
    let [name, value, rest @ ..] = words else { return Ok(None) };
    match &name.to_ascii_lowercase()[..] {
        b"read" => {
            let mode = lossy(value).to_ascii_lowercase().parse();
            Ok(Some((Choice::Read(mode.map_err(|unknown| format!("ERR {unknown}"))?), rest)))
        }
        b"ack" => {
            let (timeout_ms, rest) = parse_option("timeout", rest)?;
            let ack = match &value.to_ascii_lowercase()[..] {
                b"default" => None,
                word => Some(lossy(word).parse().map_err(|unknown| format!("ERR {unknown}, default"))?),
            };
            Ok(Some((Choice::Ack(ack, timeout_ms), rest)))
        }
        b"maxlag" if value.eq_ignore_ascii_case(b"off") => Ok(Some((Choice::MaxLag(None), rest))),
        b"maxlag" => {
            let ms = whole(value).ok_or("ERR MAXLAG takes milliseconds, or OFF for data of any age")?;
            Ok(Some((Choice::MaxLag(Some(ms)), rest)))
        }
        b"after" => {
            let [lsn, rest @ ..] = rest else { return Ok(None) };
            let (timeout_ms, rest) = parse_option("timeout", rest)?;
            let token = Token { epoch: parse_number(value)?, lsn: parse_number(lsn)? };
            let after = Some(token).filter(|token| token.lsn > 0);
            Ok(Some((Choice::After(after, timeout_ms.unwrap_or(AFTER_TIMEOUT_MS)), rest)))
        }
        _ => Ok(None),
    }
}

/// A number of 0 or more, if it is one.
fn whole(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn parse_number(text: &Bytes) -> Result<u64, Misunderstood> {
    whole(text).ok_or_else(|| "ERR AFTER takes an epoch and an LSN, as CLIENT POSITION ON tells them".to_owned())
}

/// `NAME milliseconds`, if that stands there.
fn parse_option<'a>(name: &str, words: &'a [Bytes]) -> Result<(Option<u64>, &'a [Bytes]), Misunderstood> {
    match words {
        [word, ms, rest @ ..] if word.eq_ignore_ascii_case(name.as_bytes()) => {
            let ms =
                whole(ms).ok_or_else(|| format!("ERR {} takes milliseconds, 0 or more", name.to_ascii_uppercase()))?;
            Ok((Some(ms), rest))
        }
        _ => Ok((None, words)),
    }
}

/// `CLIENT READ …` and its like: one choice and nothing behind it.
pub(super) fn parse_client_choice(words: &[Bytes]) -> Result<Command, Misunderstood> {
    match parse_choice(words)? {
        Some((choice, [])) => Ok(Command::Choose(choice)),
        _ => Err(format!(
            "ERR wrong number of arguments for 'client|{}' command",
            words.first().map(|word| lossy(&word.to_ascii_lowercase())).unwrap_or_default()
        )),
    }
}

/// `WITH choice… command`.
pub(super) fn parse_with(mut words: &[Bytes]) -> Result<Command, Misunderstood> {
    let mut choices = Vec::new();
    while let Some((choice, rest)) = parse_choice(words)? {
        choices.push(choice);
        words = rest;
    }
    if choices.is_empty() || words.is_empty() {
        return Err("ERR WITH takes terms, such as ACK majority TIMEOUT 100, and then a command".to_owned());
    }
    parse_data("WITH", words).map(|operation| Command::With(choices, operation))
}
