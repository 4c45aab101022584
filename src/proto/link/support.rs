//! Checks the use of an option against its declaration: which elements may have it (`targets`), and which editions
//! know it (`feature_support`).
//!
//! Source: `FieldOptions.targets`, `FieldOptions.feature_support` and `EnumValueOptions.feature_support` of `descriptor.proto`.

use super::features::Target;
use super::options::{FieldOf, TypeOf};
use super::{FileLinker, Result, ast};
use crate::proto::schema::{Cardinality, FieldId, Kind, OptionEntry, OptionValue, Options, Position, Value};

/// A `feature_support`, editions by number.
#[derive(Clone, Copy, Default)]
struct Support<'o> {
    introduced: i32,
    deprecated: Option<i32>,
    warning: bool,
    removed: Option<i32>,
    removal_error: Option<&'o str>,
}

impl<'o> Support<'o> {
    fn of(options: &'o Options) -> Option<Self> {
        Support::default().refined(options)
    }

    /// This support with the changes that `options` make; `None` if there are none.
    fn refined(mut self, options: &'o Options) -> Option<Self> {
        let Some(OptionValue::Message(parts)) = options.get("feature_support") else {
            return None;
        };
        for part in parts {
            match (&*part.name, &part.value) {
                ("edition_introduced", OptionValue::Enum(edition, _)) => self.introduced = *edition,
                ("edition_deprecated", OptionValue::Enum(edition, _)) => self.deprecated = Some(*edition),
                ("edition_removed", OptionValue::Enum(edition, _)) => self.removed = Some(*edition),
                ("deprecation_warning", _) => self.warning = true,
                ("removal_error", OptionValue::Scalar(Value::String(text))) => self.removal_error = Some(text),
                _ => {}
            }
        }
        Some(self)
    }

    /// Describes a contradiction in it, if there is one.
    fn contradiction(&self) -> Option<&'static str> {
        let deprecated = self.deprecated.unwrap_or(0);
        match (self.deprecated, self.removed) {
            (Some(at), _) if at < self.introduced => Some("is deprecated before it is introduced"),
            (Some(_), _) if !self.warning => Some("is deprecated without a deprecation_warning"),
            (None, _) if self.warning => Some("has a deprecation_warning, but no edition_deprecated"),
            (_, Some(at)) if deprecated >= at => Some("is deprecated after it is removed"),
            (_, Some(at)) if at < self.introduced => Some("is removed before it is introduced"),
            (_, Some(at)) if at != self.introduced && self.removal_error.is_none() => {
                Some("is removed without a removal_error")
            }
            (_, None) if self.removal_error.is_some() => Some("has a removal_error, but no edition_removed"),
            _ => None,
        }
    }

    /// What lies outside the support of the field whose value this is.
    fn beyond(&self, field: &Support) -> Option<&'static str> {
        let later = |value: Option<i32>, field: Option<i32>| field.is_some_and(|field| value.unwrap_or(0) > field);
        match () {
            () if self.introduced < field.introduced => Some("is introduced before the field"),
            () if later(self.removed, field.removed) => Some("is removed after the field"),
            () if later(self.deprecated, field.deprecated) => Some("is deprecated after the field"),
            () => None,
        }
    }
}

/// `2023`, as the name of an edition by its number.
fn edition_name(number: i32) -> String {
    match number {
        998 => "proto2".into(),
        999 => "proto3".into(),
        1000..=1100 => format!("{}", number - 1000 + 2023),
        9999 => "UNSTABLE".into(),
        _ => format!("{number}"),
    }
}

impl FileLinker<'_, '_, '_> {
    /// Checks the options of one element, and the fields set in them, against their declarations.
    pub(super) fn check_support(
        &self,
        nodes: &[ast::Opt],
        entries: &[OptionEntry],
        message: TypeOf,
        target: Target,
    ) -> Result<()> {
        for entry in entries {
            // A custom option is written with as many parts of its name as its scope requires.
            let named = |part: &ast::NamePart| match part.extension {
                true => entry
                    .name
                    .trim_matches(['(', ')'])
                    .ends_with(part.text.trim_start_matches('.')),
                false => part.text == *entry.name,
            };
            let sets = |node: &&ast::Opt| node.written().is_none_or(|option| named(&option.name[0]));
            let position = nodes.iter().find(sets).map(ast::Opt::position).unwrap_or_default();
            self.check_entry_support(entry, message, target, position)?;
        }
        Ok(())
    }

    fn check_entry_support(
        &self,
        entry: &OptionEntry,
        message: TypeOf,
        target: Target,
        position: Position,
    ) -> Result<()> {
        let Some(found) = self.option_field_by_number(message, entry.number) else {
            return Ok(());
        };
        let field = self.field_of(found);
        self.check_target(found, target, position)?;
        if let Some(support) = Support::of(&field.options) {
            self.check_edition(&format!("option \"{}\"", entry.name), &support, position)?;
        }
        let values = match &entry.value {
            OptionValue::List(values) => &values[..],
            value => std::slice::from_ref(value),
        };
        for value in values {
            match value {
                OptionValue::Enum(number, name) => self.check_value_edition(found, *number, name, position)?,
                OptionValue::Message(entries) => {
                    let Some(message) = self.type_of(found) else { continue };
                    for entry in entries {
                        self.check_entry_support(entry, message, target, position)?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Checks `[targets = …]` in the declaration of an option, which restricts the elements that may have it.
    fn check_target(&self, found: FieldOf, target: Target, position: Position) -> Result<()> {
        let field = self.field_of(found);
        let Some(OptionValue::List(targets)) = field.options.get("targets") else {
            return Ok(());
        };
        // TARGET_TYPE_FILE is 1; the others follow in the order of `Target`.
        let number = target as i32 + 1;
        match targets
            .iter()
            .any(|target| matches!(target, OptionValue::Enum(value, _) if *value == number))
        {
            true => Ok(()),
            false => Err(self.error(
                position,
                format!("option \"{}\" cannot be set here; see its targets", field.name),
            )),
        }
    }

    fn check_value_edition(&self, found: FieldOf, number: i32, name: &str, position: Position) -> Result<()> {
        let value = self.enum_of(found).and_then(|model| model.by_number(number));
        match value.and_then(|value| Support::of(&value.options)) {
            Some(support) => self.check_edition(&format!("the value {name}"), &support, position),
            None => Ok(()),
        }
    }

    fn check_edition(&self, what: &str, support: &Support, position: Position) -> Result<()> {
        let edition = self.tree.edition as i32;
        let here = edition_name(edition);
        if edition < support.introduced {
            let since = edition_name(support.introduced);
            return Err(self.error(
                position,
                format!("{what} comes with edition {since}; this file has {here}"),
            ));
        }
        match support.removed {
            Some(removed) if edition >= removed => {
                let hint = support
                    .removal_error
                    .map(|hint| format!(": {hint}"))
                    .unwrap_or_default();
                let message = format!("{what} was removed in edition {}{hint}", edition_name(removed));
                Err(self.error(position, message))
            }
            _ => Ok(()),
        }
    }

    /// Checks every `feature_support` that this file declares. That of an enum value must be within that of its
    /// field.
    pub(super) fn check_declared_support(&self) -> Result<()> {
        if !self.has_options {
            return Ok(());
        }
        let schema = &self.linker.schema;
        // Files are linked one at a time, so the elements of this file are last.
        let own_messages = schema
            .messages
            .iter()
            .rev()
            .take_while(|message| message.file == self.id);
        let fields = own_messages.flat_map(|message| message.field_ids());
        for id in fields.chain(self.own_extensions()) {
            self.check_field_support(id)?;
        }
        let own_enums = schema.enums.iter().rev().take_while(|model| model.file == self.id);
        for value in own_enums.flat_map(|model| &model.values) {
            let wrong = Support::of(&value.options).and_then(|support| support.contradiction());
            if let Some(wrong) = wrong {
                return Err(self.error(value.position, format!("enum value \"{}\" {wrong}", value.name)));
            }
        }
        Ok(())
    }

    fn check_field_support(&self, id: FieldId) -> Result<()> {
        let schema = &self.linker.schema;
        let field = &schema[id];
        let Some(support) = Support::of(&field.options) else {
            return Ok(());
        };
        if let Some(wrong) = support.contradiction() {
            return Err(self.error(field.position, format!("field \"{}\" {wrong}", field.name)));
        }
        let (Kind::Enum(of), true) = (field.kind, field.cardinality != Cardinality::Map) else {
            return Ok(());
        };
        for value in &schema[of].values {
            let Some(refined) = support.refined(&value.options) else {
                continue;
            };
            if let Some(wrong) = refined.contradiction().or_else(|| refined.beyond(&support)) {
                let message = format!("value \"{}\" of field \"{}\" {wrong}", value.name, field.name);
                return Err(self.error(field.position, message));
            }
        }
        Ok(())
    }
}
