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
use super::{Direction, Hello, Links, PeerEvent, Reading};
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
        let (peer, id, introduced) = match self.identify(&frame) {
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
            if self.links.identity.listed().members.index(&id) != Some(peer) {
                return; // the list changed meanwhile; the caller will dial again
            }
            if let Some(introduced) = introduced {
                let _ = self.links.events.send(introduced).await; // nobody listens: the node is stopping
            }
            self.link(peer, true).await;
            let reading = tokio::spawn(read(frames, peer, self.links.events.clone()));
            if let Some(older) = current.insert(peer, Reading { id, task: reading.abort_handle() }) {
                older.task.abort();
            }
            reading
        };
        let task = reading.id();
        let _ = reading.await; // aborted or ended, either way it is over
        let mut current = self.links.incoming.lock().await;
        if current.get(&peer).is_some_and(|newest| newest.task.id() == task) {
            current.remove(&peer);
            self.link(peer, false).await;
        }
    }

    /// Who calls; and, if this node waits to join, who it is itself. The newer list of members decides, of this node's and the caller's.
    fn identify(&self, frame: &[u8]) -> Result<(Member, String, Option<PeerEvent>), String> {
        let hello = decode_hello(frame).ok_or("it does not begin with a hello of this protocol")?;
        let identity = &self.links.identity;
        let known = identity.listed().clone();
        let expected = Hello::new(&hello.from, &identity.id, known.clone(), identity.election, identity.log);
        if let Some(difference) = hello.difference(&expected) {
            return Err(format!("{}: {difference}", hello.from));
        }
        let joining = known.members.is_unknown();
        let newer = joining || hello.listed.version() > known.version();
        let listed = if newer { hello.listed } else { known };
        let members = &listed.members;
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
            (true, Some(_)) => Some(PeerEvent::Introduced(members.clone())),
            (true, None) => return Err(format!("{} does not know this node yet: MEMBER ADD it there", hello.from)),
        };
        if newer {
            self.links.set_members(listed);
        }
        Ok((peer, hello.from, introduced))
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

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::config::{Election, LogKind};
    use crate::membership::{Listed, Membership};
    use crate::peer::Identity;
    use crate::peer::wire::encode;

    /// The founders, and another with the first index behind theirs.
    fn with(id: &str, epoch: u64, changed_lsn: u64) -> Listed {
        let founded = Membership::founded(["n1", "n2", "n3"].map(String::from));
        let mut members = founded.add(id, "127.0.0.1:1".parse().unwrap()).unwrap();
        members.changed_lsn = changed_lsn;
        Listed { members, epoch }
    }

    async fn call(address: std::net::SocketAddr, from: &str, listed: Listed) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let mut hello = BytesMut::new();
        encode(&Hello::new(from, "n1", listed, Election::Vote, LogKind::Logical), &mut hello);
        stream.write_all(&hello).await.unwrap();
        stream
    }

    #[tokio::test]
    async fn who_has_another_index_than_when_it_called_is_hung_up_on() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (events, mut heard) = mpsc::channel(16);
        let identity = Identity {
            id: "n1".to_owned(),
            election: Election::Vote,
            log: LogKind::Logical,
            peers: Vec::new(),
            listed: std::sync::Mutex::new(with("n5", 1, 20)),
            gone: std::sync::Mutex::default(),
        };
        let links = Links { identity: identity.into(), lines: Arc::default(), incoming: Arc::default(), events };
        tokio::spawn(accept(listener, links.clone()));
        let mut link = async |is_up| {
            let event = timeout(Duration::from_mins(1), heard.recv()).await.expect("the link to change");
            matches!(event, Some(PeerEvent::Link { peer: Member(3), up, .. }) if up == is_up)
        };

        // Whoever called has the newer list for now.
        let mut undone = call(address, "n4", with("n4", 2, 50)).await;
        assert!(link(true).await);
        links.set_members(with("n5", 3, 30));
        assert!(link(false).await, "it would be taken for n5");
        assert_eq!(undone.read(&mut [0]).await.unwrap_or(0), 0, "hung up");
        // What it says of itself does not count any more.
        let mut again = call(address, "n4", with("n4", 2, 50)).await;
        assert_eq!(again.read(&mut [0]).await.unwrap_or(0), 0, "refused");
        let _n5 = call(address, "n5", with("n5", 3, 30)).await;
        assert!(link(true).await);
    }
}
