//! `SourceCodeInfo`: the positions of elements, and their comments.
//!
//! A location is identified by a path of field numbers and indices through `FileDescriptorProto`: `[4, 0, 2, 1]` is
//! the second field of the first message. The locations written here span the name of an element, which is what an
//! error message or an editor needs.

use std::collections::HashMap;

use super::encode::{message, string};
use crate::proto::schema::{CommentText, Comments, EnumId, FieldId, FileId, MessageId, Position, Schema};
use crate::proto::wire::{Reader, WireError, WireType, put_delimited, put_tag, put_varint};

/// Writes locations.
pub struct SourceInfo<'o> {
    out: &'o mut Vec<u8>,
    path: Vec<u32>,
}

impl<'o> SourceInfo<'o> {
    pub fn new(out: &'o mut Vec<u8>) -> Self {
        Self { out, path: Vec::new() }
    }

    pub fn file(&mut self, schema: &Schema, id: FileId) {
        let file = &schema[id];
        let start = Position { line: 1, column: 1 };
        self.at(12, |info| info.location("", start, &file.comments));
        if !file.package.is_empty() {
            self.at(2, |info| info.location("", start, &file.package_comments));
        }
        self.messages(schema, 4, &file.messages);
        self.enums(schema, 5, &file.enums);
        for (index, &id) in file.services.iter().enumerate() {
            let service = &schema[id];
            self.each(6, index, |info| {
                info.location(&service.name, service.position, &service.comments);
                for (index, method) in service.methods.iter().enumerate() {
                    info.each(2, index, |info| {
                        info.location(&method.name, method.position, &method.comments)
                    });
                }
            });
        }
        self.fields(schema, 7, file.extensions.iter().copied());
    }

    fn messages(&mut self, schema: &Schema, number: u32, ids: &[MessageId]) {
        for (index, &id) in ids.iter().enumerate() {
            let model = &schema[id];
            if model.is_map_entry {
                continue;
            }
            self.each(number, index, |info| {
                info.location(&model.name, model.position, &model.comments);
                info.fields(schema, 2, model.field_ids());
                info.messages(schema, 3, &model.nested_messages);
                info.enums(schema, 4, &model.nested_enums);
                info.fields(schema, 6, model.nested_extensions.iter().copied());
                for (index, oneof) in model.oneofs.iter().enumerate() {
                    info.each(8, index, |info| {
                        info.location(&oneof.name, oneof.position, &oneof.comments)
                    });
                }
            });
        }
    }

    fn fields(&mut self, schema: &Schema, number: u32, ids: impl Iterator<Item = FieldId>) {
        for (index, id) in ids.enumerate() {
            let field = &schema[id];
            self.each(number, index, |info| {
                info.location(&field.name, field.position, &field.comments)
            });
        }
    }

    fn enums(&mut self, schema: &Schema, number: u32, ids: &[EnumId]) {
        for (index, &id) in ids.iter().enumerate() {
            let model = &schema[id];
            self.each(number, index, |info| {
                info.location(&model.name, model.position, &model.comments);
                for (index, value) in model.values.iter().enumerate() {
                    info.each(2, index, |info| {
                        info.location(&value.name, value.position, &value.comments)
                    });
                }
            });
        }
    }

    fn at(&mut self, step: u32, body: impl FnOnce(&mut Self)) {
        self.path.push(step);
        body(self);
        self.path.pop();
    }

    fn each(&mut self, number: u32, index: usize, body: impl FnOnce(&mut Self)) {
        self.at(number, |info| info.at(index as u32, body));
    }

    fn location(&mut self, name: &str, position: Position, comments: &Comments) {
        if position.line == 0 {
            return;
        }
        let (line, column) = (position.line - 1, position.column.saturating_sub(1));
        let path = &self.path;
        message(self.out, 1, |out| {
            packed(out, 1, path);
            packed(out, 2, &[line, column, column + name.len() as u32]);
            let Some(text) = &comments.0 else { return };
            if let Some(text) = &text.leading {
                string(out, 3, text);
            }
            if let Some(text) = &text.trailing {
                string(out, 4, text);
            }
            text.detached.iter().for_each(|text| string(out, 6, text));
        });
    }
}

fn packed(out: &mut Vec<u8>, number: u32, values: &[u32]) {
    put_tag(out, number, WireType::Length);
    let Ok(()) = put_delimited(out, |out| -> Result<(), std::convert::Infallible> {
        values.iter().for_each(|&value| put_varint(out, value as u64));
        Ok(())
    });
}

/// Locations that were read, by path.
#[derive(Default)]
pub struct Locations(HashMap<Vec<u32>, (Position, Comments)>);

impl Locations {
    /// Reads a `SourceCodeInfo`. The first location of a path counts.
    pub fn read(bytes: &[u8]) -> Result<Self, WireError> {
        let mut locations = HashMap::new();
        let mut reader = Reader::new(bytes);
        while !reader.is_empty() {
            match reader.tag()? {
                (1, WireType::Length) => {
                    let (path, location) = read_location(reader.bytes()?)?;
                    locations.entry(path).or_insert(location);
                }
                (number, wire_type) => reader.skip(number, wire_type, 64)?,
            }
        }
        Ok(Self(locations))
    }

    /// The position and the comments of an element.
    pub fn get(&self, path: &[u32]) -> (Position, Comments) {
        self.0.get(path).cloned().unwrap_or_default()
    }
}

fn read_location(bytes: &[u8]) -> Result<(Vec<u32>, (Position, Comments)), WireError> {
    let mut reader = Reader::new(bytes);
    let (mut path, mut span) = (Vec::new(), Vec::new());
    let mut text = CommentText::default();
    while !reader.is_empty() {
        let (number, wire_type) = reader.tag()?;
        match (number, wire_type) {
            (1 | 2, WireType::Length) => {
                let list = if number == 1 { &mut path } else { &mut span };
                let mut run = Reader::new(reader.bytes()?);
                while !run.is_empty() {
                    list.push(run.varint()? as u32);
                }
            }
            (1, WireType::Varint) => path.push(reader.varint()? as u32),
            (2, WireType::Varint) => span.push(reader.varint()? as u32),
            (3, WireType::Length) => text.leading = Some(String::from_utf8_lossy(reader.bytes()?).into()),
            (4, WireType::Length) => text.trailing = Some(String::from_utf8_lossy(reader.bytes()?).into()),
            (6, WireType::Length) => text.detached.push(String::from_utf8_lossy(reader.bytes()?).into()),
            _ => reader.skip(number, wire_type, 64)?,
        }
    }
    let position = match span[..] {
        [line, column, ..] => Position {
            line: line.saturating_add(1),
            column: column.saturating_add(1),
        },
        _ => Position::default(),
    };
    let comments = Comments((text != CommentText::default()).then(|| Box::new(text)));
    Ok((path, (position, comments)))
}
