//! What clients may say, and in which words it is answered: Redis' own wherever Redis has some.
//!
//! Not here: executing anything.

use bytes::Bytes;
use redis_protocol::resp2::types::BytesFrame;

use crate::core::Refusal;
use crate::core::admin::Admin;
use crate::record::End;
use crate::store::{Operation, Reply};
use crate::terms::Choice;

mod admin;
mod changes;
mod drift;
mod leadership;
mod terms;

/// A request that this server understands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    Data(Operation),
    Admin(Admin),
    /// A data command under this number of the client's session.
    Request(u64, Operation),
    Ping(Option<Bytes>),
    Echo(Bytes),
    Info {
        section: Option<String>,
    },
    Role,
    ReplicationStatus,
    /// `HELLO`, which asks for a description of the server.
    Hello,
    Quit,
    /// What operations of this connection are asked with from now on.
    Choose(Choice),
    /// A data command on terms of its own.
    With(Vec<Choice>, Operation),
    /// Until so many followers hold what was written; milliseconds, 0 for ever.
    Wait(u64, u64),
    /// Whether replies to data commands come with epoch and LSN from now on.
    ClientPosition(bool),
    /// Whether reads of this connection must see what it has seen and written.
    ClientSticky(bool),
    /// What that is.
    ClientSeen,
    /// Opens a session for this client.
    ClientIdentity(Bytes),
    /// Requests of this connection belong to this session of this client from now on.
    ClientSession(Bytes, u64),
    ClientSetName(Bytes),
    ClientGetName,
    ClientId,
    ClientList,
    /// Says yes to something that changes nothing here.
    Acknowledge,
    /// Asks for a list that is empty here.
    Empty,
    /// Which record begins at this byte of this file of the log.
    LogPosition {
        file: String,
        offset: usize,
    },
    ConfigGet(Vec<Bytes>),
}

/// A request that this server does not understand: the text of the error.
pub(crate) type Misunderstood = String;

/// Understands a request of at least one argument.
pub(crate) fn parse(arguments: Vec<Bytes>) -> Result<Command, Misunderstood> {
    let mut words = arguments.into_iter();
    let name = words.next().expect("the caller skips empty requests");
    let rest: Vec<Bytes> = words.collect();
    let name_lower = name.to_ascii_lowercase();
    match (&name_lower[..], &rest[..]) {
        (b"get", [key]) => Ok(Command::Data(Operation::Get { key: key.clone() })),
        (b"set", [key, value, options @ ..]) => parse_set(key, value, options),
        (b"del", [_, ..]) => Ok(Command::Data(Operation::Delete { keys: rest })),
        (b"incr", [key]) => Ok(Command::Data(Operation::Increment { key: key.clone() })),
        (b"rpush" | b"lpush", [key, elements @ ..]) if !elements.is_empty() => {
            let end = if name_lower == b"rpush" { End::Back } else { End::Front };
            Ok(Command::Data(Operation::Push { key: key.clone(), end, elements: elements.to_vec() }))
        }
        (b"lrange", [key, start, stop]) => {
            let (start, stop) = (parse_integer(start)?, parse_integer(stop)?);
            Ok(Command::Data(Operation::Range { key: key.clone(), start, stop }))
        }
        (b"request", [number, ..]) if rest.len() > 1 => parse_request(number, &rest[1..]),
        (b"ping", []) => Ok(Command::Ping(None)),
        (b"ping" | b"echo", [text]) => {
            Ok(if name_lower == b"ping" { Command::Ping(Some(text.clone())) } else { Command::Echo(text.clone()) })
        }
        (b"info", []) => Ok(Command::Info { section: None }),
        (b"info", [section]) => Ok(Command::Info { section: Some(lossy(section).to_ascii_lowercase()) }),
        (b"role", []) => Ok(Command::Role),
        (b"replication", [status]) if status.eq_ignore_ascii_case(b"status") => Ok(Command::ReplicationStatus),
        (b"replication", _) => Err("ERR syntax error: REPLICATION STATUS".to_owned()),
        (b"quit", _) => Ok(Command::Quit),
        (b"hello", [] | [_]) => parse_hello(rest.first()),
        (b"select", [index]) => match parse_integer(index)? {
            0 => Ok(Command::Acknowledge),
            _ => Err("ERR DB index is out of range".to_owned()),
        },
        (b"member", _) => Ok(Command::Admin(admin::parse_member(&rest)?)),
        (b"failover" | b"promote" | b"demote" | b"fence", _) => {
            Ok(Command::Admin(leadership::parse_leadership(&name_lower, &rest)?))
        }
        (b"verify" | b"repair" | b"drift" | b"checksum" | b"debug", _) => {
            Ok(Command::Admin(drift::parse_drift(&name_lower, &rest)?))
        }
        (b"changes", [at, file, offset]) if at.eq_ignore_ascii_case(b"at") => {
            let offset =
                usize::try_from(parse_integer(offset)?).map_err(|_| "ERR an offset is not negative".to_owned())?;
            Ok(Command::LogPosition { file: lossy(file), offset })
        }
        (b"changes", _) => Ok(Command::Admin(changes::parse_changes(&rest)?)),
        (b"slot", _) => Ok(Command::Admin(admin::parse_slot(&rest)?)),
        (b"command", _) => Ok(Command::Empty),
        (b"config", [get, patterns @ ..]) if get.eq_ignore_ascii_case(b"get") && !patterns.is_empty() => {
            Ok(Command::ConfigGet(patterns.to_vec()))
        }
        (b"config", [_, ..]) => {
            Err("ERR only CONFIG GET is supported; this server is configured by its flags".to_owned())
        }
        (b"client", [subcommand, ..])
            if [&b"read"[..], b"ack", b"after", b"maxlag"].iter().any(|word| subcommand.eq_ignore_ascii_case(word)) =>
        {
            terms::parse_client_choice(&rest)
        }
        (b"with", words) => terms::parse_with(words),
        (b"wait", [followers, timeout_ms]) => {
            let whole = |text| {
                parse_integer(text).and_then(|number| {
                    u64::try_from(number).map_err(|_| "ERR WAIT takes numbers of 0 or more".to_owned())
                })
            };
            Ok(Command::Wait(whole(followers)?, whole(timeout_ms)?))
        }
        (b"client", [subcommand, rest @ ..]) => parse_client(&subcommand.to_ascii_lowercase(), rest),
        (
            b"get" | b"set" | b"del" | b"incr" | b"rpush" | b"lpush" | b"lrange" | b"ping" | b"echo" | b"info"
            | b"role" | b"wait" | b"request" | b"hello" | b"select" | b"config" | b"client",
            _,
        ) => Err(format!("ERR wrong number of arguments for '{}' command", lossy(&name_lower))),
        _ => Err(format!("ERR unknown command '{}'", lossy(&name[..name.len().min(128)]))),
    }
}

fn parse_set(key: &Bytes, value: &Bytes, options: &[Bytes]) -> Result<Command, Misunderstood> {
    let set = |if_equals| Ok(Command::Data(Operation::Set { key: key.clone(), value: value.clone(), if_equals }));
    match options {
        [] => set(None),
        [option, expected] if option.eq_ignore_ascii_case(b"ifeq") => set(Some(expected.clone())),
        [option] if option.eq_ignore_ascii_case(b"ifeq") => Err("ERR syntax error: IFEQ needs a value".to_owned()),
        [option, ..] => Err(format!("ERR syntax error: SET takes no option but IFEQ here, got '{}'", lossy(option))),
    }
}

fn parse_request(number: &Bytes, command: &[Bytes]) -> Result<Command, Misunderstood> {
    let wrong = || format!("ERR '{}' is no request number; count from 1", lossy(&number[..number.len().min(128)]));
    let number = parse_count(number).ok_or_else(wrong)?;
    // A read is executed as ever; it has no effect that could happen twice.
    let operation = parse_data("REQUEST", command)?;
    Ok(if operation.is_read() { Command::Data(operation) } else { Command::Request(number, operation) })
}

/// The data command that another one takes. Never one that takes a command itself: requests nested so deeply as a request has words
/// overflow the stack.
fn parse_data(taker: &str, words: &[Bytes]) -> Result<Operation, Misunderstood> {
    let nests =
        words.first().is_some_and(|name| [&b"request"[..], b"with"].iter().any(|word| name.eq_ignore_ascii_case(word)));
    let parsed = if nests { Ok(Command::Empty) } else { parse(words.to_vec()) };
    match parsed? {
        Command::Data(operation) => Ok(operation),
        _ => Err(format!("ERR {taker} takes a command that reads or writes data")),
    }
}

/// A whole number from 1 that fits the protocol's integers.
fn parse_count(text: &Bytes) -> Option<u64> {
    let number: i64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    u64::try_from(number).ok().filter(|&number| number > 0)
}

/// An identity is kept for long and by every node, so it is short.
fn is_identity(client: &Bytes) -> bool {
    (1..=64).contains(&client.len()) && client.iter().all(u8::is_ascii_graphic)
}

fn parse_hello(version: Option<&Bytes>) -> Result<Command, Misunderstood> {
    match version.map(|version| &version[..]) {
        None | Some(b"2") => Ok(Command::Hello),
        Some(_) => Err("NOPROTO unsupported protocol version; this server speaks RESP2".to_owned()),
    }
}

fn parse_client(subcommand: &[u8], rest: &[Bytes]) -> Result<Command, Misunderstood> {
    match (subcommand, rest) {
        (b"position", [switch]) if switch.eq_ignore_ascii_case(b"on") => Ok(Command::ClientPosition(true)),
        (b"position", [switch]) if switch.eq_ignore_ascii_case(b"off") => Ok(Command::ClientPosition(false)),
        (b"position", [_]) => Err("ERR CLIENT POSITION takes ON or OFF".to_owned()),
        (b"session", [switch]) if switch.eq_ignore_ascii_case(b"on") => Ok(Command::ClientSticky(true)),
        (b"session", [switch]) if switch.eq_ignore_ascii_case(b"off") => Ok(Command::ClientSticky(false)),
        (b"session", []) => Ok(Command::ClientSeen),
        (b"session", _) => Err("ERR CLIENT SESSION takes ON, OFF or nothing".to_owned()),
        (b"identity", [client, ..]) if rest.len() <= 2 && !is_identity(client) => {
            Err("ERR an identity has 1 to 64 visible ASCII characters".to_owned())
        }
        (b"identity", [client]) => Ok(Command::ClientIdentity(client.clone())),
        (b"identity", [client, session]) => match parse_count(session) {
            Some(session) => Ok(Command::ClientSession(client.clone(), session)),
            None => Err("ERR a session is the number that CLIENT IDENTITY told when it was opened".to_owned()),
        },
        (b"setname", [name]) if name.iter().all(u8::is_ascii_graphic) => Ok(Command::ClientSetName(name.clone())),
        (b"setname", [_]) => Err("ERR Client names cannot contain spaces, newlines or special characters.".to_owned()),
        (b"setinfo", [_, _]) => Ok(Command::Acknowledge),
        (b"getname", []) => Ok(Command::ClientGetName),
        (b"id", []) => Ok(Command::ClientId),
        (b"list", _) => Ok(Command::ClientList),
        (b"position" | b"identity" | b"setname" | b"setinfo" | b"getname" | b"id", _) => {
            Err(format!("ERR wrong number of arguments for 'client|{}' command", lossy(subcommand)))
        }
        _ => Err(format!("ERR unknown subcommand '{}'", lossy(&subcommand[..subcommand.len().min(128)]))),
    }
}

fn parse_integer(text: &Bytes) -> Result<i64, Misunderstood> {
    let number = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    number.ok_or_else(|| "ERR value is not an integer or out of range".to_owned())
}

fn lossy(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}

/// The store's reply as RESP2. `+OK` is a simple string and a value a bulk string, so the two cannot be mixed up.
pub(crate) fn reply_frame(reply: Reply) -> BytesFrame {
    match reply {
        Reply::Ok => ok_frame(),
        Reply::Nil => BytesFrame::Null,
        Reply::Integer(number) => BytesFrame::Integer(number),
        Reply::String(value) => BytesFrame::BulkString(value),
        Reply::List(elements) => BytesFrame::Array(elements.into_iter().map(BytesFrame::BulkString).collect()),
        Reply::Failure(text) => BytesFrame::Error(text.into()),
        Reply::Error(text) => BytesFrame::Error(text.into()),
        Reply::Told(told) => BytesFrame::SimpleString(told.into()),
    }
}

pub(crate) fn ok_frame() -> BytesFrame {
    BytesFrame::SimpleString(Bytes::from_static(b"OK"))
}

/// Why there is no reply. All but `UNCERTAIN` and `TIMEOUT` mean: this attempt was certainly not executed.
pub(crate) fn refusal_frame(refusal: Refusal) -> BytesFrame {
    let text = match refusal {
        Refusal::Redirect(address) => format!("REDIRECT {address}"), // Valkey's word for it
        Refusal::NoLeader => "NOLEADER no leader is known; retry".to_owned(),
        Refusal::Busy => "BUSY too many operations await their acknowledgement; not executed, retry later".to_owned(),
        Refusal::Disk(ailment) => format!(
            "READONLY disk {}: this node takes no writes, see INFO persistence; not executed",
            ailment.word()
        ),
        Refusal::Superseded => {
            "SUPERSEDED a later request of this session was executed; this one was not executed now, but may have been before"
                .to_owned()
        }
        Refusal::NoSession => {
            "NOSESSION this session is not known: evicted, replaced by a later one, or never acknowledged; the request was not \
             executed now, but may have been before. Open another with CLIENT IDENTITY"
                .to_owned()
        }
        Refusal::TooFewMembers => {
            "ERR ACK asks for more members than this cluster has; not executed".to_owned()
        }
        Refusal::Behind => {
            "BEHIND this node does not have the record that the read must have seen; not executed, retry here or elsewhere"
                .to_owned()
        }
        Refusal::Lagging => {
            "LAGGING this node's data may be older than MAXLAG allows; not executed, retry here or elsewhere".to_owned()
        }
        Refusal::NotAcknowledged => {
            "TIMEOUT the write was logged, but not acknowledged as asked in time; it may or may not survive".to_owned()
        }
        Refusal::Uncertain => {
            "UNCERTAIN this node stopped leading before the write was acknowledged; it may or may not survive"
                .to_owned()
        }
    };
    BytesFrame::Error(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_line(line: &str) -> Result<Command, Misunderstood> {
        parse(line.split(' ').map(|word| Bytes::copy_from_slice(word.as_bytes())).collect())
    }

    #[test]
    fn names_are_read_in_any_case() {
        let key = || Bytes::from_static(b"k");
        let value = |text: &'static str| Bytes::from_static(text.as_bytes());
        for (line, operation) in [
            ("GET k", Operation::Get { key: key() }),
            ("set k 1", Operation::Set { key: key(), value: value("1"), if_equals: None }),
            ("Set k 1 IfEq 0", Operation::Set { key: key(), value: value("1"), if_equals: Some(value("0")) }),
            ("del k k", Operation::Delete { keys: vec![key(), key()] }),
            ("RPUSH k 1 2", Operation::Push { key: key(), end: End::Back, elements: vec![value("1"), value("2")] }),
            ("LPUSH k 1", Operation::Push { key: key(), end: End::Front, elements: vec![value("1")] }),
            ("lrange k 0 -1", Operation::Range { key: key(), start: 0, stop: -1 }),
        ] {
            assert_eq!(parse_line(line), Ok(Command::Data(operation)), "{line}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_in_redis_words() {
        for (line, expected) in [
            ("get", "ERR wrong number of arguments for 'get' command"),
            ("GET a b", "ERR wrong number of arguments for 'get' command"),
            ("rpush k", "ERR wrong number of arguments for 'rpush' command"),
            ("set k", "ERR wrong number of arguments for 'set' command"),
            ("set k 1 NX", "ERR syntax error: SET takes no option but IFEQ here, got 'NX'"),
            ("set k 1 IFEQ", "ERR syntax error: IFEQ needs a value"),
            ("lrange k a b", "ERR value is not an integer or out of range"),
            ("select 1", "ERR DB index is out of range"),
            ("hello 3", "NOPROTO unsupported protocol version; this server speaks RESP2"),
            ("flushall", "ERR unknown command 'flushall'"),
            ("client kill", "ERR unknown subcommand 'kill'"),
            ("member add n4 somewhere", "ERR `somewhere` is no IP address with a port"),
            ("member", "ERR MEMBER takes ADD <id> <peer-address>, PROMOTE <id>, REMOVE <id> or LIST"),
            ("slot create a/b", "ERR `a/b` is no slot name: 1 to 32 letters, digits, `-` or `_`"),
            ("slot", "ERR SLOT takes CREATE <name> [FROM <lsn>], ADVANCE <name> <lsn>, DROP <name> or LIST"),
            ("client id 3", "ERR wrong number of arguments for 'client|id' command"),
            (
                "client read x",
                "ERR `x` is no read mode; choose one of: leader, leader-lease, leader-local, follower, nearest",
            ),
            ("client identity a b", "ERR a session is the number that CLIENT IDENTITY told when it was opened"),
            ("request 0 set k 1", "ERR '0' is no request number; count from 1"),
            ("request 1 ping", "ERR REQUEST takes a command that reads or writes data"),
            ("request 1", "ERR wrong number of arguments for 'request' command"),
            ("client read", "ERR wrong number of arguments for 'client|read' command"),
            (
                "client ack most",
                "ERR `most` is no acknowledgement mode; choose one of: async, semi-sync, majority, all, or a number of nodes, the leader among them, default",
            ),
            ("client ack all timeout x", "ERR TIMEOUT takes milliseconds, 0 or more"),
            ("client after 1 x", "ERR AFTER takes an epoch and an LSN, as CLIENT POSITION ON tells them"),
            ("client after 1", "ERR wrong number of arguments for 'client|after' command"),
            ("client session maybe", "ERR CLIENT SESSION takes ON, OFF or nothing"),
            ("client ack all 5", "ERR wrong number of arguments for 'client|ack' command"),
            ("with set k 1", "ERR WITH takes terms, such as ACK majority TIMEOUT 100, and then a command"),
            ("with ack all", "ERR WITH takes terms, such as ACK majority TIMEOUT 100, and then a command"),
            ("with ack all ping", "ERR WITH takes a command that reads or writes data"),
            ("wait 1", "ERR wrong number of arguments for 'wait' command"),
            ("wait -1 0", "ERR WAIT takes numbers of 0 or more"),
            ("client position maybe", "ERR CLIENT POSITION takes ON or OFF"),
        ] {
            assert_eq!(parse_line(line), Err(expected.to_owned()), "{line}");
        }
    }

    /// Each of these would be a call within a call, as many as a request has words.
    #[test]
    fn commands_are_not_nested() {
        for (line, taker) in [("request 1 ", "REQUEST"), ("with ack all ", "WITH")] {
            let line = line.repeat(1_300) + "set k 1";
            let expected = Err(format!("ERR {taker} takes a command that reads or writes data"));
            let thread = std::thread::Builder::new().stack_size(256 << 10);
            let parsed = thread.spawn(move || parse_line(&line)).unwrap().join().unwrap();
            assert_eq!(parsed, expected);
        }
    }
}
