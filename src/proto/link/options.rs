//! Fourth pass: converts standard and custom options to typed values.
//!
//! A standard option is a field of a message of `descriptor.proto`, and a custom option is an extension of that
//! message, so the same code interprets both. Standard options are looked up in the built-in `descriptor.proto`,
//! which is linked once per process, whether or not the file imports it.

use super::features::Target;
use super::resolve::file_of;
use super::{Error, FileLinker, Result, ast};
use crate::proto::schema::{
    Cardinality, EnumId, Field, FieldId, FileId, Kind, MessageId, OptionEncoding, OptionEntry, OptionValue, Options,
    Position, Schema, Symbol, Value,
};
use crate::proto::wkt;

/// The type of an options message: from the built-in `descriptor.proto`, or from the schema being linked.
#[derive(Clone, Copy)]
pub(super) enum TypeOf {
    BuiltIn(MessageId),
    Own(MessageId),
}

impl TypeOf {
    /// A field of this type.
    fn field(self, id: FieldId) -> FieldOf {
        match self {
            TypeOf::BuiltIn(_) => FieldOf::BuiltIn(id),
            TypeOf::Own(_) => FieldOf::Own(id),
        }
    }
}

/// A field found in a [`TypeOf`].
#[derive(Clone, Copy)]
pub(super) enum FieldOf {
    BuiltIn(FieldId),
    Own(FieldId),
}

impl<'t> FileLinker<'_, '_, 't> {
    pub(super) fn interpret_options(&mut self) -> Result<()> {
        if !self.has_options {
            return Ok(());
        }
        let tree = self.tree;
        let id = self.id;
        let package = self.linker.schema[id].package.to_string();
        self.all_extension_options(tree, id, &package)?;
        self.schema().files[id.index()].options = self.interpret(&tree.options, Target::File, &package)?;
        let file = &self.linker.schema[id];
        let (messages, enums, services) = (file.messages.clone(), file.enums.clone(), file.services.clone());
        self.message_options(&tree.messages, &messages, &package)?;
        self.enum_options(&tree.enums, &enums, &package)?;
        for (node, id) in tree.services.iter().zip(services) {
            let options = self.interpret(&node.options, Target::Service, &package)?;
            let full_name = self.linker.schema[id].full_name.clone();
            self.schema().services[id.index()].options = options;
            for (index, method) in node.methods.iter().enumerate() {
                let options = self.interpret(&method.options, Target::Method, &full_name)?;
                self.schema().services[id.index()].methods[index].options = options;
            }
        }
        for (nodes, entries, target) in std::mem::take(&mut self.unchecked) {
            self.check_support(nodes, &entries, self.options_message(target), target)?;
        }
        Ok(())
    }

    fn message_options(&mut self, nodes: &'t [ast::Message<'t>], ids: &[MessageId], scope: &str) -> Result<()> {
        for (node, &id) in nodes.iter().zip(ids) {
            let options = self.interpret(&node.options, Target::Message, scope)?;
            let message = &mut self.schema().messages[id.index()];
            message.options = options;
            let (full_name, first) = (message.full_name.clone(), message.fields.start as usize);
            let (nested, enums) = (message.nested_messages.clone(), message.nested_enums.clone());
            for (index, field) in node.fields.iter().enumerate() {
                let options = self.interpret(&field.options, Target::Field, &full_name)?;
                self.schema().fields[first + index].options = options;
            }
            for (index, oneof) in node.oneofs.iter().enumerate() {
                let options = self.interpret(&oneof.options, Target::Oneof, &full_name)?;
                self.schema().messages[id.index()].oneofs[index].options = options;
            }
            let mut index = 0;
            for list in &node.extension_ranges {
                let options = self.interpret(&list.options, Target::ExtensionRange, scope)?;
                for _ in &list.ranges {
                    self.schema().messages[id.index()].extension_ranges[index].options = options.clone();
                    index += 1;
                }
            }
            self.enum_options(&node.enums, &enums, &full_name)?;
            self.message_options(&node.messages, &nested, &full_name)?;
        }
        Ok(())
    }

    /// Interprets the options of extensions first, because other options of the file may be these extensions.
    fn all_extension_options(&mut self, tree: &'t ast::File<'t>, id: FileId, package: &str) -> Result<()> {
        let file = &self.linker.schema[id];
        let (messages, extensions) = (file.messages.clone(), file.extensions.clone());
        self.extension_options(&tree.extends, &extensions, package)?;
        self.nested_extension_options(&tree.messages, &messages)
    }

    fn nested_extension_options(&mut self, nodes: &'t [ast::Message<'t>], ids: &[MessageId]) -> Result<()> {
        for (node, &id) in nodes.iter().zip(ids) {
            if !node.extends.is_empty() {
                let message = &self.linker.schema[id];
                let (full_name, extensions) = (message.full_name.clone(), message.nested_extensions.clone());
                self.extension_options(&node.extends, &extensions, &full_name)?;
            }
            if !node.messages.is_empty() {
                let nested = self.linker.schema[id].nested_messages.clone();
                self.nested_extension_options(&node.messages, &nested)?;
            }
        }
        Ok(())
    }

    fn extension_options(&mut self, nodes: &'t [ast::Extend<'t>], ids: &[FieldId], scope: &str) -> Result<()> {
        for (node, &id) in nodes.iter().flat_map(|node| &node.fields).zip(ids) {
            let options = self.interpret(&node.options, Target::Field, scope)?;
            self.schema().fields[id.index()].options = options;
        }
        Ok(())
    }

    fn enum_options(&mut self, nodes: &'t [ast::Enum<'t>], ids: &[EnumId], scope: &str) -> Result<()> {
        for (node, &id) in nodes.iter().zip(ids) {
            let options = self.interpret(&node.options, Target::Enum, scope)?;
            self.schema().enums[id.index()].options = options;
            for (index, value) in node.values.iter().enumerate() {
                let options = self.interpret(&value.options, Target::EnumValue, scope)?;
                self.schema().enums[id.index()].values[index].options = options;
            }
        }
        Ok(())
    }

    fn interpret(&mut self, nodes: &'t [ast::Opt<'t>], target: Target, scope: &str) -> Result<Options> {
        let mut options = Options::default();
        if nodes.is_empty() {
            return Ok(options);
        }
        let message = self.options_message(target);
        for node in nodes {
            let node = match node {
                ast::Opt::Serialized(node) => {
                    let decoded = self.decode_options(node.bytes, message, node.position, 0)?;
                    options.entries.extend(decoded);
                    continue;
                }
                ast::Opt::Written(node) => node,
            };
            let pseudo = target == Target::Field && (node.is("default") || node.is("json_name"));
            if pseudo {
                continue;
            }
            if node.is("uninterpreted_option") {
                return Err(self.error(node.position, "uninterpreted_option cannot be set"));
            }
            match self.interpret_one(&mut options.entries, node, message, scope) {
                // npm `protocol-buffers` knows no options but keeps all of them.
                Err(_) if self.lenient() => {
                    self.check_count(&options.entries, node.position)?;
                    options.entries.push(as_written(node));
                }
                result => result?,
            }
        }
        if !self.lenient() {
            // Options that this file declares may have options themselves, which are interpreted later.
            if self.own_extensions().next().is_some() {
                self.unchecked.push((nodes, options.entries.clone(), target));
            } else {
                self.check_support(nodes, &options.entries, message, target)?;
            }
        }
        // In the order in which `protoc` serialises them: standard options by number, then custom options in the
        // order in which they appear.
        let is_custom = |entry: &OptionEntry| entry.name.starts_with('(') || entry.name.is_empty() || entry.number == 0;
        options
            .entries
            .sort_by_key(|entry| if is_custom(entry) { u32::MAX } else { entry.number });
        Ok(options)
    }

    /// Follows `(a).b.c` through messages and sets the last field.
    fn interpret_one(
        &mut self,
        mut entries: &mut Vec<OptionEntry>,
        node: &'t ast::WrittenOption<'t>,
        mut message: TypeOf,
        scope: &str,
    ) -> Result<()> {
        let (last, path) = node.name.split_last().expect("the parser gives every option a name");
        for part in path {
            let found = self.option_field(message, &part.text, part.extension, scope, node.position)?;
            let field = self.field_of(found);
            let (Some(_), Cardinality::Optional | Cardinality::Required) = (field.kind.message(), field.cardinality)
            else {
                let message = format!("option \"{}\" is not a message, so it has no fields to set", part.text);
                return Err(self.error(node.position, message));
            };
            let entry = self.entry(found, OptionValue::Message(Vec::new()));
            message = self.type_of(found).expect("the kind was checked to be a message");
            self.check_count(entries, node.position)?;
            let at = entries
                .iter()
                .position(|existing| existing.number == entry.number)
                .unwrap_or_else(|| {
                    entries.push(entry);
                    entries.len() - 1
                });
            let OptionValue::Message(inner) = &mut entries[at].value else {
                return Err(self.error(node.position, format!("option \"{}\" is already set", part.text)));
            };
            entries = inner;
        }
        let found = self.option_field(message, &last.text, last.extension, scope, node.position)?;
        let value = self.option_value(found, &node.value, scope, node.value_position, false)?;
        self.add(entries, found, value, node.position)
    }

    /// Adds a value to its field. A singular field can be set only once; a repeated one gets another value.
    pub(super) fn add(
        &self,
        entries: &mut Vec<OptionEntry>,
        found: FieldOf,
        value: OptionValue,
        position: Position,
    ) -> Result<()> {
        let field = self.field_of(found);
        let repeated = matches!(field.cardinality, Cardinality::Repeated | Cardinality::Map);
        let existing = entries
            .iter_mut()
            .find(|entry| entry.number == field.number && !entry.name.is_empty());
        match (existing.map(|entry| &mut entry.value), value) {
            (Some(OptionValue::List(list)), OptionValue::List(more)) if repeated => list.extend(more),
            (Some(OptionValue::List(list)), value) if repeated => list.push(value),
            (Some(_), _) => {
                return Err(self.error(position, format!("option \"{}\" is already set", field.name)));
            }
            (None, list @ OptionValue::List(_)) => entries.push(self.entry(found, list)),
            (None, value) if repeated => entries.push(self.entry(found, OptionValue::List(vec![value]))),
            (None, value) => entries.push(self.entry(found, value)),
        }
        Ok(())
    }

    /// Checks the number of options. They are searched linearly, which is fast enough for this number.
    pub(super) fn check_count(&self, entries: &[OptionEntry], position: Position) -> Result<()> {
        let most = self.linker.options.limits.options;
        match entries.len() >= most {
            true => Err(self.error(position, format!("more than {most} different options are set here"))),
            false => Ok(()),
        }
    }

    pub(super) fn entry(&self, found: FieldOf, value: OptionValue) -> OptionEntry {
        let field = self.field_of(found);
        let name = match found {
            FieldOf::Own(_) if field.is_extension => format!("({})", self.linker.schema.field_full_name(field)).into(),
            _ => field.name.clone(),
        };
        let encoding = match field.kind {
            Kind::Enum(_) => OptionEncoding::Enum,
            Kind::Message(_) => OptionEncoding::Message,
            Kind::Group(_) => OptionEncoding::Group,
            kind => OptionEncoding::Scalar(kind),
        };
        OptionEntry {
            name,
            number: field.number,
            encoding,
            value,
        }
    }

    /// The message whose fields are the options of `target`.
    fn options_message(&self, target: Target) -> TypeOf {
        let name = target.options_message();
        let here = "descriptor.proto has every options message";
        match self.linker.bootstrap {
            // While `descriptor.proto` itself is linked, there is no built-in schema yet.
            true => TypeOf::Own(self.linker.schema.message_by_name(name).expect(here)),
            false => TypeOf::BuiltIn(wkt::descriptor().message_by_name(name).expect(here)),
        }
    }

    pub(super) fn schema_of(&self, message: TypeOf) -> (&Schema, MessageId) {
        match message {
            TypeOf::BuiltIn(id) => (wkt::descriptor(), id),
            TypeOf::Own(id) => (&self.linker.schema, id),
        }
    }

    pub(super) fn field_of(&self, found: FieldOf) -> &Field {
        match found {
            FieldOf::BuiltIn(id) => &wkt::descriptor()[id],
            FieldOf::Own(id) => &self.linker.schema[id],
        }
    }

    /// The message type of a message field.
    pub(super) fn type_of(&self, found: FieldOf) -> Option<TypeOf> {
        match found {
            FieldOf::BuiltIn(id) => wkt::descriptor()[id].kind.message().map(TypeOf::BuiltIn),
            FieldOf::Own(id) => self.linker.schema[id].kind.message().map(TypeOf::Own),
        }
    }

    /// Finds a field of an options message by name, or an extension of it by its name in this scope.
    pub(super) fn option_field(
        &mut self,
        message: TypeOf,
        name: &str,
        extension: bool,
        scope: &str,
        position: Position,
    ) -> Result<FieldOf> {
        if !extension {
            let (schema, id) = self.schema_of(message);
            return match schema.field_by_name(id, name) {
                Some(id) => Ok(message.field(id)),
                None => Err(self.unknown_option(message, name, position)),
            };
        }
        match self.resolve_first(scope, name) {
            Some(Symbol::Extension(id)) => {
                let (schema, message_id) = self.schema_of(message);
                let (wanted, own) = (&schema[message_id].full_name, &self.linker.schema);
                let found = &own[own[id].message].full_name;
                match wanted == found {
                    true => Ok(FieldOf::Own(id)),
                    false => {
                        let message = format!("\"({name})\" extends {found}, expected an extension of {wanted}");
                        Err(self.error(position, message))
                    }
                }
            }
            Some(symbol) => {
                let file = &self.linker.schema[file_of(&self.linker.schema, symbol)].name;
                Err(self.error(
                    position,
                    format!("\"({name})\", defined in \"{file}\", is not an extension"),
                ))
            }
            None => {
                let hint = match self.is_hidden(scope, name) {
                    true => "a name in a nearer scope hides it; write it with its package",
                    false => "is its file imported?",
                };
                Err(self.error(position, format!("Could not resolve option ({name}): {hint}")))
            }
        }
    }

    /// Like [`FileLinker::option_field`], for text format. There, a group has the name of its type, an item of a
    /// MessageSet may have that of its own type, and the names of extensions are looked up from the scope of the
    /// message outwards.
    pub(super) fn text_field(
        &mut self,
        message: TypeOf,
        name: &str,
        extension: bool,
        position: Position,
    ) -> Result<FieldOf> {
        let (schema, id) = self.schema_of(message);
        if !extension {
            return match group_by_type_name(schema, id, name) {
                Some(id) => Ok(message.field(id)),
                None => self.option_field(message, name, false, "", position),
            };
        }
        let (full_name, is_set) = (schema[id].full_name.clone(), schema[id].message_set);
        let scope = full_name.rsplit_once('.').map_or("", |(scope, _)| scope);
        if let (true, Some(Symbol::Message(item))) = (is_set, self.resolve_first(scope, name)) {
            let own = &self.linker.schema;
            let mut nested = own[item].nested_extensions.iter().copied();
            let found =
                nested.find(|&id| own[own[id].message].full_name == full_name && own[id].kind == Kind::Message(item));
            if let Some(id) = found {
                return Ok(FieldOf::Own(id));
            }
        }
        self.option_field(message, name, true, scope, position)
    }

    #[cold]
    fn unknown_option(&self, message: TypeOf, name: &str, position: Position) -> Error {
        let (schema, id) = self.schema_of(message);
        let full_name = &schema[id].full_name;
        let hint = match full_name.ends_with("Options") {
            true => "; custom options are written in parentheses",
            false => "",
        };
        self.error(
            position,
            format!("unknown option \"{name}\": {full_name} has no such field{hint}"),
        )
    }
}

/// Finds a group by the name of its type, as text format requires.
fn group_by_type_name(schema: &Schema, message: MessageId, name: &str) -> Option<FieldId> {
    let id = schema.field_by_name(message, &name.to_ascii_lowercase())?;
    match schema[id].kind {
        Kind::Group(group) if *schema[group].name == *name && schema[group].parent == Some(message) => Some(id),
        _ => None,
    }
}

/// An undeclared option, kept as written. Number 0 marks it.
fn as_written(node: &ast::WrittenOption) -> OptionEntry {
    let mut name = String::new();
    for part in &node.name {
        if !name.is_empty() {
            name.push('.');
        }
        match part.extension {
            true => name.extend(["(", &part.text, ")"]),
            false => name.push_str(&part.text),
        }
    }
    OptionEntry {
        name: name.into(),
        number: 0,
        encoding: OptionEncoding::Raw,
        value: written_value(&node.value),
    }
}

fn written_value(value: &ast::Const) -> OptionValue {
    use ast::Const;
    let text = |text: String| OptionValue::Scalar(Value::String(text.into()));
    match value {
        Const::Ident(word) if word == "true" => OptionValue::Scalar(Value::Bool(true)),
        Const::Ident(word) if word == "false" => OptionValue::Scalar(Value::Bool(false)),
        Const::Ident(word) => OptionValue::Enum(0, word.as_ref().into()),
        Const::NegativeIdent(word) => text(format!("-{word}")),
        Const::Int(value) => OptionValue::Scalar(Value::Uint64(*value)),
        Const::NegativeInt(value) => OptionValue::Scalar(Value::Int64((*value as i64).wrapping_neg())),
        Const::Float(value) => OptionValue::Scalar(Value::Double(*value)),
        Const::Str(bytes) => text(String::from_utf8_lossy(bytes).into_owned()),
        Const::List(items) => OptionValue::List(items.iter().map(|(item, _)| written_value(item)).collect()),
        Const::Message(fields) => OptionValue::Message(
            fields
                .iter()
                .map(|field| OptionEntry {
                    name: match &field.name {
                        ast::TextName::Field(name) => (*name).into(),
                        ast::TextName::Extension(name) | ast::TextName::Any(name) => format!("[{name}]").into(),
                    },
                    number: 0,
                    encoding: OptionEncoding::Raw,
                    value: written_value(&field.value),
                })
                .collect(),
        ),
    }
}
