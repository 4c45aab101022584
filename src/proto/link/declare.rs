//! First pass: gives every message, enum and extension scope its id, full name and features.

use std::sync::Arc;

use super::features::{Target, flag};
use super::{FileLinker, Result, ast};
use crate::proto::schema::{
    Comments, Enum, EnumId, EnumValue, Features, FieldId, File, Import, Message, MessageId, NumberIndex, Options,
    Position, Service, ServiceId, Symbol, WellKnown,
};

impl<'t> FileLinker<'_, '_, 't> {
    pub(super) fn declare(&mut self, imports: Vec<Import>) -> Result<()> {
        let tree = self.tree;
        let defaults = Features::defaults(tree.edition);
        let features = self.features(defaults, &tree.options, Target::File)?;
        self.declare_package()?;
        let file = File {
            name: self.name.into(),
            package: tree.package.as_ref().into(),
            edition: tree.edition,
            syntax_omitted: tree.syntax_omitted,
            imports,
            messages: Vec::new(),
            enums: Vec::new(),
            services: Vec::new(),
            extensions: Vec::new(),
            options: Options::default(),
            features,
            comments: tree.comments.clone(),
            package_comments: tree.package_comments.clone(),
        };
        self.schema().files.push(file);
        let messages = self.declare_messages(&tree.messages, None, &tree.package, features)?;
        let enums = self.declare_enums(&tree.enums, None, &tree.package, features)?;
        let services = self.declare_services(features)?;
        let id = self.id;
        let file = &mut self.schema().files[id.index()];
        file.messages = messages;
        file.enums = enums;
        file.services = services;
        Ok(())
    }

    /// Declares the services. Their names are scopes too, so they must be known before any name is looked up.
    fn declare_services(&mut self, outer: Features) -> Result<Vec<ServiceId>> {
        let tree = self.tree;
        let mut ids = Vec::with_capacity(tree.services.len());
        for node in &tree.services {
            let id = ServiceId(self.linker.schema.services.len() as u32);
            let full_name = self.full_name(&tree.package, node.name, node.position)?;
            self.register(full_name.clone(), Symbol::Service(id), node.position)?;
            let service = Service {
                name: node.name.into(),
                full_name,
                file: self.id,
                methods: Vec::new(),
                features: self.features(outer, &node.options, Target::Service)?,
                options: Options::default(),
                comments: Self::comments(&node.comments),
                position: node.position,
            };
            self.schema().services.push(service);
            ids.push(id);
        }
        Ok(ids)
    }

    fn declare_package(&mut self) -> Result<()> {
        let package = &*self.tree.package;
        if package.len() > self.linker.options.limits.full_name {
            let most = self.linker.options.limits.full_name;
            return Err(self.error(
                self.tree.package_position,
                format!("full names are limited to {most} bytes"),
            ));
        }
        let dots = package
            .bytes()
            .enumerate()
            .filter(|(_, byte)| *byte == b'.')
            .map(|(at, _)| at);
        for end in dots.chain([package.len()]) {
            let prefix = &package[..end];
            if self.linker.schema.symbols.contains_key(prefix) || self.linker.values.contains(prefix) {
                let message = format!(
                    "\"{}\" is already defined as something other than a package",
                    &package[..end]
                );
                return Err(self.error(self.tree.package_position, message));
            }
        }
        Ok(())
    }

    /// Registers a full name, which must not be in use.
    pub(super) fn register(&mut self, full_name: Arc<str>, symbol: Symbol, position: Position) -> Result<()> {
        let taken = self.linker.packages.contains_key(&*full_name)
            || (!self.linker.values.is_empty() && self.linker.values.contains(&*full_name));
        if taken || self.linker.schema.symbols.contains_key(&*full_name) {
            return Err(self.error(position, self.already_defined(&full_name)));
        }
        self.linker.schema.symbols.insert(full_name, symbol);
        Ok(())
    }

    #[cold]
    pub(super) fn already_defined(&self, full_name: &str) -> String {
        let schema = &self.linker.schema;
        let file = match schema.symbols.get(full_name) {
            Some(&Symbol::Message(id)) => Some(schema[id].file),
            Some(&Symbol::Enum(id)) => Some(schema[id].file),
            Some(&Symbol::Service(id)) => Some(schema[id].file),
            Some(&Symbol::Extension(id)) => Some(schema[id].file),
            None => None,
        };
        match file {
            Some(file) if file != self.id => {
                format!("\"{full_name}\" is already defined in file \"{}\"", schema[file].name)
            }
            None if self.linker.packages.contains_key(full_name) => {
                format!("\"{full_name}\" is already defined as a package")
            }
            _ => format!("\"{full_name}\" is already defined"),
        }
    }

    fn declare_messages(
        &mut self,
        nodes: &'t [ast::Message<'t>],
        parent: Option<MessageId>,
        scope: &str,
        outer: Features,
    ) -> Result<Vec<MessageId>> {
        nodes
            .iter()
            .map(|node| self.declare_message(node, parent, scope, outer))
            .collect()
    }

    fn declare_message(
        &mut self,
        node: &'t ast::Message<'t>,
        parent: Option<MessageId>,
        scope: &str,
        outer: Features,
    ) -> Result<MessageId> {
        let id = MessageId(self.linker.schema.messages.len() as u32);
        let full_name = self.full_name(scope, &node.name, node.position)?;
        self.register(full_name.clone(), Symbol::Message(id), node.position)?;
        let features = self.features(outer, &node.options, Target::Message)?;
        let well_known = WellKnown::from_full_name(&full_name);
        let message = Message {
            name: node.name.as_ref().into(),
            full_name: full_name.clone(),
            file: self.id,
            parent,
            fields: 0..0,
            numbers: NumberIndex::default(),
            by_name: Box::default(),
            by_json_name: Box::default(),
            oneofs: Vec::new(),
            extensions: Vec::new(),
            nested_messages: Vec::new(),
            nested_enums: Vec::new(),
            nested_extensions: Vec::new(),
            extension_ranges: Vec::new(),
            extension_spans: Box::default(),
            reserved_ranges: Vec::new(),
            reserved_names: Vec::new(),
            is_map_entry: node.is_map_entry,
            message_set: false,
            well_known,
            visibility: node.visibility,
            features,
            options: Options::default(),
            comments: node.comments.clone(),
            position: node.position,
        };
        self.schema().messages.push(message);
        let nested_messages = self.declare_messages(&node.messages, Some(id), &full_name, features)?;
        let nested_enums = self.declare_enums(&node.enums, Some(id), &full_name, features)?;
        let message = &mut self.schema().messages[id.index()];
        message.nested_messages = nested_messages;
        message.nested_enums = nested_enums;
        Ok(id)
    }

    fn declare_enums(
        &mut self,
        nodes: &'t [ast::Enum<'t>],
        parent: Option<MessageId>,
        scope: &str,
        outer: Features,
    ) -> Result<Vec<EnumId>> {
        nodes
            .iter()
            .map(|node| self.declare_enum(node, parent, scope, outer))
            .collect()
    }

    fn declare_enum(
        &mut self,
        node: &'t ast::Enum<'t>,
        parent: Option<MessageId>,
        scope: &str,
        outer: Features,
    ) -> Result<EnumId> {
        let id = EnumId(self.linker.schema.enums.len() as u32);
        let full_name = self.full_name(scope, node.name, node.position)?;
        self.register(full_name.clone(), Symbol::Enum(id), node.position)?;
        let features = self.features(outer, &node.options, Target::Enum)?;
        self.has_options |= !node.options.is_empty();
        let mut values = Vec::with_capacity(node.values.len());
        for value in &node.values {
            values.push(EnumValue {
                name: value.name.into(),
                number: value.number,
                features: self.features(features, &value.options, Target::EnumValue)?,
                options: Options::default(),
                comments: value.comments.clone(),
                position: value.position,
            });
        }
        let mut order_by_number: Box<[u32]> = (0..values.len() as u32).collect();
        let mut order_by_name = order_by_number.clone();
        order_by_number.sort_by_key(|&index| values[index as usize].number);
        order_by_name.sort_by(|&a, &b| values[a as usize].name.cmp(&values[b as usize].name));
        let allow_alias = flag(&node.options, "allow_alias", 2);
        let is_null_value = &*full_name == "google.protobuf.NullValue";
        let model = Enum {
            name: node.name.into(),
            full_name,
            file: self.id,
            parent,
            values,
            order_by_number,
            order_by_name,
            closed: features.closed_enum,
            allow_alias,
            is_null_value,
            reserved_ranges: Vec::new(),
            reserved_names: node
                .reserved_names
                .iter()
                .map(|(name, _)| name.as_ref().into())
                .collect(),
            visibility: node.visibility,
            features,
            options: Options::default(),
            comments: node.comments.clone(),
            position: node.position,
        };
        self.schema().enums.push(model);
        if parent.is_none() {
            self.declare_values(id, scope)?;
        }
        Ok(id)
    }

    /// Declares the values of a top-level enum. They are names of the package, as in C++.
    fn declare_values(&mut self, id: EnumId, scope: &str) -> Result<()> {
        if self.lenient() {
            return Ok(());
        }
        for index in 0..self.linker.schema[id].values.len() {
            let value = &self.linker.schema[id].values[index];
            let position = value.position;
            let full_name = self.full_name(scope, &value.name, position)?;
            let taken = self.linker.packages.contains_key(&*full_name)
                || self.linker.schema.symbols.contains_key(&*full_name)
                || !self.linker.values.insert(full_name.clone());
            if taken {
                let hint = "enum values are siblings of their type, so they must be unique within the package";
                return Err(self.error(position, format!("{}; {hint}", self.already_defined(&full_name))));
            }
        }
        Ok(())
    }

    /// Copies the comments of an element from the tree.
    pub(super) fn comments(node: &Comments) -> Comments {
        node.clone()
    }

    /// The id that the next field will get.
    pub(super) fn next_field(&self) -> FieldId {
        FieldId(self.linker.schema.fields.len() as u32)
    }
}

/// The constant `true`.
pub(super) fn is_true(value: &ast::Const) -> bool {
    matches!(value, ast::Const::Ident(word) if word == "true")
}
