//! Changes for consumers: how far they are told, and consumers that wait.

use super::*;
use crate::change_json::gtid_text;
use crate::core::admin::Admin;
use crate::core::changes::{After, ChangesAsk};

impl Node {
    /// Asks for what follows this LSN, and waits for it for 50 ms.
    fn changes(&mut self, token: u32, lsn: Lsn) {
        let after = After::Record { lsn, gtid: None };
        let ask = ChangesAsk { after, limit: 10, wait_ms: 50, anywhere: false };
        self.core.admin(token, Admin::Changes(ask));
        self.settle();
    }

    /// What consumers were told: how many changes, or why not.
    fn told(&mut self) -> Vec<(u32, Result<usize, Refusal>)> {
        let count = |reply| match reply {
            Reply::List(lines) => lines.len() - 1,
            other => panic!("{other:?}"),
        };
        self.outcomes().into_iter().map(|(token, told)| (token, told.map(count))).collect()
    }
}

#[test]
fn a_change_is_told_when_it_is_committed_and_with_async_when_it_is_acknowledged() {
    for (flags, at_once) in [("", false), ("--ack 2", false), ("--ack 1", true), ("--ack async", true)] {
        let mut node = Node::leader(settings(flags));
        let last_lsn = node.core.journal.last_lsn();
        node.core.request(1, set("1"), ReadMode::Leader);
        node.settle();
        node.outcomes();
        node.changes(2, last_lsn);
        let expected = if at_once { vec![(2, Ok(1))] } else { vec![] };
        assert_eq!(node.told(), expected, "{flags}");
        node.sleep(60);
        let expected = if at_once { vec![] } else { vec![(2, Ok(0))] };
        assert_eq!(node.told(), expected, "{flags}: time is up");
    }
}

#[test]
fn a_consumer_that_waits_is_sent_on_when_another_leads() {
    let mut node = Node::leader(settings(""));
    let (epoch, last_lsn) = (node.core.hard.epoch, node.core.journal.last_lsn());
    node.changes(1, last_lsn);
    assert_eq!(node.told(), []);
    node.hear(A, epoch + 1, append(None, &[], 1));
    assert_eq!(node.told(), [(1, Err(Refusal::Redirect(address())))]);
}

#[test]
fn a_position_of_another_history_is_noticed() {
    let mut node = Node::leader(settings(""));
    let told = |node: &mut Node, after| {
        let ask = ChangesAsk { after, limit: 10, wait_ms: 0, anywhere: true };
        node.core.admin(1, Admin::Changes(ask));
        node.settle();
        match node.outcomes().pop() {
            Some((_, Ok(Reply::Failure(why)))) => why,
            _ => "told".to_owned(),
        }
    };
    let last_lsn = node.core.journal.last_lsn();
    let set = node.core.gtid_executed();
    assert_eq!(node.core.lsn_of(&set), last_lsn);
    assert_eq!(told(&mut node, After::Set(set)), "told");
    let own = gtid_text(node.core.gtid_at(last_lsn).unwrap(), &node.core.settings.members.ids());
    assert_eq!(told(&mut node, After::Record { lsn: last_lsn, gtid: Some(own) }), "told");
    let other = Some("n3:1".to_owned());
    assert!(told(&mut node, After::Record { lsn: last_lsn, gtid: other }).starts_with("REWOUND"));
    assert!(told(&mut node, After::Record { lsn: last_lsn + 1, gtid: None }).starts_with("AHEAD"));
    assert!(told(&mut node, After::Set("n3:1".parse().unwrap())).starts_with("AHEAD"));
}
