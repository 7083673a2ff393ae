//! What an administrator, or an outside supervisor, may ask of a node about leadership: to lead, to stop leading, to accept that
//! somebody else does. In `manual` and `supervisor` elections this is the only way in which leadership passes on.
//!
//! Not here: the words (`server::commands::leadership`), the planned handover (`handover`).

use super::{Core, Election, Fencing, Role};
use crate::record::Epoch;

/// Most epochs that one command may skip. A cluster takes a new one per failover, so a greater step is a slip of the hand, and
/// epochs never go back.
const MOST_EPOCHS_SKIPPED: Epoch = 1_000_000;

/// A wish about leadership.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LeadershipAsk {
    /// Hand leadership over, to this member or to whoever is most up to date.
    HandOver { to: Option<String>, timeout_ms: u64 },
    /// Lead a new epoch. With force: although a leader is alive, or this node is far behind the last one.
    Promote { force: bool },
    /// Lead no longer.
    Demote,
    /// Follow nobody below this epoch, and if this node leads a lower one, lead no longer.
    Fence { epoch: Epoch },
}

impl<T> Core<T> {
    /// Does what an administrator wishes, or says why not. The answer to a handover follows when it is over.
    pub(crate) fn ask_leadership(&mut self, token: T, ask: LeadershipAsk) {
        let told = match ask {
            LeadershipAsk::HandOver { to, timeout_ms } => {
                return self.begin_handover(Some(token), to.as_deref(), timeout_ms);
            }
            LeadershipAsk::Promote { force } => self.promote_by_hand(force),
            LeadershipAsk::Demote => Ok(self.demote_by_hand()),
            LeadershipAsk::Fence { epoch } => self.fence_by_hand(epoch),
        };
        self.tell(Some(token), told);
    }

    fn promote_by_hand(&mut self, force: bool) -> Result<String, String> {
        if self.settings.modes.failover.election == Election::Vote {
            return Err("ERR leaders are elected here (--election vote); ask the present one: FAILOVER TO".to_owned());
        }
        if self.settings.modes.failover.election == Election::Coordinator {
            return Err("ERR whoever holds the coordinator's lease leads here (--election coordinator)".to_owned());
        }
        if matches!(self.role, Role::Leader(_)) {
            return Ok(format!("leads epoch {} already", self.hard.epoch));
        }
        if !self.may_lead() {
            return Err("ERR this node is no voter, or is being rebuilt; it may not lead".to_owned());
        }
        let silent_ms = self.heard_ms.map_or(u64::MAX, |heard_ms| self.now_ms.saturating_sub(heard_ms));
        if let Some((leader, _)) = self.leader
            && silent_ms < self.settings.modes.failover.election_timeout_ms()
            && !force
        {
            let id = self.settings.id(leader);
            return Err(format!(
                "ERR {id} leads and was heard {silent_ms} ms ago; ask it: FAILOVER TO, or PROMOTE FORCE"
            ));
        }
        if let Some(lag) = self.lag_too_long().filter(|_| !force) {
            return Err(format!(
                "ERR {lag} records behind the last leader, more than --max-lag-on-failover; or PROMOTE FORCE"
            ));
        }
        self.promote();
        Ok(format!("leads epoch {}", self.hard.epoch))
    }

    fn demote_by_hand(&mut self) -> String {
        if !matches!(self.role, Role::Leader(_)) {
            return "does not lead".to_owned();
        }
        tracing::info!(epoch = self.hard.epoch, lsn = self.journal.last_lsn(), "stepped down: demoted by hand");
        self.follow(self.hard.epoch, None);
        format!("leads no longer; epoch {}", self.hard.epoch)
    }

    fn fence_by_hand(&mut self, epoch: Epoch) -> Result<String, String> {
        if epoch > self.hard.epoch.saturating_add(MOST_EPOCHS_SKIPPED) {
            return Err(format!(
                "ERR epoch {epoch} is far ahead of this node's, {}; epochs never go back",
                self.hard.epoch
            ));
        }
        if epoch > self.hard.epoch {
            tracing::info!(epoch, lsn = self.journal.last_lsn(), led = matches!(self.role, Role::Leader(_)), "fenced");
            self.follow(epoch, None);
        }
        if self.hard.rebuilding {
            // A supervisor counts who was fenced, because one of a majority has every acknowledged record.
            return Err(format!(
                "ERR fenced below epoch {}, but this node lost its log and does not count",
                self.hard.epoch
            ));
        }
        Ok(format!("fenced below epoch {}", self.hard.epoch))
    }

    /// Where only an administrator or a supervisor makes leaders: the first leader of a new cluster, and a leader that comes back.
    pub(crate) fn tick_manual(&mut self) {
        let is_first = self.is_brand_new() && self.settings.me().0 == 0;
        // As a PostgreSQL primary does that nobody told that it was replaced.
        let comes_back = self.led_last && self.settings.modes.failover.fencing == Fencing::None;
        if self.may_lead() && (is_first || comes_back) {
            self.led_last = false;
            self.promote();
        }
    }

    /// How many records this node is behind the last known position of its leader, if that is more than may be lost.
    pub(crate) fn lag_too_long(&self) -> Option<u64> {
        let lag = self.leader_last_lsn.saturating_sub(self.journal.last_lsn());
        self.settings.modes.failover.max_lag_on_failover.filter(|&most| lag > most).map(|_| lag)
    }
}
