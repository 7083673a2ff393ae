//! What is wrong with a simulated cluster after its run, if anything.
//!
//! Not here: what the clients of one list saw (`judge`).

use std::collections::BTreeMap;

use bytes::Bytes;

use super::clients::{Asker, Habit};
use super::members::id;
use super::{KEYS, World, judge, sessions};
use crate::config::Election;
use crate::core::Core;
use crate::key_range::KeyRange;
use crate::record::Lsn;
use crate::store::{Operation, Plan, Reply};

impl World {
    pub(super) fn verdict(mut self, healed_at: usize, healed_lsn: Lsn) -> Result<(), String> {
        if let Some(complaint) = self.complaints.pop() {
            return Err(complaint);
        }
        self.no_drift()?;
        if let Some(broken) = self.broken_lease.take() {
            return Err(broken);
        }
        if self.modes.failover.election != Election::Timeout
            && let Some((epoch, leaders)) = self.leaders.iter().find(|(_, leaders)| leaders.len() > 1)
        {
            return Err(format!("election safety: {leaders:?} all led epoch {epoch}"));
        }
        if let Some(gtid) = self.twice {
            return Err(format!("gtid: {gtid:?} is the name of two records"));
        }
        let worked = self.history[healed_at..].iter().filter(|operation| operation.is_acknowledged()).count();
        if worked < 20 {
            return Err(format!("liveness: {worked} operations acknowledged after everything was healed"));
        }
        let members = self.members().ok_or("liveness: nobody leads")?;
        let present: Vec<u8> = (0..self.nodes.len() as u8)
            .filter(|&index| members.index(&id(index)).is_some_and(|member| members.present().any(|is| is == member)))
            .collect();
        let mut finals: Vec<BTreeMap<u8, Vec<usize>>> = Vec::new();
        for index in present {
            let core = self.core(index).ok_or("liveness: a node is still down")?;
            let lists = (0..KEYS).map(|key| (key, final_list(core, key)));
            finals.push(lists.collect());
        }
        self.log_matching()?;
        self.same_state()?;
        self.no_read_is_too_old()?;
        self.changes_are_true(healed_lsn)?;
        // Followers may lag by what is on its way; the longest list is the leader's.
        let longest = |key: u8| finals.iter().map(|lists| &lists[&key]).max_by_key(|list| list.len()).unwrap();
        for key in 0..KEYS {
            judge::judge(key, &self.history, longest(key))?;
            if self.has(Habit::ReadAnywhere) {
                sessions::judge(key, &self.history, longest(key))?;
            }
        }
        if self.refused > 0 {
            return Err(format!("refused: a node refused {} messages of its peers", self.refused));
        }
        Ok(())
    }

    /// Nodes whose logs end with the same record have the same rows, sessions and members.
    fn same_state(&self) -> Result<(), String> {
        let Some(leader) = self.leader().and_then(|leader| self.core(leader)) else { return Ok(()) };
        let end = |core: &Core<Asker>| (core.journal.last_lsn(), core.journal.lineage(core.journal.last_lsn()));
        let sum = |core: &Core<Asker>| core.store.sum(&KeyRange { from: Bytes::new(), to: None });
        for core in self.nodes.iter().filter_map(|node| node.core.as_ref()).filter(|core| end(core) == end(leader)) {
            let is_equal = self.met.corrupted > 0 || sum(core) == sum(leader); // corrupted rows are judged by `drift`
            if !is_equal || core.sessions != leader.sessions || core.members() != leader.members() {
                let id = &core.settings.id;
                return Err(format!("different: {id} has other rows, sessions or members than its leader"));
            }
        }
        Ok(())
    }

    /// Where two logs have a record of one lineage at one LSN, they are equal up to it.
    fn log_matching(&self) -> Result<(), String> {
        let cores: Vec<&Core<Asker>> = self.nodes.iter().filter_map(|node| node.core.as_ref()).collect();
        for (a, b) in cores.iter().flat_map(|&a| cores.iter().map(move |&b| (&a.journal, &b.journal))) {
            let common = a.history().agrees_until(b.history());
            let held = a.base_lsn().max(b.base_lsn());
            let until = common.saturating_sub(held) as usize;
            if held < common && !a.after(held).take(until).eq(b.after(held).take(until)) {
                return Err(format!("log matching: two logs agree at LSN {common} but not before"));
            }
        }
        Ok(())
    }
}

fn final_list(core: &Core<Asker>, key: u8) -> Vec<usize> {
    let key = Bytes::from(vec![b'a' + key]);
    match core.store.plan(Operation::Range { key, start: 0, stop: -1 }) {
        Plan::Read(Reply::List(elements)) => {
            elements.iter().map(|element| std::str::from_utf8(element).unwrap().parse().unwrap()).collect()
        }
        other => panic!("a list was expected, not {other:?}"),
    }
}
