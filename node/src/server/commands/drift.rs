//! What operators may say about drift: `VERIFY`, `REPAIR`, `DRIFT`, `CHECKSUM`, and for tests `DEBUG CORRUPT`.
//!
//! Not here: carrying it out (`core::drift`).

use bytes::Bytes;

use super::Misunderstood;
use crate::core::admin::Admin;
use crate::core::drift::DriftAsk;
use crate::key_range::KeyRange;

/// Understands a command of this name, which is in lower case and one of these five.
pub(super) fn parse_drift(name: &[u8], words: &[Bytes]) -> Result<Admin, Misunderstood> {
    let (words, force) = match words {
        [words @ .., last] if name == b"repair" && last.eq_ignore_ascii_case(b"force") => (words, true),
        words => (words, false),
    };
    let ask = match (name, words) {
        (b"drift", []) => DriftAsk::List,
        (b"drift", _) => return Err("ERR syntax error: DRIFT".to_owned()),
        (b"verify", words) => DriftAsk::Verify { range: range("VERIFY [FROM [TO]]", words)?.unwrap_or_default() },
        (b"checksum", words) => DriftAsk::Checksum { range: range("CHECKSUM [FROM [TO]]", words)?.unwrap_or_default() },
        (b"repair", words) => DriftAsk::Repair { range: range("REPAIR [FROM [TO]] [FORCE]", words)?, force },
        (_, [corrupt, key, value @ ..]) if corrupt.eq_ignore_ascii_case(b"corrupt") && value.len() <= 1 => {
            DriftAsk::Corrupt { key: key.clone(), value: value.first().cloned() }
        }
        _ => return Err("ERR unknown command 'DEBUG'".to_owned()),
    };
    Ok(Admin::Drift(ask))
}

/// The first key and the first behind the range; neither of them means all keys.
fn range(syntax: &str, words: &[Bytes]) -> Result<Option<KeyRange>, Misunderstood> {
    let (from, to) = match words {
        [] => return Ok(None),
        [from] => (from.clone(), None),
        [from, to] => (from.clone(), Some(to.clone())),
        _ => return Err(format!("ERR syntax error: {syntax}")),
    };
    let range = KeyRange { from, to };
    if range.is_empty() {
        return Err("ERR there is no key from the first on and before the second: a range is FROM, included, and TO, not included".to_owned());
    }
    Ok(Some(range))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: Result<DriftAsk, &str>) {
        let mut words = line.split(' ').map(|word| Bytes::copy_from_slice(word.as_bytes()));
        let name = words.next().unwrap().to_ascii_lowercase();
        let parsed = parse_drift(&name, &words.collect::<Vec<_>>());
        match expected {
            Ok(ask) => assert_eq!(parsed, Ok(Admin::Drift(ask)), "{line}"),
            Err(part) => assert!(parsed.clone().unwrap_err().contains(part), "{line}: {parsed:?}"),
        }
    }

    #[test]
    fn ranges_and_options_are_understood_or_told_the_syntax() {
        let some =
            |from: &'static str, to: Option<&'static str>| KeyRange { from: from.into(), to: to.map(Bytes::from) };
        check("DRIFT", Ok(DriftAsk::List));
        check("DRIFT a", Err("syntax error: DRIFT"));
        check("verify", Ok(DriftAsk::Verify { range: KeyRange::all() }));
        check("VERIFY a b", Ok(DriftAsk::Verify { range: some("a", Some("b")) }));
        check("VERIFY a b c", Err("VERIFY [FROM [TO]]"));
        check("VERIFY b a", Err("a range is FROM"));
        check("CHECKSUM a", Ok(DriftAsk::Checksum { range: some("a", None) }));
        check("REPAIR", Ok(DriftAsk::Repair { range: None, force: false }));
        check("REPAIR force", Ok(DriftAsk::Repair { range: None, force: true }));
        check("REPAIR a b FORCE", Ok(DriftAsk::Repair { range: Some(some("a", Some("b"))), force: true }));
        check("DEBUG CORRUPT k v", Ok(DriftAsk::Corrupt { key: "k".into(), value: Some("v".into()) }));
        check("DEBUG CORRUPT k", Ok(DriftAsk::Corrupt { key: "k".into(), value: None }));
        check("DEBUG SEGFAULT", Err("unknown command"));
    }
}
