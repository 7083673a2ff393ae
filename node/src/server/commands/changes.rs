//! `CHANGES AFTER <position> [LIMIT <records>] [WAIT <ms>] [ANYWHERE]`: change data capture in the words of the client port.
//!
//! Not here: the answer (`core::changes`).

use bytes::Bytes;

use super::{Misunderstood, lossy};
use crate::core::admin::Admin;
use crate::core::changes::{After, ChangesAsk};

/// Most records of an answer, and what is answered without a limit: as many small ones as make a message worth its while.
const MAX_RECORDS: usize = 1000;

/// Longest wait. Consumers ask again, so that a dead connection is noticed by either side.
const MAX_WAIT_MS: u64 = 30_000;

const USAGE: &str =
    "ERR CHANGES takes AFTER <lsn | gtid-set | lsn@gtid> [LIMIT <1 to 1000 records>] [WAIT <0 to 30000 ms>] [ANYWHERE]";

/// Understands what follows `CHANGES`.
pub(super) fn parse_changes(arguments: &[Bytes]) -> Result<Admin, Misunderstood> {
    let words: Vec<String> = arguments.iter().map(|word| lossy(word)).collect();
    let usage = || USAGE.to_owned();
    let [after, position, options @ ..] = &words[..] else { return Err(usage()) };
    if !after.eq_ignore_ascii_case("after") {
        return Err(usage());
    }
    let mut ask = ChangesAsk { after: parse_after(position)?, limit: MAX_RECORDS, wait_ms: 0, anywhere: false };
    let mut options = options.iter();
    while let Some(option) = options.next() {
        let mut number = |most: u64| {
            let number: Option<u64> = options.next().and_then(|number| number.parse().ok());
            number.filter(|number| *number <= most).ok_or_else(usage)
        };
        match option.to_ascii_lowercase().as_str() {
            "limit" => ask.limit = number(MAX_RECORDS as u64)?.max(1) as usize,
            "wait" => ask.wait_ms = number(MAX_WAIT_MS)?,
            "anywhere" => ask.anywhere = true,
            _ => return Err(usage()),
        }
    }
    Ok(Admin::Changes(ask))
}

fn parse_after(position: &str) -> Result<After, Misunderstood> {
    if let Some((lsn, gtid)) = position.split_once('@') {
        let lsn = lsn.parse().map_err(|_| format!("ERR `{lsn}` is no LSN"))?;
        return Ok(After::Record { lsn, gtid: Some(gtid.to_owned()) });
    }
    match position.parse() {
        Ok(lsn) => Ok(After::Record { lsn, gtid: None }),
        Err(_) => position.parse().map(After::Set).map_err(|error| format!("ERR {error}; or give an LSN")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Admin, Misunderstood> {
        parse_changes(&line.split(' ').map(|word| Bytes::copy_from_slice(word.as_bytes())).collect::<Vec<_>>())
    }

    #[test]
    fn positions_are_lsns_or_sets() {
        let record = |lsn, gtid: Option<&str>| After::Record { lsn, gtid: gtid.map(str::to_owned) };
        let ask = |after, limit, wait_ms, anywhere| Ok(Admin::Changes(ChangesAsk { after, limit, wait_ms, anywhere }));
        for (line, expected) in [
            ("AFTER 0", ask(record(0, None), 1000, 0, false)),
            ("after 7@n1:5 limit 2 wait 100 anywhere", ask(record(7, Some("n1:5")), 2, 100, true)),
            ("AFTER n1:1-7", ask(After::Set("n1:1-7".parse().unwrap()), 1000, 0, false)),
        ] {
            assert_eq!(parse(line), expected, "{line}");
        }
        for (line, named) in [
            ("BEFORE 1", "AFTER <lsn"),
            ("AFTER 1 LIMIT 1001", "LIMIT <1 to 1000"),
            ("AFTER 1 WAIT", "WAIT <0 to"),
            ("AFTER x", "`x`"),
            ("AFTER x@n1:1", "`x` is no LSN"),
        ] {
            let error = parse(line).expect_err(line);
            assert!(error.starts_with("ERR ") && error.contains(named), "{line}: {error}");
        }
    }
}
