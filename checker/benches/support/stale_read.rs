//! Makes one read near the end of a history stale, so that the history is certainly not linearizable.

use std::collections::BTreeMap;

use interregnum_checker::history::{Event, EventType, Function, Value};

use crate::simulation::Object;

/// Meddles with the events of a linearizable history.
pub(crate) fn make_a_read_stale(events: &mut [Event], object: Object) {
    let meddled = match object {
        Object::UniqueRegister => overwritten_value(events, None),
        Object::Register { values } => overwritten_value(events, Some(Value::Int(values.into()))),
        Object::ShortLists | Object::LongList => missing_element(events),
    };
    meddled.expect("a long history has a read that began after two writes in a row had ended");
}

/// A write ended before another one began, that one ended before the read began, and the read returns what the first one
/// wrote. Where values are written again and again the first write gets one of its own, which nothing can have brought back.
fn overwritten_value(events: &mut [Event], own_value: Option<Value>) -> Option<()> {
    let acknowledged = acknowledged(events);
    let read = last_begun(&acknowledged, events, &Function::Read, events.len())?;
    let newer = last_begun(&acknowledged, events, &Function::Write, read.invoke)?;
    let overwritten = last_begun(&acknowledged, events, &Function::Write, newer.invoke)?;
    let value = own_value.unwrap_or_else(|| events[overwritten.invoke].value.clone());
    for place in [overwritten.invoke, overwritten.complete, read.complete] {
        events[place].value = value.clone();
    }
    Some(())
}

/// An append ended before a read of its list began, and the read returns the list without its element.
fn missing_element(events: &mut [Event]) -> Option<()> {
    let acknowledged = acknowledged(events);
    let mut until = events.len();
    loop {
        let read = last_begun(&acknowledged, events, &Function::Read, until)?;
        let append = last_begun(&acknowledged, events, &Function::Append, read.invoke)?;
        if events[append.invoke].key == events[read.invoke].key {
            let element = events[append.invoke].value.clone();
            let Value::List(list) = &mut events[read.complete].value else { unreachable!("it read a list") };
            list.retain(|other| *other != element);
            return Some(());
        }
        until = read.complete; // the list was new when this read began
    }
}

/// The places of an acknowledged operation's events.
#[derive(Clone, Copy)]
struct Span {
    invoke: usize,
    complete: usize,
}

fn acknowledged(events: &[Event]) -> Vec<Span> {
    let mut open = BTreeMap::new();
    let mut spans = Vec::new();
    for (place, event) in events.iter().enumerate() {
        if event.event_type == EventType::Invoke {
            open.insert(event.process, place);
        } else if let Some(invoke) = open.remove(&event.process)
            && event.event_type == EventType::Ok
        {
            spans.push(Span { invoke, complete: place });
        }
    }
    spans
}

/// Of the operations that ended before this place, the one that began last.
fn last_begun(spans: &[Span], events: &[Event], function: &Function, before: usize) -> Option<Span> {
    let fits = |span: &&Span| span.complete < before && events[span.invoke].function == *function;
    spans.iter().filter(fits).max_by_key(|span| span.invoke).copied()
}
