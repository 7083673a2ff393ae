//! What the fuzz targets in `node/fuzz` drive: each function takes any bytes and must neither panic nor take much memory.
//!
//! Only with the feature `fuzzing`; no part of the library's interface.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use bytes::{Buf, BytesMut};
use tokio_util::codec::Decoder as _;

use crate::config::{Modes, ReadMode};
use crate::core::freshness::Moment;
use crate::core::message::{Body, Message};
use crate::core::snapshot::Assembler;
use crate::core::{Core, Effect, HardState, Settings};
use crate::disk::Disk;
use crate::hard_state::HardStateFile;
use crate::log::recovery::{self, Recovered};
use crate::log::segment::Header;
use crate::log::writer::Writer;
use crate::membership::Membership;
use crate::peer::wire::{FRAME_HEADER_BYTES, Frames, decode_hello, decode_message, frame};
use crate::record::{Change, Gtid, Lsn, Member, Record, Stamp};
use crate::server::commands::{Command, parse};
use crate::server::resp::take_request;
use crate::sessions::Numbered;
use crate::store::{Operation, Store};
use crate::terms::Terms;

/// What a client sends: a leader with a follower that confirms all executes whatever of it can be understood.
pub fn client(bytes: &[u8]) {
    let mut input = BytesMut::from(bytes);
    let mut node = Node::new(true, "");
    let mut terms = Terms::from(ReadMode::Leader);
    while let Ok(Some(arguments)) = take_request(&mut input) {
        if let Some(Ok(command)) = (!arguments.is_empty()).then(|| parse(arguments)) {
            node.execute(command, &mut terms);
        }
    }
    node.sleep(1_000);
}

/// What comes over a peer's connection, below the messages: any bytes; and frames of these payloads, sound but for one changed bit. What
/// is read is what was sent, up to the frame with that bit.
pub fn frames(bytes: &[u8]) {
    let mut decoder = Frames::of_stranger();
    let mut input = BytesMut::from(bytes);
    while let Ok(Some(payload)) = decoder.decode(&mut input) {
        let _ = decode_hello(&payload);
    }
    let Some((place, payloads)) = bytes.split_first_chunk::<4>() else { return };
    let payloads: Vec<&[u8]> = payloads.split(|&byte| byte == 0xfe).collect();
    let mut sent = BytesMut::new();
    for payload in &payloads {
        frame(payload, &mut sent);
    }
    let bit = u32::from_le_bytes(*place) as usize % (8 * sent.len());
    sent[bit / 8] ^= 1 << (bit % 8);
    let mut decoder = Frames::of_stranger();
    decoder.trust();
    let mut begin = 0;
    for payload in payloads {
        let end = begin + FRAME_HEADER_BYTES + payload.len();
        match decoder.decode(&mut sent) {
            Ok(read) => assert!(read.is_some_and(|read| read == *payload) && !(8 * begin..8 * end).contains(&bit)),
            Err(_) => return assert!((8 * begin..8 * end).contains(&bit), "a sound frame is refused"),
        }
        begin = end;
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
            for (epoch, body) in
                [(1, Body::PreVoteReply { proposed: 2, granted: true }), (2, Body::VoteReply { granted: true })]
            {
                node.core.receive(Member(1), Message { epoch, life: 0, addressee_life: 0, rebuilding: false, body });
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

    /// Executes what the server would hand to the core.
    fn execute(&mut self, command: Command, terms: &mut Terms) {
        match command {
            Command::Data(operation) => self.core.request((), operation, *terms),
            Command::With(choices, operation) => {
                let mut terms = *terms;
                for choice in choices {
                    terms.choose(choice);
                }
                self.core.request((), operation, terms);
            }
            Command::Choose(choice) => terms.choose(choice),
            Command::Admin(admin) => self.core.admin((), admin),
            Command::Wait(followers, timeout_ms) => self.core.wait((), followers, timeout_ms),
            Command::ClientIdentity(client) => self.core.open_session((), client),
            Command::Request(number, operation) => {
                let session = 5; // of who opens one at once
                self.core.request_once((), operation, Numbered { client: "c".into(), session, number });
            }
            _ => {}
        }
        self.settle();
        let lsn = self.core.status().last_lsn;
        let sent = Moment::of(1, self.now_ms);
        let body = Body::Appended { round: 1, held_lsn: lsn, durable_lsn: lsn, sent };
        self.core.receive(Member(1), Message { epoch: 2, life: 0, addressee_life: 0, rebuilding: false, body });
        self.settle();
        let _ = self.core.status();
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
    if bytes.first().is_none_or(|first| first % 2 == 1) {
        let _ = recover(dir, bytes);
        return;
    }
    // A sound header before the bytes, and sound frames if they are such.
    let header = Header { salt: 7, ..Header::new(1) };
    let mut whole = header.encode().to_vec();
    for payload in bytes[1..].split(|&byte| byte == 0xfe) {
        let offset = whole.len();
        header.encode_record(&mut whole, offset, payload, 0);
    }
    whole.extend_from_slice(&bytes[bytes.len() / 2..]);
    let _ = recover(dir, &whole);
}

/// A log as a power failure leaves it: groups of writes into room that was made ahead, and each sector of the last group as it was after
/// one of its writes. That is never damage; all that was durable is found, and of the rest what came first.
pub fn power_failure(dir: &Path, bytes: &[u8]) {
    let header = Header { salt: 7, ..Header::new(1) };
    let mut image = header.encode().to_vec();
    let mut end = image.len();
    image.resize(ROOM_BYTES, 0);
    let mut versions = vec![image.clone()];
    let (mut records, mut durable) = (Vec::new(), 0);
    let mut input = bytes;
    while versions.len() < MAX_VERSIONS && input.remaining() >= 2 {
        let (what, length) = (input.get_u8(), 8 * usize::from(input.get_u8()));
        if what == 0 {
            durable = records.len();
            versions = vec![image.clone()];
            continue;
        }
        let stamp = Stamp { lsn: records.len() as Lsn + 1, epoch: 1, gtid: Gtid { origin: Member(1), sequence: 1 } };
        let after = vec![what % 2; length].into(); // zeros, which look like what was never written, or ones
        let record =
            Record { stamp, change: Change::Set { key: "k".into(), before: None, after }, request: None }.encode();
        let mut written = Vec::new();
        header.encode_record(&mut written, end, &record, (records.len() - durable) as u32);
        if end + written.len() > ROOM_BYTES {
            break;
        }
        image[end..end + written.len()].copy_from_slice(&written);
        end += written.len();
        records.push(record);
        if what % 4 < 2 || versions.len() == 1 {
            versions.push(image.clone()); // a write of its own
        } else {
            versions.last_mut().expect("there is one").clone_from(&image); // one write with the record before it
        }
    }
    for (number, sector) in image.chunks_mut(512).enumerate() {
        let at = number * 512;
        let version = usize::from(input.get(number).copied().unwrap_or(u8::MAX)).min(versions.len() - 1);
        sector.copy_from_slice(&versions[version][at..at + sector.len()]);
    }
    let found = recover(dir, &image).expect("a power failure is no damage");
    assert!(found.len() >= durable, "{} of {durable} durable records", found.len());
    assert_eq!(found, records[..found.len()]);
}

/// Room for records in that log, and how many writes its last group has at most.
const ROOM_BYTES: usize = 16 << 10;
const MAX_VERSIONS: usize = 12;

/// What recovery makes of a segment; the same a second time.
fn recover(dir: &Path, segment: &[u8]) -> Result<Vec<bytes::Bytes>, crate::log::LogError> {
    let log = dir.join("log");
    let _ = fs::remove_dir_all(&log);
    fs::create_dir_all(&log).expect("the directory can be made");
    fs::write(log.join("00000000000000000001.log"), segment).expect("it can be written");
    // As a node does that starts, but for the thread that would write: a fuzzer has no time to wait for one.
    let open = || {
        let Recovered { records, tail, .. } = recovery::recover(&Disk::default(), &log, None)?;
        Writer::open(&Disk::default(), &log, 4096, crate::Fsync::Interval(60_000), tail, 1).map(|_| records)
    };
    let records = open()?;
    let again = open().expect("what was recovered is sound");
    assert_eq!(records, again, "recovery is not stable");
    Ok(records)
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
