//! Linearizable histories of any length, made by simulated clients that are always busy. It knows no checker.

use std::sync::Arc;

use interregnum_checker::history::{Event, EventType, Function, Value};

/// What the clients use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Object {
    /// One register; every value is written once.
    UniqueRegister,
    /// One register, to which these many values are written again and again.
    Register { values: u32 },
    /// Lists of unique elements, short as workloads keep them: half of the operations read, and after a hundred the clients
    /// go on to the next list.
    ShortLists,
    /// One list of unique elements, which is read ten times.
    LongList,
}

/// How a history is made: the same recipe makes the same history on every machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recipe {
    pub(crate) object: Object,
    /// Clients, each of which has an operation open at every moment.
    pub(crate) clients: usize,
    /// Operations.
    pub(crate) operations: usize,
    /// How many operations in a hundred end as `info`. Every second one of those took effect.
    pub(crate) crashed_percent: u64,
}

impl Recipe {
    /// The events of a linearizable history.
    pub(crate) fn events(&self) -> Vec<Event> {
        Simulation::new(*self).run()
    }
}

/// `SplitMix64` (Steele, Lea & Flood, *Fast splittable pseudorandom number generators*, 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// An operation that is open.
struct Call {
    list: usize,
    function: Function,
    input: Value,
    /// Whether it will take effect.
    happens: bool,
    /// How it will end.
    ends: EventType,
    /// What it will be told, once it took effect.
    answer: Option<Answer>,
}

struct Answer {
    refused: bool,
    saw: Value,
    /// The position of what it wrote.
    lsn: Option<u64>,
}

struct Client {
    process: u64,
    call: Option<Call>,
}

struct Simulation {
    recipe: Recipe,
    random: Random,
    clients: Vec<Client>,
    invoked: usize,
    register: Value,
    lists: Vec<Vec<Value>>,
    /// Of the lists; a register has the first.
    keys: Vec<Arc<str>>,
    nodes: [Arc<str>; 3],
    next_value: i64,
    /// How many took effect: the log's last position.
    writes: u64,
    next_process: u64,
    events: Vec<Event>,
}

impl Simulation {
    fn new(recipe: Recipe) -> Self {
        assert!(recipe.operations >= recipe.clients, "every client has an operation");
        let clients = (0..recipe.clients as u64).map(|process| Client { process, call: None }).collect();
        Self {
            recipe,
            random: Random(1),
            clients,
            invoked: 0,
            register: Value::Nil,
            lists: Vec::new(),
            keys: vec!["k0".into()],
            nodes: ["n1", "n2", "n3"].map(Arc::from),
            next_value: 0,
            writes: 0,
            next_process: recipe.clients as u64,
            events: Vec::with_capacity(2 * recipe.operations),
        }
    }

    /// A client chosen at random takes a step: its operation takes effect, or ends and the next one begins.
    fn run(mut self) -> Vec<Event> {
        for client in 0..self.clients.len() {
            self.invoke(client);
        }
        while !self.clients.is_empty() {
            let client = self.random.below(self.clients.len() as u64) as usize;
            let mut call = self.clients[client].call.take().expect("every client is busy");
            if call.answer.is_none() {
                call.answer = Some(self.take_effect(&call));
                self.clients[client].call = Some(call);
            } else {
                self.complete(client, &call);
                self.invoke(client);
            }
        }
        self.events
    }

    /// The client's next operation; when all have begun, the client leaves.
    fn invoke(&mut self, client: usize) {
        if self.invoked == self.recipe.operations {
            self.clients.swap_remove(client);
            return;
        }
        let (list, function, input) = self.choose();
        let crashes = self.random.below(100) < self.recipe.crashed_percent;
        let happens = !crashes || self.random.below(2) == 0;
        let ends = if crashes { EventType::Info } else { EventType::Ok };
        let call = Call { list, function, input, happens, ends, answer: None };
        self.record(client, &call, EventType::Invoke, call.input.clone());
        self.clients[client].call = Some(call);
        self.invoked += 1;
    }

    fn choose(&mut self) -> (usize, Function, Value) {
        match self.recipe.object {
            Object::UniqueRegister | Object::Register { .. } => self.choose_for_register(),
            Object::ShortLists => self.choose_for_list(self.invoked / 100, 2),
            Object::LongList => self.choose_for_list(0, self.recipe.operations / 10),
        }
    }

    fn choose_for_register(&mut self) -> (usize, Function, Value) {
        match self.random.below(10) {
            0..5 => (0, Function::Read, Value::Nil),
            5..9 => (0, Function::Write, self.value()),
            _ => {
                let expected = self.expected();
                (0, Function::Cas, Value::List(vec![expected, self.value()]))
            }
        }
    }

    /// One operation in `read_every` reads.
    fn choose_for_list(&mut self, list: usize, read_every: usize) -> (usize, Function, Value) {
        if list == self.lists.len() {
            self.lists.push(Vec::new());
            self.keys.push(format!("k{}", list + 1).into());
        }
        if self.invoked % read_every == read_every - 1 {
            (list, Function::Read, Value::Nil)
        } else {
            (list, Function::Append, self.value())
        }
    }

    /// A value to write.
    fn value(&mut self) -> Value {
        if let Object::Register { values } = self.recipe.object {
            return Value::Int(self.random.below(values.into()).cast_signed());
        }
        self.next_value += 1;
        Value::Int(self.next_value)
    }

    /// What a compare expects: where values are unique, the latest one, or no such compare would ever succeed.
    fn expected(&mut self) -> Value {
        if let Object::Register { .. } = self.recipe.object { self.value() } else { self.register.clone() }
    }

    fn take_effect(&mut self, call: &Call) -> Answer {
        if !call.happens {
            return Answer { refused: false, saw: Value::Nil, lsn: None };
        }
        let (mut refused, mut saw) = (false, call.input.clone());
        match (&call.function, &call.input) {
            (Function::Append, element) => self.lists[call.list].push(element.clone()),
            (Function::Write, value) => self.register = value.clone(),
            (Function::Cas, Value::List(pair)) if pair[0] == self.register => self.register = pair[1].clone(),
            (Function::Cas, _) => (refused, saw) = (true, self.register.clone()),
            _ if self.lists.is_empty() => saw = self.register.clone(),
            _ => saw = Value::List(self.lists[call.list].clone()),
        }
        let is_write = call.function.is_write() && !refused;
        self.writes += u64::from(is_write);
        Answer { refused, saw, lsn: is_write.then_some(self.writes) }
    }

    fn complete(&mut self, client: usize, call: &Call) {
        let Some(Answer { refused, saw, lsn }) = &call.answer else { unreachable!("it took effect") };
        match call.ends {
            EventType::Ok if *refused => {
                self.record(client, call, EventType::Fail, call.input.clone());
                self.events.last_mut().expect("just recorded").seen = Some(saw.clone());
            }
            EventType::Ok => {
                self.record(client, call, EventType::Ok, saw.clone());
                self.events.last_mut().expect("just recorded").lsn = *lsn;
            }
            unknown => {
                self.record(client, call, unknown, call.input.clone());
                self.clients[client].process = self.next_process;
                self.next_process += 1;
            }
        }
    }

    /// Records an event as the harness does: with a time, and what a node that answers tells of itself.
    fn record(&mut self, client: usize, call: &Call, event_type: EventType, value: Value) {
        let number = self.events.len() as u64;
        let is_answer = matches!(event_type, EventType::Ok | EventType::Fail);
        let node = if call.function == Function::Read { number % 3 } else { 0 }; // n1 leads
        self.events.push(Event {
            time: Some(number * 1_000),
            process: self.clients[client].process,
            event_type,
            function: call.function.clone(),
            key: Some(self.keys[call.list].clone()),
            value,
            node: is_answer.then(|| self.nodes[node as usize].clone()),
            epoch: is_answer.then_some(1),
            lsn: None,
            seen: None,
            error: None,
        });
    }
}
