//! A volume against a model of it: what a power failure leaves is a state that the synced history allows, and what was synced is there.
//!
//! The model keeps every version of every file and every state of the names since the beginning, and knows nothing of how they are taken
//! back. Not here: what passes through the kernel (`tests/cluster/disk_faults.rs`).

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::PathBuf;

use proptest::prelude::*;
use proptest::sample::Index;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::torn::SECTOR_BYTES;
use super::volume::{Kind, Number, ROOT, Volume};

/// What a process does.
#[derive(Clone, Debug)]
enum Act {
    CreateFile(Index, u8),
    CreateDirectory(Index, u8),
    Remove(Index),
    Rename(Index, Index, u8),
    Write(Index, u64, u8, usize),
    SetLength(Index, u64),
    SyncFile(Index),
    SyncDirectory(Index),
}

/// All files and directories by their paths.
type Names = BTreeMap<PathBuf, Number>;

struct Model {
    /// The states of the names so far, the first of which may still come back, and which directories the change to each was in.
    names: Vec<(Names, Vec<Number>)>,
    durable_names: usize,
    /// The versions of each file, the first that may still come back.
    files: BTreeMap<Number, (Vec<Vec<u8>>, usize)>,
    directories: Vec<Number>,
}

struct World {
    volume: Volume,
    model: Model,
    backing: tempfile::TempDir,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let (index, name) = (any::<Index>, 0..4_u8);
    let act = prop_oneof![
        3 => (index(), name.clone()).prop_map(|(at, name)| Act::CreateFile(at, name)),
        1 => (index(), name.clone()).prop_map(|(at, name)| Act::CreateDirectory(at, name)),
        1 => index().prop_map(Act::Remove),
        2 => (index(), index(), name).prop_map(|(of, to, name)| Act::Rename(of, to, name)),
        8 => (index(), 0..2500_u64, 1..=255_u8, 1..1500_usize).prop_map(|(of, at, byte, count)| Act::Write(of, at, byte, count)),
        2 => (index(), 0..3000_u64).prop_map(|(of, length)| Act::SetLength(of, length)),
        2 => index().prop_map(Act::SyncFile),
        2 => index().prop_map(Act::SyncDirectory),
    ];
    prop::collection::vec(act, 1..60)
}

impl World {
    fn new() -> Self {
        let backing = tempfile::tempdir().unwrap();
        let volume = Volume::create(backing.path(), 0o755, (0, 0)).unwrap();
        let model = Model {
            names: vec![(Names::new(), vec![])],
            durable_names: 0,
            files: BTreeMap::new(),
            directories: vec![ROOT],
        };
        Self { volume, model, backing }
    }

    fn now(&self) -> &Names {
        &self.model.names.last().unwrap().0
    }

    /// Every directory that can be reached.
    fn directories(&self) -> Vec<Number> {
        let here = self.now().values().filter(|number| self.model.directories.contains(number));
        [ROOT].into_iter().chain(here.copied()).collect()
    }

    fn files(&self) -> Vec<Number> {
        self.now().values().copied().filter(|number| self.model.files.contains_key(number)).collect()
    }

    /// Notes what the names are after a change in these directories.
    fn renamed(&mut self, directories: &[Number]) {
        let names = listed(&self.volume);
        self.model.names.push((names, directories.to_vec()));
    }

    fn changed(&mut self, file: Number, change: impl FnOnce(&mut Vec<u8>)) {
        let (versions, _) = self.model.files.get_mut(&file).unwrap();
        let mut bytes = versions.last().unwrap().clone();
        change(&mut bytes);
        versions.push(bytes);
    }

    /// Does it, if that is possible now.
    fn act(&mut self, act: &Act) {
        let (directories, files) = (self.directories(), self.files());
        let name = |number: u8| format!("f{number}");
        match act {
            Act::CreateFile(at, number) => {
                let directory = *at.get(&directories);
                if let Ok(file) = self.volume.create_file(directory, name(*number).as_ref(), 0o644, (0, 0)) {
                    self.model.files.insert(file, (vec![vec![]], 0));
                    self.renamed(&[directory]);
                }
            }
            Act::CreateDirectory(at, number) => {
                let directory = *at.get(&directories);
                let kind = || Ok(Kind::Directory(BTreeMap::new()));
                if let Ok(made) = self.volume.add(directory, name(*number).as_ref(), 0o755, (0, 0), kind) {
                    self.model.directories.push(made);
                    self.renamed(&[directory]);
                }
            }
            Act::Remove(of) if !self.now().is_empty() => {
                let paths: Vec<_> = self.now().clone().into_iter().collect();
                let (path, number) = of.get(&paths);
                let (directory, name) = split(&self.volume, path);
                let is_directory = self.model.directories.contains(number);
                if self.volume.remove(directory, &name, is_directory).is_ok() {
                    self.renamed(&[directory]);
                }
            }
            Act::Rename(of, to, number) if !self.now().is_empty() => {
                let paths: Vec<_> = self.now().clone().into_iter().collect();
                let (path, moved) = of.get(&paths);
                let (directory, old_name) = split(&self.volume, path);
                // As the kernel refuses it: nothing moves below itself.
                let below = |(other, number): (&PathBuf, &Number)| other.starts_with(path).then_some(*number);
                let inside: Vec<_> = self.now().iter().filter_map(below).collect();
                let new_directory = *to.get(&directories);
                let before = listed(&self.volume);
                let new = (new_directory, OsStr::new(&name(*number)).to_owned());
                if !inside.contains(&new_directory)
                    && *moved != new_directory
                    && self.volume.rename((directory, &old_name), (new.0, &new.1)).is_ok()
                    && listed(&self.volume) != before
                {
                    self.renamed(&[directory, new_directory]);
                }
            }
            Act::Write(of, at, byte, count) if !files.is_empty() => {
                let file = *of.get(&files);
                self.volume.write(file, *at, &vec![*byte; *count]).unwrap();
                let (begin, end) = (*at as usize, *at as usize + count);
                self.changed(file, |bytes| {
                    bytes.resize(bytes.len().max(end), 0);
                    bytes[begin..end].fill(*byte);
                });
            }
            Act::SetLength(of, length) if !files.is_empty() => {
                let file = *of.get(&files);
                self.volume.set_length(file, *length).unwrap();
                self.changed(file, |bytes| bytes.resize(*length as usize, 0));
            }
            Act::SyncFile(of) if !files.is_empty() => {
                let file = *of.get(&files);
                self.volume.sync(file).unwrap();
                let (versions, durable) = self.model.files.get_mut(&file).unwrap();
                *durable = versions.len() - 1;
            }
            Act::SyncDirectory(of) => {
                let directory = *of.get(&directories);
                self.volume.sync(directory).unwrap();
                let last = self.model.names.iter().rposition(|(_, changed)| changed.contains(&directory));
                self.model.durable_names = self.model.durable_names.max(last.unwrap_or(0));
            }
            _ => {}
        }
    }
}

/// A path's directory and its name there.
fn split(volume: &Volume, path: &std::path::Path) -> (Number, std::ffi::OsString) {
    let into = |directory, name| volume.lookup(directory, name).unwrap();
    (path.parent().unwrap().iter().fold(ROOT, into), path.file_name().unwrap().to_owned())
}

/// All names of a volume.
fn listed(volume: &Volume) -> Names {
    let mut names = Names::new();
    let mut waiting = vec![(ROOT, PathBuf::new())];
    while let Some((directory, path)) = waiting.pop() {
        for (name, number) in volume.entries(directory).unwrap() {
            names.insert(path.join(name), *number);
            if matches!(volume.inode(*number).unwrap().kind, Kind::Directory(_)) {
                waiting.push((*number, path.join(name)));
            }
        }
    }
    names
}

/// The bytes of a sector in a version; zeros where that had none.
fn sector(version: &[u8], begin: usize) -> Vec<u8> {
    let mut bytes = version.get(begin..).unwrap_or_default().to_vec();
    bytes.resize(SECTOR_BYTES as usize, 0);
    bytes
}

fn check(acts: &[Act], torn: Option<u64>) -> Result<(), TestCaseError> {
    let mut world = World::new();
    for act in acts {
        world.act(act);
    }
    let mut rng = torn.map(ChaCha8Rng::seed_from_u64);
    world.volume.lose_all(rng.as_mut()).unwrap();
    let names = listed(&world.volume);
    let Model { names: states, durable_names, files, .. } = &world.model;
    let allowed = &states[*durable_names..];
    let allowed = if torn.is_none() { &allowed[..1] } else { allowed };
    prop_assert!(allowed.iter().any(|(state, _)| *state == names), "{names:?} is none of {allowed:?}");
    for (path, number) in names.iter().filter(|(_, number)| files.contains_key(number)) {
        let found = world.volume.read(*number, 0, usize::MAX).unwrap();
        let (versions, durable) = &files[number];
        let allowed = &versions[*durable..];
        if torn.is_none() {
            prop_assert_eq!(&found, &allowed[0], "{}", path.display());
            continue;
        }
        for begin in (0..found.len()).step_by(SECTOR_BYTES as usize) {
            let there = sector(&found, begin);
            // A sector that a cut made end early ends with zeros instead.
            let is_cut = |version: &Vec<u8>| {
                (0..=SECTOR_BYTES as usize).any(|end| {
                    let mut cut = sector(version, begin);
                    cut[end..].fill(0);
                    cut == there
                })
            };
            prop_assert!(allowed.iter().any(is_cut), "{} at byte {begin} is of no version", path.display());
        }
        let longest = allowed.iter().map(Vec::len).max().unwrap();
        prop_assert!(found.len() <= longest, "{}: {} bytes", path.display(), found.len());
    }
    // What is left takes part as before, and nothing is left of what is gone.
    let kept = std::fs::read_dir(world.backing.path()).unwrap().count();
    prop_assert_eq!(kept, names.values().filter(|number| files.contains_key(number)).count());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn a_power_failure_leaves_what_was_synced_and_nothing_else(acts in acts()) {
        check(&acts, None)?;
    }

    #[test]
    fn a_power_failure_that_tears_leaves_a_state_that_could_have_been(acts in acts(), seed: u64) {
        check(&acts, Some(seed))?;
    }

    #[test]
    fn what_is_all_synced_is_all_there(acts in acts(), torn: Option<u64>) {
        let mut world = World::new();
        for act in &acts {
            world.act(act);
        }
        for number in world.files().into_iter().chain(world.directories()) {
            world.volume.sync(number).unwrap();
        }
        let mut rng = torn.map(ChaCha8Rng::seed_from_u64);
        prop_assert_eq!(world.volume.lose_all(rng.as_mut()).unwrap(), super::Lost::default());
        prop_assert_eq!(listed(&world.volume), world.now().clone());
        for file in world.files() {
            let bytes = world.volume.read(file, 0, usize::MAX).unwrap();
            prop_assert_eq!(&bytes, world.model.files[&file].0.last().unwrap());
        }
    }
}

#[test]
fn a_tear_leaves_a_part_of_a_write() {
    let seen = (0..200_u64).map(|seed| {
        let mut world = World::new();
        let file = world.volume.create_file(ROOT, "f".as_ref(), 0o644, (0, 0)).unwrap();
        world.volume.set_length(file, 2048).unwrap();
        world.volume.sync(file).unwrap();
        world.volume.sync(ROOT).unwrap();
        world.volume.write(file, 0, &[7; 2048]).unwrap();
        world.volume.lose_all(Some(&mut ChaCha8Rng::seed_from_u64(seed))).unwrap();
        let bytes = world.volume.read(file, 0, 4096).unwrap();
        bytes.chunks(512).map(|sector| u8::from(sector == [7; 512])).collect::<Vec<_>>()
    });
    // Whole, not at all, and every choice of sectors in between.
    assert_eq!(seen.collect::<std::collections::BTreeSet<_>>().len(), 16);
}

#[test]
fn what_is_too_much_is_synced_from_the_oldest_on() {
    let mut world = World::new();
    let mut file = |name: &str| world.volume.create_file(ROOT, name.as_ref(), 0o644, (0, 0)).unwrap();
    let files = [file("a"), file("b")];
    let volume = &mut world.volume;
    volume.sync(ROOT).unwrap();
    for (file, rounds) in files.into_iter().zip([20, 20]) {
        for byte in 1..=rounds {
            volume.write(file, 0, &vec![byte; 1 << 20]).unwrap();
        }
    }
    volume.lose_all(None).unwrap();
    let first = |volume: &mut Volume, file| volume.read(file, 0, 1).unwrap();
    assert_eq!([first(volume, files[0]), first(volume, files[1])], [vec![20], vec![]]);
}
