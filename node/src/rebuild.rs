//! `--rebuild`: a node whose log or snapshot is damaged starts over from the leader's, without pretending to be new.
//!
//! What is damaged is moved aside and never deleted. Not here: why such a node grants no vote for a while (`core::rebuild`).

use std::fs;
use std::path::Path;

use anyhow::{Context, bail, ensure};

use crate::config::Config;
use crate::data_dir::sync_dir;
use crate::disk::Disk;
use crate::hard_state::HardStateFile;

/// What a leader can replace. The hard state is not among it: nobody else knows whom this node voted for.
const REPLACEABLE: [&str; 5] = ["log", "snapshot", "store.redb", "image", "slots"];

/// Fails where there is nothing to rebuild from, before anything is touched.
fn check(data: &Path, members: usize) -> anyhow::Result<()> {
    ensure!(
        members > 1,
        "--rebuild: this node has no --peer, so there is no leader to get the data from; restore {} from a backup",
        data.display()
    );
    ensure!(
        data.join("hard-state").exists(),
        "--rebuild: {} has no file `hard-state`, so this node does not know any more what it voted and confirmed, and may not come \
         back as the same one. MEMBER REMOVE it at the leader, and let it --join under another --id with an empty directory",
        data.display()
    );
    Ok(())
}

/// Begins a new life of the node: durably, before its old data is gone.
pub(crate) fn begin(config: &Config, data: &Path) -> anyhow::Result<()> {
    check(data, config.members().len())?;
    let (mut file, hard) = HardStateFile::open(&Disk::default(), data, &config.id, config.founders().as_deref())?;
    let hard = hard.in_next_life();
    file.save(&hard)?;
    let aside = (1..10_000).map(|number| data.join(format!("damaged-{number}"))).find(|path| !path.exists());
    let Some(aside) = aside else { bail!("{} is full of directories `damaged-…`; remove some", data.display()) };
    fs::create_dir(&aside).with_context(|| format!("cannot create {}", aside.display()))?;
    for name in REPLACEABLE {
        let from = data.join(name);
        if from.exists() {
            fs::rename(&from, aside.join(name)).with_context(|| format!("cannot move {} aside", from.display()))?;
        }
    }
    sync_dir(&aside).and_then(|()| sync_dir(data)).with_context(|| format!("cannot use {}", data.display()))?;
    tracing::info!(epoch = hard.epoch, life = hard.life, aside = %aside.display(), "rebuilding from the leader");
    Ok(())
}
