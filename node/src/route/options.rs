//! What a client chose for its connection, and how every connection to a node is told.
//!
//! Not here: what the options mean; the nodes know.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::flags::{Route, RouteReads};
use super::queue::Purpose;
use super::reply::error_text;
use super::request::Request;
use crate::server::resp::{array, words};

/// A client's options.
#[derive(Debug, Default)]
pub(super) struct Options {
    /// `CLIENT READ …` as the client said it, and whether that names the leader.
    read: Option<(Bytes, bool)>,
    /// Whether replies are to come with epoch and LSN.
    pub(super) position: bool,
    /// Any others, by name; as the nodes accept only names that they know, there are not many.
    others: BTreeMap<Vec<u8>, Bytes>,
    /// What a node is being asked about.
    proposed: Option<Proposed>,
    pub(super) name: Bytes,
}

#[derive(Debug)]
enum Proposed {
    Read(Bytes, bool),
    Other(Vec<u8>, Bytes),
    /// The client that opens a session.
    Identity(Bytes),
}

impl Options {
    /// Notes an option that counts once a node has accepted it; returns what to ask the node.
    pub(super) fn propose(&mut self, option: Request) -> Bytes {
        let (proposed, bytes) = match option {
            Request::ReadMode(arguments) => {
                let bytes = array(&arguments);
                let leads = arguments.get(2).is_some_and(|mode| mode.to_ascii_lowercase().starts_with(b"leader"));
                (Proposed::Read(bytes.clone(), leads), bytes)
            }
            Request::Option { name, bytes } => (Proposed::Other(name, bytes.clone()), bytes),
            Request::Identity(client) => {
                let bytes = array(&[&b"CLIENT"[..], b"IDENTITY", &client].map(Bytes::copy_from_slice));
                (Proposed::Identity(client), bytes)
            }
            other => unreachable!("{other:?} is no option for a node"),
        };
        self.proposed = Some(proposed);
        bytes
    }

    /// A node has answered the proposal; whether anything changed.
    pub(super) fn decide(&mut self, reply: &[u8]) -> bool {
        match self.proposed.take().filter(|_| error_text(reply).is_none()) {
            Some(Proposed::Read(bytes, leads)) => self.read = Some((bytes, leads)),
            Some(Proposed::Other(name, bytes)) => drop(self.others.insert(name, bytes)),
            Some(Proposed::Identity(client)) => {
                let Some(session) = reply.strip_prefix(b":").and_then(|reply| reply.strip_suffix(b"\r\n")) else {
                    return false;
                };
                let option = array(&[&b"CLIENT"[..], b"IDENTITY", &client, session].map(Bytes::copy_from_slice));
                self.others.insert(b"identity".to_vec(), option);
            }
            None => return false,
        }
        true
    }

    /// Whether the client's reads go to the leader.
    pub(super) fn reads_lead(&self, flags: &Route) -> bool {
        self.read.as_ref().map_or(flags.read == RouteReads::Leader, |(_, leads)| *leads)
    }

    /// What is said first on a connection to a node.
    pub(super) fn setup(&self, purpose: Purpose, flags: &Route) -> Vec<Bytes> {
        let chosen = |leads| self.read.as_ref().filter(|(_, chosen)| *chosen == leads).map(|(bytes, _)| bytes.clone());
        let read = match purpose {
            Purpose::Lead => chosen(true).unwrap_or_else(|| words(&["CLIENT", "READ", "leader"])),
            Purpose::Follow => chosen(false).unwrap_or_else(|| words(&["CLIENT", "READ", "follower"])),
        };
        let position = self.position || flags.read_your_writes;
        let position = position.then(|| words(&["CLIENT", "POSITION", "ON"]));
        [read].into_iter().chain(position).chain(self.others.values().cloned()).collect()
    }
}
