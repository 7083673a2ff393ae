//! Small random histories, nearly linearizable: an object used by several clients, whose record is then meddled with.
//! Every choice comes from a string of bytes, so that proptest can shrink it.

#[path = "objects.rs"]
mod objects;

use interregnum_checker::history::{Event, EventType, Function, History, Value};

/// What is simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code, reason = "each test binary simulates some of them")]
pub(crate) enum Object {
    /// A register to which every value is written once, as a rule.
    UniqueRegister,
    /// A register to which values from a handful are written.
    Register,
    /// A list to which every element is appended once.
    AppendList,
    /// A register to which every value is written once, and which is deleted now and then.
    DeletedRegister,
    /// A list to which elements from a handful are appended.
    List,
    /// A set of a handful of elements, which come and go.
    Set,
    /// A set to which every element is added once.
    GrowSet,
    /// A counter.
    Counter,
    /// A queue.
    Queue,
    /// A lock with fencing tokens.
    Lock,
    /// A store of texts.
    KeyValue,
}

impl Object {
    fn is_read_as_list(self) -> bool {
        matches!(self, Self::AppendList | Self::List | Self::Set | Self::GrowSet)
    }
}

/// Choices, made by bytes. When they run out, every choice is the first.
pub(crate) struct Choices<'a>(std::slice::Iter<'a, u8>);

impl Choices<'_> {
    fn below(&mut self, bound: u32) -> u32 {
        self.0.next().map_or(0, |&byte| u32::from(byte) % bound)
    }

    fn index(&mut self, length: usize) -> usize {
        self.below(length as u32) as usize
    }

    fn one_in(&mut self, n: u32) -> bool {
        self.below(n) == n - 1
    }
}

/// A client in the middle of an operation.
struct Open {
    process: u64,
    function: Function,
    input: Value,
    /// What it will be told, once the operation took effect.
    answer: Option<Answer>,
}

#[derive(Clone)]
pub(crate) enum Answer {
    Ok(Value),
    Refused { seen: Value },
}

struct Simulation<'a> {
    object: Object,
    choices: Choices<'a>,
    state: Value,
    open: Vec<Open>,
    events: Vec<Event>,
    next_process: u64,
    idle: Vec<u64>,
    next_value: u32,
}

/// The events of at most `operations` operations by at most four clients at a time.
pub(crate) fn events(object: Object, operations: usize, bytes: &[u8]) -> Vec<Event> {
    let (state, choices) = (Value::Nil, Choices(bytes.iter()));
    let (open, events, idle) = (Vec::new(), Vec::new(), Vec::new());
    let mut simulation = Simulation { object, choices, state, open, events, next_process: 0, idle, next_value: 1 };
    let mut left = operations;
    while left > 0 || !simulation.open.is_empty() {
        let may_invoke = left > 0 && simulation.open.len() < 4;
        if may_invoke && (simulation.open.is_empty() || simulation.choices.below(3) == 0) {
            simulation.invoke();
            left -= 1;
        } else if left == 0 && simulation.choices.one_in(12) {
            break; // what is open stays open
        } else {
            simulation.go_on();
        }
    }
    simulation.meddle();
    if object == Object::Counter {
        // An absent counter may read as nil; to the oracle, nil is another value than 0.
        let is_nil = |event: &&mut Event| event.event_type == EventType::Ok && event.value == Value::Nil;
        simulation.events.iter_mut().filter(is_nil).for_each(|event| event.value = Value::Int(0));
    }
    simulation.events
}

/// The history of [`events`], if meddling left it one.
pub(crate) fn history(events: &[Event]) -> Option<History> {
    History::from_events(events.iter().cloned()).ok()
}

impl Simulation<'_> {
    fn fresh_value(&mut self) -> Value {
        self.next_value += 1;
        Value::Int((self.next_value - 1).into())
    }

    /// A value that was perhaps written.
    fn some_value(&mut self) -> Value {
        match self.choices.below(self.next_value + 1) {
            0 => Value::Nil,
            value => Value::Int(value.into()),
        }
    }

    fn written_value(&mut self) -> Value {
        match self.object {
            Object::Register => Value::Int(self.choices.below(3).into()),
            // A write of the initial value is one of a value that was there twice.
            Object::UniqueRegister if self.choices.one_in(24) => Value::Nil,
            Object::List => Value::Int(self.choices.below(2).into()),
            _ => self.fresh_value(),
        }
    }

    fn invoke(&mut self) {
        let fresh = self.next_value;
        let (function, input) = match (self.object, self.choices.below(4)) {
            (Object::Set | Object::GrowSet | Object::Counter | Object::Queue | Object::Lock | Object::KeyValue, _) => {
                self.next_value += 1;
                objects::request(self.object, &mut self.choices, fresh)
            }
            (_, 0 | 1) => (Function::Read, Value::Nil),
            (Object::DeletedRegister, 2) if self.choices.one_in(2) => (Function::Delete, Value::Nil),
            (Object::AppendList | Object::List, _) => (Function::Append, self.written_value()),
            (_, 2) => (Function::Write, self.written_value()),
            (object, _) => {
                let is_likely = self.choices.below(3) > 0;
                let expected = if is_likely { self.state.clone() } else { self.some_value() };
                let expected =
                    if object == Object::Register && self.choices.one_in(4) { Value::Int(0) } else { expected };
                (Function::Cas, Value::List(vec![expected, self.written_value()]))
            }
        };
        let process = self.idle.pop().unwrap_or_else(|| {
            self.next_process += 1;
            self.next_process - 1
        });
        self.record(process, EventType::Invoke, function.clone(), input.clone(), None);
        self.open.push(Open { process, function, input, answer: None });
    }

    /// Lets an open operation take effect, or ends one.
    fn go_on(&mut self) {
        let index = self.choices.index(self.open.len());
        if self.open[index].answer.is_none() && !self.choices.one_in(6) {
            let answer = self.take_effect(index);
            self.open[index].answer = Some(answer);
            return;
        }
        let open = self.open.swap_remove(index);
        let is_told = !self.choices.one_in(5);
        match open.answer {
            Some(Answer::Ok(value)) if is_told => {
                self.record(open.process, EventType::Ok, open.function, value, None);
            }
            Some(Answer::Refused { seen }) if is_told => {
                let seen = Some(seen).filter(|_| self.choices.below(2) == 0);
                self.record(open.process, EventType::Fail, open.function, open.input, seen);
            }
            None if is_told => self.record(open.process, EventType::Fail, open.function, open.input, None),
            _ => {
                self.record(open.process, EventType::Info, open.function, open.input, None);
                return;
            }
        }
        self.idle.push(open.process);
    }

    fn take_effect(&mut self, index: usize) -> Answer {
        let Open { function, input, process, .. } = &self.open[index];
        if let Some(answer) = objects::take_effect(self.object, &mut self.state, function, input, *process) {
            return answer;
        }
        match (function, input) {
            (Function::Delete, _) => self.state = Value::Nil,
            (Function::Read, _) => return Answer::Ok(self.state.clone()),
            (Function::Append, element) => match &mut self.state {
                Value::List(elements) => elements.push(element.clone()),
                state => *state = Value::List(vec![element.clone()]),
            },
            (Function::Cas, Value::List(pair)) if pair[0] != self.state => {
                return Answer::Refused { seen: self.state.clone() };
            }
            (Function::Cas, Value::List(pair)) => self.state = pair[1].clone(),
            (_, value) => self.state = value.clone(),
        }
        Answer::Ok(input.clone())
    }

    fn record(&mut self, process: u64, event_type: EventType, function: Function, value: Value, seen: Option<Value>) {
        // Now and then two events happen in the same nanosecond.
        let before = self.events.last().and_then(|event| event.time).unwrap_or(0);
        let time = Some(before + u64::from(!self.choices.one_in(8)));
        let (key, node, error) = (None, None, None);
        let event =
            Event { time, process, event_type, function, key, value, node, epoch: None, lsn: None, seen, error };
        self.events.push(event);
    }

    /// Changes up to five things of the record, or none.
    fn meddle(&mut self) {
        if self.events.is_empty() {
            return;
        }
        for _ in 0..self.choices.below(6) {
            let index = self.choices.index(self.events.len());
            let other_value = self.some_value();
            let how = self.choices.below(4);
            let place = self.choices.index(8);
            let event = &mut self.events[index];
            match (&event.event_type, &event.function) {
                (EventType::Ok, Function::Read) if self.object.is_read_as_list() => {
                    meddle_with_list(&mut event.value, other_value, how, place);
                }
                (EventType::Ok, Function::Read) => event.value = other_value,
                (EventType::Ok, Function::Other(name)) if objects::ANSWERING.contains(&&**name) => {
                    event.value = objects::meddled(&event.value, other_value, how);
                }
                (EventType::Fail, Function::Cas) if event.seen.is_some() => event.seen = Some(other_value),
                (EventType::Ok | EventType::Fail, _) if how == 0 => {
                    event.event_type = if event.event_type == EventType::Ok { EventType::Fail } else { EventType::Ok };
                }
                _ => self.swap_with_next(index),
            }
        }
    }

    /// Exchanges two neighbouring events of different processes, not their times.
    fn swap_with_next(&mut self, index: usize) {
        if index + 1 < self.events.len() && self.events[index].process != self.events[index + 1].process {
            let times = [self.events[index].time, self.events[index + 1].time];
            self.events.swap(index, index + 1);
            [self.events[index].time, self.events[index + 1].time] = times;
        }
    }
}

fn meddle_with_list(list: &mut Value, other: Value, how: u32, place: usize) {
    if *list == Value::Nil {
        *list = Value::List(vec![]);
    }
    let Value::List(elements) = list else { panic!("a list is read") };
    let place = place % (elements.len() + 1);
    match how {
        0 => elements.truncate(place),
        1 if place < elements.len() => drop(elements.remove(place)),
        2 if place + 1 < elements.len() => elements.swap(place, place + 1),
        _ => elements.insert(place, other),
    }
}
