//! What operators may say: commands about the cluster instead of the data.
//!
//! Not here: carrying them out (`core::admin`).

use bytes::Bytes;

use super::{Misunderstood, lossy, parse_integer};
use crate::core::admin::Admin;
use crate::core::members::MemberAsk;
use crate::core::slots::SlotAsk;
use crate::record::Lsn;

/// Understands `MEMBER …`.
pub(super) fn parse_member(arguments: &[Bytes]) -> Result<Admin, Misunderstood> {
    let words: Vec<String> = arguments.iter().map(|word| lossy(word)).collect();
    let subcommand = words.first().map(|word| word.to_ascii_lowercase()).unwrap_or_default();
    let rest: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
    let id = |id: &str| crate::config::parse_id(id).map_err(|why| format!("ERR {why}"));
    let ask = match (subcommand.as_str(), &rest[..]) {
        ("list", []) => MemberAsk::List,
        ("add", [name, address]) => {
            let parsed = address.parse().map_err(|_| format!("ERR `{address}` is no IP address with a port"))?;
            MemberAsk::Add { id: id(name)?, address: parsed }
        }
        ("promote", [name]) => MemberAsk::Promote { id: id(name)? },
        ("remove", [name]) => MemberAsk::Remove { id: id(name)? },
        _ => return Err("ERR MEMBER takes ADD <id> <peer-address>, PROMOTE <id>, REMOVE <id> or LIST".to_owned()),
    };
    Ok(Admin::Member(ask))
}

/// Understands `SLOT …`.
pub(super) fn parse_slot(arguments: &[Bytes]) -> Result<Admin, Misunderstood> {
    let words: Vec<String> = arguments.iter().map(|word| lossy(word)).collect();
    let subcommand = words.first().map(|word| word.to_ascii_lowercase()).unwrap_or_default();
    let rest: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
    let ask = match (subcommand.as_str(), &rest[..]) {
        ("list", []) => SlotAsk::List,
        ("create", [name]) => SlotAsk::Create { name: slot_name(name)?, lsn: None },
        ("create", [name, from, _]) if from.eq_ignore_ascii_case("from") => {
            SlotAsk::Create { name: slot_name(name)?, lsn: Some(parse_lsn(&arguments[3])?) }
        }
        ("advance", [name, _]) => SlotAsk::Advance { name: slot_name(name)?, lsn: parse_lsn(&arguments[2])? },
        ("drop", [name]) => SlotAsk::Drop { name: slot_name(name)? },
        _ => {
            return Err(
                "ERR SLOT takes CREATE <name> [FROM <lsn>], ADVANCE <name> <lsn>, DROP <name> or LIST".to_owned()
            );
        }
    };
    Ok(Admin::Slot(ask))
}

fn slot_name(name: &str) -> Result<String, Misunderstood> {
    crate::config::parse_id(name)
        .map_err(|_| format!("ERR `{name}` is no slot name: 1 to 32 letters, digits, `-` or `_`"))
}

fn parse_lsn(text: &Bytes) -> Result<Lsn, Misunderstood> {
    Lsn::try_from(parse_integer(text)?).map_err(|_| "ERR an LSN is not negative".to_owned())
}
