//! Fields: labels, types, groups and maps.

use std::borrow::Cow;

use super::ast::{Field, Label, Message, Opt, Type};
use super::{Parser, Result, TokenKind};
use crate::proto::schema::{Comments, Kind, Position};

impl<'a> Parser<'a, '_> {
    /// Parses one field of a message, oneof or extend. A group or map adds a message to `messages`.
    pub(super) fn field(
        &mut self,
        messages: &mut Vec<Message<'a>>,
        comments: Comments,
        oneof: Option<u32>,
    ) -> Result<Field<'a>> {
        let label_position = self.here();
        let label = self.label()?;
        if let (Some(_), Some(_), false) = (oneof, label, self.lenient) {
            return Err(self.error_at(
                label_position,
                "fields of a oneof cannot have a label (required, optional, repeated)",
            ));
        }
        let type_position = self.here();
        if self.at_word("group") {
            return self.group(messages, comments, oneof, label, label_position);
        }
        let is_map = self.at_word("map") && self.peek()?.kind == TokenKind::Punct(b'<');
        let entry = if is_map { Some(self.map_types()?) } else { None };
        let named = match &entry {
            Some(_) => None,
            None => Some(self.field_type()?),
        };
        let (name, position) = self.declare("a field name")?;
        let ty = match (named, entry) {
            (Some(ty), _) => ty,
            (None, Some((key, value))) => {
                messages.push(map_entry(name, key, value, position));
                Type::Map(messages.len() as u32 - 1)
            }
            (None, None) => unreachable!("a field has a type or is a map"),
        };
        let mut field = Field {
            label,
            label_position,
            ty,
            type_position,
            name: Cow::Borrowed(name),
            number: 0,
            number_position: position,
            oneof,
            options: Vec::new(),
            comments,
            position,
        };
        self.field_number(&mut field)?;
        field.options = self.bracketed_options()?;
        copy_features(&field, messages);
        if !self.at(b';') {
            return Err(self.expected("\";\" or \"[\" after the field number"));
        }
        self.end_statement("after the field", &mut field.comments)?;
        Ok(field)
    }

    fn label(&mut self) -> Result<Option<Label>> {
        if self.at(b'.') {
            return Ok(None);
        }
        if self.token.kind != TokenKind::Ident {
            return Err(self.expected("a field, or another statement of the message"));
        }
        let label = match self.token.text {
            "optional" => Label::Optional,
            "required" => Label::Required,
            "repeated" => Label::Repeated,
            _ => return Ok(None),
        };
        self.advance()?;
        Ok(Some(label))
    }

    fn field_type(&mut self) -> Result<Type<'a>> {
        let name = self.dotted("a field type", true)?;
        Ok(Kind::from_keyword(&name).map_or(Type::Named(name), Type::Scalar))
    }

    fn field_number(&mut self, field: &mut Field<'a>) -> Result<()> {
        if !self.eat(b'=')? {
            return Err(self.expected("\"=\" and a field number after the field name"));
        }
        field.number_position = self.here();
        field.number = i64::try_from(self.uint("a field number")?).unwrap_or(i64::MAX);
        Ok(())
    }

    /// `map<key, value>`.
    fn map_types(&mut self) -> Result<(Type<'a>, Type<'a>)> {
        self.advance()?;
        self.expect(b'<', "after \"map\"")?;
        let key_position = self.here();
        let key = self.field_type()?;
        let valid = matches!(&key, Type::Scalar(kind) if !matches!(kind, Kind::Double | Kind::Float | Kind::Bytes));
        if !valid {
            return Err(self.error_at(key_position, "the key of a map must be an integer type, bool or string"));
        }
        self.expect(b',', "between the key and the value of the map")?;
        let value = self.field_type()?;
        self.expect(b'>', "after the types of the map")?;
        Ok((key, value))
    }

    /// `group Name = 1 { … }`.
    fn group(
        &mut self,
        messages: &mut Vec<Message<'a>>,
        comments: Comments,
        oneof: Option<u32>,
        label: Option<Label>,
        label_position: Position,
    ) -> Result<Field<'a>> {
        let type_position = self.here();
        self.advance()?;
        let (name, position) = self.declare("a group name")?;
        if !name.starts_with(|first: char| first.is_ascii_uppercase()) {
            return Err(self.error_at(
                position,
                format!("group names start with a capital letter, found \"{name}\""),
            ));
        }
        self.count_symbol(position)?;
        let mut field = Field {
            label,
            label_position,
            ty: Type::Group(messages.len() as u32),
            type_position,
            name: Cow::Owned(name.to_ascii_lowercase()),
            number: 0,
            number_position: position,
            oneof,
            options: Vec::new(),
            comments: Comments::default(),
            position,
        };
        self.field_number(&mut field)?;
        field.options = self.bracketed_options()?;
        let mut message = Message {
            name: Cow::Borrowed(name),
            comments,
            position,
            ..Message::default()
        };
        self.message_body(&mut message)?;
        messages.push(message);
        Ok(field)
    }
}

/// Features of a map, such as string validation, apply to its keys and values.
fn copy_features<'a>(field: &Field<'a>, messages: &mut [Message<'a>]) {
    let Type::Map(index) = field.ty else { return };
    let is_feature = |option: &&Opt| option.written().is_some_and(|option| option.name[0].text == "features");
    let features = || field.options.iter().filter(is_feature).cloned();
    for part in &mut messages[index as usize].fields {
        part.options = features().collect();
    }
}

/// The synthetic message behind `map<key, value> some_name`: `SomeNameEntry { key = 1; value = 2; }`.
fn map_entry<'a>(name: &str, key: Type<'a>, value: Type<'a>, position: Position) -> Message<'a> {
    let field = |name, ty, number| Field {
        label: None,
        label_position: position,
        ty,
        type_position: position,
        name: Cow::Borrowed(name),
        number,
        number_position: position,
        oneof: None,
        options: Vec::new(),
        comments: Comments::default(),
        position,
    };
    let mut entry = String::with_capacity(name.len() + 5);
    let mut upper = true;
    for byte in name.bytes() {
        match byte {
            b'_' => upper = true,
            _ => {
                entry.push(if upper { byte.to_ascii_uppercase() } else { byte } as char);
                upper = false;
            }
        }
    }
    entry.push_str("Entry");
    Message {
        name: Cow::Owned(entry),
        fields: vec![field("key", key, 1), field("value", value, 2)],
        is_map_entry: true,
        position,
        ..Message::default()
    }
}
