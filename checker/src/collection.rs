//! Lists and sets, the objects that hold elements and whose reads show all of them: which of the two a key holds. It
//! judges nothing.

use crate::history::{Function, Operation};

/// An object that holds elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Collection {
    /// `append`; a read shows the elements in the order in which they were appended, each as often as it was.
    List,
    /// `add`; a read shows the elements in any order, each once.
    Set,
}

impl Collection {
    /// What the function puts its argument into, if it puts an element anywhere.
    pub(crate) fn of_function(function: &Function) -> Option<Self> {
        match function {
            Function::Append => Some(Self::List),
            function if function.is_add() => Some(Self::Set),
            _ => None,
        }
    }

    /// What all of these writes put their elements into; `None` if one of them does something else, or there is none.
    pub(crate) fn of_writes<'a>(writes: impl IntoIterator<Item = &'a Operation>) -> Option<Self> {
        let mut of_each = writes.into_iter().map(|write| Self::of_function(&write.function));
        let first = of_each.next()??;
        of_each.all(|other| other == Some(first)).then_some(first)
    }

    /// How often a read may show an element at most, of which there were so many writes that happened or may have.
    pub(crate) fn most_times(self, writes: u64) -> u64 {
        match self {
            Self::List => writes.max(1),
            Self::Set => 1,
        }
    }
}
