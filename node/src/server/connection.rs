//! One client: reads requests, executes them in order, writes the replies in order.
//!
//! Requests are not waited for one by one: all that are there are handed to the core, so that a pipelined batch of writes shares
//! one group commit.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use redis_protocol::resp2::types::BytesFrame;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::commands::{Command, ok_frame, parse, refusal_frame, reply_frame};
use super::follower_table::follower_table;
use super::info::{config_frame, info_text, role_frame, server_frame};
use super::resp::{encode, error_frame, take_request};
use super::{Ask, Node};
use crate::core::Answer;
use crate::core::status::Status;
use crate::log::place::position_at;
use crate::pause_points;
use crate::record::Lsn;
use crate::sessions::Numbered;
use crate::terms::{Terms, Token};

/// Most requests of a connection whose replies are not written yet; beyond that it is not read.
const MAX_PIPELINED: usize = 1024;
/// Room for what is read at once: a request or several, so that one is seldom read in two.
const READ_BYTES: usize = 1 << 10;
/// Reply bytes put together for one write.
const WRITE_BYTES: usize = 64 << 10;
/// A client that takes nothing for this long is given up.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection and what its client chose for it.
pub(crate) struct Connection {
    node: Arc<Node>,
    mailbox: mpsc::Sender<Ask>,
    id: u64,
    name: Bytes,
    terms: Terms,
    position: bool,
    /// Whether reads must see what this connection has seen, and what that is.
    is_sticky: bool,
    seen: Option<Token>,
    /// Who sends numbered requests over this connection, and its session.
    identity: Option<(Bytes, Lsn)>,
    replies: VecDeque<Pending>,
    /// Set when nothing more is to be read: the client quit, or sent what is no request.
    closing: bool,
}

/// A reply that is here or to come.
enum Pending {
    Here(BytesFrame),
    Answer { answer: oneshot::Receiver<Answer>, position: bool, is_data: bool },
    Status { status: oneshot::Receiver<Status>, show: Show },
}

enum Show {
    Info { section: Option<String> },
    Role,
    Followers,
}

/// The node is stopping; no answer will come any more.
struct Stopped;

impl Connection {
    pub(super) fn new(node: Arc<Node>, mailbox: mpsc::Sender<Ask>) -> Self {
        let id = node.connections.fetch_add(1, Ordering::Relaxed) + 1;
        let terms = Terms::from(&node.config.modes.reads);
        let (name, replies) = (Bytes::new(), VecDeque::new());
        Connection {
            node,
            mailbox,
            id,
            name,
            terms,
            position: false,
            is_sticky: false,
            seen: None,
            identity: None,
            replies,
            closing: false,
        }
    }

    /// Serves until the client leaves, misbehaves, or the node stops.
    pub(crate) async fn serve(mut self, mut stream: TcpStream) {
        let Ok(address) = stream.set_nodelay(true).and_then(|()| stream.peer_addr()) else { return };
        let mut input = BytesMut::new();
        let mut output = BytesMut::new();
        loop {
            if self.execute_all(&mut input, address).await.is_err() {
                return;
            }
            if self.replies.is_empty() && self.closing {
                return;
            }
            if input.is_empty() && input.capacity() > WRITE_BYTES {
                input = BytesMut::new(); // one large request must not cost its size for the rest of the connection
            }
            input.reserve(READ_BYTES);
            let may_read = !self.closing && self.replies.len() < MAX_PIPELINED;
            let closing = self.node.closing.clone();
            tokio::select! {
                () = closing.cancelled() => {
                    let _ = self.write_ready(&mut stream, &mut output).await;
                    return;
                }
                read = stream.read_buf(&mut input), if may_read => match read {
                    Ok(1..) => {}
                    Ok(0) => {
                        // It may still want what is here; it is not kept for what is not.
                        let _ = self.write_ready(&mut stream, &mut output).await;
                        return;
                    }
                    Err(_) => return,
                },
                frame = Self::next_reply(&self.node, &mut self.seen, &mut self.replies), if !self.replies.is_empty() => {
                    let Ok(frame) = frame else { return };
                    encode(&frame, &mut output);
                    if self.write_ready(&mut stream, &mut output).await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    /// Executes the requests that are there, as many as may be pending.
    async fn execute_all(&mut self, input: &mut BytesMut, address: SocketAddr) -> Result<(), Stopped> {
        while !self.closing && self.replies.len() < MAX_PIPELINED {
            match take_request(input) {
                Ok(None) => break,
                Ok(Some(arguments)) if arguments.is_empty() => {}
                Ok(Some(arguments)) => {
                    let reply = match parse(arguments) {
                        Ok(command) => self.execute(command, address).await?,
                        Err(misunderstood) => Pending::Here(error_frame(&misunderstood)),
                    };
                    self.replies.push_back(reply);
                }
                Err(error) => {
                    self.replies.push_back(Pending::Here(error_frame(&error.to_string())));
                    self.closing = true;
                }
            }
        }
        Ok(())
    }

    async fn execute(&mut self, command: Command, address: SocketAddr) -> Result<Pending, Stopped> {
        Ok(Pending::Here(match command {
            Command::Admin(admin) => {
                let (token, answer) = oneshot::channel();
                self.mailbox.send(Ask::Admin { admin, token }).await.map_err(|_| Stopped)?;
                return Ok(Pending::Answer { answer, position: false, is_data: false });
            }
            Command::Data(operation) => {
                let terms = self.present_terms();
                return self.ask(|token| Ask::Execute { operation, terms, token }).await;
            }
            Command::With(choices, operation) => {
                let mut terms = self.present_terms();
                for choice in choices {
                    terms.choose(choice);
                }
                return self.ask(|token| Ask::Execute { operation, terms, token }).await;
            }
            Command::Wait(followers, timeout_ms) => {
                let (token, answer) = oneshot::channel();
                self.mailbox.send(Ask::Wait { followers, timeout_ms, token }).await.map_err(|_| Stopped)?;
                return Ok(Pending::Answer { answer, position: false, is_data: false });
            }
            Command::Request(number, operation) => match self.identity.clone() {
                Some((client, session)) => {
                    let numbered = Numbered { client, session, number };
                    return self.ask(|token| Ask::ExecuteOnce { operation, numbered, token }).await;
                }
                None => error_frame(
                    "ERR no session: open one with CLIENT IDENTITY id, then name it with CLIENT IDENTITY id session",
                ),
            },
            Command::ClientIdentity(client) => return self.ask(|token| Ask::OpenSession { client, token }).await,
            Command::ClientSession(client, session) => {
                self.identity = Some((client, session));
                ok_frame()
            }
            Command::Info { section } => return self.ask_status(Show::Info { section }).await,
            Command::Role => return self.ask_status(Show::Role).await,
            Command::ReplicationStatus => return self.ask_status(Show::Followers).await,
            Command::Ping(None) => BytesFrame::SimpleString(Bytes::from_static(b"PONG")),
            Command::Ping(Some(text)) | Command::Echo(text) => BytesFrame::BulkString(text),
            Command::Hello => server_frame(self.id),
            Command::Quit => {
                self.closing = true;
                ok_frame()
            }
            Command::Choose(choice) => {
                self.terms.choose(choice);
                ok_frame()
            }
            Command::ClientSticky(on) => {
                self.is_sticky = on;
                ok_frame()
            }
            Command::ClientSeen => {
                let number = |number: u64| BytesFrame::Integer(number.cast_signed());
                let array = |token: Token| BytesFrame::Array(vec![number(token.epoch), number(token.lsn)]);
                self.seen.map_or(BytesFrame::Null, array)
            }
            Command::ClientPosition(on) => {
                self.position = on;
                ok_frame()
            }
            Command::ClientSetName(name) => {
                self.name = name;
                ok_frame()
            }
            Command::ClientGetName if self.name.is_empty() => BytesFrame::Null,
            Command::ClientGetName => BytesFrame::BulkString(self.name.clone()),
            Command::ClientId => BytesFrame::Integer(self.id.cast_signed()),
            Command::ClientList => {
                // Connections do not know each other; each tells of itself.
                let name = self.name.escape_ascii();
                BytesFrame::BulkString(
                    format!("id={} addr={address} name={name} read={}\n", self.id, self.terms.read).into(),
                )
            }
            Command::Acknowledge => ok_frame(),
            Command::Empty => BytesFrame::Array(Vec::new()),
            Command::ConfigGet(patterns) => config_frame(&patterns),
            Command::LogPosition { file, offset } => {
                let data = self.node.config.data.clone();
                let found = tokio::task::spawn_blocking(move || position_at(&data, &file, offset)).await;
                match found.map_err(|_| Stopped)? {
                    Ok(position) => BytesFrame::SimpleString(position.into()),
                    Err(why) => error_frame(&format!("ERR {why}")),
                }
            }
        }))
    }

    /// The terms of the connection, and what it has seen if that is to bind it.
    fn present_terms(&self) -> Terms {
        let seen = self.seen.filter(|_| self.is_sticky);
        Terms { after: self.terms.after.max(seen), ..self.terms }
    }

    async fn ask(&self, ask: impl FnOnce(oneshot::Sender<Answer>) -> Ask) -> Result<Pending, Stopped> {
        let (token, answer) = oneshot::channel();
        self.mailbox.send(ask(token)).await.map_err(|_| Stopped)?;
        Ok(Pending::Answer { answer, position: self.position, is_data: true })
    }

    async fn ask_status(&self, show: Show) -> Result<Pending, Stopped> {
        let (token, status) = oneshot::channel();
        self.mailbox.send(Ask::Status(token)).await.map_err(|_| Stopped)?;
        Ok(Pending::Status { status, show })
    }

    /// Waits for the first reply. Dropping this future loses nothing: the reply stays where it is until it is here.
    async fn next_reply(
        node: &Node,
        seen: &mut Option<Token>,
        replies: &mut VecDeque<Pending>,
    ) -> Result<BytesFrame, Stopped> {
        let first = replies.front_mut().expect("the caller checked that a reply is pending");
        let frame = match first {
            Pending::Here(_) => None,
            Pending::Answer { answer, position, is_data } => {
                let answer = answer.await.map_err(|_| Stopped)?;
                note_seen(seen, &answer, *is_data);
                Some(answer_frame(answer, *position))
            }
            Pending::Status { status, show } => {
                let status = status.await.map_err(|_| Stopped)?;
                Some(status_frame(node, &status, show))
            }
        };
        match (replies.pop_front(), frame) {
            (_, Some(frame)) | (Some(Pending::Here(frame)), None) => Ok(frame),
            _ => unreachable!("the first reply was here or has come"),
        }
    }

    /// Writes what is in `output` and every further reply that is here already.
    async fn write_ready(&mut self, stream: &mut TcpStream, output: &mut BytesMut) -> io::Result<()> {
        loop {
            while output.len() < WRITE_BYTES
                && let Some(frame) = self.ready_reply()
            {
                encode(&frame, output);
            }
            if output.is_empty() {
                return Ok(());
            }
            timeout(WRITE_TIMEOUT, stream.write_all(output)).await??;
            output.clear();
            pause_points::answered();
        }
    }

    fn ready_reply(&mut self) -> Option<BytesFrame> {
        let frame = match self.replies.front_mut()? {
            Pending::Here(frame) => std::mem::replace(frame, BytesFrame::Null),
            Pending::Answer { answer, position, is_data } => {
                let answer = answer.try_recv().ok()?;
                note_seen(&mut self.seen, &answer, *is_data);
                answer_frame(answer, *position)
            }
            Pending::Status { status, show } => status_frame(&self.node, &status.try_recv().ok()?, show),
        };
        self.replies.pop_front();
        Some(frame)
    }
}

/// Remembers the latest position that a client has written or seen.
fn note_seen(seen: &mut Option<Token>, answer: &Answer, is_data: bool) {
    pause_points::answering(answer);
    if is_data && answer.outcome.is_ok() && answer.lsn > 0 {
        *seen = (*seen).max(Some(Token { epoch: answer.epoch, lsn: answer.lsn }));
    }
}

/// The answer as the client wants it: bare, or as `[reply, epoch, lsn]`. Errors are always bare.
fn answer_frame(answer: Answer, position: bool) -> BytesFrame {
    let Answer { outcome, epoch, lsn } = answer;
    match outcome.map(reply_frame) {
        Err(refusal) => refusal_frame(refusal),
        Ok(error @ BytesFrame::Error(_)) => error,
        Ok(frame) if position => {
            let number = |number: u64| BytesFrame::Integer(number.cast_signed());
            BytesFrame::Array(vec![frame, number(epoch), number(lsn)])
        }
        Ok(frame) => frame,
    }
}

fn status_frame(node: &Node, status: &Status, show: &Show) -> BytesFrame {
    match show {
        Show::Info { section } => BytesFrame::BulkString(info_text(node, status, section.as_deref()).into()),
        Show::Role => role_frame(status),
        Show::Followers => BytesFrame::BulkString(follower_table(status).into()),
    }
}
