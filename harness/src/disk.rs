//! A disk of the harness's own, one for each node: a file system in user space (FUSE) that knows what was synced, and so can lose what
//! was not.
//!
//! A library that is loaded into a system beforehand could count its calls, but not those of a program that is linked statically or calls
//! the kernel directly, as Go's do; and it cannot take back what the kernel has taken. A file system serves them all.
//!
//! ```text
//!   a node ──▶ kernel ──▶ file_system ──▶ volume ──▶ contents ──▶ a directory of the machine's disk
//!                             ▲              ▲
//!                          ailments        torn             faults come from here
//! ```
//!
//! This process must not look at what it serves itself: a thread that waits for an answer of its own process cannot be killed.
//!
//! Not here: faults as a schedule knows them (`fault`).

mod ailments;
mod contents;
mod damage;
mod file_system;
pub(crate) mod mounts;
mod shared;
#[cfg(test)]
mod tests;
mod torn;
mod volume;

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fuser::{BackgroundSession, Config, MountOption, Session, SessionACL};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

pub use ailments::IoCall;
pub(crate) use ailments::{Ailment, Shown};
pub(crate) use damage::Flipped;
use file_system::FileSystem;
use shared::Shared;
pub(crate) use volume::Lost;
use volume::Volume;

/// What the kernel calls these file systems.
const NAME: &str = "interregnum";

/// A mounted disk. It is unmounted when this is dropped.
#[derive(Debug)]
pub(crate) struct Disk {
    shared: Arc<Shared>,
    backing: PathBuf,
    _session: BackgroundSession,
}

/// Why no disk of this kind can be mounted here, if that is so.
#[must_use]
pub fn obstacle() -> Option<String> {
    let tried = tempfile::tempdir().and_then(|directory| {
        let point = directory.path().join("disk");
        fs::create_dir(&point)?;
        Disk::mount(&point, &directory.path().join("backing"))
    });
    tried.err().map(|error| why(&error))
}

/// What an error of mounting means, and the way out.
pub(crate) fn why(error: &io::Error) -> String {
    format!(
        "no file system of the harness's own can be mounted here ({error}); it needs /dev/fuse, and root or fusermount3"
    )
}

impl Disk {
    /// Puts an empty disk over the directory `point`. Its bytes lie in `backing`, which is made.
    pub(crate) fn mount(point: &Path, backing: &Path) -> io::Result<Self> {
        // Not as an error of mount(2), which would name nothing.
        File::options().read(true).write(true).open("/dev/fuse")?;
        let directory = fs::metadata(point)?;
        let (permissions, owner) = ((directory.mode() & 0o7777) as u16, (directory.uid(), directory.gid()));
        let volume = Volume::create(backing, permissions, owner)?;
        let shared = Arc::new(Shared::new(volume));
        let mut config = Config::default();
        config.mount_options = vec![MountOption::FSName(NAME.to_owned()), MountOption::NoAtime];
        // A system may run as another user, if this is root.
        config.acl = if nix::unistd::geteuid().is_root() { SessionACL::All } else { SessionACL::Owner };
        let session = Session::new(FileSystem(Arc::clone(&shared)), point, &config)?.spawn()?;
        Ok(Self { shared, backing: backing.to_owned(), _session: session })
    }

    /// Where the bytes of all files lie, under other names.
    pub(crate) fn backing(&self) -> &Path {
        &self.backing
    }

    /// The power is gone, and whoever uses the disk has been killed: no sync ends well any more.
    pub(crate) fn cut_power(&self) {
        self.shared.switch(true);
    }

    /// Takes back what was not synced, when nobody uses the disk any more, and lets the power return. With a seed, a part of it survives.
    pub(crate) fn power_failure(&self, torn: Option<u64>) -> io::Result<Lost> {
        let mut rng = torn.map(ChaCha8Rng::seed_from_u64);
        let lost = self.shared.lock().volume.lose_all(rng.as_mut());
        self.shared.switch(false);
        lost
    }

    /// A fault begins, and is in force until it [ends](Self::end).
    pub(crate) fn begin(&self, ailment: Ailment) {
        self.shared.treat(|ailments| ailments.begin(ailment));
    }

    /// A fault is over.
    pub(crate) fn end(&self, ailment: Ailment) {
        self.shared.treat(|ailments| ailments.end(ailment));
    }

    /// The faults that are in force, each in words.
    pub(crate) fn ailments(&self) -> Vec<String> {
        self.shared.lock().ailments.told()
    }

    /// How often faults have shown so far.
    pub(crate) fn shown(&self) -> Shown {
        self.shared.lock().ailments.shown
    }

    /// Changes a bit in a file that matches `pattern`. `None`: there is none that has anything to change.
    pub(crate) fn flip_bit(&self, pattern: &regex::Regex, seed: u64) -> io::Result<Option<Flipped>> {
        damage::flip_bit(&mut self.shared.lock().volume, pattern, &mut ChaCha8Rng::seed_from_u64(seed))
    }

    /// Copies a file, or all below a directory, out of the disk, synced or not.
    pub(crate) fn copy_out(&self, path: &Path, to: &Path) -> io::Result<()> {
        for (file, contents) in self.shared.lock().volume.files() {
            let Ok(rest) = file.strip_prefix(path) else { continue };
            // Of a file itself nothing remains.
            let to = if rest.as_os_str().is_empty() { to.to_owned() } else { to.join(rest) };
            fs::create_dir_all(to.parent().expect("what is copied goes into a directory"))?;
            fs::copy(contents.path(), to)?;
        }
        Ok(())
    }
}
