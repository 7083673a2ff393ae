//! What was measured and not judged, as rows for a terminal: outages, acknowledged operations a second around faults, stale
//! reads. It adds up and measures nothing; `verdict.json` has every number.

use std::collections::BTreeMap;

use interregnum_checker::availability::{Availability, Impact, Outage, Rate, Service};
use interregnum_checker::lost_writes::FaultWindow;
use interregnum_checker::staleness::{Distribution, Quantiles, Staleness};

/// What a row is about, and what it says.
pub(crate) type Row = (&'static str, String);

/// The rows that have something to tell.
pub(crate) fn rows(availability: &Availability, staleness: &Staleness) -> Vec<Row> {
    let named = |name: &'static str| move |text: String| (name, text);
    let outages = outages(availability).into_iter().map(named("outages"));
    let rates = rates(&availability.faults).into_iter().map(named("per second"));
    outages.chain(rates).chain(stale_reads(staleness).into_iter().map(named("stale reads"))).collect()
}

/// `the last follower was 3 records behind (median), …`, if there was any lag.
pub(crate) fn lag(Quantiles { median, p99, max }: Quantiles) -> Option<String> {
    (max > 0).then(|| format!("the last follower was {median} records behind (median), {p99} (p99), at most {max}"))
}

/// Where there were faults, it is worth a row that there were no outages.
fn outages(availability: &Availability) -> Vec<String> {
    if let Some(why) = &availability.why_unmeasured {
        return vec![format!("not measured: {why}")];
    }
    let services = [("writes", &availability.writes), ("reads", &availability.reads)];
    let told: Vec<String> = services.iter().filter_map(|(of, service)| outages_of(of, service)).collect();
    if told.is_empty() && !availability.faults.is_empty() {
        let [writes, reads] = services.map(|(_, service)| ms(service.longest_wait_ns));
        return vec![format!("none; the longest waits were {writes} for writes and {reads} for reads")];
    }
    told
}

/// `2 of writes, 731 ms in all; the longest 408 ms from 0.903 s, under kill n1`
fn outages_of(of: &str, service: &Service) -> Option<String> {
    let longest = service.outages.iter().max_by_key(|outage| outage.duration_ns())?;
    let several = match service.outages.len() as u64 + service.outages_left_out {
        1 => format!("1 of {of},"),
        several => format!("{several} of {of}, {} in all; the longest", ms(service.down_ns)),
    };
    let Outage { start_ns, first_after, faults, .. } = longest;
    let from = *start_ns as f64 / 1e9;
    let unfinished = if first_after.is_none() { ", unfinished" } else { "" };
    let under = if faults.is_empty() { String::new() } else { format!(", under {}", faults.join(", ")) };
    Some(format!("{several} {} from {from:.3} s{unfinished}{under}", ms(longest.duration_ns())))
}

/// `kill   1204 before, 311 during, 1180 after; fail over 408 ms`, a row for each kind of fault.
fn rates(impacts: &[Impact]) -> Vec<String> {
    let by_kind = by_kind(impacts, |impact| &impact.fault);
    let parts: [fn(&Impact) -> Rate; 3] = [|one| one.before, |one| one.during, |one| one.after];
    let told = |impacts: &[&Impact]| parts.map(|part| per_s(impacts.iter().map(|impact| part(impact))));
    let rates: BTreeMap<&str, [String; 3]> = by_kind.iter().map(|(&kind, impacts)| (kind, told(impacts))).collect();
    let kind_width = rates.keys().map(|kind| kind.len()).max().unwrap_or(0);
    let width = rates.values().flatten().map(|rate| rate.chars().count()).max().unwrap_or(0);
    let row = |(kind, [before, during, after]): (&str, [String; 3])| {
        let rates = format!("{before:>width$} before, {during:>width$} during, {after:>width$} after");
        format!("{kind:<kind_width$}  {rates}{}", fail_over(&by_kind[kind]))
    };
    rates.into_iter().map(row).collect()
}

/// `; fail over 408 ms (median of 3)`, or nothing if nobody else led.
fn fail_over(impacts: &[&Impact]) -> String {
    let mut fail_overs_ns: Vec<u64> = impacts.iter().filter_map(|impact| impact.fail_over_ns).collect();
    fail_overs_ns.sort_unstable();
    match fail_overs_ns.as_slice() {
        [] => String::new(),
        [only] => format!("; fail over {}", ms(*only)),
        many => format!("; fail over {} (median of {})", ms(many[(many.len() - 1) / 2]), many.len()),
    }
}

/// Over the time of all of them; `–` if that is none.
fn per_s(rates: impl Iterator<Item = Rate>) -> String {
    let (acknowledged, over_ns) =
        rates.fold((0, 0), |(count, ns), rate| (count + rate.acknowledged, ns + rate.over_ns));
    if over_ns == 0 { "–".to_owned() } else { format!("{:.0}", acknowledged as f64 / (over_ns as f64 / 1e9)) }
}

/// A row for each node, each kind of fault, and the time outside faults, in which reads were stale.
fn stale_reads(staleness: &Staleness) -> Vec<String> {
    let mut rows = Vec::new();
    rows.extend(staleness.nodes.iter().filter_map(|(node, told)| stale(node, [told].into_iter())));
    for (kind, under) in by_kind(&staleness.faults, |under| &under.fault) {
        rows.extend(stale(&format!("under {kind}"), under.iter().map(|under| &under.staleness)));
    }
    if !staleness.faults.is_empty() {
        rows.extend(stale("outside faults", [&staleness.outside_faults].into_iter()));
    }
    rows
}

/// `n2: 14 of 200, by up to 5.0 ms and 3 versions`, or nothing if all were fresh.
fn stale<'a>(of: &str, told: impl Iterator<Item = &'a Distribution> + Clone) -> Option<String> {
    let sum = |number: fn(&Distribution) -> u64| told.clone().map(number).sum::<u64>();
    let (reads, stale) = (sum(|told| told.reads), sum(|told| told.stale));
    let longest_ns = told.clone().map(|told| told.time_ns.map(|time_ns| time_ns.max)).max()?;
    let time = longest_ns.map_or(String::new(), |ns| format!("{:.1} ms and ", ns as f64 / 1e6));
    let versions = match told.map(|told| told.versions.max).max()? {
        1 => "1 version".to_owned(),
        versions => format!("{versions} versions"),
    };
    (stale > 0).then(|| format!("{of}: {stale} of {reads}, by up to {time}{versions}"))
}

/// Grouped by the first word of the fault's name; what follows are the nodes that it struck.
fn by_kind<T>(all: &[T], fault: fn(&T) -> &FaultWindow) -> BTreeMap<&str, Vec<&T>> {
    let mut kinds: BTreeMap<&str, Vec<&T>> = BTreeMap::new();
    for one in all {
        let name = fault(one).name.as_str();
        kinds.entry(name.split_once(' ').map_or(name, |(kind, _)| kind)).or_default().push(one);
    }
    kinds
}

fn ms(ns: u64) -> String {
    format!("{:.0} ms", ns as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use interregnum_checker::history::{History, jsonl};
    use interregnum_checker::{availability, staleness};

    use super::*;

    /// A client that writes every 10 ms, acknowledged within 1 ms, and one that reads what has just been written.
    fn served(ms: std::ops::Range<u64>, node: u64) -> impl Iterator<Item = String> {
        ms.step_by(10).flat_map(move |ms| {
            let write = [event(ms, 1, "invoke", "write", ms, node), event(ms + 1, 1, "ok", "write", ms, node)];
            write
                .into_iter()
                .chain([event(ms + 2, 2, "invoke", "read", 0, node), event(ms + 3, 2, "ok", "read", ms, node)])
        })
    }

    fn event(ms: u64, process: u64, kind: &str, function: &str, value: u64, node: u64) -> String {
        let time = ms * 1_000_000;
        format!(
            "{{\"time\":{time},\"process\":{process},\"type\":\"{kind}\",\"f\":\"{function}\",\"value\":{value},\
             \"node\":\"n{node}\",\"epoch\":{node}}}\n"
        )
    }

    fn history(lines: impl Iterator<Item = String>) -> History {
        jsonl::read(lines.collect::<String>().as_bytes(), "history").unwrap().history
    }

    /// All rows, as they look under each other.
    fn rows_of(history: &History, faults: &[FaultWindow]) -> String {
        let availability = availability::check(history, faults, &availability::Options::default());
        let rows = rows(&availability, &staleness::check(history, faults));
        rows.into_iter().map(|(name, told)| format!("{name:<11}  {told}")).collect::<Vec<_>>().join("\n")
    }

    fn fault(name: &str, start_ms: u64, end_ms: u64) -> FaultWindow {
        FaultWindow { name: name.to_owned(), start_ns: start_ms * 1_000_000, end_ns: end_ms * 1_000_000 }
    }

    #[test]
    fn a_kill_and_a_follower_that_lags_are_told_in_a_few_rows() {
        let given_up = [event(302, 3, "invoke", "write", 7, 1), event(650, 3, "info", "write", 7, 1)];
        let stale = [event(950, 4, "invoke", "read", 0, 3), event(955, 4, "ok", "read", 800, 3)];
        let lines =
            served(0..300, 1).chain(given_up).chain(served(700..950, 2)).chain(stale).chain(served(960..1_200, 2));
        let faults = [fault("pause n3", 900, 1_000), fault("kill n1", 295, 600)];
        insta::assert_snapshot!("measured", rows_of(&history(lines), &faults));
    }

    #[test]
    fn where_there_is_nothing_to_tell_nothing_is_told() {
        let calm = history(served(0..300, 1));
        assert_eq!(rows_of(&calm, &[]), "");
        let rows = rows_of(&calm, &[fault("pause n3", 50, 150)]);
        let none = "outages      none; the longest waits were 1 ms for writes and 1 ms for reads";
        assert_eq!(rows, none.to_owned() + "\nper second   pause  200 before, 200 during, 200 after");
    }

    #[test]
    fn a_history_without_times_says_that_it_was_not_measured() {
        let untimed = history(served(0..30, 1).map(|line| line.replace("\"time\"", "\"when\"")));
        let rows = rows_of(&untimed, &[]);
        assert_eq!(rows, "outages      not measured: not every event of the history has a time");
    }
}
