//! A file system without a kernel: names, files, and what of both was synced.
//!
//! What it models. A file's bytes and length are durable after an fsync of the file. Names are durable after an fsync of their directory,
//! and with them every earlier change of a name anywhere: changes of names go through one journal, in order, as with ext4 and XFS, so a
//! power failure leaves the names of some moment. An fsync of a file does not save its name (POSIX promises nothing else), and a name may be
//! there without the bytes. What a system that relies on more does wrong, Pillai et al. tell in *All File Systems Are Not Created Equal*
//! (OSDI 2014).
//!
//! What it does not: owners, permissions and times are always durable; there are no hard links and no extended attributes; what is not
//! synced stays so for ever, unless there is too much of it. Then the oldest is synced, as a kernel does that is short of memory.
//!
//! Not here: faults (`ailments`), the kernel's requests (`file_system`).

use std::collections::{BTreeMap, VecDeque};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use fuser::FileType;
use nix::errno::Errno;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::contents::Contents;

/// The number of a file, directory or link, as long as the volume exists.
pub(super) type Number = u64;

/// The directory that has all others.
pub(super) const ROOT: Number = 1;

/// Unsynced changes kept at most, in bytes of memory; and changes of names.
const MOST_UNSYNCED_BYTES: u64 = 32 << 20;
const MOST_UNSYNCED_NAMES: usize = 10_000;

#[derive(Debug)]
pub(super) struct Volume {
    /// Where the bytes of files are kept.
    backing: PathBuf,
    inodes: BTreeMap<Number, Inode>,
    /// Changes of names that are not durable, in order.
    journal: VecDeque<Vec<NameChange>>,
    next_number: Number,
    next_change: u64,
    unsynced_bytes: u64,
}

/// Whatever has a name.
#[derive(Debug)]
pub(super) struct Inode {
    pub(super) kind: Kind,
    pub(super) permissions: u16,
    pub(super) owner: (u32, u32),
    pub(super) modified: SystemTime,
    /// How many names it has, and how many a power failure would give it back.
    names: u32,
    lost_names: u32,
    /// How often it is open.
    opens: u32,
}

#[derive(Debug)]
pub(super) enum Kind {
    Directory(BTreeMap<OsString, Number>),
    File(Contents),
    Link(PathBuf),
    /// A socket or a pipe, of which there is only the name.
    Special(FileType),
}

/// What a name stood for before and after.
#[derive(Debug)]
struct NameChange {
    directory: Number,
    name: OsString,
    before: Option<Number>,
    after: Option<Number>,
}

/// What a power failure took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lost {
    /// Changes of files, in part at least.
    pub(crate) writes: usize,
    /// Changes of names.
    pub(crate) names: usize,
}

impl Inode {
    fn new(kind: Kind, permissions: u16, owner: (u32, u32)) -> Self {
        Self { kind, permissions, owner, modified: SystemTime::now(), names: 0, lost_names: 0, opens: 0 }
    }

    pub(super) fn file_type(&self) -> FileType {
        match self.kind {
            Kind::Directory(_) => FileType::Directory,
            Kind::File(_) => FileType::RegularFile,
            Kind::Link(_) => FileType::Symlink,
            Kind::Special(kind) => kind,
        }
    }

    pub(super) fn length(&self) -> u64 {
        match &self.kind {
            Kind::File(contents) => contents.length(),
            _ => 0,
        }
    }
}

impl Volume {
    /// An empty one that keeps bytes in this directory.
    pub(super) fn create(backing: &Path, permissions: u16, owner: (u32, u32)) -> io::Result<Self> {
        fs::create_dir_all(backing)?;
        let root = Inode { names: 1, ..Inode::new(Kind::Directory(BTreeMap::new()), permissions, owner) };
        Ok(Self {
            backing: backing.to_owned(),
            inodes: [(ROOT, root)].into(),
            journal: VecDeque::new(),
            next_number: ROOT + 1,
            next_change: 0,
            unsynced_bytes: 0,
        })
    }

    pub(super) fn inode(&self, number: Number) -> io::Result<&Inode> {
        self.inodes.get(&number).ok_or_else(|| Errno::ENOENT.into())
    }

    pub(super) fn inode_mut(&mut self, number: Number) -> io::Result<&mut Inode> {
        self.inodes.get_mut(&number).ok_or_else(|| Errno::ENOENT.into())
    }

    pub(super) fn entries(&self, directory: Number) -> io::Result<&BTreeMap<OsString, Number>> {
        match &self.inode(directory)?.kind {
            Kind::Directory(entries) => Ok(entries),
            _ => Err(Errno::ENOTDIR.into()),
        }
    }

    pub(super) fn lookup(&self, directory: Number, name: &OsStr) -> io::Result<Number> {
        self.entries(directory)?.get(name).copied().ok_or_else(|| Errno::ENOENT.into())
    }

    fn contents(&mut self, file: Number) -> io::Result<&mut Contents> {
        match &mut self.inode_mut(file)?.kind {
            Kind::File(contents) => Ok(contents),
            Kind::Directory(_) => Err(Errno::EISDIR.into()),
            _ => Err(Errno::EINVAL.into()),
        }
    }

    /// A new file with nothing in it.
    pub(super) fn create_file(
        &mut self,
        directory: Number,
        name: &OsStr,
        permissions: u16,
        owner: (u32, u32),
    ) -> io::Result<Number> {
        let path = self.backing.join(self.next_number.to_string());
        self.add(directory, name, permissions, owner, || Ok(Kind::File(Contents::create(path)?)))
    }

    /// A new name for something new.
    pub(super) fn add(
        &mut self,
        directory: Number,
        name: &OsStr,
        permissions: u16,
        owner: (u32, u32),
        make: impl FnOnce() -> io::Result<Kind>,
    ) -> io::Result<Number> {
        if self.entries(directory)?.contains_key(name) {
            return Err(Errno::EEXIST.into());
        }
        let number = self.next_number;
        self.inodes.insert(number, Inode::new(make()?, permissions, owner));
        self.next_number += 1;
        self.rename_all(vec![NameChange { directory, name: name.to_owned(), before: None, after: Some(number) }])?;
        Ok(number)
    }

    /// Takes a name away, of a directory if it is empty.
    pub(super) fn remove(&mut self, directory: Number, name: &OsStr, is_directory: bool) -> io::Result<()> {
        let number = self.lookup(directory, name)?;
        self.check_replaceable(number, is_directory)?;
        self.rename_all(vec![NameChange { directory, name: name.to_owned(), before: Some(number), after: None }])
    }

    /// Gives something another name, whatever had that.
    pub(super) fn rename(
        &mut self,
        (directory, name): (Number, &OsStr),
        (new_directory, new_name): (Number, &OsStr),
    ) -> io::Result<()> {
        let number = self.lookup(directory, name)?;
        let replaced = self.entries(new_directory)?.get(new_name).copied();
        if replaced == Some(number) {
            return Ok(());
        }
        if let Some(replaced) = replaced {
            let is_directory = matches!(self.inode(number)?.kind, Kind::Directory(_));
            self.check_replaceable(replaced, is_directory)?;
        }
        self.rename_all(vec![
            NameChange { directory, name: name.to_owned(), before: Some(number), after: None },
            NameChange { directory: new_directory, name: new_name.to_owned(), before: replaced, after: Some(number) },
        ])
    }

    fn check_replaceable(&self, number: Number, by_directory: bool) -> io::Result<()> {
        match &self.inode(number)?.kind {
            Kind::Directory(_) if !by_directory => Err(Errno::EISDIR.into()),
            Kind::Directory(entries) if !entries.is_empty() => Err(Errno::ENOTEMPTY.into()),
            Kind::Directory(_) => Ok(()),
            _ if by_directory => Err(Errno::ENOTDIR.into()),
            _ => Ok(()),
        }
    }

    /// Changes names at one moment, and notes that.
    fn rename_all(&mut self, changes: Vec<NameChange>) -> io::Result<()> {
        for NameChange { directory, name, before, after } in &changes {
            self.set_name(*directory, name, *before, *after)?;
            if let Some(before) = before {
                self.inode_mut(*before)?.lost_names += 1;
            }
        }
        self.journal.push_back(changes);
        if self.journal.len() > MOST_UNSYNCED_NAMES {
            self.commit(MOST_UNSYNCED_NAMES / 2)?;
        }
        Ok(())
    }

    fn set_name(
        &mut self,
        directory: Number,
        name: &OsStr,
        from: Option<Number>,
        to: Option<Number>,
    ) -> io::Result<()> {
        let inode = self.inode_mut(directory)?;
        inode.modified = SystemTime::now();
        let Kind::Directory(entries) = &mut inode.kind else { return Err(Errno::ENOTDIR.into()) };
        match to {
            Some(number) => drop(entries.insert(name.to_owned(), number)),
            None => drop(entries.remove(name)),
        }
        if let Some(number) = from {
            self.inode_mut(number)?.names -= 1;
        }
        if let Some(number) = to {
            self.inode_mut(number)?.names += 1;
        }
        Ok(())
    }

    /// Makes the first changes of names durable.
    fn commit(&mut self, count: usize) -> io::Result<()> {
        for change in self.journal.drain(..count).flatten().collect::<Vec<_>>() {
            if let Some(before) = change.before {
                self.inode_mut(before)?.lost_names -= 1;
                self.remove_if_gone(before)?;
            }
        }
        Ok(())
    }

    /// What has no name, is used by nobody and will not come back.
    fn remove_if_gone(&mut self, number: Number) -> io::Result<()> {
        let inode = self.inode(number)?;
        if inode.names + inode.lost_names + inode.opens > 0 {
            return Ok(());
        }
        if let Some(Inode { kind: Kind::File(mut contents), .. }) = self.inodes.remove(&number) {
            self.unsynced_bytes -= contents.sync();
            contents.remove()?;
        }
        Ok(())
    }

    pub(super) fn open(&mut self, number: Number) -> io::Result<()> {
        self.inode_mut(number)?.opens += 1;
        Ok(())
    }

    pub(super) fn close(&mut self, number: Number) -> io::Result<()> {
        let inode = self.inode_mut(number)?;
        inode.opens = inode.opens.saturating_sub(1);
        if let Inode { opens: 0, kind: Kind::File(contents), .. } = inode {
            contents.close();
        }
        self.remove_if_gone(number)
    }

    pub(super) fn read(&mut self, file: Number, offset: u64, most: usize) -> io::Result<Vec<u8>> {
        self.contents(file)?.read(offset, most)
    }

    pub(super) fn write(&mut self, file: Number, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.change(file, |contents, number| contents.write(number, offset, bytes))
    }

    pub(super) fn set_length(&mut self, file: Number, length: u64) -> io::Result<()> {
        self.change(file, |contents, number| contents.set_length(number, length))
    }

    fn change(&mut self, file: Number, change: impl FnOnce(&mut Contents, u64) -> io::Result<()>) -> io::Result<()> {
        let number = self.next_change;
        self.next_change += 1;
        let contents = self.contents(file)?;
        let before = contents.unsynced().len();
        change(contents, number)?;
        let bytes: u64 = contents.unsynced()[before..].iter().map(super::contents::Change::bytes).sum();
        let inode = self.inode_mut(file)?;
        inode.modified = SystemTime::now();
        if let Inode { opens: 0, kind: Kind::File(contents), .. } = inode {
            contents.close();
        }
        self.unsynced_bytes += bytes;
        while self.unsynced_bytes > MOST_UNSYNCED_BYTES {
            self.sync_oldest()?;
        }
        Ok(())
    }

    /// Makes the file durable that has waited longest for it.
    fn sync_oldest(&mut self) -> io::Result<()> {
        let first_change = |(number, inode): (&Number, &Inode)| match &inode.kind {
            Kind::File(contents) => Some((contents.unsynced().first()?.number, *number)),
            _ => None,
        };
        let oldest = self.inodes.iter().filter_map(first_change).min();
        let (_, file) = oldest.expect("what takes memory belongs to a file");
        self.sync(file)
    }

    /// Makes a file's bytes, or a directory's names, durable.
    pub(super) fn sync(&mut self, number: Number) -> io::Result<()> {
        match &mut self.inode_mut(number)?.kind {
            Kind::File(contents) => self.unsynced_bytes -= contents.sync(),
            Kind::Directory(_) => {
                let is_here = |changes: &Vec<NameChange>| changes.iter().any(|change| change.directory == number);
                let count = self.journal.iter().rposition(is_here).map_or(0, |last| last + 1);
                self.commit(count)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Takes back what was not synced of a file, as after an fsync that failed.
    pub(super) fn lose(&mut self, file: Number) -> io::Result<()> {
        let contents = self.contents(file)?;
        let bytes: u64 = contents.unsynced().iter().map(super::contents::Change::bytes).sum();
        contents.lose(None)?;
        self.unsynced_bytes -= bytes;
        Ok(())
    }

    /// Takes back what was not synced at all; with random numbers, not all of it. Nobody may use anything any more.
    pub(super) fn lose_all(&mut self, mut torn: Option<&mut ChaCha8Rng>) -> io::Result<Lost> {
        let mut lost = Lost::default();
        for inode in self.inodes.values_mut() {
            inode.opens = 0;
            if let Kind::File(contents) = &mut inode.kind {
                lost.writes += contents.lose(torn.as_deref_mut())?;
                contents.close();
            }
        }
        self.unsynced_bytes = 0;
        let survive = torn.map_or(0, |rng| rng.random_range(0..=self.journal.len()));
        self.commit(survive)?;
        lost.names = self.journal.len();
        while let Some(changes) = self.journal.pop_back() {
            for NameChange { directory, name, before, after } in changes.into_iter().rev() {
                self.set_name(directory, &name, after, before)?;
                if let Some(before) = before {
                    self.inode_mut(before)?.lost_names -= 1;
                }
            }
        }
        for number in self.inodes.keys().copied().collect::<Vec<_>>() {
            self.remove_if_gone(number)?;
        }
        Ok(lost)
    }

    /// Every file, by its path from the root.
    pub(super) fn files(&mut self) -> Vec<(PathBuf, &mut Contents)> {
        let mut paths = BTreeMap::from([(ROOT, PathBuf::new())]);
        let mut waiting = vec![ROOT];
        while let Some(directory) = waiting.pop() {
            let path = paths[&directory].clone();
            for (name, number) in self.entries(directory).into_iter().flatten() {
                paths.insert(*number, path.join(name));
                if matches!(self.inodes[number].kind, Kind::Directory(_)) {
                    waiting.push(*number);
                }
            }
        }
        let files = self.inodes.iter_mut().filter_map(|(number, inode)| match &mut inode.kind {
            Kind::File(contents) => Some((paths.remove(number)?, contents)),
            _ => None,
        });
        let mut files: Vec<_> = files.collect();
        files.sort_by(|(a, _), (b, _)| a.cmp(b));
        files
    }
}
