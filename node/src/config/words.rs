//! The words of flags: enumerations that are written exactly as they are read.

/// Gives an enumeration of flag words the `Display` and `FromStr` of exactly those words.
macro_rules! flag_words {
    ($($name:ident: $what:literal),+ $(,)?) => { $(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let value = self.to_possible_value().expect("no variant is hidden");
                f.write_str(value.get_name())
            }
        }

        impl FromStr for $name {
            type Err = $crate::config::UnknownWord;

            fn from_str(word: &str) -> Result<Self, $crate::config::UnknownWord> {
                <Self as ValueEnum>::from_str(word, false).map_err(|_| $crate::config::UnknownWord {
                    what: $what,
                    word: word.to_owned(),
                    choices: Self::value_variants().iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
                })
            }
        }
    )+ };
}

pub(crate) use flag_words;

/// A mode's name that is none of the choices.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is no {what} mode; choose one of: {choices}")]
pub struct UnknownWord {
    pub(crate) what: &'static str,
    pub(crate) word: String,
    pub(crate) choices: String,
}
