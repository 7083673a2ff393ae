//! A client of the reference node: turns operations into commands, follows redirects, and tells how each one ended.
//!
//! Which errors mean `fail` and which `info` is decided in [`NodeClient::attempt`] and [`super::answer`], with the reasons.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use interregnum_checker::history::{Function, Outcome};
use interregnum_workloads::client::{Client, Completion, Invocation};
use redis_protocol::resp2::types::BytesFrame;
use tokio::time::{Instant, sleep, timeout_at};

use super::answer::{self, Attempt};
use super::connection::{Connection, command};
use super::retry::{self, Retry, RetryUnknown, Session, TIMES_AS_LONG};
use crate::node_id::NodeId;
use crate::system::Reach;

/// After so many operations a client asks its home node again instead of the leader it has been sent to. Clients that
/// never look around would all stay with a deposed leader, and nobody would see its successor.
const OPERATIONS_AWAY_FROM_HOME: u32 = 32;

/// Rest between attempts when nobody knows a leader. An election takes a few of these.
const NO_LEADER_PAUSE: Duration = Duration::from_millis(10);

/// A local read crosses no network under test, so only a node that hangs makes it wait.
const LOCAL_READ_LIMIT: Duration = Duration::from_secs(5);

/// Where a client sends operations of one kind.
#[derive(Clone, Copy, Debug)]
struct Route {
    node: NodeId,
    operations_until_home: u32,
}

/// A client of a whole cluster, or of one of its nodes.
#[derive(Debug)]
pub(super) struct NodeClient {
    reaches: BTreeMap<NodeId, Reach>,
    home: NodeId,
    /// Reads stay at home; otherwise they go where writes go.
    reads_anywhere: bool,
    /// Ask for the node's own state instead of the read mode it was started with.
    reads_locally: bool,
    /// There is a router between this client and the nodes, so it does not know who answers.
    is_routed: bool,
    limit: Duration,
    retry: Retry,
    /// Which client of the cluster it is: its identity.
    index: usize,
    session: Session,
    retries: u64,
    /// The position of the newest record that this client wrote or saw, which its reads must have seen; `None` if it keeps none.
    token: Option<(u64, u64)>,
    write_route: Route,
    read_route: Route,
    connections: BTreeMap<NodeId, Connection>,
}

impl NodeClient {
    /// A client whose home is one of the nodes, by its `index`.
    pub(super) fn of_cluster(reaches: &[Reach], index: usize, reads_anywhere: bool, limit: Duration) -> Self {
        let home = reaches[index % reaches.len()].node;
        let route = Route { node: home, operations_until_home: OPERATIONS_AWAY_FROM_HOME };
        Self {
            reaches: reaches.iter().map(|reach| (reach.node, *reach)).collect(),
            home,
            reads_anywhere,
            reads_locally: false,
            is_routed: false,
            limit,
            retry: Retry::default(),
            index,
            session: Session::of(index),
            retries: 0,
            token: None,
            write_route: route,
            read_route: route,
            connections: BTreeMap::new(),
        }
    }

    /// A client that knows nothing but a router.
    pub(super) fn of_router(router: SocketAddr, index: usize, limit: Duration) -> Self {
        let reach = Reach { node: NodeId(0), through: router, advertised: router };
        Self { is_routed: true, ..Self::of_cluster(&[reach], index, false, limit) }
    }

    /// A reader of one node's own state.
    pub(super) fn of_one_node(reach: Reach) -> Self {
        Self { reads_locally: true, ..Self::of_cluster(&[reach], 0, true, LOCAL_READ_LIMIT) }
    }

    /// The same client, that asks again what it does not know.
    pub(super) fn retrying(self, retry: Retry) -> Self {
        Self { retry, ..self }
    }

    /// The same client, that keeps the position of what it saw last and asks that of every node it reads at.
    pub(super) fn keeping_tokens(self, keeps: bool) -> Self {
        Self { token: keeps.then_some((0, 0)), ..self }
    }

    /// Runs one operation in this client's session.
    async fn run_in_session(&mut self, invocation: &Invocation) -> Completion {
        let completion = self.run(invocation).await;
        // Of an unknown outcome there is no position; the comparison that failed saw something, too.
        if let (Some(token), Some(epoch), Some(lsn)) = (&mut self.token, completion.epoch, completion.lsn) {
            *token = (*token).max((epoch, lsn));
        }
        completion
    }

    /// Runs one operation, and asks again if that is wanted.
    async fn run(&mut self, invocation: &Invocation) -> Completion {
        let words = match answer::command_for(invocation) {
            Ok(words) => self.after_token(invocation, words),
            Err(reason) => return Completion::fail(reason),
        };
        let Retry { unknown: retry, pause } = self.retry;
        if retry == RetryUnknown::Never {
            return self.ask(invocation, words, Instant::now() + self.limit).await;
        }
        let deadline = Instant::now() + self.limit * TIMES_AS_LONG + pause;
        let words = if retry == RetryUnknown::ExactlyOnce && invocation.function != Function::Read {
            while let Some(opening) = self.session.opening() {
                if Instant::now() >= deadline {
                    return Completion::fail("not executed: no session could be opened");
                }
                let opened = self.ask(invocation, opening, deadline).await;
                self.session.opened(&opened);
                self.connections.clear(); // they do not know of it
            }
            retry::numbered(self.session.next_number(), words)
        } else {
            words
        };
        let mut unknown = None;
        loop {
            let completion = self.ask(invocation, words.clone(), deadline).await;
            let is_lost = completion.error.as_deref().is_some_and(retry::is_lost);
            if completion.outcome != Outcome::Info || is_lost || Instant::now() >= deadline {
                if is_lost {
                    self.session.forget();
                }
                return retry::after_unknown(retry, invocation, unknown, completion);
            }
            unknown = Some(completion);
            self.retries += 1;
            sleep(self.retry.pause(self.index, self.retries)).await;
        }
    }

    /// A read that must have seen what this client saw before. A node that lacks it is given a part of the time, so that
    /// another one can be asked.
    fn after_token(&self, invocation: &Invocation, words: Vec<Bytes>) -> Vec<Bytes> {
        match self.token {
            Some((epoch, lsn)) if lsn > 0 && invocation.function == Function::Read => {
                let [epoch, lsn] = [epoch, lsn].map(|number| number.to_string());
                let timeout_ms = (self.limit / 4).as_millis().to_string();
                let terms = command(["WITH", "AFTER", &epoch, &lsn, "TIMEOUT", &timeout_ms]);
                terms.into_iter().chain(words).collect()
            }
            _ => words,
        }
    }

    /// Sends one command, to as many nodes as it takes and the time allows.
    async fn ask(&mut self, invocation: &Invocation, words: Vec<Bytes>, deadline: Instant) -> Completion {
        let mut last_reason = String::new();
        self.look_home(invocation);
        while Instant::now() < deadline {
            let node = self.route(invocation).node;
            let limit = deadline.min(Instant::now() + self.limit);
            match self.attempt(node, invocation, words.clone(), limit).await {
                Attempt::Done(completion) => {
                    if completion.outcome == Outcome::Info {
                        self.turn_away_from(node, invocation);
                    }
                    return *completion;
                }
                Attempt::NotExecuted { reason, leader } => {
                    last_reason = reason;
                    self.go_on(node, leader, invocation).await;
                }
            }
        }
        // Every attempt so far ended with a reason why the operation was not executed there.
        Completion::fail(format!("not executed within {} ms: {last_reason}", self.limit.as_millis()))
    }

    /// One attempt at one node.
    async fn attempt(
        &mut self,
        node: NodeId,
        invocation: &Invocation,
        words: Vec<Bytes>,
        deadline: Instant,
    ) -> Attempt {
        // A node that is cut off or paused must not use up the time in which another one could be asked.
        let connect_deadline = deadline.min(Instant::now() + self.limit / 4);
        let mut connection = match timeout_at(connect_deadline, self.connection(node)).await {
            Ok(Ok(connection)) => connection,
            // Not sent, so not executed.
            Ok(Err(error)) => return Attempt::not_executed(format!("{node} cannot be reached: {error}")),
            Err(_) => return Attempt::not_executed(format!("{node} does not answer")),
        };
        let attempt = match timeout_at(deadline, connection.ask(words)).await {
            Ok(Ok(answer)) => {
                self.connections.insert(node, connection);
                answer::meaning(invocation, answer)
            }
            // The request may have arrived before the connection was lost. Even an error of the write says nothing:
            // part of a request may be what the error is about, or a whole one that was sent in parts.
            Ok(Err(error)) => {
                Attempt::done(Completion::info(format!("the connection was lost after sending: {error}")))
            }
            // The request is somewhere, and may be executed at any later time.
            Err(_) => Attempt::done(Completion::info(format!("no answer within {} ms", self.limit.as_millis()))),
        };
        match attempt {
            Attempt::Done(completion) if !self.is_routed => Attempt::done(completion.by(&node.to_string())),
            as_it_is => as_it_is,
        }
    }

    /// The open connection to `node`, or a new one that has answered its first commands: one that was only accepted may
    /// lead to a node that is paused, cut off or dead.
    async fn connection(&mut self, node: NodeId) -> io::Result<Connection> {
        if let Some(connection) = self.connections.remove(&node).filter(Connection::is_open) {
            return Ok(connection);
        }
        let mut connection = Connection::open(self.reaches[&node].through).await?;
        let mut settings = vec![command(["CLIENT", "POSITION", "ON"])];
        if self.reads_locally {
            settings.push(command(["CLIENT", "READ", "follower"]));
        }
        settings.extend(self.session.introduction());
        for setting in settings {
            if let BytesFrame::Error(error) = connection.ask(setting).await? {
                return Err(io::Error::other(error.to_string()));
            }
        }
        Ok(connection)
    }

    fn route(&mut self, invocation: &Invocation) -> &mut Route {
        if self.reads_anywhere && invocation.function == Function::Read {
            &mut self.read_route
        } else {
            &mut self.write_route
        }
    }

    /// Goes back home when it has been away for long enough.
    fn look_home(&mut self, invocation: &Invocation) {
        let home = self.home;
        let route = self.route(invocation);
        route.operations_until_home = route.operations_until_home.saturating_sub(1);
        if route.operations_until_home == 0 {
            *route = Route { node: home, operations_until_home: OPERATIONS_AWAY_FROM_HOME };
        }
    }

    /// After an attempt that was not executed: to the leader that was named, or else to the next node.
    async fn go_on(&mut self, node: NodeId, leader: Option<SocketAddr>, invocation: &Invocation) {
        let named = leader.and_then(|address| self.reaches.values().find(|reach| reach.advertised == address));
        match named.map(|reach| reach.node) {
            Some(leader) if leader != node => self.route(invocation).node = leader,
            _ => {
                self.turn_away_from(node, invocation);
                sleep(NO_LEADER_PAUSE).await;
            }
        }
    }

    fn turn_away_from(&mut self, node: NodeId, invocation: &Invocation) {
        let after = self.reaches.range(node..).nth(1).or_else(|| self.reaches.first_key_value());
        let next = *after.expect("a cluster has nodes").0;
        self.route(invocation).node = next;
    }
}

impl Client for NodeClient {
    fn execute<'a>(&'a mut self, invocation: &'a Invocation) -> BoxFuture<'a, Completion> {
        self.run_in_session(invocation).boxed()
    }
}
