//! The storage engine's view of an image: what it writes stays here, above the image, until it is harvested as the change of one record.
//! So a follower can read through an engine that writes as it pleases when it opens a file, and a leader's image changes by whole
//! records only, exactly as its followers' do.
//!
//! Not here: the image itself.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use redb::StorageBackend;

use super::image::{Image, PAGE_BYTES, Page};
use crate::delta::Delta;

#[derive(Debug, Clone)]
pub(super) struct Overlay {
    image: Arc<Mutex<Image>>,
    written: Arc<Mutex<Written>>,
}

#[derive(Debug)]
struct Written {
    pages: BTreeMap<u64, Page>,
    length: u64,
    /// The image has changed, so whatever is still read or written here is of no use to anybody.
    is_over: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no code panics while it holds this lock")
}

impl Overlay {
    pub(super) fn new(image: &Arc<Mutex<Image>>) -> Self {
        let length = lock(image).length();
        let written = Written { pages: BTreeMap::new(), length, is_over: false };
        Overlay { image: Arc::clone(image), written: Arc::new(Mutex::new(written)) }
    }

    /// What was written since the last harvest, as a change of the image. The image must now be changed so.
    pub(super) fn harvest(&self) -> io::Result<Delta> {
        let (image, mut written) = (lock(&self.image), lock(&self.written));
        let mut delta = Delta::new(image.length(), written.length);
        for (number, after) in std::mem::take(&mut written.pages) {
            delta.compare(number * PAGE_BYTES as u64, &image.page(number)?[..], &after[..]);
        }
        Ok(delta)
    }

    /// Nothing more is to be read or written.
    pub(super) fn end(&self) {
        lock(&self.written).is_over = true;
    }

    /// The parts of pages that make up a range: page number, place in the page, place in the range.
    fn parts(offset: u64, length: usize) -> impl Iterator<Item = (u64, std::ops::Range<usize>, usize)> {
        let mut done = 0;
        std::iter::from_fn(move || {
            let at = offset + done as u64;
            let start = (at % PAGE_BYTES as u64) as usize;
            let count = (PAGE_BYTES - start).min(length - done);
            let part = (at / PAGE_BYTES as u64, start..start + count, done);
            done += count;
            (count > 0).then_some(part)
        })
    }
}

impl Written {
    fn check(&self) -> io::Result<()> {
        if self.is_over { Err(io::Error::other("this view of the image is over")) } else { Ok(()) }
    }
}

impl StorageBackend for Overlay {
    fn len(&self) -> io::Result<u64> {
        Ok(lock(&self.written).length)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let (image, written) = (lock(&self.image), lock(&self.written));
        written.check()?;
        if offset + out.len() as u64 > written.length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        for (number, place, done) in Overlay::parts(offset, out.len()) {
            let target = &mut out[done..done + place.len()];
            match written.pages.get(&number) {
                Some(page) => target.copy_from_slice(&page[place]),
                None => target.copy_from_slice(&image.page(number)?[place]),
            }
        }
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let mut written = lock(&self.written);
        written.check()?;
        written.length = length;
        Ok(())
    }

    /// Nothing: what is durable is decided by the log.
    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let (image, mut written) = (lock(&self.image), lock(&self.written));
        written.check()?;
        for (number, place, done) in Overlay::parts(offset, data.len()) {
            let page = match written.pages.entry(number) {
                std::collections::btree_map::Entry::Occupied(page) => page.into_mut(),
                std::collections::btree_map::Entry::Vacant(free) => free.insert(image.page(number)?),
            };
            let source = &data[done..done + place.len()];
            Arc::make_mut(page)[place].copy_from_slice(source);
        }
        Ok(())
    }
}
