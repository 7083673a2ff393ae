//! When clients were served, and what faults cost them: one story a test, then random histories against the definition.

#[path = "availability/oracle.rs"]
mod oracle;

use std::cell::Cell;

use interregnum_checker::availability::{Availability, Options, Outage, Service, check};
use interregnum_checker::history::{History, jsonl};
use interregnum_checker::lost_writes::FaultWindow;
use interregnum_checker::verdict::Verdict;
use proptest::collection::vec;
use proptest::num::u8;
use proptest::prop_assert_eq;
use proptest::test_runner::{Config, RngSeed, TestRunner};

const MS: u64 = 1_000_000;

/// Each line is `MS PROCESS TYPE F`, and an epoch where the answer tells one. What follows a `|` is put in as it is.
fn history(story: &str) -> History {
    let mut lines: Vec<(u64, String)> = story.lines().map(event).collect();
    lines.sort_by_key(|&(ms, _)| ms);
    let text: String = lines.into_iter().map(|(_, line)| line).collect();
    jsonl::read(text.as_bytes(), "story").unwrap_or_else(|error| panic!("{error}")).history
}

fn event(line: &str) -> (u64, String) {
    let (event, more) = line.split_once('|').unwrap_or((line, ""));
    let parts: Vec<&str> = event.split_whitespace().collect();
    let [ms, process, kind, function, ref epoch @ ..] = parts[..] else { panic!("not an event: {line}") };
    let ms: u64 = ms.parse().unwrap();
    let epoch = epoch.first().map_or(String::new(), |epoch| format!(",\"node\":\"n{epoch}\",\"epoch\":{epoch}"));
    let time = ms * MS;
    let event = format!(
        "{{\"time\":{time},\"process\":{process},\"type\":\"{kind}\",\"f\":\"{function}\",\"value\":1{epoch}{more}}}\n"
    );
    (ms, event)
}

/// A client that writes every 10 ms, and is acknowledged within 1 ms.
fn steady(process: u64, function: &str, ms: std::ops::Range<u64>, epoch: u64) -> String {
    let one = |ms: u64| format!("{ms} {process} invoke {function}\n{} {process} ok {function} {epoch}\n", ms + 1);
    ms.step_by(10).map(one).collect()
}

fn fault(name: &str, start_ms: u64, end_ms: u64) -> FaultWindow {
    FaultWindow { name: name.to_owned(), start_ns: start_ms * MS, end_ns: end_ms * MS }
}

fn measure(story: &str, faults: &[FaultWindow]) -> Availability {
    check(&history(story), faults, &Options::default())
}

/// Start, end, and what was left unserved, in milliseconds.
fn told(service: &Service) -> Vec<(u64, u64, u64)> {
    let told = |outage: &Outage| (outage.start_ns / MS, outage.end_ns / MS, outage.unserved);
    service.outages.iter().map(told).collect()
}

/// The leader dies at 100 ms. A write of process 2 is lost in it, and the next leader acknowledges one at 501 ms.
fn killed() -> String {
    steady(1, "write", 0..100, 1) + "93 2 invoke write\n300 2 info write\n" + &steady(3, "write", 500..600, 2)
}

#[test]
fn an_outage_lasts_from_the_last_acknowledgement_to_the_next_if_somebody_waited() {
    let found = measure(&killed(), &[fault("kill n1", 95, 350)]);
    let outage = Outage {
        start_ns: 93 * MS,
        end_ns: 501 * MS,
        last_before: Some(9),
        first_after: Some(11),
        unserved: 1,
        new_epoch: Some(2),
        faults: vec!["kill n1".to_owned()],
    };
    assert_eq!(found.writes.outages, [outage]);
    assert_eq!((found.writes.acknowledged, found.writes.down_ns), (20, 408 * MS));
    assert_eq!((found.writes.threshold_ns, found.writes.longest_wait_ns), (100 * MS, 408 * MS));
    assert_eq!(found.reads, Service { threshold_ns: 100 * MS, ..Service::default() });
}

#[test]
fn who_was_open_at_the_last_acknowledgement_has_waited_since_then() {
    let story = steady(1, "write", 0..100, 1) + "85 2 invoke write\n400 2 ok write\n";
    assert_eq!(told(&measure(&story, &[]).writes), [(91, 400, 0)]);
}

#[test]
fn idle_time_is_no_outage() {
    let story = steady(1, "write", 0..100, 1) + &steady(1, "write", 5_000..5_100, 1);
    assert_eq!(told(&measure(&story, &[]).writes), []);
    // What a compare refused was served, and nothing waits behind it; what was refused otherwise was not.
    let refused = |more: &str| format!("2000 2 invoke cas\n2001 2 fail cas {more}\n");
    assert_eq!(told(&measure(&(story.clone() + &refused("|,\"seen\":7")), &[]).writes), []);
    assert_eq!(told(&measure(&(story + &refused("")), &[]).writes), [(2000, 5001, 1)]);
}

#[test]
fn an_operation_without_an_end_waits_only_when_it_begins() {
    let story = steady(1, "write", 0..100, 1) + "50 2 invoke write\n" + &steady(1, "write", 3_000..3_100, 1);
    assert_eq!(told(&measure(&story, &[]).writes), []);
}

#[test]
fn an_outage_can_be_unfinished_or_the_whole_of_a_history() {
    let story = steady(1, "write", 0..100, 1) + "95 2 invoke write\n900 2 info write\n";
    let found = measure(&story, &[]);
    assert_eq!(told(&found.writes), [(95, 900, 1)]);
    assert_eq!((found.writes.outages[0].first_after, found.writes.outages[0].new_epoch), (None, None));
    let never = measure("5 1 invoke read\n800 1 fail read\n810 1 invoke read\n900 1 fail read\n", &[]);
    assert_eq!((told(&never.reads), never.reads.acknowledged), (vec![(5, 900, 2)], 0));
    assert_eq!((never.reads.outages[0].last_before, never.reads.outages[0].first_after), (None, None));
}

#[test]
fn writes_and_reads_are_looked_at_apart() {
    let found = measure(&(killed() + &steady(9, "read", 0..600, 1)), &[]);
    assert_eq!((told(&found.writes).len(), told(&found.reads).len()), (1, 0));
    assert_eq!(found.reads.acknowledged, 60);
    let found = measure(&(killed().replace("write", "read") + &steady(9, "add", 0..600, 1)), &[]);
    assert_eq!((told(&found.writes).len(), told(&found.reads).len()), (0, 1));
    assert_eq!(found.reads.outages[0].new_epoch, None, "a follower that knows of an epoch does not lead it");
}

#[test]
fn the_threshold_follows_the_usual_latency() {
    let slow = |process: u64| format!("0 {process} invoke write\n50 {process} ok write\n");
    let story = |gap: u64| (1..10).map(slow).collect::<String>() + &format!("50 77 invoke write\n{gap} 77 ok write\n");
    assert_eq!(measure(&story(550), &[]).writes.threshold_ns, 500 * MS);
    assert_eq!(told(&measure(&story(550), &[]).writes), []);
    assert_eq!(told(&measure(&story(551), &[]).writes), [(50, 551, 0)]);
    // Most operations waited for a second: this is how this system serves.
    let frozen = story(551).replace("50 ", "1000 ").replace("\n551 ", "\n2000 ");
    assert_eq!(told(&measure(&frozen, &[]).writes), []);
    let options = Options { threshold_ns: Some(999 * MS), ..Options::default() };
    assert_eq!(check(&history(&frozen), &[], &options).writes.outages.len(), 2);
}

#[test]
fn a_fault_met_an_outage_if_it_was_active_then_or_just_before() {
    let faults = [
        fault("before", 0, 20),
        fault("healed just before", 5, 30),
        fault("during", 200, 300),
        fault("throughout", 10, 600),
        fault("at its end", 501, 600),
        fault("after", 502, 600),
    ];
    let options = Options { threshold_ns: Some(70 * MS), ..Options::default() };
    let met = &check(&history(&killed()), &faults, &options).writes.outages[0].faults;
    assert_eq!(*met, ["healed just before", "during", "throughout", "at its end"]);
}

/// The times to fail over, in milliseconds.
fn fail_overs(story: &str, faults: &[FaultWindow]) -> Vec<Option<u64>> {
    measure(story, faults).faults.iter().map(|impact| impact.fail_over_ns.map(|ns| ns / MS)).collect()
}

#[test]
fn a_fail_over_is_the_faults_that_began_with_the_outage() {
    let faults = [
        fault("pause n3", 10, 590),
        fault("isolate n1", 91, 400),
        fault("pause n2", 200, 590),
        fault("undone before", 80, 92),
        fault("kill n3", 510, 590),
    ];
    assert_eq!(fail_overs(&killed(), &faults), [None, Some(410), None, None, None]);
}

#[test]
fn a_fail_over_without_an_outage_is_the_last_faults() {
    // Both leaders acknowledge, the old one to the end.
    let story = steady(1, "write", 0..600, 1) + &steady(2, "write", 305..600, 2);
    let faults = [fault("isolate n1", 50, 500), fault("pause n3", 200, 500), fault("pause n3", 20, 300)];
    assert_eq!(fail_overs(&story, &faults), [None, Some(106), None]);
    assert_eq!(fail_overs(&story, &faults[..1]), [Some(256)]);
}

#[test]
fn without_a_new_leader_there_is_no_fail_over() {
    let same = killed().replace("write 2", "write 1");
    assert_eq!(fail_overs(&same, &[fault("pause n1", 95, 480)]), [None]);
    let untold = killed().replace("write 1", "write").replace("write 2", "write");
    assert_eq!(fail_overs(&untold, &[fault("pause n1", 95, 480)]), [None]);
    assert_eq!(measure(&untold, &[]).writes.outages[0].new_epoch, None);
    // The first epoch of all, and one that is told by no write, are no new leader's.
    assert_eq!(fail_overs(&steady(1, "write", 100..200, 7), &[fault("pause n2", 0, 150)]), [None]);
    let read = steady(1, "write", 0..600, 1) + "300 2 invoke read\n301 2 ok read 2\n";
    assert_eq!(fail_overs(&read, &[fault("pause n2", 0, 400)]), [None]);
}

/// Acknowledged operations, milliseconds and operations a second: before, during and after.
#[track_caller]
fn check_rates(faults: &[FaultWindow], options: &Options, expected: [(u64, u64, Option<f64>); 3]) {
    let found = check(&history(&killed()), faults, options);
    let impact = &found.faults[0];
    let told = [impact.before, impact.during, impact.after];
    assert_eq!(told.map(|rate| (rate.acknowledged, rate.over_ns / MS, rate.per_s)), expected);
}

#[test]
fn rates_compare_a_fault_with_as_long_a_time_before_and_after_it() {
    let options = Options::default();
    check_rates(&[fault("f", 50, 90)], &options, [(4, 40, Some(100.0)), (4, 40, Some(100.0)), (1, 40, Some(25.0))]);
    // Clients were at work from 0 to 591 ms.
    check_rates(
        &[fault("f", 40, 500)],
        &options,
        [(4, 40, Some(100.0)), (6, 460, Some(6.0 / 0.46)), (10, 91, Some(10.0 / 0.091))],
    );
    check_rates(&[fault("f", 0, 600)], &options, [(0, 0, None), (20, 591, Some(20.0 / 0.591)), (0, 0, None)]);
    let options = Options { load_ns: Some(30 * MS..520 * MS), ..options };
    check_rates(
        &[fault("f", 60, 500)],
        &options,
        [(3, 30, Some(100.0)), (4, 440, Some(4.0 / 0.44)), (2, 20, Some(100.0))],
    );
    check_rates(&[fault("upside down", 60, 50)], &options, [(0, 0, None); 3]);
}

#[test]
fn a_history_without_times_is_not_measured_and_says_so() {
    let untimed = "{\"process\":1,\"type\":\"invoke\",\"f\":\"write\",\"value\":1}\n";
    let history = jsonl::read(untimed.as_bytes(), "untimed").unwrap().history;
    let options = Options { max_outage_ns: Some(1), ..Options::default() };
    let found = check(&history, &[fault("kill n1", 0, 1)], &options);
    assert_eq!((found.writes.outages.len(), found.faults.len()), (0, 0));
    assert_eq!(found.why_unmeasured.as_deref(), Some("not every event of the history has a time"));
    assert_eq!(found.judgement(&history).unwrap().verdict, Verdict::Inconclusive);
}

#[track_caller]
fn judge(story: &str, most_ms: u64, verdict: Verdict) -> String {
    let options = Options { max_outage_ns: Some(most_ms * MS), ..Options::default() };
    let history = history(story);
    let judgement = check(&history, &[fault("kill n1", 95, 350)], &options).judgement(&history).unwrap();
    assert_eq!(judgement.verdict, verdict, "{}", judgement.summary);
    let proof = judgement.proofs.first().map_or(String::new(), |proof| format!(": {}", proof.sentence));
    judgement.summary + &proof
}

#[test]
fn a_longest_outage_can_be_demanded() {
    assert_eq!(judge(&killed(), 408, Verdict::Pass), "nobody waited longer than 0.408 s; the longest wait was 0.408 s");
    assert_eq!(
        judge(&killed(), 407, Verdict::Violation),
        "1 outage longer than 0.407 s, the longest 0.408 s: no write was acknowledged for 0.408 s, from 0.093 s to 0.501 s, \
         when process 3's write of 1 was acknowledged by n2 at 0.501 s; meanwhile 1 write refused or given up; active then: \
         kill n1"
    );
    // A demand below the threshold is held to as well.
    let summary = judge(&steady(1, "write", 0..100, 1), 0, Verdict::Violation);
    assert!(summary.starts_with("10 outages longer than 0.000000000 s, the longest 0.001 s"), "{summary}");
    let unfinished = judge("0 1 invoke read\n500 1 fail read\n", 100, Verdict::Violation);
    assert!(unfinished.contains("from 0.000000000 s to 0.500 s, when the last client gave up"), "{unfinished}");
    assert_eq!(judge("0 1 invoke read\n5 1 fail read\n", 100, Verdict::Inconclusive), "no operation was acknowledged");
    assert_eq!(measure(&killed(), &[]).judgement(&history(&killed())), None);
}

/// Four clients, long rests, and endings of all kinds.
fn random_story(choices: &[(u8, u8, u8)]) -> String {
    let mut open: [Option<&str>; 4] = [None; 4];
    let mut gone = [0_u64; 4];
    let (mut story, mut ms) = (Vec::new(), 0_u64);
    for &(process, choice, rest) in choices {
        ms += [0, 1, 1, 2, 3, 20][usize::from(rest) % 6];
        let slot = usize::from(process) % open.len();
        let process = gone[slot] * 4 + slot as u64;
        let Some(function) = open[slot].take() else {
            let function = ["read", "write", "cas"][usize::from(choice) % 3];
            open[slot] = Some(function);
            story.push(format!("{ms} {process} invoke {function}"));
            continue;
        };
        let kind = ["ok", "ok", "fail", "info"][usize::from(choice) % 4];
        gone[slot] += u64::from(kind == "info");
        let seen = if kind == "fail" && function == "cas" && choice > 128 { "|,\"seen\":7" } else { "" };
        let epoch = u64::from(choice / 64) + ms / 20;
        story.push(format!("{ms} {process} {kind} {function} {epoch}{seen}"));
    }
    story.join("\n")
}

#[test]
fn random_histories_agree_with_the_definition() {
    let (served, down, unfinished, fail_overs) = (Cell::new(0), Cell::new(0), Cell::new(0), Cell::new(0));
    let faults = [fault("a", 5, 25), fault("b", 20, 40), fault("c", 60, 61)];
    let options = Options { threshold_ns: Some(5 * MS), ..Options::default() };
    let config = Config { cases: 4_000, rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..Config::default() };
    let result = TestRunner::new(config).run(&vec((u8::ANY, u8::ANY, u8::ANY), 1..60), |choices| {
        let history = history(&random_story(&choices));
        let found = check(&history, &faults, &options);
        for (service, is_read) in [(&found.writes, false), (&found.reads, true)] {
            let outages = oracle::outages(&history, is_read, 5 * MS, &faults);
            prop_assert_eq!(&service.outages, &outages);
            prop_assert_eq!(service.down_ns, outages.iter().map(Outage::duration_ns).sum::<u64>());
            let count = if outages.is_empty() { &served } else { &down };
            count.set(count.get() + 1);
            let has_no_end = outages.iter().any(|outage| outage.first_after.is_none());
            unfinished.set(unfinished.get() + i32::from(has_no_end));
        }
        let told: Vec<_> = found.faults.iter().map(|impact| impact.fail_over_ns).collect();
        prop_assert_eq!(&told, &oracle::fail_overs(&history, &found.writes.outages, &faults));
        fail_overs.set(fail_overs.get() + told.iter().flatten().count());
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
    assert!([served.get(), down.get(), unfinished.get()].iter().all(|&count| count > 500), "too one-sided");
    assert!(fail_overs.get() > 500, "too few new leaders: {}", fail_overs.get());
}
