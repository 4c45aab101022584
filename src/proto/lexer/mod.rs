//! Splits `.proto` text into tokens without copying: a token is a slice of the source with its position.
//!
//! Comments are not tokens. The lexer assigns the comments between two tokens, by the rules of `protoc`'s tokenizer:
//! one can be the trailing comment of the token before or the leading comment of the token after; the others are
//! detached. Numbers and strings are decoded on request.
//!
//! Source: the "Lexical Elements" of the protobuf language specification.

mod literals;

use super::schema::{Comments, Position};
pub use literals::{integer, unescape_all, unquote};

/// The kind of a token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TokenKind {
    /// A name or keyword.
    Ident,
    /// Decimal, octal (`017`) or hexadecimal digits.
    Int,
    /// Digits with a point or an exponent.
    Float,
    /// A string with its quotes.
    Str,
    /// One character of punctuation.
    Punct(u8),
    /// The end of the file.
    End,
}

/// One token.
#[derive(Clone, Copy, Debug)]
pub struct Token<'a> {
    /// Its kind.
    pub kind: TokenKind,
    /// Its text.
    pub text: &'a str,
    /// Byte offset in the source.
    pub start: u32,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

impl Token<'_> {
    /// Byte offset of its end.
    pub fn end(&self) -> u32 {
        self.start + self.text.len() as u32
    }
}

/// A lexical error: what was found wrong, and where.
pub struct LexError {
    /// Byte offset, line and start of line, as a token has them.
    pub at: Position,
    /// What is wrong.
    pub message: String,
}

/// The comments between two tokens, without comment marks.
#[derive(Default, Debug)]
pub struct Gap {
    /// The comment that belongs to the token before.
    pub trailing: Option<Box<str>>,
    /// Comments that belong to no token.
    pub detached: Vec<Box<str>>,
    /// The comment that belongs to the token after.
    pub leading: Option<Box<str>>,
}

impl Gap {
    /// Takes the leading and detached comments for the element that starts after the gap.
    pub fn take_leading(&mut self) -> Comments {
        if self.leading.is_none() && self.detached.is_empty() {
            return Comments::default();
        }
        Comments(Some(Box::new(super::schema::CommentText {
            leading: self.leading.take(),
            trailing: None,
            detached: std::mem::take(&mut self.detached),
        })))
    }
}

/// Iterates over the tokens of a source.
#[derive(Clone)]
pub struct Lexer<'a> {
    source: &'a str,
    bytes: &'a [u8],
    at: usize,
    line: u32,
    line_start: u32,
    /// Whether the source is ASCII, so that characters are bytes.
    ascii: bool,
    /// An offset on the current line, and the number of characters before it on that line. Columns are counted from
    /// there: counting from the start for every token would be quadratic for one long line.
    counted: (usize, u32),
    /// Whether comments start with `#`, as in text format.
    pub text_format: bool,
}

impl<'a> Lexer<'a> {
    /// Creates a lexer at the first byte, after a byte order mark.
    pub fn new(source: &'a str) -> Self {
        let at = if source.starts_with('\u{feff}') { 3 } else { 0 };
        Self {
            source,
            bytes: source.as_bytes(),
            at,
            line: 1,
            line_start: at as u32,
            ascii: source.is_ascii(),
            counted: (at, 0),
            text_format: false,
        }
    }

    /// An empty token before the first one.
    pub fn start(&self) -> Token<'a> {
        Token {
            kind: TokenKind::End,
            text: "",
            start: self.line_start,
            line: 1,
            column: 1,
        }
    }

    /// A slice of the source by byte offsets.
    pub fn slice(&self, start: u32, end: u32) -> &'a str {
        &self.source[start as usize..end as usize]
    }

    /// The column of the character at `self.at`.
    #[inline]
    fn column(&mut self) -> u32 {
        if self.ascii {
            return (self.at as u32).wrapping_sub(self.line_start) + 1;
        }
        let line_start = self.line_start as usize;
        let (from, before) = if self.counted.0 < line_start {
            (line_start, 0)
        } else {
            self.counted
        };
        self.counted = (self.at, before + characters(&self.bytes[from..self.at]));
        self.counted.1 + 1
    }

    #[cold]
    fn error(&self, at: usize, message: impl Into<String>) -> LexError {
        LexError {
            at: Position {
                line: self.line,
                column: characters(&self.bytes[self.line_start as usize..at]) + 1,
            },
            message: message.into(),
        }
    }

    #[inline]
    fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    /// Returns the next token. Comments before it are added to `gap`, if given.
    pub fn next(&mut self, gap: Option<&mut Gap>) -> Result<Token<'a>, LexError> {
        self.skip_space();
        while self.text_format && self.peek(0) == b'#' {
            self.line_comment(1);
            self.skip_space();
        }
        if self.peek(0) == b'/' {
            match gap {
                Some(gap) => self.comments(gap)?,
                None => while self.skip_comment()? {},
            }
        }
        let (start, line, column) = (self.at, self.line, self.column());
        let kind = match self.peek(0) {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => {
                self.skip_name();
                TokenKind::Ident
            }
            b'0'..=b'9' => self.number()?,
            b'.' if self.peek(1).is_ascii_digit() => self.number()?,
            quote @ (b'"' | b'\'') => self.string(quote)?,
            0 if self.at == self.bytes.len() => TokenKind::End,
            byte @ 0x21..=0x7e => {
                self.at += 1;
                TokenKind::Punct(byte)
            }
            _ => {
                let found = self.source[self.at..].chars().next().unwrap_or(' ');
                return Err(self.error(self.at, format!("unexpected character {found:?}")));
            }
        };
        Ok(Token {
            kind,
            text: &self.source[start..self.at],
            start: start as u32,
            line,
            column,
        })
    }

    #[inline]
    fn skip_space(&mut self) {
        while let Some(&byte) = self.bytes.get(self.at) {
            match byte {
                b'\n' => {
                    self.at += 1;
                    self.line += 1;
                    self.line_start = self.at as u32;
                }
                b' ' | b'\t' | b'\r' | 0x0b | 0x0c => self.at += 1,
                _ => break,
            }
        }
    }

    #[inline]
    fn skip_name(&mut self) {
        while matches!(self.peek(0), b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_') {
            self.at += 1;
        }
    }

    fn number(&mut self) -> Result<TokenKind, LexError> {
        let start = self.at;
        let mut kind = TokenKind::Int;
        if self.peek(0) == b'0' && matches!(self.peek(1), b'x' | b'X') {
            self.at += 2;
            self.digits(u8::is_ascii_hexdigit);
            if self.at == start + 2 {
                return Err(self.error(start, "expected hexadecimal digits after 0x"));
            }
        } else {
            self.digits(u8::is_ascii_digit);
            if self.peek(0) == b'.' {
                kind = TokenKind::Float;
                self.at += 1;
                self.digits(u8::is_ascii_digit);
            }
            if matches!(self.peek(0), b'e' | b'E') {
                kind = TokenKind::Float;
                self.at += 1;
                if matches!(self.peek(0), b'+' | b'-') {
                    self.at += 1;
                }
                let exponent = self.at;
                self.digits(u8::is_ascii_digit);
                if self.at == exponent {
                    return Err(self.error(start, "expected digits in the exponent of a number"));
                }
            }
            let text = &self.bytes[start..self.at];
            if kind == TokenKind::Int && text[0] == b'0' && text.iter().any(|digit| *digit > b'7') {
                return Err(self.error(start, "numbers starting with 0 are octal and take the digits 0 to 7"));
            }
        }
        match self.peek(0) {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => {
                Err(self.error(self.at, "expected a space between a number and a name"))
            }
            b'.' => Err(self.error(
                self.at,
                "a number can have one decimal point, and a hexadecimal number none",
            )),
            _ => Ok(kind),
        }
    }

    fn digits(&mut self, accept: impl Fn(&u8) -> bool) {
        while accept(&self.peek(0)) {
            self.at += 1;
        }
    }

    fn string(&mut self, quote: u8) -> Result<TokenKind, LexError> {
        let start = self.at;
        self.at += 1;
        loop {
            match self.bytes.get(self.at) {
                Some(&byte) if byte == quote => break,
                None | Some(b'\n') => {
                    let end = quote as char;
                    return Err(self.error(start, format!("a string must end with {end} on the line it starts on")));
                }
                // Escapes are validated when the string is decoded. Here, only an escaped quote matters.
                Some(b'\\') if self.peek(1) != b'\n' && self.at + 1 < self.bytes.len() => self.at += 2,
                Some(_) => self.at += 1,
            }
        }
        self.at += 1;
        Ok(TokenKind::Str)
    }

    /// Skips one comment and the whitespace after it. Returns `false` if there is no comment.
    fn skip_comment(&mut self) -> Result<bool, LexError> {
        match (self.peek(0), self.peek(1)) {
            (b'/', b'/') => {
                self.line_comment(2);
            }
            (b'/', b'*') => {
                self.block_comment()?;
            }
            _ => return Ok(false),
        }
        self.skip_space();
        Ok(true)
    }

    /// Skips a `// …` or `# …` comment. `mark` is the length of its mark. Returns the text with its line end, as
    /// `protoc` keeps it.
    fn line_comment(&mut self, mark: usize) -> &'a str {
        let start = self.at + mark;
        match memchr::memchr2(b'\n', 0, &self.bytes[start..]) {
            // `protoc` accepts NUL nowhere, so it is left for the next token, which reports it.
            Some(length) if self.bytes[start + length] == 0 => self.at = start + length,
            Some(length) => {
                self.at = start + length + 1;
                self.line += 1;
                self.line_start = self.at as u32;
            }
            None => self.at = self.bytes.len(),
        }
        &self.source[start..self.at]
    }

    /// Skips a `/* … */` comment. Returns the text between the marks.
    fn block_comment(&mut self) -> Result<&'a str, LexError> {
        let start = self.at + 2;
        let Some(length) = memchr::memmem::find(&self.bytes[start..], b"*/") else {
            return Err(self.error(self.at, "a comment must end with */"));
        };
        let text = &self.source[start..start + length];
        if text.contains('\0') {
            return Err(self.error(self.at, "a comment must end with */ and must not contain NUL"));
        }
        self.at = start + length + 2;
        for offset in memchr::memchr_iter(b'\n', text.as_bytes()) {
            self.line += 1;
            self.line_start = (start + offset + 1) as u32;
        }
        Ok(text)
    }

    /// Assigns the comments of a gap whose first comment starts here.
    fn comments(&mut self, gap: &mut Gap) -> Result<(), LexError> {
        let line_break = self.bytes[..self.at]
            .iter()
            .rposition(|byte| !byte.is_ascii_whitespace());
        let before = line_break.map_or(0, |at| at + 1);
        let breaks = memchr::memchr_iter(b'\n', &self.bytes[before..self.at]).count();
        // A comment on the line of the token before is its trailing comment. Without one, the first comment right
        // below may be.
        let mut attachable = before > 0 && breaks < 2;
        let mut buffer: Option<(String, bool)> = None;
        let flush = |buffer: &mut Option<(String, bool)>, attachable: &mut bool, gap: &mut Gap| {
            let Some((text, _)) = buffer.take() else { return };
            if std::mem::take(attachable) {
                gap.trailing = Some(text.into());
            } else {
                gap.detached.push(text.into());
            }
        };
        let mut same_line = breaks == 0 && before > 0;
        loop {
            let is_line = match (self.peek(0), self.peek(1)) {
                (b'/', b'/') => true,
                (b'/', b'*') => false,
                _ => break,
            };
            if is_line {
                if buffer.as_ref().is_some_and(|(_, line)| !line) {
                    flush(&mut buffer, &mut attachable, gap);
                }
                let text = self.line_comment(2);
                buffer.get_or_insert_with(|| (String::new(), true)).0.push_str(text);
            } else {
                flush(&mut buffer, &mut attachable, gap);
                buffer = Some((clean_block(self.block_comment()?), false));
            }
            let line = self.line;
            self.skip_space();
            // A line comment includes its own line end.
            let breaks = (self.line - line) as usize + is_line as usize;
            if same_line {
                same_line = false;
                if breaks == 0 && !matches!((self.peek(0), self.peek(1)), (b'/', b'/' | b'*')) {
                    // `a; /* whose? */ b;`
                    gap.detached.extend(buffer.map(|(text, _)| text.into()));
                    return Ok(());
                }
                flush(&mut buffer, &mut attachable, gap);
            }
            if breaks > 1 {
                flush(&mut buffer, &mut attachable, gap);
                attachable = false;
            }
        }
        if matches!(self.peek(0), b'}' | b']' | b')') || self.at == self.bytes.len() {
            flush(&mut buffer, &mut attachable, gap);
        }
        // An empty comment does not count, unless it stands alone.
        gap.leading = buffer.filter(|(text, _)| !text.is_empty()).map(|(text, _)| text.into());
        gap.trailing = gap.trailing.take().filter(|text| !text.is_empty());
        Ok(())
    }
}

/// Whether `text` is an identifier of the language: letters, digits and underscores, not starting with a digit.
pub fn is_identifier(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Counts characters: every byte except UTF-8 continuation bytes.
fn characters(bytes: &[u8]) -> u32 {
    bytes.iter().filter(|&&byte| byte & 0xc0 != 0x80).count() as u32
}

/// The text of a block comment without the asterisks at the start of its lines.
fn clean_block(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (index, line) in text.split('\n').enumerate() {
        if index == 0 {
            out.push_str(line);
            continue;
        }
        out.push('\n');
        let line = line.trim_start_matches([' ', '\t', '\r', '\x0b', '\x0c']);
        out.push_str(line.strip_prefix('*').unwrap_or(line));
    }
    out
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use proptest::prelude::*;

    use super::*;

    fn all(source: &str) -> Result<Vec<(TokenKind, &str)>, String> {
        let mut lexer = Lexer::new(source);
        let mut out = Vec::new();
        loop {
            let token = lexer
                .next(None)
                .map_err(|error| format!("{}: {}", error.at, error.message))?;
            if token.kind == TokenKind::End {
                return Ok(out);
            }
            out.push((token.kind, token.text));
        }
    }

    fn gaps(source: &str) -> Vec<(Option<String>, Vec<String>, Option<String>)> {
        let mut lexer = Lexer::new(source);
        let mut out = Vec::new();
        loop {
            let mut gap = Gap::default();
            let token = lexer.next(Some(&mut gap)).map_err(|error| error.message).unwrap();
            let text = |text: Option<Box<str>>| text.map(|text| text.trim().to_string());
            let detached = gap.detached.iter().map(|text| text.trim().to_string()).collect();
            out.push((text(gap.trailing), detached, text(gap.leading)));
            if token.kind == TokenKind::End {
                return out;
            }
        }
    }

    #[test]
    fn tokens() {
        use TokenKind::*;
        assert_eq!(
            all("a_1=-0x1F 017 1.5e+3 .5 1. 'x\\'y' \"\"//c\n/*d*/;").unwrap(),
            [
                (Ident, "a_1"),
                (Punct(b'='), "="),
                (Punct(b'-'), "-"),
                (Int, "0x1F"),
                (Int, "017"),
                (Float, "1.5e+3"),
                (Float, ".5"),
                (Float, "1."),
                (Str, "'x\\'y'"),
                (Str, "\"\""),
                (Punct(b';'), ";")
            ]
        );
    }

    #[test]
    fn lexical_errors_have_a_place() {
        for (source, expected) in [
            ("a\n  08", "2:3: numbers starting with 0"),
            ("1a", "1:2: expected a space"),
            ("0x", "1:1: expected hexadecimal"),
            ("1.2.3", "1:4: a number can have one"),
            ("é", "1:1: unexpected character 'é'"),
            ("'é' é", "1:5: unexpected character"),
            ("'a\n'", "1:1: a string must end"),
            ("\"a\\", "1:1: a string must end"),
            ("/* x", "1:1: a comment must end"),
            ("1e", "1:1: expected digits in the exponent"),
            ("\u{0}", "1:1: unexpected character '\\0'"),
            ("// \u{0}", "1:4: unexpected character '\\0'"),
            ("/* \u{0} */", "1:1: a comment must end"),
        ] {
            let error = all(source).unwrap_err();
            assert!(error.starts_with(expected), "{source:?}: {error}");
        }
    }

    #[test]
    fn strings_decode() {
        let decode = |text| {
            let token = Lexer::new(text).next(None).map_err(|error| error.message).unwrap();
            unquote(&token).map(Cow::into_owned)
        };
        assert_eq!(decode(r#""plain""#).unwrap(), b"plain");
        assert_eq!(
            decode(r#"'\a\b\f\n\r\t\v\\\?\'\"'"#).unwrap(),
            b"\x07\x08\x0c\n\r\t\x0b\\?'\""
        );
        assert_eq!(decode(r#"'\1\18\377\xfe\x1g'"#).unwrap(), b"\x01\x018\xff\xfe\x01g");
        assert_eq!(decode(r#"'\u00e9\U0001F600\ud83d\ude00'"#).unwrap(), "é😀😀".as_bytes());
        for bad in [r"'\q'", r"'\x'", r"'\u12'", r"'\U00110000'", r"'\ud800'"] {
            assert!(decode(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn comments_attach_as_protoc_attaches_them() {
        let s = |text: &str| Some(text.to_string());
        let source = "// d\n\n// l1\n// l2\na; // t\n// d2\n\n/* l3\n * l4 */\nb;\n// t2\n\nc; /* x */ d; /* t3 */\n// l5\ne;\n// end\n}";
        let got = gaps(source);
        assert_eq!(got[0], (None, vec!["d".into()], s("l1\n l2")));
        assert_eq!(got[2], (s("t"), vec!["d2".into()], s("l3\n l4")));
        assert_eq!(got[4], (s("t2"), vec![], None));
        assert_eq!(got[6], (None, vec!["x".into()], None));
        assert_eq!(got[8], (s("t3"), vec![], s("l5")));
        assert_eq!(got[10], (s("end"), vec![], None));
        // Empty comments do not count.
        let got = gaps("/**/a;/**/\n\n//x\n\n/**/b");
        assert_eq!(got[0], (None, vec![], None));
        assert_eq!(got[2], (None, vec!["x".into()], None));
    }

    #[test]
    fn integers() {
        assert_eq!(integer("0"), Some(0));
        assert_eq!(integer("017"), Some(15));
        assert_eq!(integer("0XfF"), Some(255));
        assert_eq!(integer("18446744073709551615"), Some(u64::MAX));
        assert_eq!(integer("18446744073709551616"), None);
    }

    proptest! {
        #[test]
        fn any_text_ends_or_fails(source in "\\PC*") {
            let _ = all(&source);
        }

        #[test]
        fn any_proto_like_text_ends_or_fails(source in "[ a/*\\\\\"'\n.0x1;{}]{0,40}") {
            let _ = all(&source);
            let mut lexer = Lexer::new(&source);
            let mut gap = Gap::default();
            while let Ok(token) = lexer.next(Some(&mut gap)) {
                if token.kind == TokenKind::Str { let _ = unquote(&token); }
                if token.kind == TokenKind::End { break }
            }
        }
    }
}
