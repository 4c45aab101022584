//! A pull lexer for JSON text (RFC 8259). The parser asks for what its schema expects, so neither tokens nor a tree
//! are ever built.
//!
//! Strings are returned as the raw bytes between their quotes, and numbers as validated text, because a 64-bit
//! integer must not pass through a float.

use super::number::Number;
use crate::proto::codec::{Error, Result};

/// The bytes between the quotes of a string, with escapes undecoded.
#[derive(Clone, Copy)]
pub(super) struct RawStr<'a> {
    pub bytes: &'a [u8],
    pub escaped: bool,
}

/// A position in JSON text. It is `Copy`, so that a parser can look ahead and return.
#[derive(Clone, Copy)]
pub(super) struct Lexer<'a> {
    src: &'a [u8],
    /// The same input as text, for slices that must be text.
    text: &'a str,
    at: usize,
}

/// The type of a value, determined from its first byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Object,
    Array,
    String,
    Number,
    True,
    False,
    Null,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Lexer {
            src: text.as_bytes(),
            text,
            at: 0,
        }
    }

    /// Creates an error with the line and column (both from 1) of byte `at`.
    #[cold]
    pub(super) fn error_at(&self, at: usize, message: impl std::fmt::Display) -> Error {
        let before = &self.src[..at.min(self.src.len())];
        let line = memchr::memchr_iter(b'\n', before).count() + 1;
        let start = memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1);
        let column = before[start..].iter().filter(|byte| **byte & 0xc0 != 0x80).count() + 1;
        Error::json(format!("{message} at line {line}, column {column}"))
    }

    /// Creates an error at the current position.
    #[cold]
    pub(super) fn error(&self, message: impl std::fmt::Display) -> Error {
        self.error_at(self.at, message)
    }

    pub(super) fn offset(&self) -> usize {
        self.at
    }

    #[inline(always)]
    fn skip_space(&mut self) {
        // Compact JSON has no whitespace at all; formatted JSON has runs of it.
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.src.get(self.at) {
            self.at += 1;
        }
    }

    /// Returns the first byte of the next token without consuming it.
    #[inline(always)]
    fn peek(&mut self) -> Option<u8> {
        self.skip_space();
        self.src.get(self.at).copied()
    }

    /// Returns the type of the next value without consuming it.
    #[inline(always)]
    pub(super) fn kind(&mut self) -> Result<Kind> {
        Ok(match self.peek() {
            Some(b'"') => Kind::String,
            Some(b'-' | b'0'..=b'9') => Kind::Number,
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::Array,
            Some(b't') => Kind::True,
            Some(b'f') => Kind::False,
            Some(b'n') => Kind::Null,
            _ => return Err(self.unexpected("a value")),
        })
    }

    #[cold]
    pub(super) fn unexpected(&self, wanted: &str) -> Error {
        match self
            .src
            .get(self.at..)
            .map(String::from_utf8_lossy)
            .and_then(|rest| rest.chars().next())
        {
            None => self.error(format_args!("Unexpected end of JSON, expected {wanted}")),
            Some(found) => self.error(format_args!("Unexpected {found:?} in JSON, expected {wanted}")),
        }
    }

    /// Consumes `byte` if it is the next token.
    #[inline(always)]
    pub(super) fn take(&mut self, byte: u8) -> bool {
        // Usually there is no whitespace before it.
        if self.src.get(self.at) == Some(&byte) {
            self.at += 1;
            return true;
        }
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Consumes `token` if the input continues with exactly these bytes.
    #[inline(always)]
    pub(super) fn take_all(&mut self, token: &[u8]) -> bool {
        self.skip_space();
        let found = self.src[self.at..].starts_with(token);
        self.at += if found { token.len() } else { 0 };
        found
    }

    /// A lexer over the same text at another position.
    pub(super) fn at(&self, at: usize) -> Self {
        Lexer { at, ..*self }
    }

    #[inline(always)]
    pub(super) fn expect(&mut self, byte: u8, wanted: &str) -> Result<()> {
        if self.take(byte) {
            Ok(())
        } else {
            Err(self.unexpected(wanted))
        }
    }

    /// After an element of an object or array: returns whether another element follows (`,`), or `false` after
    /// `close`.
    #[inline(always)]
    pub(super) fn more(&mut self, close: u8) -> Result<bool> {
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                Ok(true)
            }
            Some(byte) if byte == close => {
                self.at += 1;
                Ok(false)
            }
            _ => Err(self.unexpected(if close == b'}' { "',' or '}'" } else { "',' or ']'" })),
        }
    }

    /// Checks that only whitespace is left.
    pub(super) fn end(&mut self) -> Result<()> {
        if self.peek().is_some() {
            Err(self.unexpected("the end of the text"))
        } else {
            Ok(())
        }
    }

    /// Whether `byte` is the next token. Does not consume it.
    #[inline(always)]
    pub(super) fn next_is(&mut self, byte: u8) -> bool {
        self.peek() == Some(byte)
    }

    /// Consumes `true`, `false` or `null`, whose first letter [`kind`](Self::kind) has seen.
    #[inline]
    pub(super) fn word(&mut self, word: &'static str) -> Result<()> {
        let end = self.at + word.len();
        let whole = self.src.get(self.at..end) == Some(word.as_bytes());
        if !whole || self.src.get(end).is_some_and(u8::is_ascii_alphanumeric) {
            return Err(self.unexpected(word));
        }
        self.at = end;
        Ok(())
    }

    /// Consumes a string. Its escapes are validated only by [`unescape`](Self::unescape).
    #[inline(always)]
    pub(super) fn string(&mut self) -> Result<RawStr<'a>> {
        self.expect(b'"', "a string")?;
        let start = self.at;
        let mut escaped = false;
        loop {
            self.at = find_special(self.src, self.at);
            match self.src.get(self.at) {
                Some(b'"') => {
                    let bytes = &self.src[start..self.at];
                    self.at += 1;
                    return Ok(RawStr { bytes, escaped });
                }
                Some(b'\\') => {
                    escaped = true;
                    // The escaped byte may be a quote. If this is past the end, the next iteration reports the error.
                    self.at += 2;
                }
                Some(_) => return Err(self.error("Unescaped control character in a string")),
                None => return Err(self.error_at(start - 1, "Unterminated string")),
            }
        }
    }

    /// Appends the text of `raw` to `out`. Lone surrogates and unknown escapes are errors.
    pub(super) fn unescape(&self, raw: RawStr<'_>, out: &mut Vec<u8>) -> Result<()> {
        let mut rest = raw.bytes;
        while let Some(slash) = memchr::memchr(b'\\', rest) {
            out.extend_from_slice(&rest[..slash]);
            let wrong = || self.error("Invalid escape before the end of the string");
            let escape = *rest.get(slash + 1).ok_or_else(wrong)?;
            rest = &rest[slash + 2..];
            let byte = match escape {
                b'"' | b'\\' | b'/' => escape,
                b'b' => 8,
                b'f' => 12,
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'u' => {
                    let mut unit = hex4(rest).ok_or_else(wrong)?;
                    rest = &rest[4..];
                    if (0xd800..0xdc00).contains(&unit) && rest.starts_with(b"\\u") {
                        let low = hex4(&rest[2..]).ok_or_else(wrong)?;
                        if (0xdc00..0xe000).contains(&low) {
                            unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
                            rest = &rest[6..];
                        }
                    }
                    let char = char::from_u32(unit)
                        .ok_or_else(|| self.error("Unpaired surrogate escape before the end of the string"))?;
                    out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
                    continue;
                }
                _ => return Err(wrong()),
            };
            out.push(byte);
        }
        out.extend_from_slice(rest);
        Ok(())
    }

    /// Consumes an integer of at most eighteen digits without a fraction or exponent, as most numbers are. For
    /// anything else, returns `None` and consumes nothing.
    #[inline(always)]
    pub(super) fn small_integer(&mut self) -> Option<i64> {
        self.skip_space();
        let negative = self.src.get(self.at) == Some(&b'-');
        let start = self.at + usize::from(negative);
        let mut end = start;
        let mut value = 0i64;
        while let Some(digit @ b'0'..=b'9') = self.src.get(end) {
            if end - start == 18 {
                return None;
            }
            value = value * 10 + i64::from(digit - b'0');
            end += 1;
        }
        let leading_zero = self.src.get(start) == Some(&b'0') && end - start > 1;
        match self.src.get(end) {
            Some(b',' | b']' | b'}' | b'\n' | b' ' | b'\r' | b'\t') | None if end > start && !leading_zero => {
                self.at = end;
                Some(if negative { -value } else { value })
            }
            _ => None,
        }
    }

    /// Consumes a number and checks its grammar.
    #[inline]
    pub(super) fn number(&mut self) -> Result<Number<'a>> {
        self.skip_space();
        match Number::lex(self.text.get(self.at..).unwrap_or_default()) {
            Some(number) => {
                let end = self.at + number.len();
                // `12abc` and `01` are one invalid token, not two tokens.
                if self
                    .src
                    .get(end)
                    .is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'.')
                {
                    return Err(self.error("Invalid number"));
                }
                self.at = end;
                Ok(number)
            }
            None => Err(self.error("Invalid number")),
        }
    }

    /// Skips any value without recursion. `depth` is the number of levels that may still be entered.
    pub(super) fn skip_value(&mut self, depth: usize) -> Result<()> {
        // One bit per level would be enough for 64 levels; one byte per level works for any limit.
        let mut open: Vec<u8> = Vec::new();
        let mut scratch = Vec::new();
        loop {
            match self.kind()? {
                Kind::Object | Kind::Array => {
                    if open.len() >= depth {
                        return Err(Error::depth());
                    }
                    let close = self.src[self.at] + 2; // '[' + 2 == ']', '{' + 2 == '}'
                    self.at += 1;
                    if !self.take(close) {
                        open.push(close);
                        if close == b'}' {
                            self.skip_key(&mut scratch)?;
                        }
                        continue;
                    }
                }
                Kind::String => self.skip_string(&mut scratch)?,
                Kind::Number => drop(self.number()?),
                Kind::True => self.word("true")?,
                Kind::False => self.word("false")?,
                Kind::Null => self.word("null")?,
            }
            loop {
                let Some(&close) = open.last() else { return Ok(()) };
                if self.more(close)? {
                    if close == b'}' {
                        self.skip_key(&mut scratch)?;
                    }
                    break;
                }
                open.pop();
            }
        }
    }

    fn skip_key(&mut self, scratch: &mut Vec<u8>) -> Result<()> {
        self.skip_string(scratch)?;
        self.expect(b':', "':'")
    }

    fn skip_string(&mut self, scratch: &mut Vec<u8>) -> Result<()> {
        let raw = self.string()?;
        if raw.escaped {
            scratch.clear();
            self.unescape(raw, scratch)?;
        }
        Ok(())
    }
}

fn hex4(bytes: &[u8]) -> Option<u32> {
    let digits = bytes.get(..4)?;
    digits
        .iter()
        .try_fold(0, |unit, digit| Some(unit << 4 | char::from(*digit).to_digit(16)?))
}

/// The index of the first quote, backslash or control character from `at` on, or the length.
#[inline(always)]
pub(super) fn find_special(src: &[u8], mut at: usize) -> usize {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGH: u64 = u64::from_le_bytes([0x80; 8]);
    // Handles eight bytes at a time. The lowest flagged byte is always a real match, because borrows affect only
    // higher bytes.
    while let Some(chunk) = src.get(at..at + 8) {
        let word = u64::from_le_bytes(chunk.try_into().expect("eight bytes"));
        let quote = word ^ (ONES * b'"' as u64);
        let slash = word ^ (ONES * b'\\' as u64);
        let hits = (quote.wrapping_sub(ONES) & !quote
            | slash.wrapping_sub(ONES) & !slash
            | word.wrapping_sub(ONES * 0x20) & !word)
            & HIGH;
        if hits != 0 {
            return at + hits.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    find_special_naive(src, at)
}

/// The simple implementation that property tests compare [`find_special`] with.
fn find_special_naive(src: &[u8], mut at: usize) -> usize {
    while src.get(at).is_some_and(|byte| !matches!(byte, b'"' | b'\\' | 0..0x20)) {
        at += 1;
    }
    at.min(src.len().max(at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn special_bytes_are_found_as_the_naive_twin_finds_them(src in proptest::collection::vec(any::<u8>(), 0..64), at in 0usize..64) {
            let at = at.min(src.len());
            prop_assert_eq!(find_special(&src, at), find_special_naive(&src, at));
        }

        #[test]
        fn any_text_survives_escaping(text in any::<String>()) {
            let escaped: String = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
            let source = format!("\"{escaped}\"");
            let mut lexer = Lexer::new(&source);
            let raw = lexer.string().unwrap();
            let mut out = Vec::new();
            lexer.unescape(raw, &mut out).unwrap();
            prop_assert_eq!(String::from_utf8(out).unwrap(), text);
            prop_assert!(lexer.end().is_ok());
        }
    }

    fn unescaped(source: &str) -> Result<String> {
        let mut lexer = Lexer::new(source);
        let raw = lexer.string()?;
        let mut out = Vec::new();
        lexer.unescape(raw, &mut out)?;
        lexer.end()?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn strings() {
        assert_eq!(
            unescaped(r#" "a\"\\\/\b\f\n\r\t\u00e9\ud83D\uDE00" "#).unwrap(),
            "a\"\\/\u{8}\u{c}\n\r\té😀"
        );
        for wrong in [
            r#""\x""#,
            r#""\u12""#,
            r#""\ud800""#,
            r#""\udc00\ud800""#,
            r#""\U0041""#,
            "\"\n\"",
            "\"",
            "\"\\\"",
            "''",
            "\"\\",
        ] {
            assert!(unescaped(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn skipping() {
        let skip = |source: &str, depth| {
            let mut lexer = Lexer::new(source);
            lexer.skip_value(depth).and_then(|()| lexer.end())
        };
        for right in [
            "{}",
            "[]",
            r#"{"a":[1,{"b":null}],"c":{}}"#,
            "[[],[[]]]",
            "\"x\"",
            "-1.5e3",
            "true",
            " [ 1 , 2 ] ",
        ] {
            assert!(skip(right, 3).is_ok(), "{right}");
        }
        for wrong in [
            "{",
            "[",
            "[1,]",
            "{\"a\":1,}",
            "{\"a\"}",
            "[1 2]",
            "{a:1}",
            "tru",
            "truex",
            "nul",
            "01",
            "1.",
            "[1}",
            "/**/1",
        ] {
            assert!(skip(wrong, 3).is_err(), "{wrong}");
        }
        assert!(skip("[[[[]]]]", 3).is_err());
        assert!(skip(&"[".repeat(1 << 20), usize::MAX).is_err());
    }

    #[test]
    fn errors_name_line_and_column() {
        let mut lexer = Lexer::new("{\n \"é\" ?");
        lexer.expect(b'{', "").unwrap();
        lexer.string().unwrap();
        let error = lexer.expect(b':', "':'").unwrap_err().to_string();
        assert!(error.contains("line 2, column 6"), "{error}");
    }
}
