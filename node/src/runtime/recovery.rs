//! Making a core of what is on the disk: at the start, and again when a disk that was full has room.
//!
//! Starting over in the same process is as good as a crash and a restart: nothing of the old core is kept. It is done only after writes
//! failed for want of room; after a failed fsync the kernel's memory may differ from the disk, and only an operator can say that
//! the disk is sound again.

use std::hash::Hasher;
use std::net::SocketAddr;

use anyhow::Context;
use tokio::sync::{mpsc, oneshot};

use super::{Answer, Node, Sources, open_store};
use crate::config::{Config, Modes};
use crate::core::disk_trouble::{Ailment, DiskTrouble};
use crate::core::{Core, Settings};
use crate::data_dir::DataDir;
use crate::disk::{Disk, DiskError};
use crate::hard_state::HardStateFile;
use crate::log::{Log, LogError, Report};
use crate::membership::Membership;
use crate::record::Record;
use crate::slots_file::SlotsFile;
use crate::snapshot_file::{SnapshotDir, SnapshotError};

/// How long after a disk was found full it is looked at again; doubled each time in vain or too early, so that a disk on the brink
/// does not make this node come and go; but whoever made room should not have to wait for long.
const FIRST_PROBE_MS: u64 = 1_000;
const LAST_PROBE_MS: u64 = 8_000;
/// A disk that had room for so long is not on the brink any more.
const CALM_MS: u64 = 300_000;
/// There is room when so much can be written: what the log thread writes at once.
const ROOM_BYTES: usize = 1 << 20;

/// What was made of a data directory.
pub(super) struct Recovered {
    pub(super) hard_state: HardStateFile,
    pub(super) slots: SlotsFile,
    pub(super) snapshots: SnapshotDir,
    pub(super) log: Log,
    pub(super) reports: mpsc::UnboundedReceiver<Report>,
    pub(super) core: Core<oneshot::Sender<Answer>>,
}

/// Recovers what is on the disk. `address` is where clients are told to go.
pub(super) fn recover(config: &Config, data: &DataDir, address: SocketAddr) -> anyhow::Result<Recovered> {
    let disk = Disk::with(config.modes.defect);
    let (hard_state, hard) = HardStateFile::open(&disk, data.path(), &config.id, config.founders().as_deref())?;
    let (slots_file, slots) = SlotsFile::open(&disk, data.path())?;
    let snapshots = SnapshotDir::open(&disk, data.path())?;
    let snapshot = snapshots.newest()?;
    let snapshot_key = snapshot.as_ref().map(|snapshot| (snapshot.lsn(), snapshot.lineage()));
    let (reporter, reports) = mpsc::unbounded_channel();
    let report = move |report| drop(reporter.send(report)); // an error means that nobody asks any more
    let Modes { storage, acknowledgement, .. } = &*config.modes;
    let (log, records) =
        Log::open(&disk, &data.log_path(), storage.segment_bytes, acknowledgement.fsync, snapshot_key, report)?;
    let store = open_store(storage, data, &records)?;
    let records = records.into_iter().map(|encoded| {
        let record = Record::decode(&encoded).expect("recovery returns records");
        (record, encoded)
    });
    let settings = settings(config, hard_state.first_members().clone(), address);
    let core = Core::new(settings, hard, store, snapshot, records).with_slots(slots);
    let snapshot_lsn = snapshot_key.map(|(lsn, _)| lsn);
    tracing::info!(id = config.id, epoch = hard.epoch, lsn = core.status().last_lsn, snapshot_lsn, "recovered");
    Ok(Recovered { hard_state, slots: slots_file, snapshots, log, reports, core })
}

/// When a full disk is looked at again.
#[derive(Debug, Default)]
pub(super) struct Patience {
    probe_at_ms: Option<u64>,
    doublings: u32,
    calm_since_ms: u64,
}

impl Patience {
    /// Whether it is time to look; asked again and again while the disk is full.
    fn is_over(&mut self, now_ms: u64) -> bool {
        if self.probe_at_ms.is_none() && now_ms.saturating_sub(self.calm_since_ms) > CALM_MS {
            self.doublings = 0;
        }
        let wait_ms = (FIRST_PROBE_MS << self.doublings).min(LAST_PROBE_MS);
        let probe_at_ms = *self.probe_at_ms.get_or_insert(now_ms.saturating_add(wait_ms));
        if now_ms < probe_at_ms {
            return false;
        }
        self.probe_at_ms = None;
        self.doublings += u32::from(wait_ms < LAST_PROBE_MS);
        self.calm_since_ms = now_ms;
        true
    }
}

impl Node {
    /// Goes on when a full disk has room again.
    pub(super) fn start_over_if_there_is_room(&mut self, config: &Config, sources: &mut Sources) -> anyhow::Result<()> {
        let is_full = self.core.disk_trouble().is_some_and(|trouble| trouble.ailment == Ailment::Full);
        let now_ms = self.clock.now_ms();
        // A snapshot that is being written must not meet another of the same name.
        if !is_full || self.snapshots_under_way > 0 || !self.patience.is_over(now_ms) {
            return Ok(());
        }
        let log_bytes = crate::log::last_segment_bytes(&self.data.log_path()).unwrap_or(0);
        if let Err(error) = Disk::default().has_room(self.data.path(), log_bytes, ROOM_BYTES) {
            tracing::debug!(%error, "still no room");
            return Ok(());
        }
        tracing::info!("the disk has room again; starting over from what is on it");
        self.log.end(); // its thread has stopped; what it reported is of no use any more
        *self.core.store() = crate::store::Store::default(); // closes the file of the other
        match recover(config, &self.data, self.address) {
            Ok(recovered) => self.take_up(recovered, sources),
            Err(error) if is_out_of_room(&error) => tracing::warn!("not yet: {error:#}"),
            Err(error) => return Err(error).context("what is on the disk cannot be used after it was full"),
        }
        Ok(())
    }

    fn take_up(&mut self, recovered: Recovered, sources: &mut Sources) {
        let Recovered { hard_state, slots, snapshots, log, reports, core } = recovered;
        (self.hard_state, self.slots, self.snapshots, self.log) = (hard_state, slots, snapshots, log);
        self.core = core;
        self.core.advance(self.clock.now_ms());
        for (&peer, &(outgoing, incoming)) in &self.directions {
            self.core.link(peer, outgoing && incoming);
        }
        sources.log = reports;
    }
}

fn is_out_of_room(error: &anyhow::Error) -> bool {
    let disk = |error: &DiskError| error.is_full();
    error.chain().any(|cause| {
        cause.downcast_ref::<DiskError>().is_some_and(disk)
            || matches!(cause.downcast_ref::<LogError>(), Some(LogError::Disk(error)) if disk(error))
            || matches!(cause.downcast_ref::<SnapshotError>(), Some(SnapshotError::Disk(error)) if disk(error))
    })
}

fn settings(config: &Config, members: Membership, address: SocketAddr) -> Settings {
    Settings {
        id: config.id.clone(),
        members,
        modes: config.modes.modes.clone(),
        seed: config.seed.unwrap_or_else(|| seed_from(&config.id)),
        incarnation: rand::random(), // nothing depends on it but that it is another each time
        address,
    }
}

/// Different ids give different timeouts, and the same id always the same ones.
fn seed_from(id: &str) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    hasher.write(id.as_bytes());
    hasher.finish()
}

/// What an error of the disk says about it.
pub(super) fn trouble(error: &anyhow::Error) -> DiskTrouble {
    let ailment = if is_out_of_room(error) { Ailment::Full } else { Ailment::Failed };
    DiskTrouble { ailment, why: format!("{error:#}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_looked_at_less_and_less_often() {
        let mut patience = Patience::default();
        let probes: Vec<u64> = (0..40_000).map(|tenth| tenth * 10).filter(|&now_ms| patience.is_over(now_ms)).collect();
        assert_eq!(probes[..4], [1_000, 3_010, 7_020, 15_030]);
        assert!(probes.windows(2).all(|pair| pair[1] - pair[0] <= LAST_PROBE_MS + 10), "{probes:?}");
    }
}
