//! Syntax trees into a [`Schema`]: loads imports, gives every declaration an id, resolves names, features, defaults and options,
//! and refuses what the language does not allow.
//!
//! Files are linked one by one, every import before its importer, as imports cannot be circular: a file only ever refers to itself
//! and to files that are linked already. One file takes five passes over its tree: `declare` (ids, names, features), `fields`
//! (types, numbers, defaults), `services`, `options`, `validate`.

mod declarations;
mod declare;
mod defaults;
mod features;
mod fields;
mod file_options;
mod names;
mod naming_style;
mod option_values;
mod options;
mod ranges;
mod resolve;
mod services;
mod support;
mod uniqueness;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::error::Error;
use super::options::CompileOptions;
use super::parser::{ast, parse};
use super::schema::{Edition, FileId, Import, ImportKind, MessageId, OptionEntry, Position, Schema};
use super::wkt;
use features::Target;

pub(super) use names::json_name;

type Result<T> = std::result::Result<T, Error>;

/// Gives the source of a file by its name. `Ok(None)`: there is no such file; `Err`: why it cannot be read.
pub type Resolver<'r> = dyn FnMut(&str) -> std::result::Result<Option<String>, String> + 'r;

/// Compiles files and all they import into a schema.
///
/// `resolve` is asked for each file once; for the well-known types (`google/protobuf/timestamp.proto` and so on) that it does not
/// have, the built-in ones are taken. The error names file, line and column.
pub fn compile(roots: &[&str], options: &CompileOptions, resolve: &mut Resolver) -> Result<Schema> {
    let mut linker = Linker::new(options);
    let mut provide = |name: &str| resolve(name).map(|source| source.map(Source::Text));
    for root in roots {
        if linker.load(root, &mut provide, None)?.is_none() {
            return Err(Error::new(
                "",
                Position::default(),
                format!("file {root:?} was not found"),
            ));
        }
    }
    Ok(linker.schema)
}

/// Compiles one text, under the name that errors and descriptors will give it, and all it imports into a schema.
pub fn compile_source(name: &str, source: &str, options: &CompileOptions, resolve: &mut Resolver) -> Result<Schema> {
    let mut linker = Linker::new(options);
    let mut provide = |name: &str| resolve(name).map(|source| source.map(Source::Text));
    linker.load_text(name, source, &mut provide)?;
    Ok(linker.schema)
}

/// A file that is to be linked.
pub(super) enum Source<'s> {
    /// Its text.
    Text(String),
    /// Its syntax tree, made from a descriptor.
    Tree(Box<ast::File<'s>>),
}

/// Gives a file by its name.
type Provider<'p, 's> = dyn FnMut(&str) -> std::result::Result<Option<Source<'s>>, String> + 'p;

/// What has been linked, and what later files need to know of it.
pub(super) struct Linker<'o> {
    pub(super) schema: Schema,
    options: &'o CompileOptions,
    files: HashMap<Box<str>, FileId>,
    /// Names of files being loaded, outermost first.
    stack: Vec<Box<str>>,
    /// What importers of a file see: the file, and what it imports publicly.
    exported: Vec<Vec<FileId>>,
    /// Names of packages and their prefixes, and the last file that could see a file of it.
    packages: HashMap<Box<str>, FileId>,
    /// Full names of values of top-level enums, which share their package's namespace.
    values: HashSet<Arc<str>>,
    /// True while the built-in `descriptor.proto` itself is linked: its own options are interpreted with its own help.
    bootstrap: bool,
    source_bytes: usize,
    symbols: usize,
}

impl<'o> Linker<'o> {
    pub(super) fn new(options: &'o CompileOptions) -> Self {
        Self {
            schema: Schema::default(),
            options,
            files: HashMap::new(),
            stack: Vec::new(),
            exported: Vec::new(),
            packages: HashMap::new(),
            values: HashSet::new(),
            bootstrap: false,
            source_bytes: 0,
            symbols: 0,
        }
    }

    /// Links `descriptor.proto` for the interpretation of everybody else's options.
    pub(super) fn bootstrap(options: &'o CompileOptions, name: &str, source: &str) -> Result<Schema> {
        let mut linker = Self {
            bootstrap: true,
            ..Self::new(options)
        };
        linker.load_text(name, source, &mut |_| Ok(None))?;
        Ok(linker.schema)
    }

    /// Loads a file by name, unless it is loaded. `importer` is where it is imported, for errors.
    pub(super) fn load(
        &mut self,
        name: &str,
        provide: &mut Provider,
        importer: Option<(&str, Position)>,
    ) -> Result<Option<FileId>> {
        if let Some(&id) = self.files.get(name) {
            return Ok(Some(id));
        }
        let (file, position) = importer.unwrap_or_default();
        if self.stack.iter().any(|open| &**open == name) {
            let cycle = self
                .stack
                .iter()
                .map(|open| &**open)
                .chain([name])
                .collect::<Vec<_>>()
                .join(" -> ");
            return Err(Error::new(
                file,
                position,
                format!("File recursively imports itself: {cycle}"),
            ));
        }
        let answer = provide(name);
        let built_in = wkt::source(name);
        match (answer, built_in) {
            (Ok(Some(Source::Text(source))), _) => self.load_text(name, &source, provide).map(Some),
            (Ok(Some(Source::Tree(tree))), _) => self.load_tree(name, &tree, provide).map(Some),
            (_, Some(source)) => self.load_text(name, source, provide).map(Some),
            (Ok(None), None) => Ok(None),
            (Err(reason), None) => Err(Error::new(file, position, format!("cannot load {name:?}: {reason}"))),
        }
    }

    fn load_text(&mut self, name: &str, source: &str, provide: &mut Provider) -> Result<FileId> {
        let limits = &self.options.limits;
        self.source_bytes += source.len();
        if self.source_bytes > limits.source_bytes {
            let message = format!("the sources have more than the limit of {} bytes", limits.source_bytes);
            return Err(Error::new(name, Position::default(), message));
        }
        let tree = parse(name, source, self.options)?;
        self.load_tree(name, &tree, provide)
    }

    /// Loads what a file imports, then links it.
    fn load_tree(&mut self, name: &str, tree: &ast::File, provide: &mut Provider) -> Result<FileId> {
        let limits = &self.options.limits;
        if self.stack.len() >= limits.import_depth {
            let message = format!("imports are nested more than {} deep", limits.import_depth);
            return Err(Error::new(name, Position::default(), message));
        }
        self.stack.push(name.into());
        let mut imports = Vec::with_capacity(tree.imports.len());
        let mut seen = HashSet::with_capacity(tree.imports.len());
        for (index, import) in tree.imports.iter().enumerate() {
            let after_option = index > 0 && tree.imports[index - 1].kind == ImportKind::Option;
            let wrong = match import.kind {
                _ if !seen.insert(&import.name) => Some(format!("{:?} is imported twice", import.name)),
                ImportKind::Option if tree.edition < Edition::E2024 => {
                    Some("\"import option\" needs edition 2024".into())
                }
                ImportKind::Option => None,
                ImportKind::Weak if tree.edition >= Edition::E2024 => Some("edition 2024 has no weak imports".into()),
                _ if after_option => Some("other imports come before those with \"import option\"".into()),
                _ => None,
            };
            if let (Some(message), false) = (wrong, self.options.lenient) {
                return Err(Error::new(name, import.position, message));
            }
            let file = self.load(&import.name, provide, Some((name, import.position)))?;
            // npm protocol-buffers without a `resolveImport` goes without imports altogether.
            if file.is_none() && import.kind != ImportKind::Option && !self.options.lenient {
                let message = format!("imported file {:?} was not found", import.name);
                return Err(Error::new(name, import.position, message));
            }
            imports.push(Import {
                file,
                kind: import.kind,
            });
        }
        self.stack.pop();
        self.symbols += tree.symbols;
        if self.symbols > self.options.limits.symbols {
            let message = format!("more than {} names are declared", self.options.limits.symbols);
            return Err(Error::new(name, Position::default(), message));
        }
        if self.exported.len() >= self.options.limits.files {
            let message = format!("more than {} files", self.options.limits.files);
            return Err(Error::new(name, Position::default(), message));
        }
        self.link_file(name, tree, imports)
    }

    fn link_file(&mut self, name: &str, tree: &ast::File, imports: Vec<Import>) -> Result<FileId> {
        let id = FileId(self.exported.len() as u32);
        let visible = self.see(id, tree, &imports);
        self.files.insert(name.into(), id);
        let mut file = FileLinker {
            linker: self,
            name,
            tree,
            id,
            visible,
            extended: Vec::new(),
            scratch: String::new(),
            has_options: false,
            members: None,
            unchecked: Vec::new(),
        };
        file.declare(imports)?;
        file.link_fields()?;
        file.link_services()?;
        file.sort_extensions()?;
        file.interpret_options()?;
        file.validate()?;
        Ok(id)
    }

    /// Which files the new file sees; notes their packages as visible to it.
    fn see(&mut self, id: FileId, tree: &ast::File, imports: &[Import]) -> Visible {
        let mut exported = vec![id];
        let (mut visible, mut public) = (Visible::default(), Visible::default());
        visible.insert(id);
        for import in imports {
            let Some(file) = import.file else { continue };
            for &seen in &self.exported[file.index()] {
                if import.kind == ImportKind::Option && !visible.contains(seen) {
                    visible.options_only.push(seen);
                }
                visible.insert(seen);
                if import.kind == ImportKind::Public && !public.contains(seen) {
                    public.insert(seen);
                    exported.push(seen);
                }
                let package = &self.schema[seen].package;
                note_package(&mut self.packages, package, id);
            }
        }
        if self.options.lenient {
            (0..self.exported.len() as u32).for_each(|file| visible.insert(FileId(file)));
        }
        note_package(&mut self.packages, &tree.package, id);
        self.exported.push(exported);
        visible
    }
}

fn note_package(packages: &mut HashMap<Box<str>, FileId>, package: &str, file: FileId) {
    let dots = package
        .bytes()
        .enumerate()
        .filter(|(_, byte)| *byte == b'.')
        .map(|(at, _)| at);
    for end in dots.chain([package.len()]).filter(|&end| end > 0) {
        match packages.get_mut(&package[..end]) {
            Some(last) => *last = file,
            None => drop(packages.insert(package[..end].into(), file)),
        }
    }
}

/// A set of files.
#[derive(Default)]
struct Visible {
    bits: Vec<u64>,
    /// Files that came by `import option`: their types are not for fields.
    options_only: Vec<FileId>,
}

impl Visible {
    fn insert(&mut self, file: FileId) {
        let word = file.index() / 64;
        if self.bits.len() <= word {
            self.bits.resize(word + 1, 0);
        }
        self.bits[word] |= 1 << (file.0 % 64);
    }

    fn contains(&self, file: FileId) -> bool {
        self.bits
            .get(file.index() / 64)
            .is_some_and(|word| word >> (file.0 % 64) & 1 != 0)
    }
}

/// Links one file.
struct FileLinker<'l, 'o, 't> {
    linker: &'l mut Linker<'o>,
    name: &'t str,
    tree: &'t ast::File<'t>,
    id: FileId,
    visible: Visible,
    /// Messages that this file extends, whose extensions are to be sorted.
    extended: Vec<MessageId>,
    /// For building names to look up.
    scratch: String,
    /// True where any element has an option, so that most files skip that pass.
    has_options: bool,
    /// Names that are no symbols, and yet hide those of outer scopes; made when first asked for.
    members: Option<HashSet<String>>,
    /// Options whose declarations are to be looked at once all options are known, and what carries them.
    unchecked: Vec<(&'t [ast::Opt<'t>], Vec<OptionEntry>, Target)>,
}

impl FileLinker<'_, '_, '_> {
    #[cold]
    fn error(&self, position: Position, message: impl Into<String>) -> Error {
        Error::new(self.name, position, message)
    }

    fn lenient(&self) -> bool {
        self.linker.options.lenient
    }

    fn schema(&mut self) -> &mut Schema {
        &mut self.linker.schema
    }

    /// `scope.name`, or `name` at the top of a file without package.
    fn full_name(&self, scope: &str, name: &str, position: Position) -> Result<Arc<str>> {
        let most = self.linker.options.limits.full_name;
        if scope.len() + 1 + name.len() > most {
            return Err(self.error(position, format!("full names are limited to {most} bytes")));
        }
        Ok(match scope.is_empty() {
            true => name.into(),
            false => {
                let mut full = String::with_capacity(scope.len() + 1 + name.len());
                full.push_str(scope);
                full.push('.');
                full.push_str(name);
                full.into()
            }
        })
    }
}
