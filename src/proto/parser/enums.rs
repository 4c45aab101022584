//! Enums.

use super::ast::{Enum, EnumValue};
use super::{Parser, Result, TokenKind};
use crate::proto::schema::{Comments, Visibility};

impl<'a> Parser<'a, '_> {
    /// `enum Name { … }`.
    pub(super) fn enumeration(&mut self, comments: Comments, visibility: Visibility) -> Result<Enum<'a>> {
        self.advance()?;
        let (name, position) = self.declare("an enum name")?;
        let mut node = Enum {
            name,
            values: Vec::new(),
            reserved_ranges: Vec::new(),
            reserved_names: Vec::new(),
            options: Vec::new(),
            visibility,
            comments,
            position,
        };
        self.open("to open the body of the enum", &mut node.comments)?;
        while !self.eat(b'}')? {
            if self.eat(b';')? {
                continue;
            }
            let comments = self.gap.take_leading();
            // `option` and `reserved` can also be names of values.
            let is_value = self.token.kind == TokenKind::Ident && self.peek()?.kind == TokenKind::Punct(b'=');
            match self.token.text {
                "option" if !is_value => node.options.push(self.option_statement()?),
                "reserved" if !is_value => self.reserved(&mut node.reserved_ranges, &mut node.reserved_names, true)?,
                _ => node.values.push(self.enum_value(comments)?),
            }
        }
        Ok(node)
    }

    fn enum_value(&mut self, comments: Comments) -> Result<EnumValue<'a>> {
        let (name, position) = self.declare("an enum value")?;
        self.expect(b'=', "and a number after the name of the enum value")?;
        let number = self.int32("an enum number")?;
        let options = self.bracketed_options()?;
        let mut value = EnumValue {
            name,
            number,
            options,
            comments,
            position,
        };
        self.end_statement("after the enum value", &mut value.comments)?;
        Ok(value)
    }
}
