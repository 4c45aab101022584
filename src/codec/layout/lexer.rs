//! Splits text into tokens.

use super::Error;

/// A token. A name in backticks can be anything, including a keyword.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Word(String),
    Quoted(String),
    Int(i128),
    /// The bytes of a string in double quotes: characters below 256 are one byte each, others are UTF-8.
    Str(Vec<u8>),
    Symbol(&'static str),
    End,
}

/// Longer symbols come first.
const SYMBOLS: [&str; 37] = [
    "..", "<<", ">>", "==", "!=", "<=", ">=", "&&", "||", "{", "}", "(", ")", "[", "]", ";", ":", ",", ".", "=", "+",
    "-", "*", "/", "%", "&", "|", "^", "~", "!", "<", ">", "?", "@", "#", "$", "\\",
];

/// The start of a token: line and column, from 1.
pub(super) type Position = (u32, u32);

pub(super) fn tokens(text: &str) -> Result<Vec<(Token, Position)>, Error> {
    let mut lexer = Lexer {
        text,
        at: 0,
        line: 1,
        start: 0,
    };
    let mut tokens = Vec::new();
    loop {
        let token = lexer.next()?;
        let last = token.0 == Token::End;
        tokens.push(token);
        if last {
            return Ok(tokens);
        }
    }
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    line: u32,
    /// The start of the line.
    start: usize,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn position(&self) -> Position {
        (self.line, self.text[self.start..self.at].chars().count() as u32 + 1)
    }

    fn error(&self, message: impl Into<String>) -> Error {
        Error::syntax(self.position(), message)
    }

    fn next(&mut self) -> Result<(Token, Position), Error> {
        self.skip()?;
        let position = self.position();
        let Some(first) = self.rest().chars().next() else {
            return Ok((Token::End, position));
        };
        let token = match first {
            '"' => Token::Str(self.quoted('"')?),
            '`' => {
                let name = String::from_utf8(self.quoted('`')?);
                Token::Quoted(name.map_err(|_| Error::syntax(position, "a name must be valid UTF-8"))?)
            }
            '\'' => {
                let bytes = self.quoted('\'')?;
                if bytes.is_empty() || bytes.len() > 6 {
                    return Err(Error::syntax(position, "a character constant must have 1 to 6 bytes"));
                }
                Token::Int(bytes.iter().fold(0, |all, &byte| all << 8 | i128::from(byte)))
            }
            '0'..='9' => self.number(position)?,
            'A'..='Z' | 'a'..='z' | '_' | '$' => {
                let rest = self.rest();
                let end = rest
                    .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '$'))
                    .unwrap_or(rest.len());
                let word = rest[..end].to_string();
                self.at += end;
                Token::Word(word)
            }
            other => {
                let Some(symbol) = SYMBOLS.into_iter().find(|symbol| self.rest().starts_with(symbol)) else {
                    return Err(self.error(format!("unexpected character {other:?}")));
                };
                self.at += symbol.len();
                Token::Symbol(symbol)
            }
        };
        Ok((token, position))
    }

    /// Skips whitespace and comments.
    fn skip(&mut self) -> Result<(), Error> {
        loop {
            let rest = self.rest();
            if rest.starts_with("//") {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if rest.starts_with("/*") {
                let Some(end) = rest.find("*/") else {
                    return Err(self.error("the end of this comment is missing"));
                };
                let stop = self.at + end + 2;
                while self.at < stop {
                    self.step();
                }
            } else if rest.starts_with(|c: char| c.is_whitespace() || c == '\u{feff}') {
                self.step();
            } else {
                return Ok(());
            }
        }
    }

    fn step(&mut self) -> Option<char> {
        let next = self.rest().chars().next()?;
        self.at += next.len_utf8();
        if next == '\n' {
            self.line += 1;
            self.start = self.at;
        }
        Some(next)
    }

    fn number(&mut self, position: Position) -> Result<Token, Error> {
        let rest = self.rest();
        let end = rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            .unwrap_or(rest.len());
        let text = rest[..end].replace('_', "");
        self.at += end;
        let parsed = match text.get(..2) {
            Some("0x" | "0X") => i128::from_str_radix(&text[2..], 16),
            Some("0b" | "0B") => i128::from_str_radix(&text[2..], 2),
            Some("0o" | "0O") => i128::from_str_radix(&text[2..], 8),
            _ => text.parse(),
        };
        match parsed {
            Ok(value) if value <= i128::from(u64::MAX) => Ok(Token::Int(value)),
            _ => Err(Error::syntax(
                position,
                format!("{text} is not an integer of at most 64 bits"),
            )),
        }
    }

    fn quoted(&mut self, quote: char) -> Result<Vec<u8>, Error> {
        let position = self.position();
        let unclosed = || Error::syntax(position, format!("the {quote} at the end of this is missing"));
        self.step();
        let mut bytes = Vec::new();
        // In names, characters are UTF-8; elsewhere, `\x89` and the like are single bytes.
        let push = |bytes: &mut Vec<u8>, c: char| bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        loop {
            match self.step().ok_or_else(unclosed)? {
                c if c == quote => return Ok(bytes),
                '\n' => return Err(unclosed()),
                '\\' => match self.step().ok_or_else(unclosed)? {
                    'n' => bytes.push(b'\n'),
                    'r' => bytes.push(b'\r'),
                    't' => bytes.push(b'\t'),
                    '0' => bytes.push(0),
                    'x' => {
                        let digits = self.rest().get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
                        bytes.push(digits.ok_or_else(|| self.error("\\x must be followed by two hexadecimal digits"))?);
                        self.at += 2;
                    }
                    'u' => {
                        let rest = self.rest();
                        let end = rest.find('}').filter(|_| rest.starts_with('{'));
                        let digits = end.and_then(|end| u32::from_str_radix(&rest[1..end], 16).ok());
                        let Some(c) = digits.and_then(char::from_u32) else {
                            return Err(self.error("\\u must be followed by the number of a character in braces"));
                        };
                        self.at += end.unwrap_or(0) + 1;
                        push(&mut bytes, c);
                    }
                    c @ ('\\' | '"' | '\'' | '`') => push(&mut bytes, c),
                    c => return Err(self.error(format!("unknown escape sequence \\{c}"))),
                },
                c => push(&mut bytes, c),
            }
        }
    }
}
