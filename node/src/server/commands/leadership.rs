//! What operators and supervisors may say about leadership: `FAILOVER`, `PROMOTE`, `DEMOTE`, `FENCE`.
//!
//! Not here: whether it is done (`core::leadership`).

use bytes::Bytes;

use super::Misunderstood;
use crate::core::admin::Admin;
use crate::core::leadership::LeadershipAsk;

/// How long a planned handover may take unless told; Redis' `FAILOVER` waits for ever, which nobody wants.
const USUAL_TIMEOUT_MS: u64 = 5000;
/// The longest: clients' operations are held back meanwhile.
const LONGEST_TIMEOUT_MS: u64 = 60_000;

/// Understands a command of this name, which is in lower case and one of these four.
pub(super) fn parse_leadership(name: &[u8], words: &[Bytes]) -> Result<Admin, Misunderstood> {
    let words: Vec<String> = words.iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect();
    let upper: Vec<String> = words.iter().map(|word| word.to_ascii_uppercase()).collect();
    let upper: Vec<&str> = upper.iter().map(String::as_str).collect();
    let ask = match (name, &upper[..]) {
        (b"failover", []) => Ok(hand_over(None, USUAL_TIMEOUT_MS)),
        (b"failover", ["TO", _]) => Ok(hand_over(Some(&words[1]), USUAL_TIMEOUT_MS)),
        (b"failover", ["TIMEOUT", ms]) => timeout(ms).map(|ms| hand_over(None, ms)),
        (b"failover", ["TO", _, "TIMEOUT", ms]) => timeout(ms).map(|ms| hand_over(Some(&words[1]), ms)),
        (b"failover", _) => Err("ERR syntax error: FAILOVER [TO ID] [TIMEOUT MS]".to_owned()),
        (b"promote", []) => Ok(LeadershipAsk::Promote { force: false }),
        (b"promote", ["FORCE"]) => Ok(LeadershipAsk::Promote { force: true }),
        (b"promote", _) => Err("ERR syntax error: PROMOTE [FORCE]".to_owned()),
        (b"demote", []) => Ok(LeadershipAsk::Demote),
        (b"demote", _) => Err("ERR syntax error: DEMOTE".to_owned()),
        (b"fence", [epoch]) => match epoch.parse() {
            Ok(epoch) => Ok(LeadershipAsk::Fence { epoch }),
            Err(_) => Err("ERR an epoch is a whole number: FENCE EPOCH".to_owned()),
        },
        _ => Err("ERR syntax error: FENCE EPOCH".to_owned()),
    };
    ask.map(Admin::Leadership)
}

fn hand_over(to: Option<&String>, timeout_ms: u64) -> LeadershipAsk {
    LeadershipAsk::HandOver { to: to.cloned(), timeout_ms }
}

fn timeout(ms: &str) -> Result<u64, Misunderstood> {
    let parsed = ms.parse().ok().filter(|ms| (1..=LONGEST_TIMEOUT_MS).contains(ms));
    parsed.ok_or_else(|| format!("ERR a time-out is 1 to {LONGEST_TIMEOUT_MS} milliseconds"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: Result<LeadershipAsk, &str>) {
        let mut words = line.split(' ').map(|word| Bytes::copy_from_slice(word.as_bytes()));
        let name = words.next().unwrap().to_ascii_lowercase();
        let parsed = parse_leadership(&name, &words.collect::<Vec<_>>());
        match expected {
            Ok(admin) => assert_eq!(parsed, Ok(Admin::Leadership(admin)), "{line}"),
            Err(part) => assert!(parsed.clone().unwrap_err().contains(part), "{line}: {parsed:?}"),
        }
    }

    #[test]
    fn administrators_are_understood_or_told_the_syntax() {
        check("FAILOVER", Ok(LeadershipAsk::HandOver { to: None, timeout_ms: USUAL_TIMEOUT_MS }));
        check("failover to n2 timeout 100", Ok(LeadershipAsk::HandOver { to: Some("n2".into()), timeout_ms: 100 }));
        check("FAILOVER TO", Err("FAILOVER [TO ID]"));
        check("FAILOVER TIMEOUT 0", Err("1 to 60000"));
        check("PROMOTE FORCE", Ok(LeadershipAsk::Promote { force: true }));
        check("PROMOTE now", Err("PROMOTE [FORCE]"));
        check("DEMOTE", Ok(LeadershipAsk::Demote));
        check("FENCE 7", Ok(LeadershipAsk::Fence { epoch: 7 }));
        check("FENCE -1", Err("whole number"));
    }
}
