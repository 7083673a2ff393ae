//! The state of one direction of bytes between two parties: open or cut, delayed, and counted. Moving the bytes is the
//! proxy's work.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;

/// Bytes seen in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Handed on to the receiver.
    pub forwarded_bytes: u64,
    /// Taken from the sender while the direction was cut. They are counted again as forwarded if they get through later.
    pub held_bytes: u64,
    /// Connection attempts that waited for the direction to open.
    pub held_connections: u64,
}

/// One direction.
#[derive(Debug)]
pub(super) struct Flow {
    /// How many cuts apply; none means open. The channel's lock makes a cut and a write exclude each other.
    cuts: watch::Sender<u32>,
    delay: Duration,
    forwarded_bytes: AtomicU64,
    held_bytes: AtomicU64,
    held_connections: AtomicU64,
}

impl Flow {
    pub(super) fn new(delay: Duration) -> Self {
        Self {
            cuts: watch::Sender::new(0),
            delay,
            forwarded_bytes: AtomicU64::new(0),
            held_bytes: AtomicU64::new(0),
            held_connections: AtomicU64::new(0),
        }
    }

    /// How long bytes are under way.
    pub(super) fn delay(&self) -> Duration {
        self.delay
    }

    pub(super) fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    pub(super) fn restore(&self) {
        self.cuts.send_modify(|cuts| *cuts = cuts.checked_sub(1).expect("every restoration undoes a cut"));
    }

    /// Waits until no cut applies.
    pub(super) async fn opened(&self) {
        let mut cuts = self.cuts.subscribe();
        cuts.wait_for(|cuts| *cuts == 0).await.expect("the flow holds the sender");
    }

    /// Lets a connection attempt through once no cut applies.
    pub(super) async fn admit(&self) {
        if *self.cuts.borrow() > 0 {
            self.held_connections.fetch_add(1, Ordering::Relaxed);
        }
        self.opened().await;
    }

    /// Counts bytes that came from the sender.
    pub(super) fn received(&self, bytes: usize) {
        if *self.cuts.borrow() > 0 {
            self.held_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        }
    }

    /// Runs a write that does not block, unless the direction is cut; no cut can happen while it runs. Returns what the
    /// write returned, or `WouldBlock`.
    pub(super) fn forward(&self, write: impl FnOnce() -> io::Result<usize>) -> io::Result<usize> {
        let cuts = self.cuts.borrow();
        if *cuts > 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let written = write()?;
        self.forwarded_bytes.fetch_add(written as u64, Ordering::Relaxed);
        Ok(written)
    }

    pub(super) fn traffic(&self) -> Traffic {
        Traffic {
            forwarded_bytes: self.forwarded_bytes.load(Ordering::Relaxed),
            held_bytes: self.held_bytes.load(Ordering::Relaxed),
            held_connections: self.held_connections.load(Ordering::Relaxed),
        }
    }
}
