//! Short words for the effects that are wanted most.
//!
//! Not here: what they mean ([`Effect`]).

use super::message::{Body, Message};
use super::{Answer, Core, Effect, HardState, Refusal};
use crate::record::{Epoch, Lsn, Member};
use crate::store::Reply;

impl<T> Core<T> {
    pub(crate) fn save(&mut self) {
        self.effects.push(Effect::Save(self.hard));
    }

    pub(crate) fn send(&mut self, to: Member, body: Body) {
        let addressee_life = self.lives.get(&to).map_or(0, |known| known.life);
        let HardState { epoch, life, rebuilding, .. } = self.hard;
        let message = Message { epoch, life, addressee_life, rebuilding, body };
        self.effects.push(Effect::Send { to, message });
    }

    pub(crate) fn broadcast(&mut self, body: &Body) {
        for peer in self.settings.peers() {
            self.send(peer, body.clone());
        }
    }

    pub(crate) fn answer(&mut self, token: T, outcome: Result<Reply, Refusal>, epoch: Epoch, lsn: Lsn) {
        self.effects.push(Effect::Answer { token, answer: Answer { outcome, epoch, lsn } });
    }
}
