//! Reads that must have seen a record: the follower waits for it, for that very record, and not for ever.

use super::*;
use crate::terms::{Terms, Token};

impl Node {
    fn get_after(&mut self, token: u32, epoch: Epoch, lsn: Lsn) {
        let after = Some(Token { epoch, lsn });
        let terms = Terms { after, after_timeout_ms: 50, ..ReadMode::Nearest.into() };
        self.core.request(token, get(), terms);
        self.settle();
    }
}

#[test]
fn a_follower_answers_when_it_has_the_record() {
    let mut node = Node::new(settings(""), HardState::default(), &[]);
    node.hear(A, 1, append(None, &[record(1, 1, A)], 1));
    node.get_after(1, 1, 1);
    node.get_after(2, 1, 2);
    assert_eq!(node.outcomes(), [(1, Ok(Reply::Nil))]);
    node.hear(A, 1, append(Some((1, 1, A)), &[record(2, 1, A)], 2));
    assert_eq!(node.outcomes(), [(2, Ok(Reply::Nil))]);
}

#[test]
fn a_record_that_took_its_place_does_not_count_and_the_read_is_refused_in_time() {
    let mut node = Node::new(settings(""), HardState::default(), &[]);
    node.hear(A, 1, append(None, &[record(1, 1, A)], 1));
    node.get_after(1, 1, 2);
    node.hear(B, 2, append(Some((1, 1, A)), &[record(2, 2, B), record(3, 2, B)], 1));
    assert_eq!(node.outcomes(), [], "LSN 2 is there, but of another reign");
    node.sleep(40);
    assert_eq!(node.outcomes(), []);
    node.sleep(20);
    assert_eq!(node.outcomes(), [(1, Err(Refusal::Behind))]);
}

#[test]
fn a_read_tells_the_token_of_the_last_record_that_it_saw() {
    let mut node = Node::new(settings(""), HardState { epoch: 7, ..HardState::default() }, &[record(1, 1, A)]);
    node.request(1, get(), ReadMode::Follower);
    let (_, Answer { epoch, lsn, .. }) = node.answers.pop().unwrap();
    assert_eq!((epoch, lsn), (1, 1), "not the epoch of the node, which may never have a record");
}
