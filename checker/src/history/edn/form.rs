//! A small reader of EDN forms. It knows the notation and nothing of histories.
//!
//! What a history has no use for is read leniently: a tag or metadata is dropped in favour of its form, and symbols,
//! characters and numbers that are no `i64` are kept as text, as they were written.

use std::fmt;

/// The deepest nesting that is read, as in JSON. The bound keeps recursion off the stack's end.
const DEEPEST: usize = 128;

/// A form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::history) enum Form {
    Nil,
    Int(i64),
    /// Without its colon.
    Keyword(String),
    Text(String),
    /// A vector, a list or a set.
    List(Vec<Form>),
    Map(Vec<(Form, Form)>),
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nil => f.write_str("nil"),
            Self::Int(number) => write!(f, "{number}"),
            Self::Keyword(name) => write!(f, ":{name}"),
            Self::Text(text) => f.write_str(text),
            Self::List(forms) => {
                f.write_str("[")?;
                for (index, form) in forms.iter().enumerate() {
                    write!(f, "{}{form}", if index == 0 { "" } else { " " })?;
                }
                f.write_str("]")
            }
            Self::Map(entries) => {
                f.write_str("{")?;
                for (index, (key, value)) in entries.iter().enumerate() {
                    write!(f, "{}{key} {value}", if index == 0 { "" } else { ", " })?;
                }
                f.write_str("}")
            }
        }
    }
}

/// A form that stands by itself or directly in the outermost vector or list.
pub(super) struct Entry {
    /// Its offset in the text.
    pub(super) at: usize,
    pub(super) form: Form,
}

/// Why the text is no EDN.
pub(super) struct FormError {
    /// The offset in the text.
    pub(super) at: usize,
    pub(super) message: String,
    /// The text ended too early; more of it might have been EDN.
    pub(super) is_unfinished: bool,
}

/// Reads the forms of a text, one after the other.
pub(super) struct Parser<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
    /// What closes the outermost vector or list, while inside it.
    pub(super) outermost: Option<u8>,
}

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0, outermost: None }
    }

    /// The next entry. The outermost vector or list is entered, not returned.
    pub(super) fn next_entry(&mut self) -> Result<Option<Entry>, FormError> {
        loop {
            self.skip_blank(0)?;
            let at = self.at;
            match (self.peek(), self.outermost) {
                (None, None) => return Ok(None),
                (None, Some(_)) => return Err(self.unfinished()),
                (Some(b'['), None) => self.outermost = Some(b']'),
                (Some(b'('), None) => self.outermost = Some(b')'),
                (Some(byte), Some(closing)) if byte == closing => self.outermost = None,
                (Some(b']' | b')' | b'}'), Some(closing)) => return Err(self.expected(closing)),
                _ => return Ok(Some(Entry { at, form: self.form(0)? })),
            }
            self.at += 1;
        }
    }

    /// The next form, or `None` at the end of the text.
    pub(super) fn next_form(&mut self) -> Result<Option<Form>, FormError> {
        self.skip_blank(0)?;
        if self.peek().is_none() { Ok(None) } else { self.form(0).map(Some) }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn error(&self, message: impl Into<String>) -> FormError {
        FormError { at: self.at, message: message.into(), is_unfinished: false }
    }

    fn unfinished(&self) -> FormError {
        FormError { at: self.text.len(), message: "the text ends inside a form".to_owned(), is_unfinished: true }
    }

    fn expected(&self, closing: u8) -> FormError {
        let found = self.text[self.at..].chars().next().unwrap_or(' ');
        self.error(format!("expected `{}`, found `{}`", closing as char, found.escape_debug()))
    }

    /// Whitespace, commas, comments and discarded forms.
    fn skip_blank(&mut self, depth: usize) -> Result<(), FormError> {
        while let Some(byte) = self.peek() {
            match byte {
                b',' | b' ' | b'\t'..=b'\r' => self.at += 1,
                b';' => self.at += self.text[self.at..].find('\n').unwrap_or(self.text.len() - self.at),
                b'#' if self.text[self.at..].starts_with("#_") => {
                    self.at += 2;
                    self.nested(depth)?;
                }
                _ => break,
            }
        }
        Ok(())
    }

    fn nested(&mut self, depth: usize) -> Result<Form, FormError> {
        if depth == DEEPEST {
            return Err(self.error(format!("forms are nested deeper than {DEEPEST}")));
        }
        self.skip_blank(depth + 1)?;
        self.form(depth + 1)
    }

    fn form(&mut self, depth: usize) -> Result<Form, FormError> {
        let rest = &self.text[self.at..];
        match self.peek() {
            None => Err(self.unfinished()),
            Some(b'[') => self.list(1, b']', depth),
            Some(b'(') => self.list(1, b')', depth),
            Some(b'#') if rest.starts_with("#{") => self.list(2, b'}', depth),
            Some(b'{') => self.map(depth),
            Some(b'"') => self.string(),
            Some(b'\\') => Ok(self.character()),
            Some(b'#' | b'^') => {
                self.at += 1;
                self.nested(depth)?;
                self.nested(depth)
            }
            Some(b']' | b')' | b'}') => Err(self.error(format!("expected a form, found `{}`", &rest[..1]))),
            Some(_) => Ok(self.token()),
        }
    }

    fn list(&mut self, opening: usize, closing: u8, depth: usize) -> Result<Form, FormError> {
        self.at += opening;
        let mut forms = Vec::new();
        loop {
            self.skip_blank(depth)?;
            match self.peek() {
                Some(byte) if byte == closing => {
                    self.at += 1;
                    return Ok(Form::List(forms));
                }
                Some(b']' | b')' | b'}') => return Err(self.expected(closing)),
                _ => forms.push(self.nested(depth)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Form, FormError> {
        self.at += 1;
        let mut entries = Vec::new();
        loop {
            self.skip_blank(depth)?;
            match self.peek() {
                Some(b'}') => {
                    self.at += 1;
                    return Ok(Form::Map(entries));
                }
                Some(b']' | b')') => return Err(self.expected(b'}')),
                _ => {}
            }
            let key = self.nested(depth)?;
            self.skip_blank(depth)?;
            if self.peek() == Some(b'}') {
                return Err(self.error("expected a value for the key before it"));
            }
            entries.push((key, self.nested(depth)?));
        }
    }

    fn string(&mut self) -> Result<Form, FormError> {
        self.at += 1;
        let mut string = String::new();
        let mut characters = self.text[self.at..].char_indices();
        while let Some((offset, character)) = characters.next() {
            match character {
                '"' => {
                    self.at += offset + 1;
                    return Ok(Form::Text(string));
                }
                '\\' => match characters.next() {
                    Some((_, 'n')) => string.push('\n'),
                    Some((_, 't')) => string.push('\t'),
                    Some((_, 'r')) => string.push('\r'),
                    Some((_, 'b')) => string.push('\u{8}'),
                    Some((_, 'f')) => string.push('\u{c}'),
                    Some((_, literal @ ('"' | '\\'))) => string.push(literal),
                    // `\uXXXX`, and whatever else a printer may have thought of, stays as it was written.
                    Some((_, other)) => string.extend(['\\', other]),
                    None => break,
                },
                other => string.push(other),
            }
        }
        Err(self.unfinished())
    }

    /// A backslash and at least one character, whichever it is.
    fn character(&mut self) -> Form {
        let first = self.text[self.at + 1..].chars().next().map_or(0, char::len_utf8);
        let length = 1 + first + token_length(&self.text[self.at + 1 + first..]);
        let written = &self.text[self.at + 1..self.at + length];
        self.at += length;
        Form::Text(written.to_owned())
    }

    fn token(&mut self) -> Form {
        let token = &self.text[self.at..][..token_length(&self.text[self.at..]).max(1)];
        self.at += token.len();
        match token.strip_prefix(':') {
            Some(keyword) => Form::Keyword(keyword.to_owned()),
            None if token == "nil" => Form::Nil,
            None => match token.strip_suffix('N').unwrap_or(token).parse() {
                Ok(number) => Form::Int(number),
                Err(_) => Form::Text(token.to_owned()),
            },
        }
    }
}

/// How far a token goes: to the next byte that ends one. These are ASCII, so it ends on a character's boundary.
fn token_length(text: &str) -> usize {
    let ends = |byte: u8| {
        byte.is_ascii_whitespace()
            || matches!(byte, 0x0b | b',' | b';' | b'"' | b'[' | b']' | b'(' | b')' | b'{' | b'}')
    };
    text.bytes().position(ends).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, shown: &str) {
        let form = Parser::new(text).next_form().map_err(|error| error.message);
        assert_eq!(form.expect("valid").expect("a form").to_string(), shown, "{text}");
    }

    #[test]
    fn forms_are_read() {
        check("nil", "nil");
        check("-12", "-12");
        check("12N", "12");
        check("1.5e3", "1.5e3");
        check("99999999999999999999", "99999999999999999999");
        check(":read", ":read");
        check("#inst \"2026\"", "2026");
        check("^{:a 1} [1 #_2 (3, #{4})]", "[1 [3 [4]]]");
        check(r#""a\"b\\c\n""#, "a\"b\\c\n");
        check(r"[\a \newline \[]", "[a newline []");
        check("{:a 1 :b #{}}", "{:a 1, :b []}");
        check("é", "é");
    }

    #[test]
    fn a_text_that_ends_inside_a_form_is_unfinished() {
        for text in ["[1 2", "{:a", "{:a 1", "\"abc", "\"abc\\", "#tag", "#", "(1 [2)"] {
            let error = Parser::new(text).next_form().expect_err("unfinished");
            assert_eq!(error.is_unfinished, text != "(1 [2)", "{text}: {}", error.message);
        }
    }
}
