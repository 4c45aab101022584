//! Last pass: rejects duplicate names, numbers and JSON names, uses of reserved ones, and overlapping ranges.
//!
//! All checks sort and compare neighbours, so that no schema takes quadratic time.

use std::collections::HashMap;

use super::features::{option_position, varint_option};
use super::names::{enum_value_key, json_name};
use super::{FileLinker, Result, ast};
use crate::proto::schema::{DefaultVisibility, Edition, EnumId, FieldId, MessageId, Position, Visibility};

impl<'t> FileLinker<'_, '_, 't> {
    /// Orders the extensions of the messages that this file extends.
    pub(super) fn sort_extensions(&mut self) -> Result<()> {
        let mut extended = std::mem::take(&mut self.extended);
        extended.sort();
        extended.dedup();
        for id in extended {
            let mut extensions = std::mem::take(&mut self.schema().messages[id.index()].extensions);
            let schema = &self.linker.schema;
            extensions.sort_by_key(|&id| (schema[id].number, id));
            let twice = extensions.windows(2).find(|pair| {
                let (first, second) = (&schema[pair[0]], &schema[pair[1]]);
                first.number == second.number && first.file == second.file
            });
            if let Some(&[first, second]) = twice {
                let (first, second) = (&schema[first], &schema[second]);
                let message = format!(
                    "extension number {} of {} is already used by \"{}\"",
                    second.number,
                    schema[id].full_name,
                    schema.field_full_name(first)
                );
                return Err(self.error(second.position, message));
            }
            // If two files use the same number, the first one keeps it, as with `protoc`.
            extensions.dedup_by_key(|&mut id| schema[id].number);
            self.schema().messages[id.index()].extensions = extensions;
        }
        Ok(())
    }

    pub(super) fn validate(&mut self) -> Result<()> {
        let tree = self.tree;
        let file = &self.linker.schema[self.id];
        let (messages, enums) = (file.messages.clone(), file.enums.clone());
        self.validate_messages(&tree.messages, &messages)?;
        self.validate_enums(&tree.enums, &enums)?;
        if !self.lenient() {
            self.check_file_options()?;
            self.check_declarations()?;
            self.check_declared_support()?;
            self.check_style()?;
        }
        Ok(())
    }

    fn validate_messages(&mut self, nodes: &'t [ast::Message<'t>], ids: &[MessageId]) -> Result<()> {
        for (node, &id) in nodes.iter().zip(ids) {
            self.check_ranges(node, id)?;
            if !self.lenient() {
                self.unique_numbers(id)?;
                self.unique_names(id)?;
                self.unique_json_names(id)?;
                self.check_message(node, id)?;
            }
            let message = &self.linker.schema[id];
            let (nested, enums) = (message.nested_messages.clone(), message.nested_enums.clone());
            self.validate_enums(&node.enums, &enums)?;
            self.validate_messages(&node.messages, &nested)?;
        }
        Ok(())
    }

    fn check_message(&self, node: &ast::Message, id: MessageId) -> Result<()> {
        let message = &self.linker.schema[id];
        let proto3 = self.tree.edition == Edition::Proto3;
        if proto3 && !message.extension_ranges.is_empty() {
            return Err(self.error(node.position, "proto3 has no extension ranges"));
        }
        self.check_exported(message.visibility, message.parent.is_some(), node.position)?;
        self.check_declared(node, message)?;
        if message.message_set {
            if proto3 {
                return Err(self.error(node.position, "proto3 has no MessageSets"));
            }
            if message.field_count() > 0 {
                return Err(self.error(node.position, "a MessageSet has extensions and no fields"));
            }
        }
        if let Some(option) = ast::written_option(&node.options, "map_entry") {
            return Err(self.error(
                option.position,
                "map_entry cannot be set: it is reserved for map fields",
            ));
        }
        Ok(())
    }

    fn is_namespace(&self, id: MessageId) -> bool {
        let message = &self.linker.schema[id];
        let local = match message.visibility {
            Visibility::Local => true,
            Visibility::Export => false,
            Visibility::Unset => matches!(
                self.linker.schema[self.id].features.visibility,
                DefaultVisibility::Strict | DefaultVisibility::LocalAll
            ),
        };
        local && message.parent.is_none() && message.reserved_ranges == [(1, crate::proto::wire::MAX_FIELD_NUMBER)]
    }

    fn check_exported(&self, visibility: Visibility, nested: bool, position: Position) -> Result<()> {
        let strict = self.linker.schema[self.id].features.visibility == DefaultVisibility::Strict;
        match visibility == Visibility::Export && nested && strict {
            true => Err(self.error(
                position,
                "with default_symbol_visibility = STRICT, nested types cannot be exported",
            )),
            false => Ok(()),
        }
    }

    /// Fields, oneofs, nested types, values of nested enums and extensions of a message share one namespace.
    fn unique_names(&self, id: MessageId) -> Result<()> {
        let schema = &self.linker.schema;
        let message = &schema[id];
        let mut names: Vec<(&str, Position)> = Vec::with_capacity(message.field_count());
        names.extend(schema.fields_of(id).iter().map(|field| (&*field.name, field.position)));
        names.extend(message.oneofs.iter().map(|oneof| (&*oneof.name, oneof.position)));
        names.extend(
            message
                .nested_messages
                .iter()
                .map(|&id| (&*schema[id].name, schema[id].position)),
        );
        names.extend(
            message
                .nested_extensions
                .iter()
                .map(|&id| (&*schema[id].name, schema[id].position)),
        );
        for &id in &message.nested_enums {
            names.push((&schema[id].name, schema[id].position));
            names.extend(schema[id].values.iter().map(|value| (&*value.name, value.position)));
        }
        names.sort_by_key(|&(name, position)| (name, position.line, position.column));
        match names.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            Some(pair) => {
                let message = format!("\"{}\" is already defined in \"{}\"", pair[1].0, message.full_name);
                Err(self.error(pair[1].1, message))
            }
            None => Ok(()),
        }
    }

    fn unique_numbers(&self, id: MessageId) -> Result<()> {
        let schema = &self.linker.schema;
        let fields = schema.fields_of(id);
        for (index, field) in fields.iter().enumerate() {
            let first = schema[id].numbers.get(field.number).unwrap_or(0) as usize;
            if first != index {
                let message = format!(
                    "field number {} is already used in \"{}\" by field \"{}\"",
                    field.number, schema[id].full_name, fields[first].name
                );
                return Err(self.error(field.position, message));
            }
        }
        Ok(())
    }

    /// Declared and derived JSON names must not collide, unless `json_format = LEGACY_BEST_EFFORT` (proto2) allows it.
    fn unique_json_names(&self, id: MessageId) -> Result<()> {
        let schema = &self.linker.schema;
        let message = &schema[id];
        let fields = schema.fields_of(id);
        let excused =
            message.features.json_best_effort || message.options.flag("deprecated_legacy_json_field_conflicts");
        let clash = |first: &str, second: &str, name: &str, position| {
            let message =
                format!("field \"{second}\" has the JSON name \"{name}\", which field \"{first}\" already has");
            Err(self.error(position, message))
        };
        for pair in message.by_json_name.windows(2) {
            let (first, second) = (&fields[pair[0] as usize], &fields[pair[1] as usize]);
            let both_custom = first.json_name_explicit && second.json_name_explicit;
            if first.json_name == second.json_name && (both_custom || !excused) {
                return clash(&first.name, &second.name, &second.json_name, second.position);
            }
        }
        if !excused && fields.iter().any(|field| field.json_name_explicit) {
            // The derived names must differ too, so that a `json_name` can be removed later.
            let mut derived = HashMap::with_capacity(fields.len());
            for field in fields {
                if let Some(first) = derived.insert(json_name(&field.name), &field.name) {
                    return clash(first, &field.name, &json_name(&field.name), field.position);
                }
            }
        }
        Ok(())
    }

    /// Checks that fields, extension ranges and reserved ranges do not overlap, and that no field has a reserved
    /// name.
    fn check_ranges(&self, node: &ast::Message, id: MessageId) -> Result<()> {
        let schema = &self.linker.schema;
        let message = &schema[id];
        let mut ranges: Vec<(u32, u32, bool, Position)> = Vec::new();
        let extension_positions = node
            .extension_ranges
            .iter()
            .flat_map(|list| &list.ranges)
            .map(|&(_, at)| at);
        for (range, position) in message.extension_ranges.iter().zip(extension_positions) {
            ranges.push((range.start, range.end, true, position));
        }
        for (&(start, end), &(_, position)) in message.reserved_ranges.iter().zip(&node.reserved_ranges) {
            ranges.push((start, end, false, position));
        }
        ranges.sort_by_key(|range| (range.0, range.1));
        let describe = |extension: bool| if extension { "extension" } else { "reserved" };
        if let Some(pair) = ranges.windows(2).find(|pair| pair[1].0 <= pair[0].1 && !self.lenient()) {
            let ((a, b, first, _), (c, d, second, position)) = (pair[0], pair[1]);
            let message = format!(
                "{} range {c} to {d} overlaps {} range {a} to {b}",
                describe(second),
                describe(first)
            );
            return Err(self.error(position, message));
        }
        for field in schema.fields_of(id) {
            if field.number > crate::proto::wire::MAX_FIELD_NUMBER {
                return Err(self.error(field.position, "field numbers must not exceed 536870911"));
            }
            // Ranges do not overlap, so only the last one that starts at or before the number can contain it.
            let at = ranges.partition_point(|range| range.0 <= field.number);
            if let Some(&(start, end, extension, _)) = at.checked_sub(1).map(|at| &ranges[at])
                && field.number <= end
                && !(extension && field.number == 0)
                && !self.lenient()
            {
                let message = format!(
                    "field \"{}\" uses number {}, which is in the {} range {start} to {end}",
                    field.name,
                    field.number,
                    describe(extension)
                );
                return Err(self.error(field.position, message));
            }
        }
        self.check_reserved_names(node, id)
    }

    fn check_reserved_names(&self, node: &ast::Message, id: MessageId) -> Result<()> {
        if node.reserved_names.is_empty() || self.lenient() {
            return Ok(());
        }
        let schema = &self.linker.schema;
        let mut seen = std::collections::HashSet::with_capacity(node.reserved_names.len());
        for (name, position) in &node.reserved_names {
            if !seen.insert(&**name) {
                return Err(self.error(*position, format!("name \"{name}\" is already reserved")));
            }
            if let Some(field) = schema.field_by_name(id, name) {
                return Err(self.error(schema[field].position, format!("field name \"{name}\" is reserved")));
            }
        }
        Ok(())
    }

    fn validate_enums(&mut self, nodes: &'t [ast::Enum<'t>], ids: &[EnumId]) -> Result<()> {
        for (node, &id) in nodes.iter().zip(ids) {
            let mut ranges = Vec::with_capacity(node.reserved_ranges.len());
            for &((start, end), position) in &node.reserved_ranges {
                let end = if end == i64::MAX { i32::MAX as i64 } else { end };
                if end < start {
                    let message = format!("a range must not end before it starts: {start} to {end}");
                    return Err(self.error(position, message));
                }
                ranges.push((start as i32, end as i32));
            }
            self.schema().enums[id.index()].reserved_ranges = ranges;
            if !self.lenient() {
                self.check_enum(node, id)?;
            }
        }
        Ok(())
    }

    fn check_enum(&self, node: &ast::Enum, id: EnumId) -> Result<()> {
        let model = &self.linker.schema[id];
        let Some(first) = model.values.first() else {
            return Err(self.error(
                node.position,
                format!("enum {} must have at least one value", node.name),
            ));
        };
        if !model.closed && first.number != 0 {
            return Err(self.error(first.position, "the first value of an open enum must be 0"));
        }
        let values = |order: &[u32], at: usize| &model.values[order[at] as usize];
        for at in 1..model.values.len() {
            let (first, second) = (values(&model.order_by_name, at - 1), values(&model.order_by_name, at));
            if first.name == second.name {
                let message = format!("\"{}\" is already defined in enum \"{}\"", second.name, model.full_name);
                return Err(self.error(second.position, message));
            }
        }
        let twice = (1..model.values.len())
            .map(|at| {
                (
                    values(&model.order_by_number, at - 1),
                    values(&model.order_by_number, at),
                )
            })
            .find(|(first, second)| first.number == second.number);
        match twice {
            Some((first, second)) if !model.allow_alias => {
                let message = format!(
                    "\"{}\" has the number {} of \"{}\"; set the option allow_alias to allow this",
                    second.name, second.number, first.name
                );
                return Err(self.error(second.position, message));
            }
            None if !model.allow_alias && varint_option(&node.options, "allow_alias", 2).is_some() => {
                let message = format!(
                    "enum {} sets allow_alias = false, which is the default: remove it",
                    model.full_name
                );
                return Err(self.error(option_position(&node.options, "allow_alias"), message));
            }
            None if model.allow_alias => {
                let message = format!(
                    "enum {} sets allow_alias, but no two values share a number",
                    model.full_name
                );
                return Err(self.error(node.position, message));
            }
            _ => {}
        }
        // A local message that reserves all numbers is only a namespace for its enums, which may be exported.
        let nested = model.parent.is_some_and(|outer| !self.is_namespace(outer));
        self.check_exported(model.visibility, nested, node.position)?;
        self.check_enum_reserved(node, id)?;
        self.check_enum_json(id)
    }

    fn check_enum_reserved(&self, node: &ast::Enum, id: EnumId) -> Result<()> {
        let model = &self.linker.schema[id];
        let positions = node.reserved_ranges.iter().map(|&(_, position)| position);
        let mut ranges: Vec<_> = model.reserved_ranges.iter().copied().zip(positions).collect();
        ranges.sort_by_key(|&(range, _)| range);
        if let Some(pair) = ranges.windows(2).find(|pair| pair[1].0.0 <= pair[0].0.1) {
            let (((a, b), _), ((c, d), position)) = (pair[0], pair[1]);
            return Err(self.error(
                position,
                format!("reserved range {c} to {d} overlaps reserved range {a} to {b}"),
            ));
        }
        for value in &model.values {
            let at = ranges.partition_point(|&((start, _), _)| start <= value.number);
            if let Some(&((start, end), _)) = at.checked_sub(1).map(|at| &ranges[at])
                && value.number <= end
            {
                let message = format!(
                    "enum value \"{}\" uses number {}, which is in the reserved range {start} to {end}",
                    value.name, value.number
                );
                return Err(self.error(value.position, message));
            }
        }
        let mut seen = std::collections::HashSet::with_capacity(node.reserved_names.len());
        for (name, position) in &node.reserved_names {
            if !seen.insert(&**name) {
                return Err(self.error(*position, format!("name \"{name}\" is already reserved")));
            }
            if let Some(value) = model.by_name(name) {
                return Err(self.error(value.position, format!("enum value name \"{name}\" is reserved")));
            }
        }
        Ok(())
    }

    /// Rejects values that differ only in case or in a repeated prefix, because they become equal when names are
    /// converted to another case.
    fn check_enum_json(&self, id: EnumId) -> Result<()> {
        let model = &self.linker.schema[id];
        let excused = model.options.flag("deprecated_legacy_json_field_conflicts");
        if excused && self.tree.edition == Edition::Proto2 {
            return Ok(());
        }
        let mut keys = HashMap::with_capacity(model.values.len());
        for value in &model.values {
            let (name, number) = *keys
                .entry(enum_value_key(&model.name, &value.name))
                .or_insert((&value.name, value.number));
            if number != value.number {
                let message = format!(
                    "enum value \"{}\" is the same as \"{name}\" if case and the name of the enum are ignored",
                    value.name
                );
                return Err(self.error(value.position, message));
            }
        }
        Ok(())
    }

    /// The extensions that this file declares, for checks.
    pub(super) fn own_extensions(&self) -> impl Iterator<Item = FieldId> + '_ {
        let file = self.id;
        let schema = &self.linker.schema;
        schema
            .extensions
            .iter()
            .rev()
            .copied()
            .take_while(move |&id| schema[id].file == file)
    }
}
