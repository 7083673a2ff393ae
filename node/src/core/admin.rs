//! What operators ask of a node, as opposed to clients.
//!
//! Not here: in which words (`server::commands::admin`), and what is done about each (the file that each variant names).

use super::Core;
use super::changes::ChangesAsk;
use super::drift::DriftAsk;
use super::leadership::LeadershipAsk;
use super::members::MemberAsk;
use super::slots::SlotAsk;

/// A command about the cluster instead of the data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Admin {
    /// `leadership`
    Leadership(LeadershipAsk),
    /// `members`
    Member(MemberAsk),
    /// `slots`
    Slot(SlotAsk),
    /// `changes`
    Changes(ChangesAsk),
    /// `drift`
    Drift(DriftAsk),
}

impl<T> Core<T> {
    /// An operator asks. The answer follows as an effect, at once or later.
    pub(crate) fn admin(&mut self, token: T, admin: Admin) {
        if self.disk_trouble.is_some() {
            let refusal = self.not_leading();
            return self.answer(token, Err(refusal), self.hard.epoch, self.journal.last_lsn());
        }
        match admin {
            Admin::Leadership(ask) => self.ask_leadership(token, ask),
            Admin::Member(ask) => self.ask_member(token, &ask),
            Admin::Drift(ask) => self.ask_drift(token, ask),
            Admin::Changes(ask) => self.ask_changes(token, ask),
            Admin::Slot(ask) => {
                let reply = self.ask_slot(ask);
                self.answer(token, Ok(reply), self.hard.epoch, self.journal.last_lsn());
            }
        }
    }
}
