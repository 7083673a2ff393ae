//! The engine of the physical log: the storage file of redb, changed by exact bytes. A leader's operation becomes a transaction of redb
//! whose bytes are the record; followers make the same bytes in their image of the file and read through redb as well.
//!
//! Every node's image goes through exactly the states that the log describes. redb itself works on an [`Overlay`], never on the image:
//! what it writes when it opens the file stays there, and on a leader it belongs to the first record.
//!
//! Not here: rows that a follower could keep in another way; that is what the logical log is for.

use std::borrow::Cow;
use std::cell::{OnceCell, RefCell};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use redb::{Database, ReadTransaction, ReadableDatabase};

use super::engine::Shape;
use super::view::View;
use super::{Engine, MAX_RECORD_BYTES, StoreError};
use crate::delta::Delta;
use crate::key_range::KeyRange;
use crate::record::{Change, Lsn, Position, Value};
use image::Image;
use overlay::Overlay;

mod image;
mod overlay;
mod tables;
#[cfg(test)]
mod tests;

/// What redb may keep of its file in memory, above the pages that the image has there.
const CACHE_BYTES: usize = 16 << 20;
/// Room in a record for what is not the change.
const RECORD_ROOM: usize = 64 << 10;
/// Under this key a snapshot has the length of the file; the pages are under their numbers.
const LENGTH: &[u8] = b"length";

/// What the bytes of the storage file depend on, told in hellos and in the data directory: nodes whose words differ cannot share bytes.
/// The first number is redb's file format, the last one that of the tables.
pub(crate) fn storage_format() -> String {
    "redb 3, tables 1".to_owned()
}

/// What else they depend on.
pub(crate) fn architecture() -> String {
    let endian = if cfg!(target_endian = "little") { "little" } else { "big" };
    format!("{}, {endian}-endian, {}-bit", std::env::consts::ARCH, usize::BITS)
}

#[derive(Debug)]
pub(crate) struct Physical {
    dir: PathBuf,
    image: Arc<Mutex<Image>>,
    /// redb above the image as it is now; opened when somebody needs it.
    session: RefCell<Option<Session>>,
    applied: Position,
    change_bytes: usize,
    checkpoint_bytes: usize,
    failure: OnceCell<String>,
}

/// An open database. It ends when the image changes in another way.
#[derive(Debug)]
struct Session {
    overlay: Overlay,
    database: Database,
}

impl Session {
    fn open(image: &Arc<Mutex<Image>>) -> Result<Self, redb::Error> {
        let overlay = Overlay::new(image);
        let database = Database::builder().set_cache_size(CACHE_BYTES).create_with_backend(overlay.clone())?;
        if database.begin_read()?.list_tables()?.next().is_none() {
            let transaction = database.begin_write()?;
            tables::create(&transaction)?;
            transaction.commit()?;
        }
        Ok(Session { overlay, database })
    }

    /// The bytes that the change comes to.
    fn make(&self, change: &Change) -> Result<Delta, redb::Error> {
        let mut transaction = self.database.begin_write()?;
        transaction.set_quick_repair(true); // so that followers, and whoever is promoted, open the file at once
        tables::make(&transaction, change)?;
        transaction.commit()?;
        Ok(self.overlay.harvest()?)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.overlay.end(); // so that redb does not clean up what nobody will read
    }
}

impl Physical {
    pub(crate) fn open(dir: &Path, checkpoint_bytes: usize) -> Result<Self, StoreError> {
        let image = Image::open(dir, &format!("{}, {}", storage_format(), architecture()))
            .map_err(|error| StoreError::failed(dir, &error))?;
        Ok(Physical {
            dir: dir.to_owned(),
            applied: image.kept(),
            image: Arc::new(Mutex::new(image)),
            session: RefCell::new(None),
            change_bytes: 0,
            checkpoint_bytes,
            failure: OnceCell::new(),
        })
    }

    fn image(&self) -> MutexGuard<'_, Image> {
        self.image.lock().expect("no code panics while it holds this lock")
    }

    /// Keeps the first failure for the node to stop with.
    fn note<T, E: std::fmt::Display>(&self, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| drop(self.failure.set(error.to_string()))).ok()
    }

    fn with_session<T>(&self, work: impl FnOnce(&Session) -> Result<T, redb::Error>) -> Result<T, redb::Error> {
        let mut session = self.session.borrow_mut();
        if session.is_none() {
            *session = Some(Session::open(&self.image)?);
        }
        work(session.as_ref().expect("it was just opened"))
    }

    fn read<T>(&self, look: impl FnOnce(&ReadTransaction) -> Result<T, redb::Error>) -> Option<T> {
        self.note(self.with_session(|session| look(&session.database.begin_read()?)))
    }

    /// Changes the image by bytes that come from elsewhere.
    fn change(&mut self, change: impl FnOnce(&mut Image) -> io::Result<()>) {
        self.session.replace(None);
        let changed = change(&mut self.image());
        self.note(changed);
    }
}

impl Engine for Physical {
    fn get(&self, key: &Bytes) -> Option<Cow<'_, Value>> {
        self.read(|transaction| tables::get(transaction, key)).flatten().map(Cow::Owned)
    }

    fn shape(&self, key: &Bytes) -> Shape {
        self.read(|transaction| tables::shape(transaction, key)).unwrap_or(Shape::Nothing)
    }

    fn update(&mut self, _: Bytes, _: &mut dyn FnMut(&mut Option<Value>)) {
        let _ = self.failure.set("the log has records of rows; it was not written with --log physical".to_owned());
    }

    fn make(&mut self, change: Change) -> Option<Change> {
        if !matches!(change, Change::Set { .. } | Change::Delete { .. } | Change::Push { .. }) {
            return Some(change);
        }
        let made = self.with_session(|session| session.make(&change));
        let delta = self.note(made)?;
        if delta.size() + RECORD_ROOM > MAX_RECORD_BYTES {
            self.session.replace(None); // with it goes everything that was written
            return None;
        }
        let changed = self.image().apply(&delta);
        self.note(changed)?;
        Some(Change::Bytes(delta))
    }

    fn apply_bytes(&mut self, delta: &Delta) {
        self.change(|image| image.apply(delta));
    }

    fn undo_bytes(&mut self, delta: &Delta) {
        self.change(|image| image.undo(delta));
    }

    fn len(&self) -> usize {
        self.read(tables::len).unwrap_or(0)
    }

    /// The file itself, a page a row: what a snapshot of a physical cluster is, and what is compared.
    fn scan(&self, from: &Bytes, visit: &mut dyn FnMut(&Bytes, &Value) -> bool) {
        let image = self.image();
        let Some(count) = self.note(image.page_count()) else { return };
        let first = std::array::from_fn(|index| from.get(index).copied().unwrap_or(0));
        for number in u64::from_be_bytes(first)..count {
            let Some(page) = self.note(image.page(number)) else { return };
            let key = Bytes::copy_from_slice(&number.to_be_bytes());
            if page.iter().any(|&byte| byte != 0)
                && key >= *from
                && !visit(&key, &Value::String(Bytes::copy_from_slice(&page[..])))
            {
                return;
            }
        }
        if *from <= LENGTH {
            visit(&Bytes::from_static(LENGTH), &Value::String(Bytes::copy_from_slice(&image.length().to_be_bytes())));
        }
    }

    fn replace_range(&mut self, range: &KeyRange, rows: &[(Bytes, Value)]) {
        let pages = self.differences(range, rows);
        if !pages.is_empty() {
            self.change(|image| pages.iter().try_for_each(|(key, page)| image.put(key, page.as_ref())));
        }
    }

    fn replace(&mut self, rows: &View, position: Position) {
        let number = |bytes: &[u8]| bytes.try_into().ok().map(u64::from_be_bytes);
        let (mut pages, mut length) = (Vec::new(), (rows.len() == 0).then_some(0));
        rows.each(|key, value| {
            let Value::String(bytes) = value else { return };
            match (number(key), bytes[..].try_into().ok()) {
                (Some(page), Some(bytes)) => pages.push((page, Arc::new(bytes))),
                _ if key == LENGTH => length = number(bytes),
                _ => {}
            }
        });
        if length.is_none() || pages.len() + usize::from(rows.len() > 0) != rows.len() {
            let _ = self.failure.set("a snapshot has rows where pages of the file were expected".to_owned());
            return;
        }
        self.applied = position;
        self.change_bytes = 0;
        self.change(|image| image.replace(pages.into_iter(), length.unwrap_or(0), position));
    }

    fn kept(&self) -> Position {
        self.image().kept()
    }

    fn applied(&mut self, position: Position, bytes: usize) {
        self.applied = position;
        self.change_bytes += bytes;
        if self.change_bytes >= self.checkpoint_bytes {
            self.change_bytes = 0;
            self.image().seal(position);
        }
    }

    fn log_is_durable(&mut self, lsn: Lsn) {
        if self.failure.get().is_none() {
            let written = self.image().log_is_durable(lsn);
            self.note(written);
        }
    }

    fn rewound(&mut self, left: Position) {
        self.applied = left;
        let rewound = self.image().rewound(left);
        self.note(rewound);
    }

    fn keep(&mut self, position: Position) {
        if self.failure.get().is_none() {
            let kept = self.image().keep(position);
            self.note(kept);
        }
    }

    fn failure(&mut self) -> Option<StoreError> {
        self.failure.take().map(|what| StoreError::Failed { path: self.dir.clone(), what })
    }
}
