//! Numbers that no other client of a run draws: what makes written values unique.

use interregnum_checker::history::Value;

/// One client's share of the whole numbers: those that leave its own number as the remainder by the number of clients.
#[derive(Clone, Debug)]
pub(crate) struct UniqueNumbers {
    next: u32,
    stride: u32,
}

impl UniqueNumbers {
    /// The share of client number `client` (from 0) of `clients`.
    pub(crate) fn of(client: usize, clients: usize) -> Self {
        assert!(client < clients, "clients are numbered from 0");
        Self { next: client as u32 + 1, stride: clients as u32 }
    }

    /// The next one.
    pub(crate) fn draw(&mut self) -> Value {
        let number = self.next;
        self.next =
            number.checked_add(self.stride).expect("a run ends long before its clients have drawn four billion");
        Value::Int(number.into())
    }
}
