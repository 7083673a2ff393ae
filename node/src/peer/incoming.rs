//! Accepting the peers' connections and reading their messages.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;
use tokio_util::codec::FramedRead;

use super::wire::{Frames, decode_hello, decode_message};
use super::{Direction, Hello, Links, PeerEvent};
use crate::membership::Standing;
use crate::record::Member;

/// Connections at once, those without a hello yet among them; a cluster has fifteen members at most.
const MAX_CONNECTIONS: usize = 64;
/// How long a caller may take to say who it is. Longer than a short partition, which holds the hello back.
const HELLO_TIMEOUT: Duration = Duration::from_secs(5);

/// Accepts until the node stops.
pub(super) async fn accept(listener: TcpListener, links: Links) {
    let refused = Arc::new(std::sync::Mutex::new(String::new()));
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    while let Ok(permit) = Arc::clone(&room).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                let caller = Caller { links: links.clone(), refused: Arc::clone(&refused) };
                tokio::spawn(async move {
                    caller.serve(stream).await;
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
    links: Links,
    /// Why the last one was refused: who dials in vain does so five times a second, and is not worth a line each time.
    refused: Arc<std::sync::Mutex<String>>,
}

impl Caller {
    async fn serve(self, stream: TcpStream) {
        let mut frames = FramedRead::new(stream, Frames::of_stranger());
        let Ok(Some(Ok(frame))) = timeout(HELLO_TIMEOUT, frames.next()).await else { return };
        let (peer, introduced) = match self.identify(&frame) {
            Ok(identified) => identified,
            Err(why) => {
                let mut refused = self.refused.lock().expect("nothing panics while it holds this lock");
                if *refused != why {
                    tracing::warn!("refused a peer's connection: {why}");
                    *refused = why;
                }
                return;
            }
        };
        frames.decoder_mut().trust();
        // A task of its own, so that the next connection of this peer can end it.
        let reading = {
            let mut current = self.links.incoming.lock().await;
            if let Some(introduced) = introduced {
                let _ = self.links.events.send(introduced).await; // nobody listens: the node is stopping
            }
            self.link(peer, true).await;
            let reading = tokio::spawn(read(frames, peer, self.links.events.clone()));
            if let Some(older) = current.insert(peer, reading.abort_handle()) {
                older.abort();
            }
            reading
        };
        let id = reading.id();
        let _ = reading.await; // aborted or ended, either way it is over
        let mut current = self.links.incoming.lock().await;
        if current.get(&peer).is_some_and(|newest| newest.id() == id) {
            current.remove(&peer);
            self.link(peer, false).await;
        }
    }

    /// Who calls; and, if this node waits to join, who it is itself. The newer list of members decides, of this node's and the caller's.
    fn identify(&self, frame: &[u8]) -> Result<(Member, Option<PeerEvent>), String> {
        let hello = decode_hello(frame).ok_or("it does not begin with a hello of this protocol")?;
        let identity = &self.links.identity;
        let known = identity.members().clone();
        let expected = Hello::new(&hello.from, &identity.id, known.clone(), identity.election, identity.log);
        if let Some(difference) = hello.difference(&expected) {
            return Err(format!("{}: {difference}", hello.from));
        }
        let joining = known.is_unknown();
        let newer = joining || hello.members.changed_lsn > known.changed_lsn;
        let members = if newer { hello.members } else { known };
        let peer = members.index(&hello.from).filter(|_| hello.from != identity.id);
        let peer = match peer.map(|peer| (peer, members.standing(peer))) {
            None => return Err(format!("{} is not among this node's peers", hello.from)),
            Some((_, Standing::Removed)) if identity.gone().contains(&hello.from) => {
                return Err(format!("{} was removed from the cluster", hello.from));
            }
            Some((peer, _)) => peer,
        };
        let me = members.index(&identity.id).filter(|&me| members.standing(me) != Standing::Removed);
        let introduced = match (joining, me) {
            (false, _) => None,
            (true, Some(me)) => Some(PeerEvent::Introduced { me, members: members.clone() }),
            (true, None) => return Err(format!("{} does not know this node yet: MEMBER ADD it there", hello.from)),
        };
        if newer {
            self.links.set_members(&members);
        }
        Ok((peer, introduced))
    }

    async fn link(&self, peer: Member, up: bool) {
        let event = PeerEvent::Link { peer, direction: Direction::Incoming, up };
        let _ = self.links.events.send(event).await; // nobody listens: the node is stopping
    }
}

async fn read(mut frames: FramedRead<TcpStream, Frames>, peer: Member, events: mpsc::Sender<PeerEvent>) {
    while let Some(frame) = frames.next().await {
        let frame = match frame {
            Ok(frame) => frame,
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                tracing::warn!(address = ?frames.get_ref().peer_addr().ok(), "closed a peer's connection: {error}");
                return;
            }
            Err(_) => return, // it broke, as connections do
        };
        let Some(message) = decode_message(&frame) else {
            tracing::warn!(address = ?frames.get_ref().peer_addr().ok(), "closed a peer's connection: a frame is no message of this protocol");
            return;
        };
        if events.send(PeerEvent::Message(peer, message)).await.is_err() {
            return;
        }
    }
}
