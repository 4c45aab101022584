//! Parses options and their values, including text format in braces.

use std::borrow::Cow;

use super::ast::{Const, NamePart, Opt, TextField, TextName, WrittenOption};
use super::{Parser, Result, TokenKind, integer};
use crate::proto::schema::Position;

impl<'a> Parser<'a, '_> {
    /// `option name = value;`.
    pub(super) fn option_statement(&mut self) -> Result<Opt<'a>> {
        self.advance()?;
        let option = self.option()?;
        self.expect(b';', "after the option")?;
        Ok(option)
    }

    /// `[name = value, …]`, or nothing.
    pub(super) fn bracketed_options(&mut self) -> Result<Vec<Opt<'a>>> {
        let mut options = Vec::new();
        if !self.eat(b'[')? {
            return Ok(options);
        }
        loop {
            options.push(self.option()?);
            if !self.eat(b',')? {
                break;
            }
        }
        self.expect(b']', "or \",\" after the option")?;
        Ok(options)
    }

    fn option(&mut self) -> Result<Opt<'a>> {
        let position = self.here();
        let mut name = vec![self.name_part()?];
        while self.eat(b'.')? {
            name.push(self.name_part()?);
        }
        self.expect(b'=', "after the option name")?;
        let value_position = self.here();
        let value = match self.at(b'{') {
            true => {
                self.lexer.text_format = true;
                let message = self.text_message();
                self.lexer.text_format = false;
                Const::Message(message?)
            }
            false => self.constant(false)?,
        };
        Ok(Opt::Written(WrittenOption {
            name,
            value,
            position,
            value_position,
        }))
    }

    fn name_part(&mut self) -> Result<NamePart<'a>> {
        if !self.eat(b'(')? {
            return Ok(NamePart {
                text: Cow::Borrowed(self.ident("an option name")?),
                extension: false,
            });
        }
        let text = self.dotted("the name of a custom option", true)?;
        self.expect(b')', "after the name of the custom option")?;
        Ok(NamePart { text, extension: true })
    }

    /// A number, string or name. In text format, a name never contains dots.
    fn constant(&mut self, text_format: bool) -> Result<Const<'a>> {
        let negative = self.eat(b'-')?;
        match self.token.kind {
            TokenKind::Int => {
                let value = integer(self.token.text);
                let decimal = !self.token.text.starts_with('0');
                if value.is_none() && !decimal && !self.lenient {
                    return Err(self.expected("an integer of 64 bits"));
                }
                let text = self.advance()?.text;
                Ok(match (value, negative) {
                    (Some(value), false) => Const::Int(value),
                    (Some(value), true) => Const::NegativeInt(value),
                    // An integer of more than 64 bits can only be meant as a float.
                    (None, _) => Const::Float(float(text, negative)),
                })
            }
            TokenKind::Float => Ok(Const::Float(float(self.advance()?.text, negative))),
            TokenKind::Ident if negative => Ok(Const::NegativeIdent(self.advance()?.text)),
            TokenKind::Ident if text_format => Ok(Const::Ident(Cow::Borrowed(self.advance()?.text))),
            TokenKind::Ident if self.lenient => Ok(Const::Ident(self.dotted("a value", false)?)),
            TokenKind::Ident => Ok(Const::Ident(Cow::Borrowed(self.advance()?.text))),
            TokenKind::Str if !negative => Ok(Const::Str(self.string("a string")?)),
            _ if negative => Err(self.expected("a number after \"-\"")),
            _ => Err(self.expected("a value")),
        }
    }

    /// `{ field: value … }` or `< … >`.
    fn text_message(&mut self) -> Result<Vec<TextField<'a>>> {
        self.nested(|parser| {
            let close = if parser.at(b'<') { b'>' } else { b'}' };
            parser.advance()?;
            let mut fields = Vec::new();
            while !parser.eat(close)? {
                let position = parser.here();
                let name = parser.text_name()?;
                let has_colon = parser.eat(b':')?;
                let value_position = parser.here();
                let value = parser.text_value(has_colon)?;
                fields.push(TextField {
                    name,
                    value,
                    position,
                    value_position,
                });
                if !parser.eat(b',')? {
                    parser.eat(b';')?;
                }
            }
            Ok(fields)
        })
    }

    fn text_name(&mut self) -> Result<TextName<'a>> {
        if self.lenient && self.eat(b'(')? {
            let name = self.dotted("the name of an extension", true)?;
            self.expect(b')', "after the name")?;
            return Ok(TextName::Extension(name));
        }
        if !self.eat(b'[')? {
            return Ok(TextName::Field(self.ident("a field name or \"}\"")?));
        }
        let start = self.token.start;
        let mut slash = false;
        while matches!(
            self.token.kind,
            TokenKind::Ident | TokenKind::Int | TokenKind::Punct(b'.' | b'/' | b'-')
        ) {
            slash |= self.at(b'/');
            self.advance()?;
        }
        let text: Cow<str> = Cow::Owned(self.squeeze(self.lexer.slice(start, self.previous_end.max(start))));
        if text.is_empty() {
            return Err(self.expected("the name of an extension"));
        }
        self.expect(b']', "after the name")?;
        Ok(if slash {
            TextName::Any(text)
        } else {
            TextName::Extension(text)
        })
    }

    fn text_value(&mut self, has_colon: bool) -> Result<Const<'a>> {
        match self.token.kind {
            TokenKind::Punct(b'{' | b'<') => Ok(Const::Message(self.text_message()?)),
            TokenKind::Punct(b'[') => Ok(Const::List(self.nested(|parser| parser.text_list(has_colon))?)),
            _ if has_colon => self.constant(true),
            _ => Err(self.expected("\":\" or \"{\" after the field name")),
        }
    }

    fn text_list(&mut self, has_colon: bool) -> Result<Vec<(Const<'a>, Position)>> {
        self.advance()?;
        let mut items = Vec::new();
        if self.eat(b']')? {
            return Ok(items);
        }
        loop {
            let position = self.here();
            if self.at(b'[') {
                return Err(self.expected("a value"));
            }
            items.push((self.text_value(has_colon)?, position));
            if !self.eat(b',')? {
                break;
            }
        }
        self.expect(b']', "or \",\" after the value")?;
        Ok(items)
    }
}

fn float(text: &str, negative: bool) -> f64 {
    // Rust's parser accepts every form that the lexer accepts, including `1.` and `.5`, and rounds correctly. It also
    // accepts integers beyond 64 bits, except octal and hexadecimal ones, which are not valid as floats.
    let value = text.parse().unwrap_or(f64::INFINITY);
    if negative { -value } else { value }
}
