//! The nodes of a simulated cluster: how they start, die and run, and what becomes of the effects that they ask for.
//!
//! Not here: their disks (`disk`), and when they die (`faults`).

use std::net::{Ipv4Addr, SocketAddr};

use rand::{Rng, RngExt};

use bytes::Bytes;

use super::clients::Asker;
use super::clocks::Clock;
use super::disk::{Command, Disk};
use super::members::id;
use super::{World, coordinator};
use crate::config::Election;
use crate::core::admin::Admin;
use crate::core::message::Message;
use crate::core::snapshot::Snapshot;
use crate::core::{Core, Effect, Role, Settings};
use crate::membership::Listed;
use crate::record::{Member, Record};
use crate::sessions::Numbered;
use crate::store::Operation;
use crate::terms::Terms;

#[derive(Default)]
pub(super) struct Node {
    /// `None` while it is down.
    pub(super) core: Option<Core<Asker>>,
    pub(super) disk: Disk,
    pub(super) started_ms: u64,
    pub(super) clock: Clock,
    pub(super) restart_ms: Option<u64>,
    pub(super) paused_until_ms: u64,
    pub(super) inbox: Vec<(Member, Message)>,
    pub(super) requests: Vec<(Asker, Ask)>,
    /// Commands that have ended which it asked for, and whether they succeeded.
    pub(super) executed: Vec<(Member, bool)>,
    /// The newest list of members that its core or anybody who called it had, as its links know it.
    pub(super) listed: Listed,
    /// Members that it knows to be removed for good.
    pub(super) gone: Vec<String>,
}

/// What a node is asked.
pub(super) enum Ask {
    Operation(Operation, Terms),
    Once(Operation, Numbered),
    OpenSession(Bytes),
    Admin(Admin),
}

impl World {
    pub(super) fn start(&mut self, index: u8) {
        let members = self.nodes[usize::from(index)].disk.first_members.clone();
        let settings = Settings {
            id: id(index),
            members,
            modes: self.modes.clone(),
            seed: self.rng.next_u64(),
            incarnation: self.rng.next_u64(),
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, u16::from(index) + 1)),
        };
        let node = &mut self.nodes[usize::from(index)];
        node.disk.recover();
        let store = node.disk.store(&settings.modes.storage);
        let log = node.disk.records.iter().map(|encoded| (Record::decode(encoded).unwrap(), encoded.clone()));
        let core = Core::new(settings, node.disk.hard, store, node.disk.snapshot.clone(), log);
        node.disk.generation = 0;
        (node.started_ms, node.gone) = (self.now_ms, Vec::new());
        node.listed = core.listed();
        node.core = Some(core);
        self.coordinator.restart(index);
        self.relink_all();
    }

    /// The process dies. Its disk may have done some of what it was asked, in order.
    pub(super) fn crash(&mut self, index: u8) {
        let node = &mut self.nodes[usize::from(index)];
        if node.core.take().is_none() {
            return;
        }
        for _ in 0..self.rng.random_range(0..=node.disk.queue.len()) {
            let (_, command) = node.disk.queue.pop_front().unwrap();
            node.disk.carry_out(command);
        }
        node.disk.queue.clear();
        node.disk.writing = None;
        node.inbox.clear();
        node.requests.clear();
        node.restart_ms = Some(self.now_ms + self.rng.random_range(20..400));
        self.forget_executions(index);
        self.relink_all();
    }

    pub(super) fn run_node(&mut self, index: u8) {
        let node = &mut self.nodes[usize::from(index)];
        let Some(core) = &mut node.core else { return };
        core.advance(node.clock.shows_ms(self.now_ms - node.started_ms));
        while let Some((_, command)) = node.disk.queue.pop_front_if(|(due_ms, _)| *due_ms <= self.now_ms) {
            node.disk.carry_out(command);
            core.flushed(node.disk.generation, node.disk.last_lsn());
        }
        node.disk.sync(self.modes.acknowledgement.fsync, self.now_ms);
        core.synced(node.disk.generation, node.disk.synced_lsn);
        if let Some((_, key)) = node.disk.writing.take_if(|(due_ms, _)| *due_ms <= self.now_ms) {
            core.snapshot_written(key, true);
        }
        for (member, succeeded) in node.executed.drain(..) {
            core.stonith_ended(member, succeeded);
        }
        for (from, message) in std::mem::take(&mut node.inbox) {
            core.receive(from, message);
        }
        for (asker, ask) in node.requests.drain(..) {
            match ask {
                Ask::Operation(operation, terms) => core.request(asker, operation, terms),
                Ask::Once(operation, numbered) => core.request_once(asker, operation, numbered),
                Ask::OpenSession(client) => core.open_session(asker, client),
                Ask::Admin(admin) => core.admin(asker, admin),
            }
        }
        if self.modes.failover.election == Election::Coordinator {
            let since_start = |lease| coordinator::since(lease, node.started_ms, node.clock);
            let told = self.coordinator.run(index, self.now_ms, core.holder());
            told.into_iter().map(since_start).for_each(|lease| core.lease(lease));
        }
        core.tick();
        let effects = core.settle();
        assert!(core.store().failure().is_none());
        self.refused = self.refused.max(core.refused_messages);
        self.verified.extend((core.drift.own.verified_lsn > 0).then_some(index));
        self.drifted.extend((!core.drift.own.drifted.is_empty()).then_some(index));
        if self.modes.clients.throttle_lag_ms.is_some() {
            self.met.held_ms += usize::from(core.throttle_status().held > 0);
        }
        if let Some(members) = core.committed_members() {
            node.gone = members.removed();
        }
        if matches!(core.role, Role::Leader(_)) {
            self.leaders.entry(core.hard.epoch).or_default().insert(Member(index));
        }
        self.check_lease(index);
        for effect in effects {
            self.carry_out(index, effect);
        }
    }

    fn carry_out(&mut self, index: u8, effect: Effect<Asker>) {
        let disk = &mut self.nodes[usize::from(index)].disk;
        let due_ms = self.now_ms + self.rng.random_range(0..6);
        match effect {
            Effect::Save(hard) => disk.hard = hard,
            Effect::Write { records } => {
                for encoded in &records {
                    let gtid = Record::decode(encoded).unwrap().stamp.gtid;
                    if self.gtids.entry(gtid).or_insert_with(|| encoded.clone()) != encoded {
                        self.twice = Some(gtid);
                    }
                }
                disk.queue.push_back((due_ms, Command::Write(records)));
            }
            Effect::Rewind { records, generation, .. } => {
                let after = records[0].stamp.lsn - 1;
                disk.queue.push_back((due_ms, Command::Truncate { after, generation }));
            }
            Effect::WriteSnapshot(snapshot) => {
                let key = (snapshot.lsn(), snapshot.lineage());
                // What lies there outlives the store from which it was read.
                disk.written = Some(Snapshot { rows: snapshot.rows.to_rows().into(), ..snapshot });
                disk.writing = Some((self.now_ms + self.rng.random_range(0..60), key));
            }
            Effect::SaveSlots(_) => {}
            Effect::Members(listed) => self.members_changed(index, listed),
            Effect::AdoptSnapshot { lsn } => disk.adopt(lsn),
            Effect::CutFront { lsn } => disk.queue.push_back((due_ms, Command::CutFront(lsn))),
            Effect::InstallSnapshot { lsn, generation, .. } => {
                disk.adopt(lsn);
                self.met.installed += 1;
                disk.queue.push_back((due_ms, Command::Reset { lsn, generation }));
            }
            Effect::Send { to, message } => {
                if let Some(to) = self.whereabouts(index, to) {
                    self.send(Member(index), to, message);
                }
            }
            Effect::Stonith { member } => self.execute(index, member),
            Effect::Lease(wish) => self.coordinator.wish(index, wish),
            Effect::Answer { token, answer } => self.answered(token, &answer),
        }
    }
}
