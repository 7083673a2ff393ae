//! What the kernel asks of a disk, answered from its volume, unless a fault answers.
//!
//! The kernel is told to remember nothing but what processes have open: names and files change behind its back when the power fails. It
//! is never asked to check permissions either; a process that changes into a directory then asks nothing of this one, which may have
//! died (a request that nobody answers cannot be interrupted).

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::sync::{Arc, MutexGuard};
use std::time::{Duration, SystemTime};

use fuser::{
    BsdFileFlags, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo, LockOwner,
    OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyOpen,
    ReplyStatfs, ReplyWrite, Request, TimeOrNow, WriteFlags,
};

use super::ailments::IoCall;
use super::shared::{Shared, State};
use super::volume::{Kind, Number, ROOT, Volume};

/// For how long the kernel may believe what it was told.
const BELIEVE: Duration = Duration::ZERO;

/// What is told of room: a disk that has enough. Nothing here counts blocks.
const BLOCKS: u64 = 1 << 28;
const BLOCK_BYTES: u32 = 4096;

/// The side of a disk that the kernel talks to.
pub(super) struct FileSystem(pub(super) Arc<Shared>);

impl FileSystem {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock()
    }

    /// The disk, if it has room and takes writes.
    fn writable(&self) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.state();
        if state.ailments.fails(IoCall::Write) {
            return Err(nix::Error::EIO.into());
        }
        if state.ailments.is_full() {
            return Err(nix::Error::ENOSPC.into());
        }
        Ok(state)
    }

    /// Something new, made as the request's user.
    fn add(&self, request: &Request, (parent, name): (INodeNo, &OsStr), mode: u32, kind: Kind) -> io::Result<FileAttr> {
        let mut state = self.writable()?;
        let owner = (request.uid(), request.gid());
        let number = state.volume.add(parent.0, name, permissions(mode), owner, || Ok(kind))?;
        attributes(&state.volume, number)
    }

    fn create_file(&self, request: &Request, parent: INodeNo, name: &OsStr, mode: u32) -> io::Result<FileAttr> {
        let mut state = self.writable()?;
        let owner = (request.uid(), request.gid());
        let number = state.volume.create_file(parent.0, name, permissions(mode), owner)?;
        attributes(&state.volume, number)
    }

    /// Makes something durable, in its time.
    fn sync(&self, number: Number, reply: ReplyEmpty) {
        let Some(wait) = self.state().begin_sync() else { return tell(reply, self.state().sync(number)) };
        // Other requests go on meanwhile. A process has no more of these threads than threads that wait for them.
        let shared = Arc::clone(&self.0);
        let late = move || tell(reply, shared.wait(wait).and_then(|mut state| state.sync(number)));
        // Without a thread the reply is dropped, which tells the kernel an error.
        let _ = std::thread::Builder::new().name("slow fsync".to_owned()).spawn(late);
    }

    fn set_attributes(
        &self,
        number: Number,
        (mode, user, group): (Option<u32>, Option<u32>, Option<u32>),
        length: Option<u64>,
        modified: Option<TimeOrNow>,
    ) -> io::Result<FileAttr> {
        let mut state = match length {
            Some(_) => self.writable()?,
            None => self.state(),
        };
        if let Some(length) = length {
            state.volume.set_length(number, length)?;
        }
        let inode = state.volume.inode_mut(number)?;
        inode.permissions = mode.map_or(inode.permissions, permissions);
        inode.owner = (user.unwrap_or(inode.owner.0), group.unwrap_or(inode.owner.1));
        inode.modified = match modified {
            Some(TimeOrNow::SpecificTime(time)) => time,
            Some(TimeOrNow::Now) => SystemTime::now(),
            None => inode.modified,
        };
        attributes(&state.volume, number)
    }

    /// Makes room: only by making the file longer, which all that is asked for here does.
    fn allocate(&self, file: Number, end: u64, mode: i32) -> io::Result<()> {
        if mode != 0 {
            return Err(nix::Error::EOPNOTSUPP.into());
        }
        let mut state = self.writable()?;
        let length = state.volume.inode(file)?.length();
        if end > length { state.volume.set_length(file, end) } else { Ok(()) }
    }
}

fn permissions(mode: u32) -> u16 {
    (mode & 0o7777) as u16
}

fn tell(reply: ReplyEmpty, result: io::Result<()>) {
    match result {
        Ok(()) => reply.ok(),
        Err(error) => reply.error(error.into()),
    }
}

fn tell_entry(reply: ReplyEntry, result: io::Result<FileAttr>) {
    match result {
        Ok(attributes) => reply.entry(&BELIEVE, &attributes, Generation(0)),
        Err(error) => reply.error(error.into()),
    }
}

fn tell_attributes(reply: ReplyAttr, result: io::Result<FileAttr>) {
    match result {
        Ok(attributes) => reply.attr(&BELIEVE, &attributes),
        Err(error) => reply.error(error.into()),
    }
}

fn attributes(volume: &Volume, number: Number) -> io::Result<FileAttr> {
    let inode = volume.inode(number)?;
    let (size, time) = (inode.length(), inode.modified);
    Ok(FileAttr {
        ino: INodeNo(number),
        size,
        blocks: size.div_ceil(512),
        atime: time,
        mtime: time,
        ctime: time,
        crtime: time,
        kind: inode.file_type(),
        perm: inode.permissions,
        nlink: 1,
        uid: inode.owner.0,
        gid: inode.owner.1,
        rdev: 0,
        blksize: BLOCK_BYTES,
        flags: 0,
    })
}

impl Filesystem for FileSystem {
    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let state = self.state();
        let found = state.volume.lookup(parent.0, name).and_then(|number| attributes(&state.volume, number));
        tell_entry(reply, found);
    }

    fn getattr(&self, _: &Request, number: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        tell_attributes(reply, attributes(&self.state().volume, number.0));
    }

    fn setattr(
        &self,
        _: &Request,
        number: INodeNo,
        mode: Option<u32>,
        user: Option<u32>,
        group: Option<u32>,
        length: Option<u64>,
        _accessed: Option<TimeOrNow>,
        modified: Option<TimeOrNow>,
        _changed: Option<SystemTime>,
        _handle: Option<FileHandle>,
        _created: Option<SystemTime>,
        _flags_changed: Option<SystemTime>,
        _backed_up: Option<SystemTime>,
        _flags: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        tell_attributes(reply, self.set_attributes(number.0, (mode, user, group), length, modified));
    }

    fn readlink(&self, _: &Request, number: INodeNo, reply: ReplyData) {
        match self.state().volume.inode(number.0).map(|inode| &inode.kind) {
            Ok(Kind::Link(path)) => reply.data(path.as_os_str().as_encoded_bytes()),
            _ => reply.error(Errno::EINVAL),
        }
    }

    fn mknod(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _umask: u32,
        _device: u32,
        reply: ReplyEntry,
    ) {
        // The first digits of a mode are the file's type, see inode(7).
        let added = match mode & 0o170_000 {
            0o100_000 => self.create_file(request, parent, name, mode),
            0o140_000 => self.add(request, (parent, name), mode, Kind::Special(FileType::Socket)),
            0o010_000 => self.add(request, (parent, name), mode, Kind::Special(FileType::NamedPipe)),
            _ => Err(nix::Error::EPERM.into()),
        };
        tell_entry(reply, added);
    }

    fn mkdir(&self, request: &Request, parent: INodeNo, name: &OsStr, mode: u32, _umask: u32, reply: ReplyEntry) {
        tell_entry(reply, self.add(request, (parent, name), mode, Kind::Directory(BTreeMap::new())));
    }

    fn symlink(&self, request: &Request, parent: INodeNo, name: &OsStr, target: &Path, reply: ReplyEntry) {
        tell_entry(reply, self.add(request, (parent, name), 0o777, Kind::Link(target.to_owned())));
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        tell(reply, self.state().volume.remove(parent.0, name, false));
    }

    fn rmdir(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        tell(reply, self.state().volume.remove(parent.0, name, true));
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        new_parent: INodeNo,
        new_name: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        let rename = || {
            let volume = &mut self.writable()?.volume;
            if flags.contains(RenameFlags::RENAME_EXCHANGE) {
                return Err(nix::Error::EINVAL.into());
            }
            if flags.contains(RenameFlags::RENAME_NOREPLACE) && volume.lookup(new_parent.0, new_name).is_ok() {
                return Err(nix::Error::EEXIST.into());
            }
            volume.rename((parent.0, name), (new_parent.0, new_name))
        };
        tell(reply, rename());
    }

    fn open(&self, _: &Request, number: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        match self.state().volume.open(number.0) {
            Ok(()) => reply.opened(FileHandle(0), FopenFlags::FOPEN_NOFLUSH),
            Err(error) => reply.error(error.into()),
        }
    }

    fn create(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _umask: u32,
        _flags: i32,
        reply: ReplyCreate,
    ) {
        let created = self.create_file(request, parent, name, mode).and_then(|attributes| {
            self.state().volume.open(attributes.ino.0)?;
            Ok(attributes)
        });
        match created {
            Ok(attributes) => {
                reply.created(&BELIEVE, &attributes, Generation(0), FileHandle(0), FopenFlags::FOPEN_NOFLUSH);
            }
            Err(error) => reply.error(error.into()),
        }
    }

    fn read(
        &self,
        _: &Request,
        number: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let mut state = self.state();
        if state.ailments.fails(IoCall::Read) {
            return reply.error(Errno::EIO);
        }
        match state.volume.read(number.0, offset, size as usize) {
            Ok(bytes) => reply.data(&bytes),
            Err(error) => reply.error(error.into()),
        }
    }

    fn write(
        &self,
        _: &Request,
        number: INodeNo,
        _: FileHandle,
        offset: u64,
        bytes: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        match self.writable().and_then(|mut state| state.volume.write(number.0, offset, bytes)) {
            Ok(()) => reply.written(bytes.len() as u32),
            Err(error) => reply.error(error.into()),
        }
    }

    fn release(
        &self,
        _: &Request,
        number: INodeNo,
        _: FileHandle,
        _: OpenFlags,
        _: Option<LockOwner>,
        _flush: bool,
        reply: ReplyEmpty,
    ) {
        tell(reply, self.state().volume.close(number.0));
    }

    fn fsync(&self, _: &Request, number: INodeNo, _: FileHandle, _datasync: bool, reply: ReplyEmpty) {
        self.sync(number.0, reply);
    }

    fn fsyncdir(&self, _: &Request, number: INodeNo, _: FileHandle, _datasync: bool, reply: ReplyEmpty) {
        self.sync(number.0, reply);
    }

    fn fallocate(
        &self,
        _: &Request,
        number: INodeNo,
        _: FileHandle,
        offset: u64,
        length: u64,
        mode: i32,
        reply: ReplyEmpty,
    ) {
        tell(reply, self.allocate(number.0, offset + length, mode));
    }

    fn opendir(&self, _: &Request, number: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        match self.state().begin_listing(number.0) {
            Ok(listing) => reply.opened(FileHandle(listing), FopenFlags::empty()),
            Err(error) => reply.error(error.into()),
        }
    }

    fn readdir(&self, _: &Request, _: INodeNo, handle: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        let state = self.state();
        let Some(listing) = state.listing(handle.0) else { return reply.error(Errno::EBADF) };
        for (index, (number, kind, name)) in listing.iter().enumerate().skip(offset as usize) {
            if reply.add(INodeNo(*number), index as u64 + 1, *kind, name) {
                break;
            }
        }
        reply.ok();
    }

    fn releasedir(&self, _: &Request, _: INodeNo, handle: FileHandle, _: OpenFlags, reply: ReplyEmpty) {
        self.state().end_listing(handle.0);
        reply.ok();
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        let free = if self.state().ailments.is_full() { 0 } else { BLOCKS };
        let files = ROOT << 32;
        reply.statfs(BLOCKS, free, free, files, files, BLOCK_BYTES, 255, BLOCK_BYTES);
    }
}
