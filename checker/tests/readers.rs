//! Readers of histories against whatever a disk may hold: they may refuse, but never panic, and what they refuse they place.

use std::sync::Arc;

use interregnum_checker::history::edn::Tuples;
use interregnum_checker::history::{
    Content, Entry, Event, EventType, Format, Function, History, NemesisEvent, ReadError, Value, edn, jsonl, read,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

const JSONL: &str = r#"{"process":"nemesis","type":"info","f":"kill","value":{"n1":[1,2]}}
{"time":10,"process":0,"type":"invoke","f":"cas","key":"k1","value":[1,"ä\n"]}
{"time":12,"process":1,"type":"invoke","f":"read","key":"k1"}
{"time":20,"process":0,"type":"fail","f":"cas","key":"k1","value":[1,"ä\n"],"seen":null,"node":"n1","epoch":3,"lsn":9}
{"time":30,"process":1,"type":"info","f":"read","key":"k1","error":"timed out"}
"#;

const EDN: &str = r#"; a comment
[{:process :nemesis, :type :info, :f :start, :value {:n1 #{:n2 "x\"y"}}}
 {:process 0, :type :invoke, :f :write, :value "ä", :time 1, :index 0}
 #jepsen.history.Op{:process 0, :type :ok, :f :write, :value "ä" :error [:a nil \c 1.5 -3N]} #_{:discarded 1}
 {:process 1, :type :invoke, :f :txn, :value [[:r x nil] [:w x 1]]}]
"#;

const LOG: &str = "INFO  jepsen.core - Running\nINFO  jepsen.util - 0\t:invoke\t:cas\t[1 2]\n\
                   INFO  jepsen.util - :nemesis\t:info\t:start\t\"x\"\nINFO  jepsen.util - 0\t:info\t:cas\t:timed-out\n";

const FORMATS: [Option<Format>; 4] = [None, Some(Format::Jsonl), Some(Format::Edn), Some(Format::JepsenLog)];

/// Reads the bytes as every format. A refusal has to begin with the file's name.
fn read_all_ways(bytes: &[u8]) {
    for format in FORMATS {
        if let Err(error) = read(bytes, "file", format) {
            assert!(error.to_string().starts_with("file:"), "{error}");
        }
    }
    let _ = edn::read(bytes, "file", Tuples::Independent);
}

#[test]
fn the_samples_are_valid() {
    for (text, operations) in [(JSONL, 2), (EDN, 2), (LOG, 1)] {
        let read = read(text.as_bytes(), "file", None).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((read.history.operations().len(), read.warnings.len()), (operations, 0), "{text}");
    }
}

#[test]
fn the_nemesis_is_kept() {
    let expected = [
        (JSONL, "kill", Value::Text(r#"{"n1":[1,2]}"#.into()), 0),
        (EDN, "start", Value::Text("{:n1 [:n2 x\"y]}".into()), 0),
        (LOG, "start", Value::Text("x".into()), 1),
    ];
    for (text, function, value, clients_before) in expected {
        let [event] = &read(text.as_bytes(), "file", None).expect("valid").nemesis[..] else { panic!("one event") };
        assert_eq!((event.function.name(), &event.value, event.clients_before), (function, &value, clients_before));
        assert_eq!((&*event.process, event.event_type), ("nemesis", EventType::Info));
    }
}

/// A value that JSON can hold.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Nil),
        any::<i64>().prop_map(Value::Int),
        any::<String>().prop_map(|text| Value::Text(text.into()))
    ];
    leaf.prop_recursive(3, 12, 4, |inner| vec(inner, 0..4).prop_map(Value::List))
}

/// An operation's two events, but for time and process.
fn events() -> impl Strategy<Value = [Event; 2]> {
    let name = any::<String>().prop_map(|name| Function::from(name.as_str()));
    let function = prop_oneof![Just(Function::Read), Just(Function::Cas), Just(Function::Append), name];
    let text = || option::of(any::<String>().prop_map(Arc::from));
    let completion = prop_oneof![Just(EventType::Ok), Just(EventType::Fail), Just(EventType::Info)];
    let numbers = option::of((any::<u64>(), any::<u64>()));
    (completion, function, text(), [value(), value()], text(), numbers, option::of(value()), text()).prop_map(
        |(event_type, function, key, [input, output], node, numbers, seen, error)| {
            let bare = Event { key, value: input, ..Event::invoke(0, function) };
            let (epoch, lsn) = numbers.unzip();
            let completed = Event { event_type, value: output, node, epoch, lsn, seen, error, ..bare.clone() };
            [bare, completed]
        },
    )
}

/// What the nemesis did, but for the place in the file.
fn nemesis() -> impl Strategy<Value = NemesisEvent> {
    let name = || any::<String>().prop_filter("a number is a client's", |name| name.parse::<u64>().is_err());
    (option::of(any::<u64>()), name(), any::<String>(), value()).prop_map(|(time, process, function, value)| {
        NemesisEvent {
            time,
            clients_before: 0,
            process: process.into(),
            event_type: EventType::Info,
            function: Function::from(function.as_str()),
            value,
        }
    })
}

/// The same cases every time; `PROPTEST_RNG_SEED` and `PROPTEST_CASES` ask for others and more.
fn config() -> ProptestConfig {
    let default = ProptestConfig::default();
    let is_set = |name| std::env::var_os(name).is_some();
    ProptestConfig {
        cases: if is_set("PROPTEST_CASES") { default.cases } else { 1_000 },
        rng_seed: if is_set("PROPTEST_RNG_SEED") { default.rng_seed } else { RngSeed::Fixed(1) },
        failure_persistence: None,
        ..default
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in vec(any::<u8>(), 0..200)) {
        read_all_ways(&bytes);
    }

    #[test]
    fn no_likely_text_makes_a_reader_panic(text in r#"[\[\](){}#":;\\^ 0-9a-c\n,_äN-]{0,60}"#) {
        read_all_ways(text.as_bytes());
    }

    #[test]
    fn no_damage_to_a_valid_file_makes_a_reader_panic(
        sample in prop_oneof![Just(JSONL), Just(EDN), Just(LOG)],
        damage in vec((any::<prop::sample::Index>(), option::of(any::<u8>())), 1..4),
        cut in option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = sample.as_bytes().to_vec();
        for (index, byte) in damage {
            let index = index.index(bytes.len());
            match byte {
                Some(byte) => bytes[index] = byte,
                None => drop(bytes.remove(index)),
            }
        }
        bytes.truncate(cut.map_or(bytes.len(), |cut| cut.index(bytes.len())));
        read_all_ways(&bytes);
    }

    #[test]
    fn what_was_written_is_read_back(operations in vec(events(), 0..8)) {
        let number = |(process, events): (usize, [Event; 2])| events.map(|event| Event { process: process as u64, ..event });
        let events: Vec<Event> = operations.into_iter().enumerate().flat_map(number).collect();
        let file = write(Format::Jsonl, Tuples::Plain, &contents(&events, &[]));
        let read = jsonl::read(file.as_slice(), "file").expect("it was written so");
        prop_assert_eq!(read.warnings, Vec::<String>::new());
        prop_assert_eq!(read.history, History::from_events(events).expect("each process does one thing"));
    }

    #[test]
    fn every_format_keeps_every_field(
        operations in vec((events(), option::of(any::<u64>())), 0..8),
        nemesis in vec(nemesis(), 0..3),
        tuples in prop_oneof![Just(Tuples::Plain), Just(Tuples::Independent)],
    ) {
        let timed = |(events, time): ([Event; 2], _)| events.map(|event| Event { time, process: u64::MAX - 1, ..event });
        let mut events: Vec<Event> = operations.into_iter().flat_map(timed).collect();
        if tuples == Tuples::Independent {
            for event in &mut events {
                event.key.get_or_insert("k".into());
            }
        }
        let told = contents(&events, &nemesis);
        for formats in [[Format::Jsonl, Format::Edn], [Format::Edn, Format::Jsonl]] {
            let mut read_back = told.clone();
            for format in formats {
                read_back = read_entries(format, tuples, &write(format, tuples, &read_back));
                prop_assert_eq!(&read_back, &told, "{:?}", format);
            }
        }
    }
}

/// The entries' contents: those of clients with those of the nemesis in between.
fn contents(events: &[Event], nemesis: &[NemesisEvent]) -> Vec<Content> {
    let mut contents: Vec<Content> = events.iter().cloned().map(Content::Client).collect();
    for (index, event) in nemesis.iter().enumerate() {
        let clients_before = contents.len().min(2 * index) - index.min(contents.len());
        let event = NemesisEvent { clients_before: clients_before as u64, ..event.clone() };
        contents.insert(contents.len().min(2 * index), Content::Nemesis(event));
    }
    contents
}

fn write(format: Format, tuples: Tuples, contents: &[Content]) -> Vec<u8> {
    let mut writer = edn::Writer::new(Vec::new(), tuples);
    let mut lines = Vec::new();
    for content in contents {
        match (content, format) {
            (Content::Client(event), Format::Edn) => writer.client(event),
            (Content::Nemesis(event), Format::Edn) => writer.nemesis(event),
            (Content::Client(event), _) => jsonl::write_event(&mut lines, event),
            (Content::Nemesis(event), _) => jsonl::write_nemesis(&mut lines, event),
            (Content::CutShort, _) => panic!("nothing was cut short"),
        }
        .expect("memory takes it");
    }
    if format == Format::Edn { writer.into_inner() } else { lines }
}

fn read_entries(format: Format, tuples: Tuples, file: &[u8]) -> Vec<Content> {
    let content = |entry: Result<Entry, ReadError>| entry.unwrap_or_else(|error| panic!("{error}")).content;
    if format == Format::Edn {
        edn::entries(file, "file", tuples).map(content).collect()
    } else {
        jsonl::entries(file, "file").map(content).collect()
    }
}
