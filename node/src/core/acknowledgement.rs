//! Acknowledging: who must have done what with a record before its client hears of it, and what if they do not.
//!
//! Not here: streaming records to them (`leader`), and the writes that wait (`writes`).

use super::leader::Leader;
use super::pending::{MAX_PENDING, Waiting};
use super::progress::Progress;
use super::{Ack, Core, Refusal, Role};
use crate::config::{AckDurability, SemiSyncFallback};
use crate::defect::Defect;
use crate::record::Lsn;
use crate::store::Reply;

/// Whether semi-synchronous writes are waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct SemiSync {
    /// They are acknowledged as with `async`, because no follower answered in time.
    pub(crate) is_degraded: bool,
    /// How often that began.
    pub(crate) degradations: u64,
}

/// A client that waits until so many followers hold all that was written before it asked (`WAIT`).
#[derive(Debug)]
pub(crate) struct Wait<T> {
    token: T,
    lsn: Lsn,
    followers: u64,
    deadline_ms: Option<u64>,
}

impl<T> Core<T> {
    /// Answers every operation that need not wait any longer.
    pub(crate) fn acknowledge(&mut self) {
        self.mend_semi_sync();
        let acked_lsn = self.acked_lsn(self.settings.modes.acknowledgement.ack);
        let Role::Leader(leader) = &self.role else { return };
        let (epoch, confirmed_round) = (leader.pending.epoch, leader.confirmed_round);
        for ack in leader.pending.writes.acks() {
            let held_lsn = self.acked_lsn(ack);
            while let Role::Leader(leader) = &mut self.role
                && let Some(Waiting { token, reply, lsn, .. }) = leader.pending.writes.pop(ack, held_lsn)
            {
                self.answer(token, Ok(reply), epoch, lsn);
            }
        }
        while let Role::Leader(leader) = &mut self.role
            && let Some(Waiting { token, reply, lsn, .. }) = leader.pending.pop_read(acked_lsn, confirmed_round)
        {
            self.answer(token, Ok(reply), epoch, lsn);
        }
        self.acknowledge_retries(acked_lsn);
        self.answer_waits();
    }

    /// Up to where records are held by those who must hold them.
    pub(crate) fn acked_lsn(&self, ack: Ack) -> Lsn {
        let Role::Leader(leader) = &self.role else { return 0 };
        let own_lsn = match self.settings.modes.acknowledgement.ack_durability {
            AckDurability::Memory => self.journal.last_lsn(),
            _ => self.flushed_lsn,
        };
        let with_followers = |count: usize| match count.checked_sub(1) {
            None => own_lsn,
            Some(index) => own_lsn.min(self.followers_hold(leader).get(index).copied().unwrap_or(0)),
        };
        let held_lsn = match ack {
            Ack::Async => own_lsn,
            Ack::SemiSync if self.semi_sync.is_degraded => own_lsn,
            Ack::SemiSync => with_followers(1),
            Ack::Nodes(nodes) => {
                let twice = usize::from(self.settings.has(Defect::AckOneFewer));
                with_followers(usize::from(nodes).saturating_sub(1 + twice))
            }
            Ack::All => with_followers(leader.voters(&self.settings.members).count()),
            Ack::Majority if self.settings.has(Defect::AckBeforeReplication) => own_lsn,
            // What a majority has on its disks, the leader perhaps not among it.
            Ack::Majority if self.demands_disks() => self.commit_lsn,
            Ack::Majority => with_followers(self.settings.majority() - 1),
        };
        // What an earlier leader left can be overwritten however many hold it, until a record of this reign stands behind it (Raft §5.4.2).
        if held_lsn >= leader.first_lsn { held_lsn } else { held_lsn.min(self.commit_lsn) }
    }

    /// Whether memory is not enough.
    pub(crate) fn demands_disks(&self) -> bool {
        let durability = self.settings.modes.acknowledgement.ack_durability;
        matches!(durability, AckDurability::Flushed | AckDurability::Applied)
    }

    /// Up to where each follower holds records, the furthest first.
    fn followers_hold(&self, leader: &Leader<T>) -> Vec<Lsn> {
        let held = |progress: &Progress| if self.demands_disks() { progress.durable_lsn } else { progress.held_lsn };
        let mut held: Vec<Lsn> = if self.settings.has(Defect::AckByLearners) {
            leader.followers.values().map(held).collect()
        } else {
            leader.voters(&self.settings.members).map(held).collect()
        };
        held.sort_unstable_by(|a, b| b.cmp(a));
        held
    }

    /// Whether so many members exist as this asks for.
    pub(crate) fn can_satisfy(&self, ack: Ack) -> bool {
        let members = &self.settings.members;
        let voters = members.voters().count();
        match ack {
            Ack::Nodes(nodes) => usize::from(nodes) <= voters,
            Ack::SemiSync => voters > 1,
            Ack::Async | Ack::Majority | Ack::All => true,
        }
    }

    /// Lets those go whose time is up.
    pub(crate) fn tick_acknowledgement(&mut self) {
        self.degrade_semi_sync();
        let now_ms = self.now_ms;
        while let Role::Leader(leader) = &mut self.role
            && let Some(Waiting { token, lsn, .. }) = leader.pending.writes.expire(now_ms)
        {
            self.answer(token, Err(Refusal::NotAcknowledged), self.hard.epoch, lsn);
        }
    }

    /// Stops waiting for followers when none has answered for too long.
    fn degrade_semi_sync(&mut self) {
        let modes = &self.settings.modes.acknowledgement;
        let Role::Leader(leader) = &self.role else { return };
        if modes.semi_sync_fallback == SemiSyncFallback::Block || self.semi_sync.is_degraded {
            return;
        }
        let read_ms = leader.pending.reads.front().filter(|_| modes.ack == Ack::SemiSync).map(|read| read.since_ms);
        let oldest_ms = leader.pending.writes.oldest_ms(Ack::SemiSync).into_iter().chain(read_ms).min();
        if oldest_ms.is_some_and(|oldest_ms| self.now_ms - oldest_ms >= modes.semi_sync_timeout_ms)
            && self.acked_lsn(Ack::SemiSync) < self.flushed_lsn
        {
            self.semi_sync = SemiSync { is_degraded: true, degradations: self.semi_sync.degradations + 1 };
            let (epoch, lsn) = (self.hard.epoch, self.journal.last_lsn());
            tracing::warn!(epoch, lsn, timeout_ms = modes.semi_sync_timeout_ms, "semi-sync degraded to async");
        }
    }

    /// Waits for followers again when one has caught up.
    fn mend_semi_sync(&mut self) {
        let Role::Leader(leader) = &self.role else { return };
        if self.semi_sync.is_degraded && self.followers_hold(leader).first() >= Some(&self.flushed_lsn) {
            self.semi_sync.is_degraded = false;
            tracing::info!(epoch = self.hard.epoch, lsn = self.journal.last_lsn(), "semi-sync works again");
        }
    }

    /// Redis' `WAIT`: until so many followers hold all that was written before. The answer is how many do.
    pub(crate) fn wait(&mut self, token: T, followers: u64, timeout_ms: u64) {
        if !matches!(self.role, Role::Leader(_)) {
            let refusal = self.not_leading();
            return self.answer(token, Err(refusal), self.hard.epoch, self.journal.last_lsn());
        }
        let Some(token) = self.with_room(token) else { return };
        let deadline_ms = Some(self.now_ms.saturating_add(timeout_ms)).filter(|_| timeout_ms > 0);
        let lsn = self.journal.last_lsn();
        let Role::Leader(leader) = &mut self.role else { unreachable!("only a leader has room") };
        debug_assert!(leader.pending.waits.len() < MAX_PENDING);
        leader.pending.waits.push(Wait { token, lsn, followers, deadline_ms });
    }

    fn answer_waits(&mut self) {
        let now_ms = self.now_ms;
        let Role::Leader(leader) = &self.role else { return };
        if leader.pending.waits.is_empty() {
            return;
        }
        let held = self.followers_hold(leader);
        let count = |lsn: Lsn| held.iter().filter(|&&held_lsn| held_lsn >= lsn).count() as u64;
        let is_due = |wait: &mut Wait<T>| {
            count(wait.lsn) >= wait.followers || wait.deadline_ms.is_some_and(|deadline_ms| deadline_ms <= now_ms)
        };
        let Role::Leader(leader) = &mut self.role else { return };
        let due: Vec<Wait<T>> = leader.pending.waits.extract_if(.., is_due).collect();
        for Wait { token, lsn, .. } in due {
            self.answer(token, Ok(Reply::Integer(count(lsn).cast_signed())), self.hard.epoch, lsn);
        }
    }
}

impl<T> Wait<T> {
    pub(crate) fn into_token(self) -> T {
        self.token
    }
}
