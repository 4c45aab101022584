//! `features.enforce_naming_style = STYLE2024` makes violations of the style guide errors. It is on in edition 2024.
//!
//! Source: the protobuf style guide, and what `protoc` 32 and later enforces of it.

use super::{FileLinker, Result};
use crate::proto::schema::{EnumId, MessageId, Position};

impl FileLinker<'_, '_, '_> {
    /// Checks all names of the file, where the feature is on.
    pub(super) fn check_style(&self) -> Result<()> {
        let schema = &self.linker.schema;
        let file = &schema[self.id];
        if file.features.enforce_style && !file.package.is_empty() {
            let good = file.package.split('.').all(is_lower_snake);
            self.style(
                good,
                "a package",
                &file.package,
                "lower_snake_case",
                self.tree.package_position,
            )?;
        }
        file.messages.iter().try_for_each(|&id| self.message_style(id))?;
        file.enums.iter().try_for_each(|&id| self.enum_style(id))?;
        for &id in &file.services {
            let service = &schema[id];
            if service.features.enforce_style {
                self.style(
                    is_title(&service.name),
                    "a service",
                    &service.name,
                    "TitleCase",
                    service.position,
                )?;
            }
            for method in service.methods.iter().filter(|method| method.features.enforce_style) {
                self.style(
                    is_title(&method.name),
                    "a method",
                    &method.name,
                    "TitleCase",
                    method.position,
                )?;
            }
        }
        for field in self
            .own_extensions()
            .map(|id| &schema[id])
            .filter(|field| field.features.enforce_style)
        {
            self.style(
                is_lower_snake(&field.name),
                "an extension",
                &field.name,
                "lower_snake_case",
                field.position,
            )?;
        }
        Ok(())
    }

    fn message_style(&self, id: MessageId) -> Result<()> {
        let schema = &self.linker.schema;
        let message = &schema[id];
        if message.is_map_entry {
            return Ok(());
        }
        if message.features.enforce_style {
            self.style(
                is_title(&message.name),
                "a message",
                &message.name,
                "TitleCase",
                message.position,
            )?;
        }
        for field in schema.fields_of(id).iter().filter(|field| field.features.enforce_style) {
            self.style(
                is_lower_snake(&field.name),
                "a field",
                &field.name,
                "lower_snake_case",
                field.position,
            )?;
        }
        for oneof in message
            .oneofs
            .iter()
            .filter(|oneof| oneof.features.enforce_style && !oneof.synthetic)
        {
            self.style(
                is_lower_snake(&oneof.name),
                "a oneof",
                &oneof.name,
                "lower_snake_case",
                oneof.position,
            )?;
        }
        message
            .nested_messages
            .iter()
            .try_for_each(|&id| self.message_style(id))?;
        message.nested_enums.iter().try_for_each(|&id| self.enum_style(id))
    }

    fn enum_style(&self, id: EnumId) -> Result<()> {
        let model = &self.linker.schema[id];
        if model.features.enforce_style {
            self.style(
                is_title(&model.name),
                "an enum",
                &model.name,
                "TitleCase",
                model.position,
            )?;
        }
        for value in model.values.iter().filter(|value| value.features.enforce_style) {
            self.style(
                is_upper_snake(&value.name),
                "an enum value",
                &value.name,
                "UPPER_SNAKE_CASE",
                value.position,
            )?;
        }
        Ok(())
    }

    fn style(&self, good: bool, what: &str, name: &str, right: &str, position: Position) -> Result<()> {
        match good {
            true => Ok(()),
            false => {
                let hint = "features.enforce_naming_style = STYLE_LEGACY turns this off";
                Err(self.error(
                    position,
                    format!("the name of {what} is written in {right}, found \"{name}\" ({hint})"),
                ))
            }
        }
    }
}

fn is_title(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_uppercase()) && !name.contains('_')
}

fn is_lower_snake(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && underscores_are_fine(name)
        && !name.contains(|c: char| c.is_ascii_uppercase())
}

fn is_upper_snake(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_uppercase())
        && underscores_are_fine(name)
        && !name.contains(|c: char| c.is_ascii_lowercase())
}

/// Whether every underscore is followed by a letter.
fn underscores_are_fine(name: &str) -> bool {
    name.split('_')
        .skip(1)
        .all(|word| word.starts_with(|first: char| first.is_ascii_alphabetic()))
}
