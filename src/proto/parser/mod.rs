//! Parses tokens into a syntax tree by recursive descent, with one function per production of the grammar.
//!
//! The parser accepts the union of proto2, proto3 and editions. The linker checks what a file of each edition may
//! use, except for differences in the grammar. The nesting depth is limited, and so is the recursion.
//!
//! Source: the grammars of the protobuf language specification and `protoc`'s parser, where the two differ.

pub mod ast;
mod enums;
mod fields;
mod messages;
mod options;
mod services;

use std::borrow::Cow;

use super::error::Error;
use super::lexer::{Gap, LexError, Lexer, Token, TokenKind, integer, unquote};
use super::options::{CompileOptions, Limits};
use super::schema::{Comments, Edition, ImportKind, Position, Visibility};
use ast::{File, Import};

type Result<T> = std::result::Result<T, Error>;

/// Parses one file.
pub fn parse<'a>(name: &str, source: &'a str, options: &CompileOptions) -> Result<File<'a>> {
    if source.len() > options.limits.source_bytes {
        let message = format!(
            "the source has {} bytes, more than the limit of {}",
            source.len(),
            options.limits.source_bytes
        );
        return Err(Error::new(name, Position::default(), message));
    }
    let lexer = Lexer::new(source);
    let token = lexer.start();
    let mut parser = Parser {
        file: name,
        lexer,
        token,
        previous_end: 0,
        gap: Gap::default(),
        depth: 0,
        symbols: 0,
        limits: &options.limits,
        lenient: options.lenient,
        edition: Edition::Proto2,
    };
    parser.advance()?;
    parser.file()
}

/// The parser, with the current token and its context.
struct Parser<'a, 'o> {
    file: &'o str,
    lexer: Lexer<'a>,
    token: Token<'a>,
    /// The end of the previous token, to slice names out of the source.
    previous_end: u32,
    /// The comments between the previous token and the current one.
    gap: Gap,
    depth: usize,
    symbols: usize,
    limits: &'o Limits,
    lenient: bool,
    edition: Edition,
}

impl<'a> Parser<'a, '_> {
    fn advance(&mut self) -> Result<Token<'a>> {
        self.gap = Gap::default();
        self.previous_end = self.token.end();
        match self.lexer.next(Some(&mut self.gap)) {
            Ok(token) => Ok(std::mem::replace(&mut self.token, token)),
            Err(error) => Err(self.lex_error(error)),
        }
    }

    #[cold]
    fn lex_error(&self, error: LexError) -> Error {
        Error::new(self.file, error.at, error.message)
    }

    /// The token after the current one, which is not consumed.
    fn peek(&self) -> Result<Token<'a>> {
        self.lexer.clone().next(None).map_err(|error| self.lex_error(error))
    }

    fn here(&self) -> Position {
        Position {
            line: self.token.line,
            column: self.token.column,
        }
    }

    #[cold]
    fn error_at(&self, position: Position, message: impl Into<String>) -> Error {
        Error::new(self.file, position, message)
    }

    #[cold]
    fn error(&self, message: impl Into<String>) -> Error {
        self.error_at(self.here(), message)
    }

    /// `expected X, found Y`.
    #[cold]
    fn expected(&self, what: &str) -> Error {
        let found = match self.token.kind {
            TokenKind::End => "the end of the file".to_string(),
            TokenKind::Str => self.token.text.to_string(),
            _ => format!("\"{}\"", self.token.text),
        };
        self.error(format!("expected {what}, found {found}"))
    }

    fn at(&self, punct: u8) -> bool {
        self.token.kind == TokenKind::Punct(punct)
    }

    fn at_word(&self, word: &str) -> bool {
        self.token.kind == TokenKind::Ident && self.token.text == word
    }

    fn eat(&mut self, punct: u8) -> Result<bool> {
        let found = self.at(punct);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn eat_word(&mut self, word: &str) -> Result<bool> {
        let found = self.at_word(word);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn expect(&mut self, punct: u8, context: &str) -> Result<()> {
        if self.eat(punct)? {
            return Ok(());
        }
        Err(self.expected(&format!("\"{}\" {context}", punct as char)))
    }

    fn ident(&mut self, what: &str) -> Result<&'a str> {
        if self.token.kind != TokenKind::Ident {
            return Err(self.expected(what));
        }
        Ok(self.advance()?.text)
    }

    /// Reads the name of a new element and counts it against the limit.
    fn declare(&mut self, what: &str) -> Result<(&'a str, Position)> {
        let position = self.here();
        let name = self.ident(what)?;
        self.count_symbol(position)?;
        Ok((name, position))
    }

    fn count_symbol(&mut self, position: Position) -> Result<()> {
        self.symbols += 1;
        if self.symbols > self.limits.symbols {
            return Err(self.error_at(
                position,
                format!("more than {} names are declared", self.limits.symbols),
            ));
        }
        Ok(())
    }

    /// Reads `a.b.c`, with a leading dot if `leading` allows it.
    fn dotted(&mut self, what: &str, leading: bool) -> Result<Cow<'a, str>> {
        let start = self.token.start;
        let mut length = 0;
        if leading && self.eat(b'.')? {
            length += 1;
        }
        length += self.ident(what)?.len();
        while self.at(b'.') {
            self.advance()?;
            length += 1 + self.ident(what)?.len();
        }
        let text = self.lexer.slice(start, self.previous_end);
        Ok(match text.len() == length {
            true => Cow::Borrowed(text),
            // There is whitespace or a comment between the parts, so they are lexed again without it.
            false => Cow::Owned(self.squeeze(text)),
        })
    }

    fn squeeze(&self, text: &str) -> String {
        let mut lexer = Lexer::new(text);
        let mut out = String::new();
        while let Ok(token) = lexer.next(None) {
            if token.kind == TokenKind::End {
                break;
            }
            out.push_str(token.text);
        }
        out
    }

    /// Reads a string, or several adjacent ones, which are concatenated.
    fn string(&mut self, what: &str) -> Result<Cow<'a, [u8]>> {
        if self.token.kind != TokenKind::Str {
            return Err(self.expected(what));
        }
        let mut value = unquote(&self.token).map_err(|message| self.error(message))?;
        self.advance()?;
        while self.token.kind == TokenKind::Str {
            let more = unquote(&self.token).map_err(|message| self.error(message))?;
            value.to_mut().extend_from_slice(&more);
            self.advance()?;
        }
        Ok(value)
    }

    fn text(&mut self, what: &str) -> Result<String> {
        let position = self.here();
        let bytes = self.string(what)?;
        String::from_utf8(bytes.into_owned()).map_err(|_| self.error_at(position, "this string must be valid UTF-8"))
    }

    fn uint(&mut self, what: &str) -> Result<u64> {
        if self.token.kind != TokenKind::Int {
            return Err(self.expected(what));
        }
        let value = integer(self.token.text).ok_or_else(|| {
            self.error(format!(
                "expected {what}, found {}, which is out of range",
                self.token.text
            ))
        })?;
        self.advance()?;
        Ok(value)
    }

    /// An integer of 32 bits, with its sign.
    fn int32(&mut self, what: &str) -> Result<i32> {
        let position = self.here();
        let negative = self.eat(b'-')?;
        let value = self.uint(what)?;
        let signed = i64::try_from(value)
            .map(|value| if negative { -value } else { value })
            .unwrap_or(i64::MAX);
        i32::try_from(signed).map_err(|_| {
            self.error_at(
                position,
                format!("expected {what}, found {signed}, which does not fit into 32 bits"),
            )
        })
    }

    /// Runs a production that can contain itself, within the limit on nesting.
    fn nested<T>(&mut self, production: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth >= self.limits.nesting {
            return Err(self.error(format!("nested more than {} levels deep", self.limits.nesting)));
        }
        self.depth += 1;
        let result = production(self);
        self.depth -= 1;
        result
    }

    /// Adds the comment after the `;` or `{` just consumed to those of its element.
    fn trailing(&mut self, comments: &mut Comments) {
        if let Some(text) = self.gap.trailing.take() {
            comments.0.get_or_insert_default().trailing = Some(text);
        }
    }

    /// The `;` that ends a statement, with the comment after it.
    fn end_statement(&mut self, context: &str, comments: &mut Comments) -> Result<()> {
        self.expect(b';', context)?;
        self.trailing(comments);
        Ok(())
    }

    /// The `{` that opens a body, with the comment after it.
    fn open(&mut self, context: &str, comments: &mut Comments) -> Result<()> {
        self.expect(b'{', context)?;
        self.trailing(comments);
        Ok(())
    }

    fn file(mut self) -> Result<File<'a>> {
        let mut file = File {
            edition: Edition::Proto2,
            syntax_omitted: true,
            package: Cow::Borrowed(""),
            imports: Vec::new(),
            options: Vec::new(),
            messages: Vec::new(),
            enums: Vec::new(),
            services: Vec::new(),
            extends: Vec::new(),
            comments: Comments::default(),
            package_comments: Comments::default(),
            package_position: Position::default(),
            symbols: 0,
        };
        if (self.at_word("syntax") || self.at_word("edition")) && self.peek()?.kind == TokenKind::Punct(b'=') {
            self.syntax(&mut file)?;
        }
        while self.token.kind != TokenKind::End {
            self.top_level(&mut file)?;
        }
        file.symbols = self.symbols;
        Ok(file)
    }

    fn syntax(&mut self, file: &mut File<'a>) -> Result<()> {
        file.comments = self.gap.take_leading();
        file.syntax_omitted = false;
        let is_edition = self.advance()?.text == "edition";
        self.expect(
            b'=',
            if is_edition {
                "after \"edition\""
            } else {
                "after \"syntax\""
            },
        )?;
        let position = self.here();
        let text = self.text(if is_edition {
            "an edition such as \"2023\""
        } else {
            "\"proto2\" or \"proto3\""
        })?;
        file.edition = match (is_edition, text.as_str()) {
            (false, "proto2") => Edition::Proto2,
            (false, "proto3") => Edition::Proto3,
            (true, "2023") => Edition::E2023,
            (true, "2024") => Edition::E2024,
            (false, _) => {
                return Err(self.error_at(position, format!("expected \"proto2\" or \"proto3\", found {text:?}")));
            }
            (true, _) => {
                return Err(self.error_at(
                    position,
                    format!("expected edition \"2023\" or \"2024\", found {text:?}"),
                ));
            }
        };
        self.edition = file.edition;
        self.end_statement("after the syntax", &mut file.comments)
    }

    fn top_level(&mut self, file: &mut File<'a>) -> Result<()> {
        if self.eat(b';')? {
            return Ok(());
        }
        let comments = self.gap.take_leading();
        let visibility = self.visibility()?;
        if self.token.kind != TokenKind::Ident {
            return Err(
                self.expected("a top-level statement (message, enum, service, extend, import, package or option)")
            );
        }
        match self.token.text {
            "message" => file.messages.push(self.message(comments, visibility)?),
            "enum" => file.enums.push(self.enumeration(comments, visibility)?),
            _ if visibility != Visibility::Unset => return Err(self.expected("\"message\" or \"enum\"")),
            "service" => file.services.push(self.service(comments)?),
            "extend" => self.extend(&mut file.extends, &mut file.messages)?,
            "import" => file.imports.push(self.import()?),
            "package" => self.package(file, comments)?,
            "option" => file.options.push(self.option_statement()?),
            "syntax" | "edition" => {
                return Err(self.error(format!("\"{}\" must be the first statement of a file", self.token.text)));
            }
            _ => {
                return Err(
                    self.expected("a top-level statement (message, enum, service, extend, import, package or option)")
                );
            }
        }
        Ok(())
    }

    /// Reads `export` or `local`. Before edition 2024 these are ordinary words.
    fn visibility(&mut self) -> Result<Visibility> {
        if self.edition < Edition::E2024 || self.token.kind != TokenKind::Ident {
            return Ok(Visibility::Unset);
        }
        let visibility = match self.token.text {
            "export" => Visibility::Export,
            "local" => Visibility::Local,
            _ => return Ok(Visibility::Unset),
        };
        let next = self.peek()?;
        if next.kind != TokenKind::Ident || !matches!(next.text, "message" | "enum") {
            return Ok(Visibility::Unset);
        }
        self.advance()?;
        Ok(visibility)
    }

    fn package(&mut self, file: &mut File<'a>, comments: Comments) -> Result<()> {
        let position = self.here();
        if !file.package.is_empty() {
            return Err(self.error_at(position, "a file can have one package statement only"));
        }
        self.advance()?;
        file.package = self.dotted("a package name", false)?;
        file.package_position = position;
        file.package_comments = comments;
        self.end_statement("after the package name", &mut file.package_comments)
    }

    fn import(&mut self) -> Result<Import> {
        let position = self.here();
        self.advance()?;
        let kind = match self.token.kind {
            TokenKind::Ident => match self.token.text {
                "public" => ImportKind::Public,
                "weak" => ImportKind::Weak,
                "option" => ImportKind::Option,
                _ => return Err(self.expected("a file name in quotes")),
            },
            _ => ImportKind::Plain,
        };
        if kind == ImportKind::Option && self.edition < Edition::E2024 {
            return Err(self.error("\"import option\" needs edition 2024"));
        }
        if kind == ImportKind::Weak && self.edition >= Edition::E2024 {
            return Err(self.error("edition 2024 has no \"import weak\"; use \"import option\" for custom options"));
        }
        if kind != ImportKind::Plain {
            self.advance()?;
        }
        let name = self.text("a file name in quotes")?;
        self.expect(b';', "after the file name")?;
        Ok(Import { name, kind, position })
    }
}
