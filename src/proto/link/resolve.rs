//! Resolves type names by the scoping rules of `protoc`, which are those of C++: scopes are searched from the
//! innermost outwards, and the first part of a name decides the scope.

use std::collections::HashSet;

use super::{Error, FileLinker, Result, ast};
use crate::proto::schema::{
    DefaultVisibility, EnumId, EnumValue, FileId, MessageId, Oneof, Position, Schema, Symbol, Visibility,
};

/// A type of a field.
#[derive(Clone, Copy)]
pub(super) enum TypeRef {
    Message(MessageId),
    Enum(EnumId),
}

impl FileLinker<'_, '_, '_> {
    /// Resolves the type `name` in `scope` (a full name, empty for a file without a package).
    pub(super) fn resolve_type(&mut self, scope: &str, name: &str, position: Position) -> Result<TypeRef> {
        match self.resolve(scope, name, |symbol| {
            matches!(symbol, Symbol::Message(_) | Symbol::Enum(_))
        }) {
            Some(Symbol::Message(id)) => {
                self.check_visible(self.linker.schema[id].file, name, position, |schema| {
                    (schema[id].visibility, schema[id].parent.is_some())
                })?;
                Ok(TypeRef::Message(id))
            }
            Some(Symbol::Enum(id)) => {
                self.check_visible(self.linker.schema[id].file, name, position, |schema| {
                    (schema[id].visibility, schema[id].parent.is_some())
                })?;
                Ok(TypeRef::Enum(id))
            }
            Some(_) => Err(self.error(position, format!("\"{name}\" is not a type"))),
            None => Err(self.unresolved(scope, name, position)),
        }
    }

    /// Resolves the message `name` in `scope`, where only a message is allowed: in extensions and methods.
    pub(super) fn resolve_message(&mut self, scope: &str, name: &str, position: Position) -> Result<MessageId> {
        match self.resolve_first(scope, name) {
            Some(Symbol::Message(id)) => {
                self.check_visible(self.linker.schema[id].file, name, position, |schema| {
                    (schema[id].visibility, schema[id].parent.is_some())
                })?;
                Ok(id)
            }
            Some(Symbol::Enum(_)) => {
                Err(self.error(position, format!("\"{name}\" is an enum, expected a message type")))
            }
            _ => Err(self.unresolved(scope, name, position)),
        }
    }

    /// Finds the first symbol with this name, of any kind. Only field types skip symbols that are not types.
    pub(super) fn resolve_first(&mut self, scope: &str, name: &str) -> Option<Symbol> {
        if self.lenient() {
            let is_type = |symbol| matches!(symbol, Symbol::Message(_) | Symbol::Enum(_));
            return self
                .resolve(scope, name, is_type)
                .or_else(|| self.resolve(scope, name, |_| true));
        }
        let found = self.resolve(scope, name, |_| true)?;
        if name.contains('.') {
            return Some(found);
        }
        // Names that are not symbols of the schema hide symbols all the same: fields, oneofs, values and methods of
        // the scopes in between.
        let home = self.home(found);
        let mut inner = scope;
        while inner.len() > home {
            if self.has_member(inner, name) {
                return None;
            }
            inner = inner.rsplit_once('.').map_or("", |(outer, _)| outer);
        }
        Some(found)
    }

    /// The length of the name of the scope that declares a symbol.
    fn home(&self, symbol: Symbol) -> usize {
        let schema = &self.linker.schema;
        let scope = match symbol {
            Symbol::Message(id) => schema[id].parent,
            Symbol::Enum(id) => schema[id].parent,
            Symbol::Extension(id) => schema[id].scope,
            Symbol::Service(_) => None,
        };
        match scope {
            Some(scope) => schema[scope].full_name.len(),
            None => schema[file_of(schema, symbol)].package.len(),
        }
    }

    /// Whether a name would be found if members of inner scopes did not hide it. For error messages.
    pub(super) fn is_hidden(&mut self, scope: &str, name: &str) -> bool {
        self.resolve(scope, name, |_| true).is_some()
    }

    fn has_member(&mut self, scope: &str, name: &str) -> bool {
        let schema = &self.linker.schema;
        if let Some(&Symbol::Message(id)) = schema.symbols.get(scope)
            && schema.field_by_name(id, name).is_some()
        {
            return true;
        }
        let full_name = format!("{scope}.{name}");
        let members = self.members.get_or_insert_with(|| members(schema, self.id, self.tree));
        members.contains(&full_name) || self.linker.values.contains(&*full_name)
    }

    /// Looks a name up from `scope` outwards. `wanted` decides which symbols a one-part name can refer to; others are
    /// skipped.
    fn resolve(&mut self, scope: &str, name: &str, wanted: impl Fn(Symbol) -> bool) -> Option<Symbol> {
        if let Some(absolute) = name.strip_prefix('.') {
            return self.lookup(absolute);
        }
        let first = name.split('.').next().unwrap_or(name);
        let compound = first.len() < name.len();
        let mut candidate = std::mem::take(&mut self.scratch);
        let mut length = scope.len();
        let found = loop {
            candidate.clear();
            if length > 0 {
                candidate.push_str(&scope[..length]);
                candidate.push('.');
            }
            let base = candidate.len();
            candidate.push_str(first);
            let symbol = self.lookup(&candidate);
            if !compound {
                if symbol.is_some_and(&wanted) {
                    break symbol;
                }
            } else if self.is_scope(&candidate, symbol) {
                candidate.truncate(base);
                candidate.push_str(name);
                let symbol = self.lookup(&candidate);
                if symbol.is_some() || !self.lenient() {
                    break symbol;
                }
            }
            if length == 0 {
                break None;
            }
            length = scope[..length].rfind('.').unwrap_or(0);
        };
        self.scratch = candidate;
        if found.is_none() && self.lenient() {
            self.resolve_anywhere(name)
        } else {
            found
        }
    }

    /// npm `protocol-buffers` knows no packages, so in lenient mode a name finds types in any package.
    fn resolve_anywhere(&self, name: &str) -> Option<Symbol> {
        let schema = &self.linker.schema;
        let mut packages = schema
            .files
            .iter()
            .map(|file| &*file.package)
            .filter(|package| !package.is_empty());
        packages.find_map(|package| schema.symbols.get(&*format!("{package}.{name}")).copied())
    }

    fn is_scope(&self, name: &str, symbol: Option<Symbol>) -> bool {
        match symbol {
            Some(Symbol::Extension(_)) => false,
            Some(_) => true,
            None => self.linker.packages.get(name) == Some(&self.id),
        }
    }

    /// The symbol of a full name, if this file sees it.
    fn lookup(&self, full_name: &str) -> Option<Symbol> {
        let schema = &self.linker.schema;
        let symbol = *schema.symbols.get(full_name)?;
        self.visible.contains(file_of(schema, symbol)).then_some(symbol)
    }

    /// Edition 2024: other files cannot use `local` types, and `import option` makes only options available.
    fn check_visible(
        &self,
        file: FileId,
        name: &str,
        position: Position,
        declared: impl Fn(&Schema) -> (Visibility, bool),
    ) -> Result<()> {
        if file == self.id {
            return Ok(());
        }
        let schema = &self.linker.schema;
        if self.visible.options_only.contains(&file) && !self.lenient() {
            let file = &schema[file].name;
            let message = format!("Could not resolve {name}: \"import option\" of \"{file}\" imports its options only");
            return Err(self.error(position, message));
        }
        let (visibility, nested) = declared(schema);
        let local = match (visibility, schema[file].features.visibility) {
            (Visibility::Local, _) => true,
            (Visibility::Export, _) | (_, DefaultVisibility::ExportAll) => false,
            (_, DefaultVisibility::ExportTopLevel) => nested,
            (_, DefaultVisibility::LocalAll | DefaultVisibility::Strict) => true,
        };
        if local && !self.lenient() {
            let message = format!(
                "\"{name}\" is local to \"{}\"; declare it with \"export\" there",
                schema[file].name
            );
            return Err(self.error(position, message));
        }
        Ok(())
    }

    #[cold]
    fn unresolved(&self, scope: &str, name: &str, position: Position) -> Error {
        let schema = &self.linker.schema;
        let mut message = format!("Could not resolve {name}");
        let absolute = name.trim_start_matches('.');
        let dots = scope
            .bytes()
            .enumerate()
            .filter(|(_, byte)| *byte == b'.')
            .map(|(at, _)| at);
        let mut scopes = dots.chain([scope.len()]).filter(|&end| end > 0);
        let elsewhere = schema
            .symbols
            .get(absolute)
            .or_else(|| scopes.find_map(|end| schema.symbols.get(&*format!("{}.{absolute}", &scope[..end]))));
        let nearby = elsewhere.filter(|&&symbol| self.visible.contains(file_of(schema, symbol)));
        if let Some(symbol) = nearby {
            message += match symbol {
                Symbol::Message(_) | Symbol::Enum(_) => {
                    ": a name in a nearer scope hides it; write it in full, with a leading dot"
                }
                _ => ": that is neither a message nor an enum",
            };
        } else if let Some(&symbol) = elsewhere {
            let file = &schema[file_of(schema, symbol)].name;
            message += &format!(": it is defined in \"{file}\", which \"{}\" does not import", self.name);
        } else {
            message += ": no message or enum of this name is defined here or in an imported file";
            // In lenient mode, a missing import is not an error itself, but it explains this error.
            let imports = self.tree.imports.iter().zip(&schema[self.id].imports);
            for (import, _) in imports.filter(|(_, found)| found.file.is_none()) {
                message += &format!(", and \"{}\" was not found", import.name);
            }
        }
        self.error(position, message)
    }
}

/// The full names of the oneofs, values of nested enums, and methods of the file that was linked last.
fn members(schema: &Schema, file: FileId, tree: &ast::File) -> HashSet<String> {
    let messages = schema.messages.iter().rev().take_while(|message| message.file == file);
    let enums = schema.enums.iter().rev().take_while(|model| model.file == file);
    let services = schema[file].services.iter().map(|&id| &schema[id]).zip(&tree.services);
    let oneofs = messages.flat_map(|message| {
        let name = |oneof: &Oneof| format!("{}.{}", message.full_name, oneof.name);
        message.oneofs.iter().map(name)
    });
    let values = enums.flat_map(|model| {
        let scope = model.parent.map(|id| &schema[id].full_name);
        let name = move |value: &EnumValue| Some(format!("{}.{}", scope?, value.name));
        model.values.iter().filter_map(name)
    });
    let methods = services.flat_map(|(service, node)| {
        let name = |method: &ast::Method| format!("{}.{}", service.full_name, method.name);
        node.methods.iter().map(name)
    });
    oneofs.chain(values).chain(methods).collect()
}

/// The file that declares a symbol.
pub(super) fn file_of(schema: &Schema, symbol: Symbol) -> FileId {
    match symbol {
        Symbol::Message(id) => schema[id].file,
        Symbol::Enum(id) => schema[id].file,
        Symbol::Service(id) => schema[id].file,
        Symbol::Extension(id) => schema[id].file,
    }
}
