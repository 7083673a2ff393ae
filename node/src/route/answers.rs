//! What the router answers itself.
//!
//! Not here: what passes through it.

use std::fmt::Write;

use bytes::{Bytes, BytesMut};
use redis_protocol::resp2::types::BytesFrame;

use super::Shared;
use super::queue::{Kind, error};
use super::request::Request;
use super::session::Session;
use crate::server::info::server_frame;
use crate::server::resp::encode;

impl Session {
    /// Takes a request in that is no option: it is answered, or waits to be sent.
    pub(super) fn accept(&mut self, request: Request) {
        let frame = match request {
            Request::Read(bytes) => {
                let kind =
                    if self.options.reads_lead(&self.shared.flags) { Kind::LeaderRead } else { Kind::FollowerRead };
                return self.queue.push(kind, bytes);
            }
            Request::Write { bytes, numbered } => return self.queue.push(Kind::Write { numbered }, bytes),
            Request::Refused(text) => return self.queue.push_answered(error(text)),
            Request::Info { section } => BytesFrame::BulkString(info(&self.shared, section.as_deref()).into()),
            Request::Ping(None) => BytesFrame::SimpleString(Bytes::from_static(b"PONG")),
            Request::Ping(Some(text)) => BytesFrame::BulkString(text),
            Request::SetName(name) => {
                self.options.name = name;
                ok()
            }
            Request::GetName if self.options.name.is_empty() => BytesFrame::Null,
            Request::GetName => BytesFrame::BulkString(self.options.name.clone()),
            Request::Id => BytesFrame::Integer(self.id.cast_signed()),
            Request::Hello => server_frame(self.id),
            Request::Acknowledge => ok(),
            Request::Empty => BytesFrame::Array(Vec::new()),
            Request::Quit => {
                self.closing = true;
                ok()
            }
            option @ (Request::ReadMode(_) | Request::Position(_) | Request::Option { .. } | Request::Identity(_)) => {
                unreachable!("{option:?} is an option")
            }
        };
        let mut reply = BytesMut::new();
        encode(&frame, &mut reply);
        self.queue.push_answered(reply.freeze());
    }
}

fn ok() -> BytesFrame {
    BytesFrame::SimpleString(Bytes::from_static(b"OK"))
}

/// `INFO` of a router: who leads, what is held, and each node as the router sees it.
fn info(shared: &Shared, section: Option<&str>) -> String {
    if !matches!(section, None | Some("all" | "default" | "everything" | "route")) {
        return String::new();
    }
    let topology = shared.topology.borrow();
    let leader = topology.leader.map_or("", |leader| &topology.backends[leader].id);
    let mut out = format!(
        "# Route\r\ninterregnum_version:{}\r\nuptime_in_seconds:{}\r\nconnected_clients:{}\r\nleader_id:{leader}\r\n\
         held_operations:{}\r\n",
        env!("CARGO_PKG_VERSION"),
        shared.now_ms() / 1000,
        shared.clients(),
        shared.held(),
    );
    for (node, backend) in topology.backends.iter().enumerate() {
        let state = if backend.up { "up" } else { "down" };
        let role = if topology.leader == Some(node) { "leader" } else { backend.role() };
        let told = |number: Option<u64>| number.map_or_else(|| "unknown".to_owned(), |number| number.to_string());
        let (reads, writes, unanswered) = shared.traffic(node);
        let _ = write!(
            out,
            "backend{node}:id={},address={},state={state},role={role},epoch={},lag_records={},lag_ms={},reads={reads},\
             writes={writes},unanswered={unanswered}\r\n",
            backend.id,
            backend.address,
            backend.epoch(),
            told(backend.lag_records),
            told(backend.lag_ms(shared.now_ms())),
        );
    }
    out
}
