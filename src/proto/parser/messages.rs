//! Messages: bodies, oneofs, extension and reserved ranges, `extend`.

use std::borrow::Cow;

use super::ast::{Extend, ExtensionRanges, Message, Oneof, Range};
use super::{Parser, Result, TokenKind};
use crate::proto::schema::{Comments, Edition, Position, Visibility};

impl<'a> Parser<'a, '_> {
    /// `message Name { … }`.
    pub(super) fn message(&mut self, comments: Comments, visibility: Visibility) -> Result<Message<'a>> {
        self.advance()?;
        let (name, position) = self.declare("a message name")?;
        let mut message = Message {
            name: Cow::Borrowed(name),
            comments,
            position,
            visibility,
            ..Message::default()
        };
        self.message_body(&mut message)?;
        Ok(message)
    }

    /// `{ … }` of a message or group.
    pub(super) fn message_body(&mut self, message: &mut Message<'a>) -> Result<()> {
        self.nested(|parser| {
            parser.open("to open the body of the message", &mut message.comments)?;
            while !parser.at(b'}') {
                parser.message_statement(message)?;
            }
            parser.advance()?;
            Ok(())
        })
    }

    fn message_statement(&mut self, message: &mut Message<'a>) -> Result<()> {
        if self.eat(b';')? {
            return Ok(());
        }
        let comments = self.gap.take_leading();
        let visibility = self.visibility()?;
        if self.token.kind == TokenKind::End {
            return Err(self.expected(&format!("\"}}\" to close message {}", message.name)));
        }
        match self.token.text {
            "message" => message.messages.push(self.message(comments, visibility)?),
            "enum" => message.enums.push(self.enumeration(comments, visibility)?),
            "oneof" => self.oneof(message, comments)?,
            "option" => message.options.push(self.option_statement()?),
            "extend" => self.extend(&mut message.extends, &mut message.messages)?,
            "extensions" => self.extensions(message)?,
            "reserved" => self.reserved(&mut message.reserved_ranges, &mut message.reserved_names, false)?,
            _ => {
                let field = self.field(&mut message.messages, comments, None)?;
                message.fields.push(field);
            }
        }
        Ok(())
    }

    fn oneof(&mut self, message: &mut Message<'a>, comments: Comments) -> Result<()> {
        self.advance()?;
        let (name, position) = self.declare("a oneof name")?;
        let mut oneof = Oneof {
            name,
            options: Vec::new(),
            comments,
            position,
        };
        let index = message.oneofs.len() as u32;
        self.open("to open the body of the oneof", &mut oneof.comments)?;
        let first = message.fields.len();
        while !self.eat(b'}')? {
            if self.at_word("option") {
                oneof.options.push(self.option_statement()?);
            } else if !self.eat(b';')? {
                let comments = self.gap.take_leading();
                let field = self.field(&mut message.messages, comments, Some(index))?;
                message.fields.push(field);
            }
        }
        if message.fields.len() == first && !self.lenient {
            return Err(self.error_at(position, format!("oneof {name} must have at least one field")));
        }
        message.oneofs.push(oneof);
        Ok(())
    }

    /// `extend Name { … }`. Messages of groups are added to the surrounding scope.
    pub(super) fn extend(&mut self, extends: &mut Vec<Extend<'a>>, messages: &mut Vec<Message<'a>>) -> Result<()> {
        self.advance()?;
        let position = self.here();
        let extendee = self.dotted("the name of the message to extend", true)?;
        self.open("to open the body of the extend", &mut Comments::default())?;
        let mut fields = Vec::new();
        while !self.eat(b'}')? {
            if !self.eat(b';')? {
                let comments = self.gap.take_leading();
                fields.push(self.field(messages, comments, None)?);
            }
        }
        if fields.is_empty() && !self.lenient {
            return Err(self.error_at(position, format!("extend {extendee} must have at least one field")));
        }
        extends.push(Extend {
            extendee,
            position,
            fields,
        });
        Ok(())
    }

    fn extensions(&mut self, message: &mut Message<'a>) -> Result<()> {
        self.advance()?;
        let position = self.here();
        let mut ranges = vec![self.range(false)?];
        while self.eat(b',')? {
            ranges.push(self.range(false)?);
        }
        let start = self.token.start;
        let options = self.bracketed_options()?;
        // Every range stores the options. The product of a long list of ranges and long options must not exceed what
        // a large source could contain.
        let length = (self.token.start - start) as usize;
        if length.saturating_mul(ranges.len()) > self.limits.source_bytes {
            return Err(self.error_at(position, "too many extension ranges share too many options"));
        }
        self.expect(b';', "after the extension range")?;
        message.extension_ranges.push(ExtensionRanges { ranges, options });
        Ok(())
    }

    /// `4`, `20 to 30` or `100 to max`; signed for enums. `max` becomes `i64::MAX`, which the linker interprets.
    fn range(&mut self, signed: bool) -> Result<(Range, Position)> {
        let position = self.here();
        let start = self.range_end(signed)?;
        let end = match self.eat_word("to")? {
            false => start,
            true if self.eat_word("max")? => i64::MAX,
            true => self.range_end(signed)?,
        };
        Ok(((start, end), position))
    }

    fn range_end(&mut self, signed: bool) -> Result<i64> {
        match signed {
            true => self.int32("an enum number").map(i64::from),
            false => self
                .uint("a field number")
                .map(|value| i64::try_from(value).unwrap_or(i64::MAX - 1)),
        }
    }

    /// `reserved 1, 4 to 6;` or `reserved "a", "b";`, in editions `reserved a, b;`.
    pub(super) fn reserved(
        &mut self,
        ranges: &mut Vec<(Range, Position)>,
        names: &mut Vec<(Cow<'a, str>, Position)>,
        signed: bool,
    ) -> Result<()> {
        self.advance()?;
        let editions = self.edition >= Edition::E2023;
        let numbers = self.token.kind == TokenKind::Int || self.at(b'-');
        loop {
            let position = self.here();
            match self.token.kind {
                TokenKind::Int | TokenKind::Punct(b'-') if self.lenient => ranges.push(self.range(signed)?),
                _ if numbers && !self.lenient => ranges.push(self.range(signed)?),
                TokenKind::Str if editions && !self.lenient => {
                    return Err(self.error("in editions, reserved names are written without quotes"));
                }
                TokenKind::Str => names.push((self.text("a reserved name")?.into(), position)),
                TokenKind::Ident if editions || self.lenient => {
                    names.push((self.ident("a reserved name")?.into(), position));
                }
                TokenKind::Ident => {
                    return Err(self.error("in proto2 and proto3, reserved names are written in quotes"));
                }
                _ => return Err(self.expected("a reserved number or name")),
            }
            if !self.eat(b',')? {
                break;
            }
        }
        self.expect(b';', "after the reserved numbers or names")
    }
}
