//! A pull lexer for text format.

use crate::proto::codec::{Error, Result};

/// A position in a text, which is always the start of a token or the end.
#[derive(Clone, Copy)]
pub(super) struct Lexer<'a> {
    src: &'a [u8],
    at: usize,
}

/// A number without its sign.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Literal<'a> {
    /// Decimal digits.
    Decimal(&'a str),
    /// Octal digits, without the leading zero.
    Octal(&'a str),
    /// Hexadecimal digits, without `0x`.
    Hex(&'a str),
    /// A number with a point, an exponent or an `f`, which is removed.
    Float(&'a str),
}

impl Literal<'_> {
    /// The value of an integer. `None` for a float or a value of more than 64 bits.
    pub fn integer(self) -> Option<u64> {
        match self {
            Literal::Decimal(digits) => digits.parse().ok(),
            Literal::Octal(digits) => u64::from_str_radix(digits, 8).ok(),
            Literal::Hex(digits) => u64::from_str_radix(digits, 16).ok(),
            Literal::Float(_) => None,
        }
    }
}

/// Whether a byte may be part of the name of an extension or of a type URL.
pub(super) fn is_bracketed(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"./-_~!$&()*+,;=%".contains(&byte)
}

impl<'a> Lexer<'a> {
    pub fn new(src: &'a [u8]) -> Self {
        let mut lexer = Lexer { src, at: 0 };
        lexer.skip_space();
        lexer
    }

    /// Creates an error with the line and column of the current token.
    #[cold]
    pub fn error(&self, message: impl std::fmt::Display) -> Error {
        let before = &self.src[..self.at];
        let line = memchr::memchr_iter(b'\n', before).count() + 1;
        let start = memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1);
        let column = before[start..].iter().filter(|byte| **byte & 0xc0 != 0x80).count() + 1;
        Error::text(format!("{message} at line {line}, column {column}"))
    }

    #[cold]
    pub fn unexpected(&self, wanted: &str) -> Error {
        match String::from_utf8_lossy(&self.src[self.at..]).chars().next() {
            None => self.error(format_args!("Unexpected end of text, expected {wanted}")),
            Some(found) => self.error(format_args!("Unexpected {found:?}, expected {wanted}")),
        }
    }

    fn skip_space(&mut self) {
        loop {
            match self.src.get(self.at) {
                Some(b' ' | b'\n' | b'\r' | b'\t' | 11 | 12) => self.at += 1,
                Some(b'#') => {
                    self.at =
                        memchr::memchr(b'\n', &self.src[self.at..]).map_or(self.src.len(), |newline| self.at + newline);
                }
                _ => return,
            }
        }
    }

    /// The first byte of the current token.
    pub fn peek(&self) -> Option<u8> {
        self.src.get(self.at).copied()
    }

    pub fn is_end(&self) -> bool {
        self.at == self.src.len()
    }

    /// Consumes `byte` if it is the current token.
    pub fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        if found {
            self.at += 1;
            self.skip_space();
        }
        found
    }

    pub fn expect(&mut self, byte: u8, wanted: &str) -> Result<()> {
        if self.take(byte) {
            Ok(())
        } else {
            Err(self.unexpected(wanted))
        }
    }

    fn slice(&self, start: usize) -> &'a str {
        std::str::from_utf8(&self.src[start..self.at]).expect("names and numbers are ASCII")
    }

    /// A name.
    pub fn identifier(&mut self) -> Option<&'a str> {
        if !self.peek()?.is_ascii_alphabetic() && self.peek() != Some(b'_') {
            return None;
        }
        let start = self.at;
        while self
            .src
            .get(self.at)
            .is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
        {
            self.at += 1;
        }
        let name = self.slice(start);
        self.skip_space();
        Some(name)
    }

    /// Reads the contents of brackets: `pkg.name` or a type URL. Whitespace and comments between its parts are
    /// dropped.
    pub fn bracketed(&mut self) -> Result<String> {
        self.expect(b'[', "'['")?;
        let mut name = String::new();
        while !self.take(b']') {
            match self.peek() {
                Some(byte) if is_bracketed(byte) => {
                    name.push(byte.into());
                    self.at += 1;
                    self.skip_space();
                }
                _ => return Err(self.unexpected("the name of an extension or a type URL, and ']'")),
            }
        }
        Ok(name)
    }

    /// Reads a number whose sign has been consumed.
    pub fn number(&mut self) -> Result<Literal<'a>> {
        let start = self.at;
        let digits = |src: &[u8], mut at: usize| {
            while src.get(at).is_some_and(u8::is_ascii_digit) {
                at += 1;
            }
            at
        };
        let rest = &self.src[self.at..];
        if let [b'0', b'x' | b'X', ..] = rest {
            self.at += 2;
            let start = self.at;
            while self.src.get(self.at).is_some_and(u8::is_ascii_hexdigit) {
                self.at += 1;
            }
            let text = self.slice(start);
            return if text.is_empty() {
                Err(self.unexpected("hexadecimal digits"))
            } else {
                self.end_number(Literal::Hex(text))
            };
        }
        self.at = digits(self.src, self.at);
        let whole = self.at - start;
        let mut float = false;
        if self.peek() == Some(b'.') {
            self.at = digits(self.src, self.at + 1);
            float = true;
            if whole == 0 && self.at - start == 1 {
                return Err(self.unexpected("digits"));
            }
        } else if whole == 0 {
            return Err(self.unexpected("a number"));
        }
        if let Some(b'e' | b'E') = self.peek() {
            let sign = matches!(self.src.get(self.at + 1), Some(b'+' | b'-'));
            let exponent = self.at + 1 + usize::from(sign);
            self.at = digits(self.src, exponent);
            if self.at == exponent {
                return Err(self.unexpected("the digits of an exponent"));
            }
            float = true;
        }
        let text = self.slice(start);
        let octal = !float && text.len() > 1 && text.starts_with('0');
        if let Some(b'f' | b'F') = self.peek() {
            if octal {
                return Err(self.error("An octal number cannot have an 'f'"));
            }
            self.at += 1;
            float = true;
        }
        if octal {
            return if text.bytes().all(|digit| digit < b'8') {
                self.end_number(Literal::Octal(&text[1..]))
            } else {
                Err(self.error("An octal number must have digits from 0 to 7"))
            };
        }
        self.end_number(if float {
            Literal::Float(text)
        } else {
            Literal::Decimal(text)
        })
    }

    /// A number must not be directly followed by a name: `12abc` is invalid.
    fn end_number(&mut self, literal: Literal<'a>) -> Result<Literal<'a>> {
        if self
            .peek()
            .is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.')
        {
            return Err(self.unexpected("space or punctuation after a number"));
        }
        self.skip_space();
        Ok(literal)
    }

    /// Reads one or more string literals and appends their concatenation to `out`.
    pub fn strings(&mut self, out: &mut Vec<u8>) -> Result<()> {
        if !matches!(self.peek(), Some(b'"' | b'\'')) {
            return Err(self.unexpected("a string"));
        }
        while let Some(quote @ (b'"' | b'\'')) = self.peek() {
            self.at += 1;
            self.string(quote, out)?;
            self.skip_space();
        }
        Ok(())
    }

    fn string(&mut self, quote: u8, out: &mut Vec<u8>) -> Result<()> {
        loop {
            let rest = &self.src[self.at..];
            let plain = rest
                .iter()
                .position(|byte| *byte == quote || matches!(byte, b'\\' | b'\n' | 0))
                .unwrap_or(rest.len());
            out.extend_from_slice(&rest[..plain]);
            self.at += plain;
            match rest.get(plain) {
                Some(b'\\') => {
                    self.at += 1;
                    self.escape(out)?;
                }
                Some(byte) if *byte == quote => {
                    self.at += 1;
                    return Ok(());
                }
                Some(_) => return Err(self.error("A string cannot contain an unescaped line feed or NUL")),
                None => return Err(self.error("Unterminated string")),
            }
        }
    }

    /// Decodes the escape after a backslash.
    fn escape(&mut self, out: &mut Vec<u8>) -> Result<()> {
        let byte = self.peek().ok_or_else(|| self.error("Unterminated string"))?;
        let plain = match byte {
            b'a' => 7,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'v' => 11,
            b'?' | b'\\' | b'\'' | b'"' => byte,
            b'0'..=b'7' => {
                let value = self.digits(8, 1, 3)?;
                let byte = u8::try_from(value).map_err(|_| self.error("An octal escape must not exceed \\377"))?;
                out.push(byte);
                return Ok(());
            }
            b'x' | b'X' => {
                self.at += 1;
                let value = self.digits(16, 1, 2)?;
                out.push(value as u8);
                return Ok(());
            }
            b'u' | b'U' => {
                self.at += 1;
                let width = if byte == b'u' { 4 } else { 8 };
                let value = self.digits(16, width, width)?;
                let char = char::from_u32(value)
                    .ok_or_else(|| self.error("The escape sequence is not a Unicode character"))?;
                out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
                return Ok(());
            }
            _ => return Err(self.error("Invalid escape in a string")),
        };
        self.at += 1;
        out.push(plain);
        Ok(())
    }

    fn digits(&mut self, radix: u32, least: usize, most: usize) -> Result<u32> {
        let mut value = 0u32;
        for count in 0..most {
            match self.peek().and_then(|byte| char::from(byte).to_digit(radix)) {
                // At most eight hexadecimal digits, which fit into 32 bits.
                Some(digit) => value = value << radix.trailing_zeros() | digit,
                None if count >= least => break,
                None => return Err(self.error("An escape sequence has no digits")),
            }
            self.at += 1;
        }
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Option<Literal<'_>> {
        let mut lexer = Lexer::new(text.as_bytes());
        lexer.number().ok().filter(|_| lexer.is_end())
    }

    #[test]
    fn numbers() {
        assert_eq!(number("0"), Some(Literal::Decimal("0")));
        assert_eq!(number("017"), Some(Literal::Octal("17")));
        assert_eq!(number("0xfF"), Some(Literal::Hex("fF")));
        assert_eq!(number("1.5e+3f"), Some(Literal::Float("1.5e+3")));
        assert_eq!(number(".5"), Some(Literal::Float(".5")));
        assert_eq!(number("5."), Some(Literal::Float("5.")));
        assert_eq!(number("10f"), Some(Literal::Float("10")));
        for wrong in ["", ".", "08", "0x", "1e", "1e+", "12abc", "1.2.3", "017f", "0xg", "1_0"] {
            assert_eq!(number(wrong), None, "{wrong}");
        }
        assert_eq!(number("0xffffffffffffffff").and_then(Literal::integer), Some(u64::MAX));
        assert_eq!(number("18446744073709551616").and_then(Literal::integer), None);
    }

    fn string(text: &str) -> Option<Vec<u8>> {
        let mut lexer = Lexer::new(text.as_bytes());
        let mut out = Vec::new();
        lexer.strings(&mut out).ok().filter(|()| lexer.is_end()).map(|()| out)
    }

    #[test]
    fn strings() {
        assert_eq!(string(r#" "a'\"" 'b"\'' # comment"#), Some(b"a'\"b\"'".to_vec()));
        assert_eq!(
            string(r#""\a\b\f\n\r\t\v\?\\\x1\xff\7\012\377\u00e9\U0001F600""#).unwrap(),
            {
                let mut out = b"\x07\x08\x0c\n\r\t\x0b?\\\x01\xff\x07\n\xff".to_vec();
                out.extend_from_slice("é😀".as_bytes());
                out
            }
        );
        let wrongs = [
            r#""\400""#,
            r#""\ud800""#,
            r#""\U00110000""#,
            r#""\u12""#,
            r#""\x""#,
            r#""\q""#,
            "\"\n\"",
            "\"",
            "\"'",
            "\"\\\"",
            "\"a\0\"",
        ];
        for wrong in wrongs {
            assert_eq!(string(wrong), None, "{wrong}");
        }
    }
}
