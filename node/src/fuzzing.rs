//! What the fuzz targets in `node/fuzz` drive: each function takes any bytes and must neither panic nor take much memory.
//!
//! Only with the feature `fuzzing`; no part of the library's interface.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use bytes::{Buf, BytesMut};

use crate::config::{Modes, ReadMode};
use crate::core::snapshot::Assembler;
use crate::core::{Core, Effect, HardState, Settings};
use crate::disk::Disk;
use crate::hard_state::HardStateFile;
use crate::log::Log;
use crate::membership::Membership;
use crate::peer::wire::{decode_hello, decode_message};
use crate::record::{Change, Gtid, Lsn, Member, Record, Stamp};
use crate::server::commands::parse;
use crate::server::resp::take_request;
use crate::store::{Operation, Store};

/// What a client sends.
pub fn client(bytes: &[u8]) {
    let mut input = BytesMut::from(bytes);
    while let Ok(Some(arguments)) = take_request(&mut input) {
        if !arguments.is_empty() {
            let _ = parse(arguments);
        }
    }
}

/// What a peer sends: a node, a leader or a follower, takes whatever messages the bytes make, between ticks and writes.
pub fn peer(bytes: &[u8]) {
    let _ = decode_hello(bytes);
    let mut input = bytes;
    let Some(flags) = (!input.is_empty()).then(|| input.get_u8()) else { return };
    let mut node = Node::new(flags & 1 != 0, if flags & 2 != 0 { "--election timeout --fencing none" } else { "" });
    while input.remaining() >= 3 {
        let (what, length) = (input.get_u8(), usize::from(input.get_u16()));
        let (payload, rest) = input.split_at(length.min(input.len()));
        input = rest;
        match what % 8 {
            0 => node.sleep(u64::from(what)),
            1 => node.write(payload),
            _ => {
                if let Some(message) = decode_message(payload) {
                    node.core.receive(Member(1 + what % 2), message);
                    node.settle();
                }
            }
        }
    }
    node.sleep(1_000);
}

struct Node {
    core: Core<()>,
    generation: u64,
    now_ms: u64,
}

impl Node {
    fn new(leads: bool, flags: &str) -> Self {
        let members = Membership::founded(["n1", "n2", "n3"].map(String::from));
        let settings = Settings {
            incarnation: 1,
            id: "n1".to_owned(),
            members,
            modes: Modes::default().with(flags).expect("the flags are known"),
            seed: 1,
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 7001)),
        };
        let hard = HardState { epoch: 1, ..HardState::default() };
        let log = (1..=3).map(|lsn: Lsn| {
            let stamp = Stamp { lsn, epoch: 1, gtid: Gtid { origin: Member(1), sequence: lsn } };
            let key = if lsn == 1 { "k" } else { "l" };
            let change = match lsn {
                1 => Change::Set { key: key.into(), before: None, after: "v".into() },
                _ => Change::Push { key: key.into(), end: crate::record::End::Back, elements: vec!["e".into()] },
            };
            let record = Record { stamp, change, request: None };
            let encoded = record.encode();
            (record, encoded)
        });
        let mut core = Core::new(settings, hard, Store::default(), None, log);
        core.link(Member(1), true);
        core.link(Member(2), true);
        let mut node = Node { core, generation: 0, now_ms: 0 };
        if leads {
            node.sleep(10_000);
            for (epoch, body) in [
                (1, crate::core::message::Body::PreVoteReply { proposed: 2, granted: true }),
                (2, crate::core::message::Body::VoteReply { granted: true }),
            ] {
                node.core.receive(Member(1), crate::core::message::Message { epoch, life: 0, addressee_life: 0, body });
                node.settle();
            }
        }
        node
    }

    fn sleep(&mut self, ms: u64) {
        for _ in 0..ms.div_ceil(20) {
            self.now_ms += 20;
            self.core.advance(self.now_ms);
            self.core.tick();
            self.settle();
        }
    }

    fn write(&mut self, value: &[u8]) {
        let value = bytes::Bytes::copy_from_slice(value);
        self.core.request((), Operation::Set { key: "k".into(), value, if_equals: None }, ReadMode::Leader);
        self.settle();
    }

    fn settle(&mut self) {
        for effect in self.core.settle() {
            match effect {
                Effect::Rewind { generation, .. } | Effect::InstallSnapshot { generation, .. } => {
                    self.generation = generation;
                }
                Effect::WriteSnapshot(snapshot) => {
                    self.core.snapshot_written((snapshot.lsn(), snapshot.lineage()), true);
                }
                _ => {}
            }
        }
        self.core.flushed(self.generation, self.core.status().last_lsn);
    }
}

/// What lies on the disk as a log: the bytes are the end of a segment, or all of it.
pub fn log(dir: &Path, bytes: &[u8]) {
    let log = dir.join("log");
    let _ = fs::remove_dir_all(&log);
    fs::create_dir_all(&log).expect("the directory can be made");
    let open = || Log::open(&Disk::default(), &log, 4096, crate::Fsync::Interval(60_000), None, |_| ());
    if bytes.first().is_some_and(|first| first % 2 == 0) {
        // A sound header before the bytes, and sound records if the bytes are such.
        open().expect("an empty directory is a log").0.end();
        let path = log.join("00000000000000000001.log");
        let header = fs::read(&path).expect("it was just written");
        let salt = u32::from_le_bytes(*header[12..].first_chunk().expect("a header has a salt"));
        let mut whole = header;
        for payload in bytes[1..].split(|&byte| byte == 0xfe) {
            let header = crate::log::segment::Header { salt, ..crate::log::segment::Header::new(1) };
            let offset = whole.len();
            header.encode_record(&mut whole, offset, payload, 0);
        }
        whole.extend_from_slice(&bytes[bytes.len() / 2..]);
        fs::write(&path, whole).expect("it can be written");
    } else {
        fs::write(log.join("00000000000000000001.log"), bytes).expect("it can be written");
    }
    if let Ok((mut first, records)) = open() {
        first.end();
        let (mut second, again) = open().expect("what was recovered is sound");
        second.end();
        assert_eq!(records, again, "recovery is not stable");
    }
}

/// What lies on the disk as hard state.
pub fn hard_state(dir: &Path, bytes: &[u8]) {
    let line = bytes.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let checksum = format!("\ncrc32 {:08x}\n", crc32fast::hash(line));
    for contents in [bytes.to_vec(), [line, checksum.as_bytes()].concat()] {
        fs::write(dir.join("hard-state"), contents).expect("it can be written");
        let _ = HardStateFile::open(&Disk::default(), dir, "n1", Some(&["n1".to_owned(), "n2".to_owned()]));
    }
}

/// The parts of a snapshot, as a peer sends them or a file holds them.
pub fn snapshot(bytes: &[u8]) {
    let mut assembler = Assembler::default();
    let mut input = bytes;
    while input.remaining() >= 2 {
        let length = usize::from(input.get_u16());
        let (part, rest) = input.split_at(length.min(input.len()));
        input = rest;
        if assembler.add(part).is_err() {
            return;
        }
    }
    if let Ok(snapshot) = assembler.finish() {
        let _ = (snapshot.lsn(), snapshot.lineage(), snapshot.history.gtids());
        let parts: Vec<bytes::Bytes> = snapshot.clone().into_parts().collect();
        let mut again = Assembler::default();
        for part in &parts {
            again.add(part).expect("its own parts are sound");
        }
        assert_eq!(again.finish().ok(), Some(snapshot));
    }
}
