//! What a client asks for: where it must go, or what the router answers itself.
//!
//! Not here: which node gets it (`queue`).

use bytes::Bytes;

use crate::server::resp::array;

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Request {
    /// Reads data and changes nothing: it may be sent again, and to another node.
    Read(Bytes),
    /// Everything else, known to this router or not: it goes to the leader, in order, and once.
    Write {
        bytes: Bytes,
        /// It carries a number by which the nodes execute it once, however often it is sent.
        numbered: bool,
    },
    /// `CLIENT READ …`: where this client's reads go from now on.
    ReadMode(Vec<Bytes>),
    /// `CLIENT POSITION ON|OFF`.
    Position(bool),
    /// Another `CLIENT …` option of the connection, by its name: for the nodes to understand, and to be said to each of them.
    Option {
        name: Vec<u8>,
        bytes: Bytes,
    },
    /// `CLIENT IDENTITY name`: opens a session at the leader, whose number is said on every connection from then on.
    Identity(Bytes),
    Info {
        section: Option<String>,
    },
    Ping(Option<Bytes>),
    SetName(Bytes),
    GetName,
    Id,
    Hello,
    /// Says yes to something that changes nothing here.
    Acknowledge,
    /// Asks for a list that is empty here.
    Empty,
    Quit,
    Refused(&'static str),
}

impl Request {
    /// Whether it changes how what comes behind it is treated.
    pub(super) fn is_option(&self) -> bool {
        matches!(self, Request::ReadMode(_) | Request::Position(_) | Request::Option { .. } | Request::Identity(_))
    }
}

/// Understands a request of at least one argument. What it does not know it leaves to the leader.
pub(super) fn understand(arguments: &[Bytes]) -> Request {
    let (name, rest) = arguments.split_first().expect("the caller skips empty requests");
    let lower = name.to_ascii_lowercase();
    match (&lower[..], rest) {
        (b"get" | b"lrange", _) => Request::Read(array(arguments)),
        (b"ping", []) => Request::Ping(None),
        (b"ping" | b"echo", [text]) => Request::Ping(Some(text.clone())),
        (b"info", []) => Request::Info { section: None },
        (b"info", [section, ..]) => {
            Request::Info { section: Some(String::from_utf8_lossy(section).to_ascii_lowercase()) }
        }
        (b"hello", [] | [_]) if rest.first().is_none_or(|version| &version[..] == b"2") => Request::Hello,
        (b"hello", _) => Request::Refused("NOPROTO unsupported protocol version; this router speaks RESP2"),
        (b"select", [index]) if &index[..] == b"0" => Request::Acknowledge,
        (b"command", _) => Request::Empty,
        (b"config", [get, ..]) if get.eq_ignore_ascii_case(b"get") => Request::Empty,
        (b"quit", _) => Request::Quit,
        (b"role", _) => Request::Refused("ERR ROLE is about one node and this is a router; see INFO route"),
        // These are about one node, and an operator must know which one does it.
        (
            b"failover" | b"promote" | b"demote" | b"follow" | b"fence" | b"member" | b"slot" | b"repair" | b"verify"
            | b"drift" | b"checksum" | b"debug",
            _,
        ) => Request::Refused("ERR commands that administer the cluster do not pass through a router; ask a node"),
        (b"client", [subcommand, options @ ..]) => understand_client(arguments, subcommand, options),
        _ => Request::Write { bytes: array(arguments), numbered: lower == b"request" },
    }
}

fn understand_client(arguments: &[Bytes], subcommand: &Bytes, options: &[Bytes]) -> Request {
    let name = subcommand.to_ascii_lowercase();
    match (&name[..], options) {
        (b"read", [_, ..]) => Request::ReadMode(arguments.to_vec()),
        (b"position", [switch]) if switch.eq_ignore_ascii_case(b"on") => Request::Position(true),
        (b"position", [switch]) if switch.eq_ignore_ascii_case(b"off") => Request::Position(false),
        (b"setname", [name]) if name.iter().all(u8::is_ascii_graphic) => Request::SetName(name.clone()),
        (b"setinfo", [_, _]) => Request::Acknowledge,
        (b"getname", []) => Request::GetName,
        (b"id", []) => Request::Id,
        (b"list", _) => Request::Refused("ERR CLIENT LIST is not kept by a router; see INFO route"),
        (b"identity", [client]) => Request::Identity(client.clone()),
        _ => Request::Option { name, bytes: array(arguments) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_surely_reads_may_go_anywhere() {
        let kind = |line: &str| {
            let arguments: Vec<Bytes> = line.split(' ').map(|word| Bytes::copy_from_slice(word.as_bytes())).collect();
            match understand(&arguments) {
                Request::Read(_) => "read",
                Request::Write { numbered: true, .. } => "numbered write",
                Request::Write { .. } => "write",
                option if option.is_option() => "option",
                Request::Refused(_) => "refused",
                _ => "here",
            }
        };
        for (lines, expected) in [
            ("get k|LRANGE l 0 -1", "read"),
            ("set k 1|INCR k|SET k 1 IFEQ 2|NOSUCH thing|GETDEL k|SELECT 1", "write"),
            ("REQUEST 7 INCR k", "numbered write"),
            (
                "CLIENT READ leader|client position on|CLIENT ACK majority TIMEOUT 10|CLIENT NOSUCH|CLIENT IDENTITY me",
                "option",
            ),
            ("ping|echo a|info route|hello|hello 2|quit|client id|client setname x|command docs|select 0", "here"),
            ("hello 3|role|failover to n2|client list", "refused"),
        ] {
            for line in lines.split('|') {
                assert_eq!(kind(line), expected, "{line}");
            }
        }
    }
}
