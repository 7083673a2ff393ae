//! Drift: found at one place of the log by whoever differs, never by anybody else, and repaired there.

use proptest::prelude::*;

use super::*;
use crate::core::drift::DriftAsk;
use crate::key_range::KeyRange;
use crate::record::Value;

/// A leader that can be asked what operators ask, and its follower A; B is away. Their messages are delivered when the test says so.
struct Pair {
    leader: Node,
    follower: Node,
    loses_reports: bool,
}

impl Node {
    fn ask_drift(&mut self, token: u32, ask: DriftAsk) {
        self.core.ask_drift(token, ask);
        self.settle();
    }

    fn corrupt(&mut self, key: &str, value: Option<&str>) {
        let bytes = |text: &str| Bytes::copy_from_slice(text.as_bytes());
        self.core.store().corrupt(bytes(key), value.map(bytes));
    }

    fn lines(&mut self) -> Vec<String> {
        match &self.outcomes()[..] {
            [(_, Ok(Reply::List(lines)))] => {
                lines.iter().map(|line| String::from_utf8_lossy(line).into_owned()).collect()
            }
            other => panic!("lines were expected, not {other:?}"),
        }
    }

    fn sentence(&mut self) -> String {
        match &self.outcomes()[..] {
            [(_, Ok(Reply::Told(text) | Reply::Failure(text)))] => text.clone(),
            other => panic!("a sentence was expected, not {other:?}"),
        }
    }
}

impl Pair {
    fn new(flags: &str) -> Self {
        let leader = Node::leader(settings(flags));
        let follower = Node::new(
            Settings { id: "n2".to_owned(), ..settings(flags) },
            HardState { epoch: 2, ..HardState::default() },
            &[record(1, 1, A)],
        );
        let mut pair = Pair { leader, follower, loses_reports: false };
        pair.leader.core.link(B, false);
        pair.deliver();
        pair
    }

    /// Delivers what the two say until they are silent.
    fn deliver(&mut self) {
        loop {
            let to_follower: Vec<_> = self.leader.sent.extract_if(.., |(to, _)| *to == A).collect();
            let to_leader: Vec<_> = self.follower.sent.extract_if(.., |(to, _)| *to == ME).collect();
            if to_follower.is_empty() && to_leader.is_empty() {
                return;
            }
            for (_, message) in to_follower {
                self.follower.core.receive(ME, message);
                self.follower.settle();
            }
            let is_lost = |message: &Message| self.loses_reports && matches!(message.body, Body::Verified { .. });
            for (_, message) in to_leader.into_iter().filter(|(_, message)| !is_lost(message)) {
                self.leader.core.receive(A, message);
                self.leader.settle();
            }
        }
    }

    /// Lets time go by in small steps until the leader has answered somebody, for at most so long.
    fn run(&mut self, ms: u64) {
        for _ in 0..ms / 10 {
            if !self.leader.answers.is_empty() {
                return;
            }
            self.leader.sleep(10);
            self.follower.sleep(10);
            self.deliver();
        }
    }

    fn write(&mut self, key: &str, value: &str) {
        let (key, value) = (Bytes::copy_from_slice(key.as_bytes()), Bytes::copy_from_slice(value.as_bytes()));
        self.leader.request(0, Operation::Set { key, value, if_equals: None }, ReadMode::Leader);
        self.deliver();
        self.leader.outcomes();
    }

    /// What the leader's operator is told.
    fn ask(&mut self, ask: DriftAsk) -> Vec<String> {
        self.leader.ask_drift(9, ask);
        self.deliver();
        self.run(10_000);
        self.leader.lines()
    }

    /// Until every pass that was asked for is through.
    fn run_long(&mut self) {
        for _ in 0..10_000 {
            if self.leader.core.drift.walks.is_empty() {
                break;
            }
            self.leader.sleep(10);
            self.follower.sleep(10);
            self.deliver();
        }
        self.leader.outcomes();
    }

    fn are_equal(&self) -> bool {
        self.leader.core.store.view() == self.follower.core.store.view()
    }
}

fn verify() -> DriftAsk {
    DriftAsk::Verify { range: KeyRange::all() }
}

fn repair() -> DriftAsk {
    DriftAsk::Repair { range: None, force: false }
}

#[test]
fn a_row_that_differs_is_found_told_and_repaired() {
    let mut pair = Pair::new("");
    for key in ["a", "b", "c"] {
        pair.write(key, "1");
    }
    let told = pair.ask(verify());
    assert_eq!(told[0], "verified_lsn=6,rows=3,slices=1");
    assert_eq!(told[1], "id=n2,state=equal,verified_lsn=6,drifted_ranges=0");
    assert_eq!(told[2], "id=n3,state=unverified,verified_lsn=0,drifted_ranges=0");

    for (key, value) in [("b", Some("2")), ("b", None), ("bb", Some("1"))] {
        pair.follower.corrupt(key, value);
        let told = pair.ask(verify());
        assert_eq!(told[2], "id=n2,from=\"\",to=\"\"", "{key} {value:?}: {told:?}");
        let (own, known) = (pair.follower.core.status(), pair.leader.core.status());
        assert_eq!((own.drifted_ranges, known.followers[0].drifted_ranges), (1, 1));
        assert_eq!((own.verified_lsn, known.followers[0].verified_lsn), (known.last_lsn, known.last_lsn));
        let told = pair.ask(repair());
        assert!(told[0].starts_with("repaired_lsn=") && told[1].contains("id=n2,state=equal"), "{told:?}");
        assert!(pair.are_equal());
        assert_eq!(pair.follower.core.status().drifted_ranges, 0);
    }
    pair.leader.ask_drift(9, repair());
    assert_eq!(pair.leader.sentence(), "nothing is known to differ; VERIFY compares now");
}

#[test]
fn only_the_range_that_was_asked_for_is_compared_and_repaired() {
    let mut pair = Pair::new("");
    for key in ["a", "b", "c", "d"] {
        pair.write(key, "1");
        pair.follower.corrupt(key, Some("2"));
    }
    let range = |from: &'static str, to: Option<&'static str>| KeyRange { from: from.into(), to: to.map(Bytes::from) };
    let told = pair.ask(DriftAsk::Verify { range: range("b", Some("c")) });
    assert_eq!((&told[0][..], &told[2][..]), ("verified_lsn=7,rows=1,slices=1", "id=n2,from=\"b\",to=\"c\""));
    pair.ask(DriftAsk::Repair { range: Some(range("b", None)), force: false });
    let follower = &pair.follower.core.store;
    assert_eq!(follower.sum(&range("b", None)), pair.leader.core.store.sum(&range("b", None)));
    assert!(!pair.are_equal(), "nobody asked about `a`");
}

#[test]
fn a_pass_waits_for_a_majority_and_ends_with_the_reign() {
    let mut pair = Pair::new("");
    (0..2500).for_each(|number| pair.write(&format!("{number:05}"), "1"));
    let before = pair.leader.core.status().last_lsn;
    pair.leader.ask_drift(9, verify());
    (0..20).for_each(|_| pair.leader.sleep(1));
    assert_eq!(pair.leader.core.status().last_lsn, before + 1, "nobody confirmed the first slice");
    pair.run(1000);
    assert!(pair.leader.lines()[0].ends_with("rows=2500,slices=3"));

    pair.leader.ask_drift(10, verify());
    let lsn = pair.leader.core.status().last_lsn - 1;
    pair.leader.hear(B, 3, append(Some((lsn, 2, ME)), &[], 1));
    assert_eq!(pair.leader.outcomes(), [(10, Err(Refusal::Redirect(address())))]);
    pair.leader.ask_drift(11, verify());
    assert_eq!(pair.leader.outcomes(), [(11, Err(Refusal::Redirect(address())))]);
}

#[test]
fn a_silent_follower_does_not_keep_anybody_waiting() {
    let mut pair = Pair::new("");
    pair.write("a", "1");
    pair.leader.ask_drift(9, verify());
    for _ in 0..600 {
        pair.leader.sleep(10);
        let said = pair.leader.said(A);
        let Some(Body::Append(append)) = said.into_iter().next_back() else { continue };
        let held_lsn = append.prev_lsn + append.records.len() as Lsn;
        pair.leader.hear(A, 2, appended(append.round, held_lsn, held_lsn));
    }
    let told = pair.leader.lines();
    assert!(told[1].starts_with("id=n2,state=unverified"), "it never said what it found: {told:?}");
}

#[test]
fn passes_begin_by_themselves_and_a_report_that_was_lost_is_sent_again() {
    let mut pair = Pair::new("--verify-interval-ms 200");
    pair.write("a", "1");
    pair.follower.corrupt("a", None);
    pair.loses_reports = true;
    pair.run(300);
    pair.loses_reports = false;
    let checked = pair.follower.core.status();
    assert!(checked.verified_lsn > 0 && checked.drifted_ranges == 1, "{checked:?}");
    assert_eq!(pair.leader.core.status().followers[0].drifted_ranges, 0, "nothing has arrived yet");
    pair.run(1500);
    assert_eq!(pair.leader.core.status().followers[0].drifted_ranges, 1);
}

#[test]
fn a_repair_lasts_through_a_restart_from_before_the_drift_was_seen() {
    let mut pair = Pair::new("");
    pair.write("a", "1");
    pair.follower.corrupt("b", Some("2"));
    let drifted = pair.follower.core.snapshot();
    pair.write("a", "2");
    pair.ask(verify());
    pair.ask(repair());
    assert!(pair.are_equal());
    let log: Vec<_> = pair
        .follower
        .core
        .journal
        .after(0)
        .map(|encoded| (Record::decode(encoded).unwrap(), encoded.clone()))
        .collect();
    let settings = Settings { id: "n2".to_owned(), ..settings("") };
    let restarted: Core<u32> = Core::new(settings, pair.follower.hard, Store::default(), Some(drifted), log);
    assert!(restarted.store.view() == pair.leader.core.store.view());
}

/// Found by the simulation: who was restarted had the check in its log, so it did not compare, and the leader waited for what it would tell.
#[test]
fn a_follower_that_tells_nothing_does_not_hold_up_the_next_pass() {
    let mut node = Node::leader(settings("--verify-interval-ms 50"));
    for _ in 0..100 {
        node.sleep(10);
        for said in node.said(A) {
            let Body::Append(append) = said else { continue };
            let held_lsn = append.prev_lsn + append.records.len() as Lsn;
            node.hear(A, 2, appended(append.round, held_lsn, held_lsn));
        }
    }
    let is_check = |encoded: &Bytes| matches!(Record::decode(encoded).unwrap().change, Change::Check { .. });
    let checks = node.core.journal.after(0).filter(|encoded| is_check(encoded)).count();
    assert!(checks > 10, "only {checks} checks in a second");
}

#[test]
fn a_leader_that_had_drifted_repairs_nobody_unless_it_is_told_to() {
    let check = |lsn, sum| {
        let change = Change::Check { range: KeyRange::all(), sum };
        Record { change, ..record(lsn, 1, A) }
    };
    let mut node = Node::new(settings(""), HardState { epoch: 1, ..HardState::default() }, &[]);
    let sum = crate::store::checksum::Sum { rows: 1, checksum: 7 };
    node.hear(A, 1, append(None, &[record(1, 1, A), check(2, sum)], 1));
    assert_eq!(node.core.status().drifted_ranges, 1);
    node.lose_patience();
    node.hear(A, 1, Body::PreVoteReply { proposed: 2, granted: true });
    node.hear(A, 2, Body::VoteReply { granted: true });
    node.ask_drift(1, repair());
    let told = node.sentence();
    assert!(told.contains("FAILOVER TO") && told.contains("FORCE"), "{told}");
    assert_eq!(node.core.status().last_lsn, 3);
    node.hear(A, 2, appended(1, 3, 3));
    node.ask_drift(2, DriftAsk::Repair { range: None, force: true });
    assert_eq!((node.core.status().last_lsn, node.core.status().drifted_ranges), (5, 0));
}

#[test]
fn rows_cannot_be_corrupted_by_accident() {
    let corrupt = || DriftAsk::Corrupt { key: "k".into(), value: Some("v".into()) };
    let mut node = Node::leader(settings(""));
    node.ask_drift(1, corrupt());
    assert_eq!(node.outcomes(), [(1, Ok(Reply::Error("ERR unknown command 'DEBUG'")))]);
    assert_eq!(node.core.store.len(), 0);
    let mut node = Node::leader(settings("--allow-corruption true"));
    node.ask_drift(1, corrupt());
    assert_eq!((node.outcomes(), node.core.store.len()), (vec![(1, Ok(Reply::Ok))], 1));
}

#[test]
fn a_checksum_is_of_one_moment_however_long_it_takes() {
    let mut pair = Pair::new("");
    let value = "x".repeat(1000);
    (0..10).for_each(|number| pair.write(&format!("{number}"), &value));
    for number in 10..30_000 {
        pair.leader.corrupt(&format!("{number:06}"), Some("v"));
    }
    let expected = pair.leader.core.store.sum(&KeyRange::all());
    let lsn = pair.leader.core.status().last_lsn;
    pair.leader.core.ask_drift(1, DriftAsk::Checksum { range: KeyRange::all() });
    pair.leader.corrupt("5", None);
    pair.leader.settle();
    assert_eq!(pair.leader.outcomes(), [], "so many rows take more than one slice");
    pair.leader.request(0, set("1"), ReadMode::Leader);
    pair.run(100);
    let sum = format!("lsn={lsn},epoch=2,rows={},checksum={:08x}", expected.rows, expected.checksum);
    assert_eq!(pair.leader.sentence(), sum);
}

/// What happens to the pair.
#[derive(Debug, Clone)]
enum Event {
    Write(u8, u8),
    Delete(u8),
    /// The follower's row is another now, or gone.
    Corrupt(u8, Option<u8>),
    Verify,
    Repair,
    /// Milliseconds go by, and messages are delivered or held back.
    Wait(u64, bool),
}

fn events() -> impl Strategy<Value = Event> {
    let key = || 0..20_u8;
    prop_oneof![
        8 => (key(), 0..4_u8).prop_map(|(key, value)| Event::Write(key, value)),
        2 => key().prop_map(Event::Delete),
        1 => (key(), proptest::option::of(0..4_u8)).prop_map(|(key, value)| Event::Corrupt(key, value)),
        2 => Just(Event::Verify),
        1 => Just(Event::Repair),
        6 => (0..20_u64, any::<bool>()).prop_map(|(ms, delivers)| Event::Wait(ms, delivers)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Values are so large that a slice has two rows, and writes come between the slices.
    #[test]
    fn what_differs_is_found_in_its_range_and_nothing_else_is(events in proptest::collection::vec(events(), 0..60)) {
        let mut pair = Pair::new("--fencing none --verify-rows-per-s 1000");
        let key = |number: u8| Bytes::from(format!("{number:02}"));
        let value = |number: u8| Bytes::from(vec![b'a' + number; 100 << 10]);
        let mut corrupted = false;
        for event in events {
            match event {
                Event::Write(at, number) => {
                    let set = Operation::Set { key: key(at), value: value(number), if_equals: None };
                    pair.leader.request(0, set, ReadMode::Leader);
                }
                Event::Delete(at) => pair.leader.request(0, Operation::Delete { keys: vec![key(at)] }, ReadMode::Leader),
                Event::Corrupt(at, number) => {
                    corrupted = true;
                    pair.follower.core.store().corrupt(key(at), number.map(value));
                }
                Event::Verify => pair.leader.ask_drift(1, verify()),
                Event::Repair => pair.leader.ask_drift(1, repair()),
                Event::Wait(ms, delivers) => {
                    (0..ms).for_each(|_| { pair.leader.sleep(1); pair.follower.sleep(1) });
                    if delivers {
                        pair.deliver();
                    }
                }
            }
            prop_assert!(corrupted || pair.follower.core.drift.own.drifted.is_empty(), "a false alarm");
        }
        pair.deliver();
        pair.run_long();
        pair.ask(verify());
        // Nothing moves any more, so what was found can be looked at.
        let differs = |pair: &Pair, key: &Bytes| {
            let only = KeyRange::only(key.clone());
            pair.leader.core.store.sum(&only) != pair.follower.core.store.sum(&only)
        };
        let drifted = pair.follower.core.drift.own.drifted.clone();
        for number in 0..20 {
            let found = drifted.iter().any(|range| range.contains(&key(number)));
            prop_assert!(found || !differs(&pair, &key(number)), "{} was not found in {:?}", number, drifted);
        }
        for range in drifted.iter() {
            prop_assert!((0..20).any(|number| range.contains(&key(number)) && differs(&pair, &key(number))), "{}", range);
        }
        if !drifted.is_empty() {
            pair.ask(repair());
        }
        prop_assert!(pair.are_equal());
        prop_assert!(pair.follower.core.drift.own.drifted.is_empty());
    }
}

#[test]
fn a_record_that_repairs_rows_elsewhere_is_refused() {
    let mut node = Node::new(settings(""), HardState { epoch: 1, ..HardState::default() }, &[]);
    let range = KeyRange { from: "b".into(), to: None };
    let change = Change::Repair { range, rows: vec![("a".into(), Value::String("1".into()))] };
    node.hear(A, 1, append(None, &[Record { change, ..record(1, 1, A) }], 1));
    assert_eq!(node.said(A), [Body::Lacking { round: 1, lsn: 1 }]);
}
