//! Accepting the peers' connections and reading their messages.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, Semaphore, mpsc};
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_util::codec::{FramedRead, LengthDelimitedCodec};

use super::wire::{codec, decode_hello, decode_message};
use super::{Direction, Identity, PeerEvent};
use crate::record::Member;

/// Connections at once, those without a hello yet among them; a cluster has fifteen members at most.
const MAX_CONNECTIONS: usize = 64;
/// How long a caller may take to say who it is. Longer than a short partition, which holds the hello back.
const HELLO_TIMEOUT: Duration = Duration::from_secs(5);

/// The present connection from each peer. A peer dials again only after it gave the old one up, so the newest counts.
type Current = Arc<Mutex<BTreeMap<Member, AbortHandle>>>;

/// Accepts until the node stops.
pub(crate) async fn accept(listener: TcpListener, identity: Arc<Identity>, events: mpsc::Sender<PeerEvent>) {
    let current = Current::default();
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    while let Ok(permit) = Arc::clone(&room).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                let caller = Caller { identity: Arc::clone(&identity), events: events.clone() };
                let current = Arc::clone(&current);
                tokio::spawn(async move {
                    caller.serve(stream, current).await;
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a peer's connection");
                tokio::time::sleep(Duration::from_millis(100)).await; // typically out of file descriptors
            }
        }
    }
}

struct Caller {
    identity: Arc<Identity>,
    events: mpsc::Sender<PeerEvent>,
}

impl Caller {
    async fn serve(self, stream: TcpStream, current: Current) {
        let mut frames = FramedRead::new(stream, codec());
        let Ok(Some(Ok(frame))) = timeout(HELLO_TIMEOUT, frames.next()).await else { return };
        let peer = match self.identify(&frame) {
            Ok(peer) => peer,
            Err(why) => {
                tracing::warn!("refused a peer's connection: {why}");
                return;
            }
        };
        // A task of its own, so that the next connection of this peer can end it.
        let reading = {
            let mut current = current.lock().await;
            self.link(peer, true).await;
            let reading = tokio::spawn(read(frames, peer, self.events.clone()));
            if let Some(older) = current.insert(peer, reading.abort_handle()) {
                older.abort();
            }
            reading
        };
        let id = reading.id();
        let _ = reading.await; // aborted or ended, either way it is over
        let mut current = current.lock().await;
        if current.get(&peer).is_some_and(|newest| newest.id() == id) {
            current.remove(&peer);
            self.link(peer, false).await;
        }
    }

    fn identify(&self, frame: &[u8]) -> Result<Member, String> {
        let hello = decode_hello(frame).ok_or("it does not begin with a hello of this protocol")?;
        let expected =
            super::Hello::new(&hello.from, &self.identity.id, &self.identity.members, self.identity.election);
        match (hello.difference(&expected), self.identity.members.iter().position(|member| *member == hello.from)) {
            (Some(difference), _) => Err(format!("{}: {difference}", hello.from)),
            (None, Some(index)) if hello.from != self.identity.id => Ok(Member(index as u8)),
            (None, _) => Err(format!("{} is not among this node's peers", hello.from)),
        }
    }

    async fn link(&self, peer: Member, up: bool) {
        let event = PeerEvent::Link { peer, direction: Direction::Incoming, up };
        let _ = self.events.send(event).await; // nobody listens: the node is stopping
    }
}

async fn read(mut frames: FramedRead<TcpStream, LengthDelimitedCodec>, peer: Member, events: mpsc::Sender<PeerEvent>) {
    while let Some(Ok(frame)) = frames.next().await {
        let Some(message) = decode_message(&frame) else {
            tracing::warn!(address = ?frames.get_ref().peer_addr().ok(), "closed a peer's connection: a frame is no message of this protocol");
            return;
        };
        if events.send(PeerEvent::Message(peer, message)).await.is_err() {
            return;
        }
    }
}
