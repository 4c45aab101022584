//! Second pass, for fields and extensions: types, numbers, presence, encoding, defaults, oneofs.

use std::collections::HashSet;

use super::features::{Target, features_set, flag, varint_option};
use super::names::json_name;
use super::resolve::TypeRef;
use super::{FileLinker, Result, ast};
use crate::proto::schema::{
    Cardinality, Edition, Features, Field, FieldId, FieldPresence, Kind, MessageId, NumberIndex, Oneof, Options, Symbol,
};
use crate::proto::wire::MAX_FIELD_NUMBER;

/// The largest number of a MessageSet extension. On the wire it is a value and not part of a tag, so it can be
/// larger.
const MAX_MESSAGE_SET_NUMBER: u32 = i32::MAX as u32 - 1;

/// The scope in which fields are declared.
#[derive(Clone, Copy)]
struct Scope<'n> {
    /// The surrounding message, for names and nested types.
    message: Option<MessageId>,
    /// Its full name, or the package.
    name: &'n str,
    /// The features that the fields inherit.
    features: Features,
    /// The extended message, if the fields are extensions.
    extendee: Option<MessageId>,
}

impl<'t> FileLinker<'_, '_, 't> {
    pub(super) fn link_fields(&mut self) -> Result<()> {
        let tree = self.tree;
        let (messages, features) = {
            let file = &mut self.linker.schema.files[self.id.index()];
            (file.messages.clone(), file.features)
        };
        for (node, &id) in tree.messages.iter().zip(&messages) {
            self.link_message(node, id)?;
        }
        // The extended message decides what an extension may be, and can be declared later in the file.
        for (node, &id) in tree.messages.iter().zip(&messages) {
            self.link_nested_extends(node, id)?;
        }
        let scope = Scope {
            message: None,
            name: &tree.package,
            features,
            extendee: None,
        };
        let extensions = self.link_extends(&tree.extends, scope, &messages)?;
        let id = self.id;
        self.schema().files[id.index()].extensions = extensions;
        Ok(())
    }

    fn link_message(&mut self, node: &'t ast::Message<'t>, id: MessageId) -> Result<()> {
        let (full_name, features, nested) = {
            let message = &mut self.linker.schema.messages[id.index()];
            message.message_set = flag(&node.options, "message_set_wire_format", 1);
            (
                message.full_name.clone(),
                message.features,
                message.nested_messages.clone(),
            )
        };
        let mut oneofs = self.link_oneofs(node, features)?;
        let scope = Scope {
            message: Some(id),
            name: &full_name,
            features,
            extendee: None,
        };
        let first = self.next_field();
        for field in &node.fields {
            let outer = field.oneof.map_or(features, |oneof| oneofs[oneof as usize].features);
            let mut model = self.link_field(
                field,
                Scope {
                    features: outer,
                    ..scope
                },
                &nested,
            )?;
            model.index = self.next_field().0 - first.0;
            if let Some(oneof) = field.oneof {
                oneofs[oneof as usize].fields.push(self.next_field());
            }
            self.schema().fields.push(model);
        }
        if node.is_map_entry && !self.lenient() {
            self.check_entry(node, first)?;
        }
        self.synthetic_oneofs(&mut oneofs, first);
        let end = self.next_field().0;
        let schema = self.schema();
        let fields = &schema.fields[first.index()..end as usize];
        let numbers = NumberIndex::new(fields.iter().map(|field| field.number));
        let mut by_name: Box<[u32]> = (0..fields.len() as u32).collect();
        let mut by_json_name = by_name.clone();
        by_name.sort_by(|&a, &b| fields[a as usize].name.cmp(&fields[b as usize].name));
        by_json_name.sort_by(|&a, &b| fields[a as usize].json_name.cmp(&fields[b as usize].json_name));
        let message = &mut schema.messages[id.index()];
        message.fields = first.0..end;
        message.numbers = numbers;
        message.by_name = by_name;
        message.by_json_name = by_json_name;
        message.oneofs = oneofs;
        self.link_ranges(node, id)?;
        for (node, &id) in node.messages.iter().zip(&nested) {
            self.link_message(node, id)?;
        }
        Ok(())
    }

    /// Links the extensions declared in a message and in its nested messages.
    fn link_nested_extends(&mut self, node: &'t ast::Message<'t>, id: MessageId) -> Result<()> {
        let message = &self.linker.schema[id];
        let (name, nested) = (message.full_name.clone(), message.nested_messages.clone());
        let scope = Scope {
            message: Some(id),
            name: &name,
            features: message.features,
            extendee: None,
        };
        let extensions = self.link_extends(&node.extends, scope, &nested)?;
        self.schema().messages[id.index()].nested_extensions = extensions;
        for (node, &id) in node.messages.iter().zip(&nested) {
            self.link_nested_extends(node, id)?;
        }
        Ok(())
    }

    fn link_oneofs(&mut self, node: &'t ast::Message<'t>, features: Features) -> Result<Vec<Oneof>> {
        let mut oneofs = Vec::with_capacity(node.oneofs.len());
        for oneof in &node.oneofs {
            oneofs.push(Oneof {
                name: oneof.name.into(),
                fields: Vec::new(),
                synthetic: false,
                features: self.features(features, &oneof.options, Target::Oneof)?,
                options: Options::default(),
                comments: Self::comments(&oneof.comments),
                position: oneof.position,
            });
        }
        Ok(oneofs)
    }

    /// Checks the types of a map, given its entry message.
    fn check_entry(&self, node: &ast::Message, first: FieldId) -> Result<()> {
        let fields = &self.linker.schema.fields[first.index()..];
        if let [
            _,
            Field {
                kind: Kind::Enum(id), ..
            },
        ] = fields
            && self.linker.schema[*id].default_number() != 0
        {
            let name = &self.linker.schema[*id].full_name;
            return Err(self.error(
                node.position,
                format!("enum {name} must start with the value 0 to be in a map"),
            ));
        }
        let validated = node.fields[0]
            .options
            .iter()
            .flat_map(|option| features_set(option, Target::Field))
            .any(|(name, _)| name == "utf8_validation");
        if validated && fields.iter().all(|field| field.kind != Kind::String) {
            return Err(self.error(
                node.position,
                "utf8_validation is allowed on strings only, and this map has none",
            ));
        }
        Ok(())
    }

    /// A proto3 `optional` field is in a oneof of its own, for descriptors and older readers of them.
    fn synthetic_oneofs(&mut self, oneofs: &mut Vec<Oneof>, first: FieldId) {
        let schema = &mut self.linker.schema;
        let fields = &schema.fields[first.index()..];
        if !fields.iter().any(|field| field.proto3_optional) {
            return;
        }
        let mut taken: HashSet<String> = fields.iter().map(|field| field.name.to_string()).collect();
        taken.extend(oneofs.iter().map(|oneof| oneof.name.to_string()));
        for (index, field) in schema.fields.iter_mut().enumerate().skip(first.index()) {
            if !field.proto3_optional {
                continue;
            }
            let mut name = match field.name.starts_with('_') {
                true => format!("X{}", field.name),
                false => format!("_{}", field.name),
            };
            while !taken.insert(name.clone()) {
                name.insert(0, 'X');
            }
            field.oneof = Some(oneofs.len() as u32);
            oneofs.push(Oneof {
                name: name.into(),
                fields: vec![FieldId(index as u32)],
                synthetic: true,
                features: field.features,
                options: Options::default(),
                comments: Default::default(),
                position: field.position,
            });
        }
    }

    fn link_extends(
        &mut self,
        nodes: &'t [ast::Extend<'t>],
        scope: Scope,
        nested: &[MessageId],
    ) -> Result<Vec<FieldId>> {
        let mut ids = Vec::new();
        for node in nodes {
            let extendee = self.resolve_message(scope.name, &node.extendee, node.position)?;
            let hides = |field: &ast::Field| scope.message.is_some() && field.name == node.extendee;
            if let (Some(_), false) = (node.fields.iter().find(|field| hides(field)), self.lenient()) {
                let message = format!(
                    "\"{}\" is the extension itself here; write it in full, with a leading dot",
                    node.extendee
                );
                return Err(self.error(node.position, message));
            }
            let scope = Scope {
                extendee: Some(extendee),
                ..scope
            };
            for field in &node.fields {
                let id = self.next_field();
                let mut model = self.link_field(field, scope, nested)?;
                model.index = self.linker.schema.extensions.len() as u32;
                self.check_extension(field, &model)?;
                self.register(
                    self.full_name(scope.name, &field.name, field.position)?,
                    Symbol::Extension(id),
                    field.position,
                )?;
                let schema = self.schema();
                schema.fields.push(model);
                schema.extensions.push(id);
                schema.messages[extendee.index()].extensions.push(id);
                self.extended.push(extendee);
                ids.push(id);
            }
        }
        Ok(ids)
    }

    fn check_extension(&self, node: &ast::Field, model: &Field) -> Result<()> {
        let lenient = self.lenient();
        let extendee = &self.linker.schema[model.message];
        let name = &extendee.full_name;
        if !extendee.is_extension_number(model.number) {
            let message = format!("{name} does not declare {} as an extension number", model.number);
            return Err(self.error(node.number_position, message));
        }
        if !lenient && self.tree.edition == Edition::Proto3 && !is_options_message(name) {
            return Err(self.error(node.position, "proto3 allows extensions for custom options only"));
        }
        if extendee.message_set
            && !matches!(
                (model.kind, model.cardinality),
                (Kind::Message(_), Cardinality::Optional)
            )
        {
            return Err(self.error(
                node.type_position,
                "extensions of a MessageSet must be optional messages",
            ));
        }
        if !extendee.message_set && model.number > MAX_FIELD_NUMBER {
            return Err(self.error(
                node.number_position,
                format!("field numbers must not exceed {MAX_FIELD_NUMBER}"),
            ));
        }
        if model.cardinality == Cardinality::Required {
            return Err(self.error(
                node.label_position,
                format!("extension {} cannot be required", node.name),
            ));
        }
        if ast::written_option(&node.options, "json_name").is_some() && !lenient {
            return Err(self.error(node.position, "extensions cannot have a json_name"));
        }
        if node
            .options
            .iter()
            .flat_map(|option| features_set(option, Target::Field))
            .any(|(name, _)| name == "field_presence")
        {
            return Err(self.error(node.position, "extensions always have presence, so it cannot be set"));
        }
        if matches!(node.ty, ast::Type::Map(_)) {
            return Err(self.error(node.type_position, "extensions cannot be maps"));
        }
        Ok(())
    }

    /// Links one field, except for what depends on its being an extension or on other fields, which the caller does.
    fn link_field(&mut self, node: &'t ast::Field<'t>, scope: Scope, nested: &[MessageId]) -> Result<Field> {
        self.check_label(node, scope)?;
        let number = self.field_number(node)?;
        let edition = self.tree.edition;
        let mut features = self.features(scope.features, &node.options, Target::Field)?;
        let proto3_optional = edition == Edition::Proto3 && node.label == Some(ast::Label::Optional);
        match node.label {
            Some(ast::Label::Required) => features.field_presence = FieldPresence::LegacyRequired,
            _ if proto3_optional => features.field_presence = FieldPresence::Explicit,
            _ => {}
        }
        if let Some(packed) = varint_option(&node.options, "packed", 2) {
            features.packed = packed == 1;
        }
        let kind = self.field_kind(node, scope, nested, &mut features)?;
        let cardinality = match (&node.ty, node.label) {
            (ast::Type::Map(_), _) => Cardinality::Map,
            (_, Some(ast::Label::Repeated)) => Cardinality::Repeated,
            (_, Some(ast::Label::Required)) => Cardinality::Required,
            _ if features.field_presence == FieldPresence::LegacyRequired && node.oneof.is_none() => {
                Cardinality::Required
            }
            _ => Cardinality::Optional,
        };
        let singular = matches!(cardinality, Cardinality::Optional | Cardinality::Required);
        let implicit = features.field_presence == FieldPresence::Implicit;
        let mut field = Field {
            name: node.name.as_ref().into(),
            json_name: json_name(&node.name),
            json_name_explicit: false,
            number,
            kind,
            cardinality,
            has_presence: singular
                && (!implicit || kind.message().is_some() || node.oneof.is_some() || scope.extendee.is_some()),
            packed: cardinality == Cardinality::Repeated && kind.is_packable() && features.packed,
            utf8: features.utf8 && kind == Kind::String,
            default: None,
            oneof: node.oneof,
            proto3_optional,
            message: scope.extendee.or(scope.message).unwrap_or(MessageId(0)),
            scope: scope.message,
            is_extension: scope.extendee.is_some(),
            file: self.id,
            index: 0,
            deprecated: flag(&node.options, "deprecated", 3),
            features,
            options: Options::default(),
            comments: Self::comments(&node.comments),
            position: node.position,
        };
        if !node.options.is_empty() {
            self.field_options(node, &mut field)?;
        }
        if !self.lenient() {
            self.check_presence(node, &field)?;
        }
        Ok(field)
    }

    fn field_kind(
        &mut self,
        node: &ast::Field,
        scope: Scope,
        nested: &[MessageId],
        features: &mut Features,
    ) -> Result<Kind> {
        Ok(match &node.ty {
            ast::Type::Scalar(kind) => *kind,
            ast::Type::Map(index) => Kind::Message(nested[*index as usize]),
            ast::Type::Group(index) => {
                features.delimited = true;
                Kind::Group(nested[*index as usize])
            }
            ast::Type::NamedGroup(name) => {
                features.delimited = true;
                let id = self.resolve_message(scope.name, name, node.type_position)?;
                if self.linker.schema[id].is_map_entry && !self.lenient() {
                    return Err(self.error(
                        node.type_position,
                        format!("\"{name}\" is the entry of a map, not a group"),
                    ));
                }
                Kind::Group(id)
            }
            ast::Type::Named(name) | ast::Type::NamedMessage(name) | ast::Type::NamedEnum(name) => {
                match self.resolve_type(scope.name, name, node.type_position)? {
                    TypeRef::Enum(_) if matches!(node.ty, ast::Type::NamedMessage(_)) => {
                        return Err(self.error(
                            node.type_position,
                            format!("\"{name}\" is an enum, expected a message type"),
                        ));
                    }
                    TypeRef::Message(_) if matches!(node.ty, ast::Type::NamedEnum(_)) => {
                        return Err(self.error(
                            node.type_position,
                            format!("\"{name}\" is a message, expected an enum type"),
                        ));
                    }
                    TypeRef::Enum(id) => Kind::Enum(id),
                    TypeRef::Message(id) => {
                        if self.linker.schema[id].is_map_entry && !self.lenient() {
                            let message = format!("\"{name}\" is the entry of a map, which only that map may use");
                            return Err(self.error(node.type_position, message));
                        }
                        // Values of maps are always length-prefixed, whatever the feature says.
                        let in_entry = scope.message.is_some_and(|id| self.linker.schema[id].is_map_entry);
                        match features.delimited && !in_entry {
                            true => Kind::Group(id),
                            false => Kind::Message(id),
                        }
                    }
                }
            }
        })
    }

    fn field_number(&self, node: &ast::Field) -> Result<u32> {
        let error = |message: String| Err(self.error(node.number_position, message));
        match u32::try_from(node.number) {
            Ok(0) if !self.linker.options.allow_field_number_zero => error("field numbers start at 1, found 0".into()),
            Ok(number @ 19_000..=19_999) if !self.lenient() => error(format!(
                "field numbers 19000 to 19999 are reserved for protobuf itself, found {number}"
            )),
            // Larger numbers are allowed only for extensions of MessageSets, which are checked elsewhere.
            Ok(number) if number <= MAX_MESSAGE_SET_NUMBER => Ok(number),
            _ => error(format!(
                "field numbers must not exceed {MAX_FIELD_NUMBER}, found {}",
                node.number
            )),
        }
    }

    fn check_label(&self, node: &ast::Field, scope: Scope) -> Result<()> {
        let is_map = matches!(node.ty, ast::Type::Map(_));
        if is_map && (node.label.is_some() || node.oneof.is_some()) {
            let what = if node.oneof.is_some() {
                "maps cannot be in a oneof"
            } else {
                "maps cannot have a label"
            };
            return Err(self.error(node.label_position, what));
        }
        let in_entry = scope.message.is_some_and(|id| self.linker.schema[id].is_map_entry);
        if self.lenient() || in_entry {
            return Ok(());
        }
        let is_group = matches!(node.ty, ast::Type::Group(_) | ast::Type::NamedGroup(_));
        let message = match (self.tree.edition, node.label) {
            (Edition::Proto2, None) if !is_map && node.oneof.is_none() => {
                "expected \"required\", \"optional\" or \"repeated\" before the type of a proto2 field"
            }
            (Edition::Proto3, Some(ast::Label::Required)) => "proto3 has no required fields",
            (Edition::Proto3, _) if is_group => "proto3 has no groups; use a message",
            (edition, Some(ast::Label::Required)) if edition >= Edition::E2023 => {
                "editions have no \"required\"; use features.field_presence = LEGACY_REQUIRED"
            }
            (edition, Some(ast::Label::Optional)) if edition >= Edition::E2023 => {
                "editions have no \"optional\"; singular fields have presence unless features say otherwise"
            }
            (edition, _) if edition >= Edition::E2023 && is_group => {
                "editions have no groups; use features.message_encoding = DELIMITED"
            }
            _ => return Ok(()),
        };
        Err(self.error(node.label_position, message))
    }

    fn check_presence(&self, node: &ast::Field, field: &Field) -> Result<()> {
        let implicit = field.features.field_presence == FieldPresence::Implicit;
        if let (Kind::Enum(id), false, true) = (field.kind, field.has_presence, implicit) {
            let enumeration = &self.linker.schema[id];
            if enumeration.closed && field.cardinality == Cardinality::Optional {
                let message = format!(
                    "enum {} is closed, so a field of it cannot have implicit presence (as all fields of proto3 have)",
                    enumeration.full_name
                );
                return Err(self.error(node.type_position, message));
            }
        }
        if self.tree.edition == Edition::Proto3
            && let Kind::Enum(id) = field.kind
            && self.linker.schema[id].closed
        {
            let message = format!(
                "enum {} is closed; proto3 allows open enums only",
                self.linker.schema[id].full_name
            );
            return Err(self.error(node.type_position, message));
        }
        let in_entry = field.scope.is_some_and(|id| self.linker.schema[id].is_map_entry);
        match in_entry {
            true => Ok(()),
            false => self.check_written_features(node, field),
        }
    }

    /// Checks the features written on a field. Unlike inherited ones, they must apply to it.
    fn check_written_features(&self, node: &ast::Field, field: &Field) -> Result<()> {
        let singular = matches!(field.cardinality, Cardinality::Optional | Cardinality::Required);
        let is_message = field.kind.message().is_some();
        let mut wrong = None;
        for (name, value) in node
            .options
            .iter()
            .flat_map(|option| features_set(option, Target::Field))
        {
            wrong = wrong.or(match (name, value) {
                ("field_presence", _) if field.oneof.is_some() => {
                    Some("fields of a oneof always have presence, so it cannot be set")
                }
                ("field_presence", _) if !singular => Some("repeated fields and maps have no presence"),
                ("field_presence", "IMPLICIT") if is_message => Some("message fields cannot have implicit presence"),
                ("repeated_field_encoding", _) if singular => {
                    Some("repeated_field_encoding is allowed on repeated fields only")
                }
                ("repeated_field_encoding", "PACKED") if !field.kind.is_packable() => {
                    Some("only repeated fields of numbers, bools and enums can be packed")
                }
                ("utf8_validation", _) if field.kind != Kind::String && !field.is_map() => {
                    Some("utf8_validation is allowed on strings only")
                }
                ("message_encoding", _) if !is_message || field.is_map() => {
                    Some("message_encoding is allowed on message fields only")
                }
                _ => None,
            });
        }
        match wrong {
            Some(message) => Err(self.error(node.position, message)),
            None => Ok(()),
        }
    }
}

fn is_options_message(full_name: &str) -> bool {
    let name = full_name.strip_prefix("google.protobuf.").unwrap_or("");
    name.ends_with("Options") || name == "FeatureSet"
}
