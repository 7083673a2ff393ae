//! The data of a history: values and the names of functions, and how they are written. It knows nothing of time.

use std::fmt;
use std::sync::Arc;

use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// A datum of a history: what was written, read or compared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// Nothing: an absent key, or no argument.
    #[default]
    Nil,
    /// A whole number.
    Int(i64),
    /// Text.
    Text(Arc<str>),
    /// Several, in order: the two arguments of a compare-and-set, or the elements of a list.
    List(Vec<Value>),
}

/// The most elements of a list that [`Value`]'s `Display` shows; of a longer one it shows the last ones, which differ.
const SHOWN_ELEMENTS: usize = 4;
/// The most characters of a text that [`Value`]'s `Display` shows.
const SHOWN_CHARS: usize = 32;

/// For people: one line, whatever the text holds, and short.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nil => f.write_str("nil"),
            Self::Int(number) => write!(f, "{number}"),
            Self::Text(text) => {
                let mut escaped = text.escape_debug();
                for character in escaped.by_ref().take(SHOWN_CHARS) {
                    write!(f, "{character}")?;
                }
                f.write_str(if escaped.next().is_some() { "…" } else { "" })
            }
            Self::List(elements) => {
                let shown = &elements[elements.len().saturating_sub(SHOWN_ELEMENTS)..];
                f.write_str("[")?;
                if shown.len() < elements.len() {
                    write!(f, "{} more … ", elements.len() - shown.len())?;
                }
                for (index, element) in shown.iter().enumerate() {
                    write!(f, "{}{element}", if index == 0 { "" } else { " " })?;
                }
                f.write_str("]")
            }
        }
    }
}

/// Written by hand, not derived: `untagged` would first copy every value into a buffer, and say of a bad one only that it
/// matched nothing.
impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("null, a whole number of 64 bits, text or a list of these")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Nil)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Int(number))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Value, E> {
        let in_range = i64::try_from(number);
        in_range.map(Value::Int).map_err(|_| E::invalid_value(de::Unexpected::Unsigned(number), &self))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.into()))
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<Value, E> {
        Ok(Value::Text(text.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(element) = elements.next_element()? {
            list.push(element);
        }
        Ok(Value::List(list))
    }
}

/// What an operation does. The names are Jepsen's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Function {
    /// Reads a register or a whole list.
    Read,
    /// Overwrites a register.
    Write,
    /// Compare-and-set: writes the second value if the register holds the first.
    Cas,
    /// Removes what a register holds: it is absent, which reads as nil.
    Delete,
    /// Appends one element to a list.
    Append,
    /// Anything else, by its name.
    #[serde(untagged)]
    Other(Arc<str>),
}

impl Function {
    /// Whether it is one that changes an object. Of functions that only a caller knows, this says `false`.
    #[must_use]
    pub fn is_write(&self) -> bool {
        matches!(self, Self::Write | Self::Cas | Self::Delete | Self::Append) || self.is_add()
    }

    /// Whether it is Jepsen's `add`, which puts one element into a set.
    #[must_use]
    pub fn is_add(&self) -> bool {
        matches!(self, Self::Other(name) if **name == *"add")
    }
}

impl Function {
    /// The function of that name, if it is one of those with a name of their own here.
    pub(super) fn known(name: &str) -> Option<Self> {
        match name {
            "read" => Some(Self::Read),
            "write" => Some(Self::Write),
            "cas" => Some(Self::Cas),
            "delete" => Some(Self::Delete),
            "append" => Some(Self::Append),
            _ => None,
        }
    }

    /// Its name, as files have it.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Cas => "cas",
            Self::Delete => "delete",
            Self::Append => "append",
            Self::Other(name) => name,
        }
    }
}

impl From<&str> for Function {
    fn from(name: &str) -> Self {
        Self::known(name).unwrap_or_else(|| Self::Other(name.into()))
    }
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name().escape_debug())
    }
}

impl<'de> Deserialize<'de> for Function {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(FunctionVisitor)
    }
}

struct FunctionVisitor;

impl Visitor<'_> for FunctionVisitor {
    type Value = Function;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a function, such as \"read\"")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Function, E> {
        Ok(Function::from(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_shown(json: &str, shown: &str) {
        let value: Value = serde_json::from_str(json).expect("valid");
        assert_eq!(value.to_string(), shown);
    }

    #[test]
    fn values_are_shown_on_one_short_line() {
        check_shown("null", "nil");
        check_shown("-7", "-7");
        check_shown(r#""two\nlines""#, r"two\nlines");
        check_shown("[1, [2, null]]", "[1 [2 nil]]");
        check_shown("[1,2,3,4,5,6]", "[2 more … 3 4 5 6]");
        check_shown(&format!("\"{}\"", "x".repeat(40)), &format!("{}…", "x".repeat(32)));
    }

    #[test]
    fn functions_and_values_survive_json() {
        for json in [r#""read""#, r#""write""#, r#""cas""#, r#""delete""#, r#""append""#, r#""add""#] {
            let function: Function = serde_json::from_str(json).expect("valid");
            assert_eq!(serde_json::to_string(&function).expect("writable"), json);
        }
        for json in ["null", "-9223372036854775808", r#""""#, r#"[1,["a",null]]"#] {
            let value: Value = serde_json::from_str(json).expect("valid");
            assert_eq!(serde_json::to_string(&value).expect("writable"), json);
        }
    }

    #[test]
    fn what_is_no_value_is_refused_by_name() {
        for json in ["1.5", "true", "{}", "18446744073709551615"] {
            let message = serde_json::from_str::<Value>(json).expect_err("no value").to_string();
            assert!(message.contains("expected null, a whole number"), "{json}: {message}");
        }
    }
}
