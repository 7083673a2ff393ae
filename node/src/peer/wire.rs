//! How messages lie on a connection: frames of a header and a postcard payload, each with a checksum; the first is a hello.
//! Checksums of TCP miss one damaged segment in tens of thousands, and one bit is enough to confirm what nobody has.
//!
//! Not here: connections.

use std::io;

use bytes::{Buf as _, BufMut as _, BytesMut};
use serde::{Deserialize, Serialize};
use tokio_util::codec::Decoder;

use crate::config::{Election, LogKind};
use crate::core::message::Message;
use crate::membership::Listed;
use crate::store::{MAX_RECORD_BYTES, physical};

const MAGIC: &str = "interregnum-peer";
const VERSION: u32 = 5;
/// A message carries one record of any size, or a batch that is much smaller; and some room for the rest.
const MAX_FRAME_BYTES: usize = MAX_RECORD_BYTES + (1 << 20);

/// Who dials, and whom and what cluster it believes to have dialed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hello {
    magic: String,
    version: u32,
    pub(crate) from: String,
    to: String,
    /// The newest list that the caller knows; empty while it waits to join.
    pub(crate) listed: Listed,
    election: String,
    log: String,
    /// Of a physical log: what its bytes depend on. Empty in hellos of the logical one, which depends on neither.
    storage_format: String,
    architecture: String,
}

impl Hello {
    pub(crate) fn new(from: &str, to: &str, listed: Listed, election: Election, log: LogKind) -> Self {
        let of_bytes = |words: fn() -> String| if log == LogKind::Physical { words() } else { String::new() };
        Hello {
            magic: MAGIC.to_owned(),
            version: VERSION,
            from: from.to_owned(),
            to: to.to_owned(),
            listed,
            election: election.to_string(),
            log: log.to_string(),
            storage_format: of_bytes(physical::storage_format),
            architecture: of_bytes(physical::architecture),
        }
    }

    /// What keeps this caller from being the peer that `expected` describes, if anything does.
    pub(crate) fn difference(&self, expected: &Hello) -> Option<String> {
        let founders = |hello: &Hello| hello.listed.members.founders().join(",");
        // Who waits to join does not know the founders yet.
        let (theirs, ours) = match (self.listed.members.is_unknown(), expected.listed.members.is_unknown()) {
            (false, false) => (founders(self), founders(expected)),
            _ => Default::default(),
        };
        let pairs = [
            ("protocol", &self.magic, &expected.magic),
            ("version", &self.version.to_string(), &expected.version.to_string()),
            ("list of founding members", &theirs, &ours),
            ("election", &self.election, &expected.election),
            ("log", &self.log, &expected.log),
            ("storage format", &self.storage_format, &expected.storage_format),
            ("architecture", &self.architecture, &expected.architecture),
            ("addressee", &self.to, &expected.to),
        ];
        let (what, theirs, ours) = pairs.into_iter().find(|(_, theirs, ours)| theirs != ours)?;
        Some(format!("its {what} is `{theirs}`, this node's is `{ours}`"))
    }
}

/// A hello names fifteen founders and 250 members at most, each in a few dozen bytes.
const MAX_HELLO_BYTES: usize = 64 << 10;

/// The length of the payload, the checksum of these four bytes, and that of the payload. The length has one of its own, because who
/// believed a damaged one would wait for bytes that do not come.
pub(crate) const FRAME_HEADER_BYTES: usize = 12;

/// Cuts a connection into the payloads of its frames.
#[derive(Debug)]
pub(crate) struct Frames {
    most_bytes: usize,
}

impl Frames {
    /// For the first frame of a connection, from who knows whom.
    pub(crate) fn of_stranger() -> Self {
        Self { most_bytes: MAX_HELLO_BYTES }
    }

    /// The caller is known: its frames may be larger from now on.
    pub(crate) fn trust(&mut self) {
        self.most_bytes = MAX_FRAME_BYTES;
    }
}

impl Decoder for Frames {
    type Item = BytesMut;
    type Error = io::Error;

    fn decode(&mut self, bytes: &mut BytesMut) -> io::Result<Option<BytesMut>> {
        let damaged = |what| Err(io::Error::new(io::ErrorKind::InvalidData, what));
        let Some((header, payload)) = bytes.split_first_chunk::<FRAME_HEADER_BYTES>() else { return Ok(None) };
        let (length, sums) = header.split_first_chunk::<4>().expect("a header is longer");
        let (length_sum, payload_sum) = sums.split_first_chunk::<4>().expect("a header is longer");
        if crc32fast::hash(length) != u32::from_be_bytes(*length_sum) {
            return damaged("a frame's length was damaged on its way");
        }
        let length = u32::from_be_bytes(*length) as usize;
        if length > self.most_bytes {
            return damaged("a frame is longer than any can be");
        }
        let Some(payload) = payload.get(..length) else {
            bytes.reserve(FRAME_HEADER_BYTES + length - bytes.len());
            return Ok(None);
        };
        if crc32fast::hash(payload).to_be_bytes() != payload_sum {
            return damaged("a frame was damaged on its way");
        }
        bytes.advance(FRAME_HEADER_BYTES);
        Ok(Some(bytes.split_to(length)))
    }
}

/// Appends one frame to `out`.
pub(crate) fn encode<T: Serialize>(frame: &T, out: &mut BytesMut) {
    let payload = postcard::to_stdvec(frame).expect("a frame has no part that cannot be serialized");
    assert!(payload.len() <= MAX_FRAME_BYTES, "batches and records are bounded below the frame length");
    self::frame(&payload, out);
}

/// Appends a frame of that payload to `out`.
pub(crate) fn frame(payload: &[u8], out: &mut BytesMut) {
    let length = (payload.len() as u32).to_be_bytes();
    out.reserve(FRAME_HEADER_BYTES + payload.len());
    out.put_slice(&length);
    out.put_u32(crc32fast::hash(&length));
    out.put_u32(crc32fast::hash(payload));
    out.put_slice(payload);
}

pub(crate) fn decode_hello(frame: &[u8]) -> Option<Hello> {
    postcard::from_bytes(frame).ok().filter(|hello: &Hello| hello.listed.members.is_sound(u64::MAX))
}

pub(crate) fn decode_message(frame: &[u8]) -> Option<Message> {
    postcard::from_bytes(frame).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::membership::Membership;

    /// Every changed bit of a frame, of its length, too, is found at once, and a frame that was not changed is read.
    #[test]
    fn a_changed_bit_is_found() {
        let mut sent = BytesMut::new();
        encode(&"hello", &mut sent);
        let frames = || Frames { most_bytes: MAX_FRAME_BYTES };
        let payload = frames().decode(&mut sent.clone()).unwrap().expect("it is whole");
        assert_eq!(postcard::from_bytes::<String>(&payload).unwrap(), "hello");
        for bit in 0..sent.len() * 8 {
            let mut changed = sent.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(frames().decode(&mut changed).is_err(), "bit {bit}");
        }
        for end in 0..sent.len() {
            let mut begun = BytesMut::from(&sent[..end]);
            assert!(frames().decode(&mut begun).unwrap().is_none(), "{end} bytes are no frame");
        }
    }

    #[test]
    fn a_stranger_says_little() {
        let mut sent = BytesMut::new();
        encode(&vec![7_u8; MAX_HELLO_BYTES + 1], &mut sent);
        let mut frames = Frames::of_stranger();
        assert!(frames.decode(&mut sent.clone()).is_err());
        frames.trust();
        assert!(frames.decode(&mut sent).unwrap().is_some());
    }

    fn hello(from: &str, to: &str, members: &[&str], election: Election) -> Hello {
        let members = Membership::founded(members.iter().map(|&member| member.to_owned()));
        Hello::new(from, to, Listed { members, epoch: 0 }, election, LogKind::Logical)
    }

    #[test]
    fn a_caller_from_elsewhere_is_told_what_differs() {
        let expected = hello("n2", "n1", &["n1", "n2"], Election::Vote);
        let logical = expected.clone();
        let members = Membership::founded(["n1", "n2"].map(String::from));
        let physical = Hello::new("n2", "n1", Listed { members, epoch: 0 }, Election::Vote, LogKind::Physical);
        for (caller, host, differs) in [
            (logical, physical.clone(), "its log is `logical`, this node's is `physical`"),
            (
                Hello { storage_format: "redb 5".into(), ..physical.clone() },
                physical.clone(),
                "its storage format is `redb 5`",
            ),
            (Hello { architecture: "vax".into(), ..physical.clone() }, physical.clone(), "its architecture is `vax`"),
        ] {
            let difference = caller.difference(&host).expect("they differ");
            assert!(difference.contains(differs), "{difference}");
            assert!(host.difference(&caller).is_some(), "the other side refuses as well");
        }
        assert_eq!(expected.difference(&expected), None);
        assert_eq!(hello("n2", "n1", &[], Election::Vote).difference(&expected), None, "it waits to join");
        for (caller, differs) in [
            (hello("n2", "n1", &["n1", "n2", "n3"], Election::Vote), "its list of founding members is `n1,n2,n3`"),
            (hello("n2", "n3", &["n1", "n2"], Election::Vote), "its addressee is `n3`, this node's is `n1`"),
            (hello("n2", "n1", &["n1", "n2"], Election::Timeout), "its election is `timeout`"),
        ] {
            let difference = caller.difference(&expected).expect("they differ");
            assert!(difference.contains(differs), "{difference}");
        }
    }
}
