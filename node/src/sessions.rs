//! The table that makes a retried write idempotent: what each client asked last, and what it was told.
//!
//! The table is replicated state: every record made for a session carries who asked, under which number, with which reply, and
//! what of the table it replaces. So each node rebuilds the same table from the log, a rewind takes its records back out
//! of it, and who leads next knows what the last leader answered. Whom to evict is the leader's choice and stands in the record
//! too, so that nodes with different `--sessions` agree.
//!
//! Not here: when a reply may be told (`core::exactly_once`).

use std::collections::BTreeMap;
use std::ops::Bound;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::record::{Epoch, Lsn, Stamp};
use crate::store::Reply;

/// A string reply larger than this is not kept: ten thousand sessions must not keep ten thousand values.
const KEPT_BYTES: usize = 1024;

/// Whose request it is. The session is the LSN of the record that opened it, so that a session is never mistaken for a later one of
/// the same client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Numbered {
    pub(crate) client: Bytes,
    pub(crate) session: Lsn,
    pub(crate) number: u64,
}

/// What a record says of the request that it was made for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) client: Bytes,
    /// 0 opens a session; clients count from 1.
    pub(crate) number: u64,
    pub(crate) reply: Kept,
    /// What the table had of this client before.
    before: Option<Session>,
    /// Who had to go to make room for it.
    evicted: Option<(Bytes, Session)>,
}

/// A reply as a record keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kept {
    Ok,
    Nil,
    Integer(i64),
    String(Bytes),
    Error(String),
    /// It was too large to be kept. Only a comparison that failed can be answered so; it changed nothing.
    TooLarge,
}

impl Kept {
    pub(crate) fn from(reply: &Reply) -> Self {
        match reply {
            Reply::Ok => Kept::Ok,
            Reply::Nil => Kept::Nil,
            Reply::Integer(number) => Kept::Integer(*number),
            Reply::String(string) if string.len() <= KEPT_BYTES => Kept::String(string.clone()),
            Reply::Error(text) => Kept::Error((*text).to_owned()),
            Reply::Failure(text) | Reply::Told(text) => Kept::Error(text.clone()),
            Reply::String(_) | Reply::List(_) => Kept::TooLarge,
        }
    }

    pub(crate) fn reply(&self) -> Reply {
        match self {
            Kept::Ok => Reply::Ok,
            Kept::Nil => Reply::Nil,
            Kept::Integer(number) => Reply::Integer(*number),
            Kept::String(string) => Reply::String(string.clone()),
            Kept::Error(text) => Reply::Failure(text.clone()),
            Kept::TooLarge => Reply::Failure(
                "ERR the request was executed and changed nothing, because its comparison failed; what it found is too large to \
                 be told again"
                    .to_owned(),
            ),
        }
    }
}

/// What is known of one client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Session {
    /// The record that opened it.
    pub(crate) opened_lsn: Lsn,
    /// Its last request, the reply, and where that was logged.
    pub(crate) number: u64,
    pub(crate) reply: Kept,
    pub(crate) epoch: Epoch,
    pub(crate) lsn: Lsn,
}

/// What the table says about a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// It was not asked before, nor anything behind it.
    New,
    /// It is the last one that was executed.
    Repeated(Session),
    /// A later one was executed.
    Superseded,
    /// There is no such session: evicted, replaced by a later one of this client, or never opened here.
    NoSession,
}

/// All sessions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sessions {
    of: BTreeMap<Bytes, Session>,
    /// The client of each session by the LSN of its last request: the least recently used is the first.
    by_lsn: BTreeMap<Lsn, Bytes>,
}

impl Sessions {
    pub(crate) fn find(&self, numbered: &Numbered) -> Found {
        match self.of.get(&numbered.client) {
            Some(session) if session.opened_lsn != numbered.session => Found::NoSession,
            Some(session) if numbered.number > session.number => Found::New,
            Some(session) if numbered.number == session.number => Found::Repeated(session.clone()),
            Some(_) => Found::Superseded,
            None => Found::NoSession,
        }
    }

    /// What a record for a client's request must say. Opening a session evicts the least recently used one when `most` are open.
    pub(crate) fn request(&self, client: Bytes, number: u64, reply: &Reply, most: usize) -> Request {
        let before = self.of.get(&client).cloned();
        let full = before.is_none() && self.of.len() >= most;
        let oldest = self.by_lsn.first_key_value().filter(|_| full).map(|(_, client)| client.clone());
        let evicted = oldest.map(|client| (client.clone(), self.of[&client].clone()));
        Request { client, number, reply: Kept::from(reply), before, evicted }
    }

    /// Takes in the next record.
    pub(crate) fn apply(&mut self, stamp: &Stamp, request: &Request) {
        if let Some((client, _)) = &request.evicted {
            self.remove(client);
        }
        let opened_lsn = match self.of.get(&request.client) {
            Some(session) if request.number > 0 => session.opened_lsn,
            _ => stamp.lsn,
        };
        let (number, reply) = (request.number, request.reply.clone());
        self.insert(request.client.clone(), Session { opened_lsn, number, reply, epoch: stamp.epoch, lsn: stamp.lsn });
    }

    /// Takes the last record out again.
    pub(crate) fn undo(&mut self, request: &Request) {
        self.remove(&request.client);
        let restored = request.before.iter().map(|session| (&request.client, session));
        for (client, session) in restored.chain(request.evicted.iter().map(|(client, session)| (client, session))) {
            self.insert(client.clone(), session.clone());
        }
    }

    /// Some sessions behind this client's, in the clients' order; from the first on, if there is none.
    pub(crate) fn after(&self, client: Option<&Bytes>, most: usize) -> Vec<(Bytes, Session)> {
        let from = client.map_or(Bound::Unbounded, Bound::Excluded);
        let range = self.of.range::<Bytes, _>((from, Bound::Unbounded));
        range.take(most).map(|(client, session)| (client.clone(), session.clone())).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.of.len()
    }

    /// What a snapshot keeps that forgets what was asked (`defect`): as if every client had only opened its session.
    pub(crate) fn without_requests(&self) -> Self {
        let mut sessions = self.clone();
        sessions.of.values_mut().for_each(|session| session.number = 0);
        sessions
    }

    fn insert(&mut self, client: Bytes, session: Session) {
        self.remove(&client);
        self.by_lsn.insert(session.lsn, client.clone());
        self.of.insert(client, session);
    }

    fn remove(&mut self, client: &Bytes) {
        if let Some(session) = self.of.remove(client) {
            self.by_lsn.remove(&session.lsn);
        }
    }
}

impl Extend<(Bytes, Session)> for Sessions {
    fn extend<I: IntoIterator<Item = (Bytes, Session)>>(&mut self, sessions: I) {
        for (client, session) in sessions {
            self.insert(client, session);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::record::{Gtid, Member};

    const MOST: usize = 3;

    fn stamp(lsn: Lsn) -> Stamp {
        Stamp { lsn, epoch: 1, gtid: Gtid { origin: Member(0), sequence: lsn } }
    }

    fn numbered(client: &'static str, session: Lsn, number: u64) -> Numbered {
        Numbered { client: client.into(), session, number }
    }

    /// A table in which each of `requests` (client, number) was applied, at LSNs from 1 on.
    fn table(requests: &[(&'static str, u64)]) -> Sessions {
        let mut sessions = Sessions::default();
        for (lsn, &(client, number)) in (1..).zip(requests) {
            let request = sessions.request(client.into(), number, &Reply::Ok, MOST);
            sessions.apply(&stamp(lsn), &request);
        }
        sessions
    }

    #[test]
    fn a_request_is_new_once() {
        let sessions = table(&[("a", 0), ("b", 0), ("a", 1), ("a", 5)]);
        for (request, found) in [
            (numbered("a", 1, 6), "New"),
            (numbered("a", 1, 5), "Repeated"),
            (numbered("a", 1, 4), "Superseded"),
            (numbered("a", 1, 1), "Superseded"),
            (numbered("a", 2, 6), "NoSession"),
            (numbered("b", 2, 1), "New"),
            (numbered("c", 1, 1), "NoSession"),
        ] {
            let told = format!("{:?}", sessions.find(&request));
            assert!(told.starts_with(found), "{request:?} is {told}");
        }
    }

    #[test]
    fn the_least_recently_used_session_goes_and_is_unknown_from_then_on_even_when_its_client_opens_another() {
        let requests = [("a", 0), ("b", 0), ("c", 0), ("a", 1), ("d", 0)];
        assert_eq!(table(&requests).find(&numbered("b", 2, 1)), Found::NoSession);
        assert_eq!(table(&requests).find(&numbered("a", 1, 2)), Found::New);
        let reopened = table(&[&requests[..], &[("b", 0)]].concat());
        assert_eq!(
            reopened.find(&numbered("b", 2, 1)),
            Found::NoSession,
            "the retry of a first request is not executed again"
        );
        assert_eq!(reopened.find(&numbered("b", 6, 1)), Found::New);
        assert_eq!(reopened.len(), MOST);
    }

    proptest! {
        #[test]
        fn undoing_in_reverse_restores_every_table_on_the_way_and_a_snapshot_is_the_table(
            requests in proptest::collection::vec((prop_oneof!["a", "b", "c", "d", "e"], 0..4_u64), 0..40),
        ) {
            let mut sessions = Sessions::default();
            let mut history = Vec::new();
            for (lsn, (client, number)) in (1..).zip(requests) {
                let opened = sessions.of.contains_key(client.as_bytes());
                let request = sessions.request(client.into(), if opened { number } else { 0 }, &Reply::Integer(7), MOST);
                history.push((sessions.clone(), request.clone()));
                sessions.apply(&stamp(lsn), &request);
                prop_assert!(sessions.len() <= MOST && sessions.by_lsn.len() == sessions.len());
                let mut again = Sessions::default();
                again.extend(sessions.after(None, usize::MAX));
                prop_assert_eq!(&again, &sessions);
            }
            while let Some((before, request)) = history.pop() {
                sessions.undo(&request);
                prop_assert_eq!(&sessions, &before);
            }
        }
    }
}
