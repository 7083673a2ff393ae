//! The state of one direction of bytes between two parties: open or cut, delayed, damaged, and counted. Moving the bytes is
//! the proxy's work.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// Bytes and connections seen in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Handed on to the receiver.
    pub forwarded_bytes: u64,
    /// Taken from the sender while the direction was cut. They are counted again as forwarded if they get through later.
    pub held_bytes: u64,
    /// Connection attempts that waited for the direction to open, once for each cut that held them back.
    pub held_connections: u64,
    /// Bytes that a slow link delayed.
    pub slowed_bytes: u64,
    /// Bytes of which a bit was changed.
    pub corrupted_bytes: u64,
    /// Connections that were reset; each is counted with who dialed it.
    pub reset_connections: u64,
    /// Connections whose receiver has forgotten them, while the sender has not.
    pub half_open_connections: u64,
    /// Bytes that were sent on those, or behind an early end, and reach nobody.
    pub swallowed_bytes: u64,
    /// Connections on which the receiver was told that the sender is done, while the sender was not told anything.
    pub half_closed_connections: u64,
    /// Ends of connections that were told late.
    pub delayed_closes: u64,
}

/// Makes a direction slow, until it is taken back.
#[derive(Debug)]
pub struct Slowness {
    /// How much longer bytes are under way.
    pub delay: Duration,
    /// And up to so much longer, drawn for each piece; bytes do not overtake each other.
    pub jitter: Duration,
    /// How many bytes pass in a second, at most.
    pub bytes_per_s: Option<u64>,
    /// What jitter is drawn from.
    pub rng: Mutex<ChaCha8Rng>,
}

/// Changes a bit in one of so many pieces that come together, until it is taken back.
#[derive(Debug)]
pub struct Corruption {
    /// One in so many, on average.
    pub one_in: u64,
    /// What the pieces and the bits are drawn from.
    pub rng: Mutex<ChaCha8Rng>,
}

/// One direction.
#[derive(Debug)]
pub(super) struct Flow {
    /// The channel's lock makes a cut and a write exclude each other.
    state: watch::Sender<State>,
    delay: Duration,
    /// When a link of little bandwidth is free again.
    free_at: Mutex<Instant>,
    pub(super) counters: Counters,
}

/// What applies. Several of each add up.
#[derive(Debug, Default)]
struct State {
    /// None means open.
    cuts: u32,
    slow: Vec<Arc<Slowness>>,
    corrupt: Vec<Arc<Corruption>>,
    /// How much later the end of a connection is told. The longest counts.
    lingers: Vec<Duration>,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    forwarded_bytes: AtomicU64,
    held_bytes: AtomicU64,
    held_connections: AtomicU64,
    /// Connection attempts that wait for the direction to open at this moment.
    waiting_connections: AtomicU64,
    slowed_bytes: AtomicU64,
    corrupted_bytes: AtomicU64,
    pub(super) reset_connections: AtomicU64,
    pub(super) half_open_connections: AtomicU64,
    pub(super) swallowed_bytes: AtomicU64,
    pub(super) half_closed_connections: AtomicU64,
    delayed_closes: AtomicU64,
}

/// One of a number, for as long as this lives.
struct Counted<'a>(&'a AtomicU64);

impl<'a> Counted<'a> {
    fn one(number: &'a AtomicU64) -> Self {
        number.fetch_add(1, Ordering::Relaxed);
        Self(number)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// When a piece of bytes arrives.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    usual: Instant,
    /// While the link is slow.
    slow: Instant,
}

impl Flow {
    pub(super) fn new(delay: Duration) -> Self {
        let free_at = Mutex::new(Instant::now());
        Self { state: watch::Sender::default(), delay, free_at, counters: Counters::default() }
    }

    pub(super) fn cut(&self) {
        self.state.send_modify(|state| {
            state.cuts += 1;
            // Whoever waits for an earlier cut to end is held back by this one, too.
            let waiting = self.counters.waiting_connections.load(Ordering::Relaxed);
            self.counters.held_connections.fetch_add(waiting, Ordering::Relaxed);
        });
    }

    pub(super) fn restore(&self) {
        self.state.send_modify(|state| {
            state.cuts = state.cuts.checked_sub(1).expect("every restoration undoes a cut");
        });
    }

    pub(super) fn slow_down(&self, slowness: Arc<Slowness>) {
        self.state.send_modify(|state| state.slow.push(slowness));
    }

    pub(super) fn speed_up(&self, slowness: &Arc<Slowness>) {
        self.state.send_modify(|state| state.slow.retain(|one| !Arc::ptr_eq(one, slowness)));
    }

    pub(super) fn corrupt(&self, corruption: Arc<Corruption>) {
        self.state.send_modify(|state| state.corrupt.push(corruption));
    }

    pub(super) fn mend(&self, corruption: &Arc<Corruption>) {
        self.state.send_modify(|state| state.corrupt.retain(|one| !Arc::ptr_eq(one, corruption)));
    }

    pub(super) fn linger(&self, delay: Duration) {
        self.state.send_modify(|state| state.lingers.push(delay));
    }

    pub(super) fn close_promptly(&self, delay: Duration) {
        self.state.send_modify(|state| {
            let known = state.lingers.iter().position(|linger| *linger == delay);
            state.lingers.swap_remove(known.expect("what is undone has been done"));
        });
    }

    /// Waits until the end of a connection, which has just come, may be told.
    pub(super) async fn let_close(&self) {
        let (mut state, came) = (self.state.subscribe(), Instant::now());
        if !state.borrow().lingers.is_empty() {
            self.counters.delayed_closes.fetch_add(1, Ordering::Relaxed);
        }
        loop {
            let longest = state.borrow_and_update().lingers.iter().max().copied();
            match longest.map(|linger| came + linger) {
                Some(due) if due > Instant::now() => tokio::select! {
                    () = sleep_until(due) => {}
                    changed = state.changed() => changed.expect("the flow holds the sender"),
                },
                _ => return,
            }
        }
    }

    /// Waits until no cut applies.
    pub(super) async fn opened(&self) {
        let mut state = self.state.subscribe();
        state.wait_for(|state| state.cuts == 0).await.expect("the flow holds the sender");
    }

    /// Lets a connection attempt through once no cut applies.
    pub(super) async fn admit(&self) {
        let waiting = {
            let state = self.state.borrow(); // no cut may come between the look and the count
            (state.cuts > 0).then(|| {
                self.counters.held_connections.fetch_add(1, Ordering::Relaxed);
                Counted::one(&self.counters.waiting_connections)
            })
        };
        self.opened().await;
        drop(waiting);
    }

    /// Takes bytes that came from the sender, changes what is to be changed, and says when they arrive.
    pub(super) fn receive(&self, bytes: &mut [u8]) -> Arrival {
        let state = self.state.borrow();
        let length = bytes.len() as u64;
        if state.cuts > 0 {
            self.counters.held_bytes.fetch_add(length, Ordering::Relaxed);
        }
        if !state.slow.is_empty() {
            self.counters.slowed_bytes.fetch_add(length, Ordering::Relaxed);
        }
        let corrupt = if bytes.is_empty() { &[] } else { &state.corrupt[..] };
        for corruption in corrupt {
            let mut rng = corruption.rng.lock().unwrap_or_else(PoisonError::into_inner);
            if rng.random_range(0..corruption.one_in) == 0 {
                let (byte, bit) = (rng.random_range(0..bytes.len()), rng.next_u32() % 8);
                bytes[byte] ^= 1 << bit;
                self.counters.corrupted_bytes.fetch_add(1, Ordering::Relaxed);
            }
        }
        let usual = Instant::now() + self.delay;
        Arrival { usual, slow: usual + state.slow.iter().map(|slowness| slowness.draw()).sum::<Duration>() }
    }

    /// Waits until bytes have arrived, and no cut or lack of bandwidth keeps them.
    pub(super) async fn let_through(&self, arrival: Arrival) {
        let mut state = self.state.subscribe();
        loop {
            let due = {
                let state = state.borrow_and_update();
                match (state.cuts, state.slow.is_empty()) {
                    (0, true) => Some(arrival.usual),
                    (0, false) => Some(arrival.slow.max(*self.free_at.lock().unwrap_or_else(PoisonError::into_inner))),
                    _ => None,
                }
            };
            match due {
                Some(due) if due <= Instant::now() => return,
                Some(due) => tokio::select! {
                    () = sleep_until(due) => {}
                    changed = state.changed() => changed.expect("the flow holds the sender"),
                },
                None => state.changed().await.expect("the flow holds the sender"),
            }
        }
    }

    /// Runs a write that does not block and writes so many bytes at most, unless the direction is cut; no cut can happen while
    /// it runs. Returns what the write returned, or `WouldBlock`.
    pub(super) fn forward(&self, write: impl FnOnce(usize) -> io::Result<usize>) -> io::Result<usize> {
        let state = self.state.borrow();
        if state.cuts > 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let bytes_per_s = state.slow.iter().filter_map(|slowness| slowness.bytes_per_s).min();
        // A hundredth of a second's worth, so that what others send on the link is not kept for long.
        let most = bytes_per_s.map_or(usize::MAX, |rate| (rate / 100).max(1) as usize);
        let written = write(most)?;
        if let Some(rate) = bytes_per_s {
            let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
            *free_at = Instant::now().max(*free_at) + Duration::from_secs_f64(written as f64 / rate as f64);
        }
        self.counters.forwarded_bytes.fetch_add(written as u64, Ordering::Relaxed);
        Ok(written)
    }

    /// What applies at present; empty if nothing does.
    pub(super) fn disturbed(&self) -> Vec<String> {
        let state = self.state.borrow();
        let counts = [
            (state.cuts as usize, "cuts"),
            (state.slow.len(), "delays"),
            (state.corrupt.len(), "corruptions"),
            (state.lingers.len(), "late ends"),
        ];
        counts.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect()
    }

    pub(super) fn traffic(&self) -> Traffic {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &self.counters;
        Traffic {
            forwarded_bytes: of(&counters.forwarded_bytes),
            held_bytes: of(&counters.held_bytes),
            held_connections: of(&counters.held_connections),
            slowed_bytes: of(&counters.slowed_bytes),
            corrupted_bytes: of(&counters.corrupted_bytes),
            reset_connections: of(&counters.reset_connections),
            half_open_connections: of(&counters.half_open_connections),
            swallowed_bytes: of(&counters.swallowed_bytes),
            half_closed_connections: of(&counters.half_closed_connections),
            delayed_closes: of(&counters.delayed_closes),
        }
    }
}

impl Slowness {
    fn draw(&self) -> Duration {
        let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
        self.delay + self.jitter.mul_f64(rng.random_range(0.0..=1.0))
    }
}
