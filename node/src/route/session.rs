//! One client: reads its requests, sends them on, writes the replies in its order.
//!
//! Not here: what may be sent when (`queue`) and to whom (`choice`).

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::{sleep, timeout};

use super::Shared;
use super::choice::{Choice, Nobody};
use super::lane::{Event, Lane};
use super::options::Options;
use super::queue::{Answered, Kind, Outlet, Purpose, Queue, Target, error};
use super::request::{Request, understand};
use crate::server::resp::take_request;

/// Most unanswered requests of a client; as many as a node takes from one connection.
const MAX_PIPELINED: usize = 1024;
/// Most bytes of unanswered requests of a client; beyond either bound it is not read.
const MAX_REQUESTS_BYTES: usize = 8 << 20;
/// Most bytes of replies that wait for an earlier one; a client whose replies exceed that is given up.
const MAX_READY_BYTES: usize = 128 << 20;
/// Replies put together for one write.
const WRITE_BYTES: usize = 64 << 10;
/// Replies of all its lanes that a session has not taken in yet; beyond that they are not read.
const EVENTS: usize = 64;
/// A client that takes nothing for this long is given up.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// A client's connection, and the connections to nodes that it uses.
pub(super) struct Session {
    pub(super) shared: Arc<Shared>,
    pub(super) id: u64,
    pub(super) queue: Queue,
    pub(super) options: Options,
    /// Set when nothing more is to be read: the client quit, or sent what is no request.
    pub(super) closing: bool,
    /// An option that applies to what comes behind it, and waits until everything before it is answered.
    stashed: Option<Request>,
    choice: Choice,
    lanes: BTreeMap<(usize, Purpose), Open>,
    lanes_opened: u64,
    events: mpsc::Sender<Event>,
}

/// A lane, how many of its requests were answered, and since when its node does not lead any more.
struct Open {
    lane: Lane,
    answered: u64,
    succeeded_ms: Option<u64>,
}

/// Serves a client until it leaves or misbehaves.
pub(super) async fn serve(shared: Arc<Shared>, stream: TcpStream, id: u64) {
    let (events, mut receiver) = mpsc::channel(EVENTS);
    let mut session = Session {
        id,
        queue: Queue::default(),
        options: Options::default(),
        closing: false,
        stashed: None,
        choice: Choice::new(id as usize),
        lanes: BTreeMap::new(),
        lanes_opened: 0,
        events,
        shared,
    };
    let _ = session.run(stream, &mut receiver).await; // the client is gone, whatever the error says
    session.close_lanes();
}

/// What of a session is needed to send.
struct Ways<'a> {
    shared: &'a Shared,
    options: &'a Options,
    choice: &'a mut Choice,
    lanes: &'a mut BTreeMap<(usize, Purpose), Open>,
    lanes_opened: &'a mut u64,
    events: &'a mpsc::Sender<Event>,
}

impl Outlet for Ways<'_> {
    fn target(&mut self, kind: Kind) -> Target {
        match self.choice.choose(kind, &self.shared.topology.borrow(), self.shared) {
            Ok((node, purpose)) => {
                let lane = self.lanes.get(&(node, purpose)).map(|open| open.lane.id);
                Target::Node { node, purpose, lane }
            }
            Err(Nobody::Now) => Target::Hold,
            Err(Nobody::Refuse) => Target::Refuse,
        }
    }

    fn send(&mut self, node: usize, purpose: Purpose, request: Bytes) -> u64 {
        let open = self.lanes.entry((node, purpose)).or_insert_with(|| {
            *self.lanes_opened += 1;
            let setup = self.options.setup(purpose, &self.shared.flags);
            let lane = Lane::open(*self.lanes_opened, self.shared.address(node), setup, self.events.clone());
            Open { lane, answered: 0, succeeded_ms: None }
        });
        self.shared.count_sent(node, purpose);
        open.lane.send(request);
        open.lane.id
    }

    fn hold(&mut self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.shared.hold).try_acquire_owned().ok()
    }
}

impl Session {
    async fn run(&mut self, mut stream: TcpStream, events: &mut mpsc::Receiver<Event>) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut news = self.shared.topology.subscribe();
        let hold_ms = self.shared.flags.hold_ms;
        let (mut input, mut output) = (BytesMut::new(), BytesMut::new());
        loop {
            self.understand_all(&mut input);
            self.send_all();
            self.write_ready(&mut stream, &mut output).await?;
            if self.queue.is_empty() && self.closing {
                return Ok(());
            }
            if self.queue.is_empty() && self.stashed.is_some() {
                continue;
            }
            if input.is_empty() && input.capacity() > WRITE_BYTES {
                input = BytesMut::new(); // one large request must not cost its size for the rest of the connection
            }
            let may_read = !self.closing && self.has_room();
            let expiry_ms = self.queue.next_expiry(hold_ms);
            let rest_ms = expiry_ms.map(|expiry_ms| expiry_ms.saturating_sub(self.shared.now_ms()));
            tokio::select! {
                read = stream.read_buf(&mut input), if may_read => if read? == 0 { return Ok(()) },
                Some(event) = events.recv() => {
                    self.take(event);
                    while let Ok(event) = events.try_recv() {
                        self.take(event);
                    }
                }
                _ = news.changed(), if !self.queue.is_empty() => self.leave_the_dead(),
                () = sleep(Duration::from_millis(rest_ms.unwrap_or(0))), if rest_ms.is_some() => {
                    self.queue.expire(self.shared.now_ms(), hold_ms);
                }
            }
        }
    }

    fn has_room(&self) -> bool {
        self.stashed.is_none() && self.queue.len() < MAX_PIPELINED && self.queue.request_bytes() < MAX_REQUESTS_BYTES
    }

    /// Takes in the requests that are there, as many as may be unanswered.
    fn understand_all(&mut self, input: &mut BytesMut) {
        if self.queue.is_empty()
            && let Some(option) = self.stashed.take()
        {
            self.accept_option(option);
        }
        while !self.closing && self.has_room() {
            match take_request(input) {
                Ok(None) => break,
                Ok(Some(arguments)) if arguments.is_empty() => {}
                Ok(Some(arguments)) => match understand(&arguments) {
                    option if option.is_option() && self.queue.is_empty() => self.accept_option(option),
                    option if option.is_option() => self.stashed = Some(option),
                    request => self.accept(request),
                },
                Err(wrong) => {
                    self.queue.push_answered(error(&wrong.to_string()));
                    self.closing = true;
                }
            }
        }
    }

    fn accept_option(&mut self, option: Request) {
        if let Request::Position(on) = option {
            self.options.position = on;
            self.close_lanes(); // nothing is under way on them
            self.queue.push_answered(Bytes::from_static(b"+OK\r\n"));
        } else {
            // Any node can say whether it understands the option; then every connection begins with it.
            let kind = if matches!(option, Request::Identity(_)) { Kind::Opening } else { Kind::Aside };
            let bytes = self.options.propose(option);
            self.queue.push(kind, bytes);
        }
    }

    /// Sends what may be sent.
    fn send_all(&mut self) {
        let Session { shared, queue, options, choice, lanes, lanes_opened, events, .. } = self;
        let now_ms = shared.now_ms();
        queue.dispatch(
            shared.flags.read_your_writes,
            now_ms,
            &mut Ways { shared, options, choice, lanes, lanes_opened, events },
        );
    }

    /// Takes in what a lane tells.
    fn take(&mut self, event: Event) {
        let (Event::Reply { lane: id, .. } | Event::Closed { lane: id, .. }) = &event;
        let Some((&key, open)) = self.lanes.iter_mut().find(|(_, open)| open.lane.id == *id) else { return };
        let (node, purpose) = key;
        let now_ms = self.shared.now_ms();
        match event {
            Event::Reply { lane, reply } => {
                open.answered += 1;
                let told = reply.clone();
                let unwrap = !self.options.position;
                self.shared.count_answered(node, 1);
                match self.queue.answered(lane, reply, unwrap, now_ms) {
                    Some(Answered::Done { kind: Kind::Aside | Kind::Opening, .. }) if self.options.decide(&told) => {
                        self.close_lanes();
                    }
                    Some(Answered::Done { kind: Kind::Write { .. }, position: Some(position) }) => {
                        self.choice.wrote(position);
                    }
                    Some(Answered::Refused { redirect }) => self.refused(node, &redirect),
                    _ => {}
                }
            }
            Event::Closed { lane, written, why } => {
                let unanswered_written = written.saturating_sub(open.answered);
                self.shared.count_answered(node, self.queue.unanswered(lane));
                self.lanes.remove(&(node, purpose));
                self.queue.lost(lane, unanswered_written, &why, now_ms);
                self.choice.distrust(node, &self.shared.topology.borrow());
                self.shared.nudges[node].notify_one();
            }
        }
    }

    fn refused(&mut self, node: usize, redirect: &str) {
        let topology = self.shared.topology.borrow();
        self.choice.distrust(node, &topology);
        let to = redirect.trim().parse().ok().and_then(|address| topology.at(address));
        self.choice.redirect(to.filter(|&to| to != node), &topology);
        self.shared.nudges[node].notify_one();
    }

    /// Cuts lanes to nodes that are taken for dead. A leader that has been succeeded gets as long as a dead one to say itself what
    /// has become of the writes that it was sent.
    fn leave_the_dead(&mut self) {
        let topology = self.shared.topology.borrow();
        let (now_ms, patience_ms) = (self.shared.now_ms(), self.shared.flags.dead_after_ms());
        for (&(node, purpose), open) in &mut self.lanes {
            let succeeded = purpose == Purpose::Lead && topology.leader.is_some_and(|leader| leader != node);
            open.succeeded_ms = if succeeded { open.succeeded_ms.or(Some(now_ms)) } else { None };
            let overdue = open.succeeded_ms.is_some_and(|since_ms| now_ms >= since_ms + patience_ms);
            if !topology.backends[node].up || overdue {
                open.lane.cut();
            }
        }
    }

    fn close_lanes(&mut self) {
        for ((node, _), open) in std::mem::take(&mut self.lanes) {
            self.shared.count_answered(node, self.queue.unanswered(open.lane.id));
        }
    }

    /// Writes every reply whose turn it is.
    async fn write_ready(&mut self, stream: &mut TcpStream, output: &mut BytesMut) -> io::Result<()> {
        loop {
            while output.len() < WRITE_BYTES
                && let Some(reply) = self.queue.take_ready()
            {
                output.extend_from_slice(&reply);
            }
            if output.is_empty() {
                break;
            }
            timeout(WRITE_TIMEOUT, stream.write_all(output)).await??;
            output.clear();
        }
        if self.queue.ready_bytes() > MAX_READY_BYTES {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        Ok(())
    }
}
