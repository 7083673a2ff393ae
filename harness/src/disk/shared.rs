//! A disk as the threads share it that serve the kernel and inject faults, and how syncs wait there.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fuser::FileType;

use super::ailments::{Ailments, IoCall};
use super::volume::{Kind, Number, Volume};

/// Longer than any fault lasts: who waits is woken.
const LONG: Duration = Duration::from_hours(1);

#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    /// Something happened that a sync may wait for.
    changed: Condvar,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) volume: Volume,
    pub(super) ailments: Ailments,
    /// Whether the power is gone. The process that died of it may have syncs on their way to here yet; whoever answered one of these
    /// late, or never, would keep it from ending.
    is_off: bool,
    /// Directories that are being read, as they were when that began.
    listings: BTreeMap<u64, Listing>,
    next_listing: u64,
}

type Listing = Vec<(Number, FileType, OsString)>;

/// What a sync waits for.
#[derive(Clone, Copy)]
pub(super) struct Wait {
    until: Instant,
}

impl Shared {
    pub(super) fn new(volume: Volume) -> Self {
        let state =
            State { volume, ailments: Ailments::default(), is_off: false, listings: BTreeMap::new(), next_listing: 0 };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what ails the disk, and lets syncs look at it.
    pub(super) fn treat(&self, change: impl FnOnce(&mut Ailments)) {
        change(&mut self.lock().ailments);
        self.changed.notify_all();
    }

    /// From now on every sync fails, those that wait at once, with nothing made durable; or no more.
    pub(super) fn switch(&self, is_off: bool) {
        self.lock().is_off = is_off;
        self.changed.notify_all();
    }

    /// Waits until a sync may be done.
    pub(super) fn wait(&self, wait: Wait) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.lock();
        while !state.is_off {
            let left = wait.until.saturating_duration_since(Instant::now());
            let left = if state.ailments.is_stalled() { LONG } else { left };
            if left.is_zero() {
                return Ok(state);
            }
            (state, _) = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner);
        }
        Err(nix::Error::EIO.into())
    }
}

impl State {
    /// What a sync has to wait for, if it has to.
    pub(super) fn begin_sync(&mut self) -> Option<Wait> {
        let delay = self.ailments.sync_delay();
        let must_wait = !self.is_off && (self.ailments.is_stalled() || !delay.is_zero());
        must_wait.then(|| Wait { until: Instant::now() + delay })
    }

    /// Makes something durable now, or fails to.
    pub(super) fn sync(&mut self, number: Number) -> io::Result<()> {
        if self.is_off {
            return Err(nix::Error::EIO.into());
        }
        if !self.ailments.fails(IoCall::Fsync) {
            return self.volume.sync(number);
        }
        if matches!(self.volume.inode(number)?.kind, Kind::File(_)) {
            self.volume.lose(number)?;
        }
        Err(nix::Error::EIO.into())
    }

    /// Remembers what is in a directory while it is read.
    pub(super) fn begin_listing(&mut self, directory: Number) -> io::Result<u64> {
        let own = [".", ".."].map(|name| (directory, FileType::Directory, name.into()));
        let typed = |(name, &number): (&OsString, &Number)| {
            Some((number, self.volume.inode(number).ok()?.file_type(), name.clone()))
        };
        let listing = own.into_iter().chain(self.volume.entries(directory)?.iter().filter_map(typed)).collect();
        let number = self.next_listing;
        self.listings.insert(number, listing);
        self.next_listing += 1;
        Ok(number)
    }

    pub(super) fn listing(&self, number: u64) -> Option<&Listing> {
        self.listings.get(&number)
    }

    pub(super) fn end_listing(&mut self, number: u64) {
        self.listings.remove(&number);
    }
}

#[cfg(test)]
mod tests {
    use super::super::ailments::Ailment;
    use super::super::volume::ROOT;
    use super::*;

    #[test]
    fn no_sync_waits_when_the_power_is_gone_be_it_early_or_late() {
        let directory = tempfile::tempdir().unwrap();
        let shared = Shared::new(Volume::create(&directory.path().join("backing"), 0o755, (0, 0)).unwrap());
        shared.treat(|ailments| ailments.begin(Ailment::Stalled));
        let early = shared.lock().begin_sync().expect("it is stalled");
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| shared.wait(early).map(|_| ()));
            shared.switch(true);
            assert!(waits.join().unwrap().is_err());
        });
        assert!(shared.lock().begin_sync().is_none(), "a request may come after the one who asked was killed");
        assert!(shared.lock().sync(ROOT).is_err());
        shared.treat(|ailments| ailments.end(Ailment::Stalled));
        shared.switch(false);
        assert!(shared.lock().begin_sync().is_none() && shared.lock().sync(ROOT).is_ok());
    }
}
