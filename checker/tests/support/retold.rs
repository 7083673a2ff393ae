//! Histories told again: the same operations, or some of them, with something changed. It knows no checker.

use interregnum_checker::history::{Event, EventType, History, Operation, Outcome, Value};

/// The history of these operations of another one, each event changed.
pub(crate) fn retold<'a>(operations: impl IntoIterator<Item = &'a Operation>, change: impl Fn(&mut Event)) -> History {
    let mut events: Vec<Event> = operations.into_iter().flat_map(events_of).collect();
    events.sort_by_key(|event| event.time); // stable: a process's events stay in order
    events.iter_mut().for_each(change);
    History::from_events(events).expect("what could be recorded once can be recorded again")
}

fn events_of(operation: &Operation) -> impl Iterator<Item = Event> {
    let event = |event_type: EventType, time: Option<u64>, value: &Value| Event {
        time,
        process: operation.process,
        event_type,
        function: operation.function.clone(),
        key: operation.key.clone(),
        value: value.clone(),
        node: operation.node.clone(),
        epoch: operation.epoch,
        lsn: operation.lsn,
        seen: operation.seen.as_deref().cloned(),
        error: operation.error.clone(),
    };
    let ending = match operation.outcome {
        Outcome::Ok => EventType::Ok,
        Outcome::Fail => EventType::Fail,
        Outcome::Info => EventType::Info,
    };
    let invoked = event(EventType::Invoke, operation.invoked.time_ns, &operation.input);
    let ended = operation.completed.or(operation.gave_up);
    [Some(invoked), ended.map(|ended| event(ending, ended.time_ns, &operation.output))].into_iter().flatten()
}
