//! Extension declarations, with which a message states which extension may use which of its numbers.
//!
//! Source: "Extension Declarations" of the protobuf documentation; `ExtensionRangeOptions.declaration` and `.verification`.

use std::collections::{HashMap, HashSet};

use super::{FileLinker, Result, ast};
use crate::proto::lexer::is_identifier;
use crate::proto::schema::{Cardinality, Field, Kind, Message, MessageId, OptionValue, Schema, Value};

/// The ranges of one message that declare extensions, and the declarations by number.
struct Declared<'s> {
    /// Ordered by start; ranges do not overlap.
    ranges: Vec<(u32, u32)>,
    by_number: HashMap<u32, &'s OptionValue>,
}

impl<'s> Declared<'s> {
    fn new(schema: &'s Schema, extendee: MessageId) -> Self {
        let mut declared = Declared {
            ranges: Vec::new(),
            by_number: HashMap::new(),
        };
        for range in &schema[extendee].extension_ranges {
            let list = range.options.get("declaration");
            if list.is_some() || matches!(range.options.get("verification"), Some(OptionValue::Enum(0, _))) {
                declared.ranges.push((range.start, range.end));
            }
            for declaration in list.into_iter().flat_map(items) {
                if let Some(Value::Int32(number)) = part(declaration, "number") {
                    declared.by_number.entry(number as u32).or_insert(declaration);
                }
            }
        }
        declared.ranges.sort();
        declared
    }

    fn covers(&self, number: u32) -> bool {
        let at = self.ranges.partition_point(|&(start, _)| start <= number);
        at > 0 && number <= self.ranges[at - 1].1
    }
}

impl FileLinker<'_, '_, '_> {
    /// Checks the extensions of this file against what their extendees declare.
    pub(super) fn check_declarations(&self) -> Result<()> {
        let schema = &self.linker.schema;
        let mut extendees = HashMap::new();
        for field in self.own_extensions().map(|id| &schema[id]) {
            let declared = extendees
                .entry(field.message)
                .or_insert_with(|| Declared::new(schema, field.message));
            if declared.covers(field.number)
                && let Err(message) = check(schema, field, declared.by_number.get(&field.number).copied())
            {
                return Err(self.error(field.position, message));
            }
        }
        Ok(())
    }
}

impl FileLinker<'_, '_, '_> {
    /// Checks the declarations of a message, even if nothing extends it.
    pub(super) fn check_declared(&self, node: &ast::Message, message: &Message) -> Result<()> {
        let mut names = HashSet::new();
        let positions = node.extension_ranges.iter().flat_map(|list| &list.ranges);
        for (range, &(_, position)) in message.extension_ranges.iter().zip(positions) {
            let Some(list) = range.options.get("declaration").map(items) else {
                continue;
            };
            let error = |text: String| Err(self.error(position, text));
            if matches!(range.options.get("verification"), Some(OptionValue::Enum(1, _))) {
                return error("an extension range with declarations cannot be UNVERIFIED".into());
            }
            let mut numbers = HashSet::new();
            for declaration in list {
                let Some(Value::Int32(number)) = part(declaration, "number").or(Some(Value::Int32(0))) else {
                    continue;
                };
                if i64::from(number) < range.start.into() || i64::from(number) > range.end.into() {
                    return error(format!("extension declaration {number} is not in its extension range"));
                }
                if !numbers.insert(number) {
                    return error(format!("extension {number} is declared twice"));
                }
                match name_and_type(declaration) {
                    Ok(Some(name)) if !names.insert(name.clone()) => {
                        return error(format!("extension {name} is declared twice"));
                    }
                    Ok(_) => {}
                    Err(wrong) => return error(format!("extension declaration {number} {wrong}")),
                }
            }
        }
        Ok(())
    }
}

/// The full name and type of a declared extension; `None` for a mere reservation. The error describes the problem.
fn name_and_type(declaration: &OptionValue) -> std::result::Result<Option<Box<str>>, String> {
    match (part(declaration, "full_name"), part(declaration, "type")) {
        (Some(Value::String(name)), Some(Value::String(ty))) => {
            // `protoc` accepts `enum`, although no field has that type.
            let good = is_absolute(&ty) || Kind::from_keyword(&ty).is_some() || &*ty == "enum";
            match is_absolute(&name) && good {
                true => Ok(Some(name)),
                false => Err(format!(
                    "needs full names with a leading dot, found {name:?} of type {ty:?}"
                )),
            }
        }
        (None, None) if part(declaration, "reserved") == Some(Value::Bool(true)) => Ok(None),
        _ => Err("needs both \"full_name\" and \"type\"".into()),
    }
}

/// Whether a name is absolute: `.pkg.name`.
fn is_absolute(name: &str) -> bool {
    name.strip_prefix('.')
        .is_some_and(|name| name.split('.').all(is_identifier))
}

fn items(value: &OptionValue) -> &[OptionValue] {
    match value {
        OptionValue::List(items) => items,
        _ => &[],
    }
}

fn part(declaration: &OptionValue, name: &str) -> Option<Value> {
    let OptionValue::Message(fields) = declaration else {
        return None;
    };
    match &fields.iter().find(|field| &*field.name == name)?.value {
        OptionValue::Scalar(value) => Some(value.clone()),
        _ => None,
    }
}

fn check(schema: &Schema, field: &Field, declared: Option<&OptionValue>) -> std::result::Result<(), String> {
    let name = schema.field_full_name(field);
    let extendee = &schema[field.message].full_name;
    let Some(declared) = declared else {
        return Err(format!(
            "{extendee} declares no extension with number {}, so \"{name}\" cannot be one",
            field.number
        ));
    };
    if part(declared, "reserved") == Some(Value::Bool(true)) {
        return Err(format!(
            "{extendee} reserves extension number {}, so \"{name}\" cannot use it",
            field.number
        ));
    }
    let differs = |what: &str, declared: &str, found: &str| {
        Err(format!(
            "{extendee} declares extension {} with {what} {declared}, found {found}",
            field.number
        ))
    };
    if let Some(Value::String(expected)) = part(declared, "full_name")
        && expected.strip_prefix('.') != Some(&name)
    {
        return differs("the name", &expected, &format!(".{name}"));
    }
    if let Some(Value::String(expected)) = part(declared, "type") {
        let found = type_name(schema, field.kind);
        if *expected != *found {
            return differs("the type", &expected, &found);
        }
    }
    let repeated = part(declared, "repeated") == Some(Value::Bool(true));
    match (repeated, field.cardinality == Cardinality::Repeated) {
        (true, false) => differs("the label", "repeated", "optional"),
        (false, true) => differs("the label", "optional", "repeated"),
        _ => Ok(()),
    }
}

fn type_name(schema: &Schema, kind: Kind) -> String {
    match kind {
        Kind::Message(id) | Kind::Group(id) => format!(".{}", schema[id].full_name),
        Kind::Enum(id) => format!(".{}", schema[id].full_name),
        kind => kind.keyword().unwrap_or_default().to_string(),
    }
}
