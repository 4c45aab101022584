//! Links syntax trees into a [`Schema`]: loads imports, gives every declaration an id, resolves names, features,
//! defaults and options, and rejects what the language does not allow.
//!
//! Files are linked one at a time, every import before its importer, because imports cannot be circular. So a file
//! refers only to itself and to linked files. Each file takes five passes over its tree: `declare` (ids, names,
//! features), `fields` (types, numbers, defaults), `services`, `options`, `validate`.

mod declarations;
mod declare;
mod defaults;
mod features;
mod fields;
mod file_options;
mod load;
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
use super::parser::ast;
use super::schema::{FileId, Import, ImportKind, MessageId, OptionEntry, Position, Schema};
use super::wkt;
use features::Target;
use load::Open;

pub use load::Compiler;
pub(super) use load::Source;
pub(super) use names::json_name;

type Result<T> = std::result::Result<T, Error>;

/// Returns the source of a file by its name. `Ok(None)` means that it does not exist; `Err` has the reason why it
/// cannot be read.
pub type Resolver<'r> = dyn FnMut(&str) -> std::result::Result<Option<String>, String> + 'r;

/// Compiles files and all their imports into a schema.
///
/// `resolve` is called once for each file. If it has no file for a well-known type (such as
/// `google/protobuf/timestamp.proto`), the built-in one is used. Errors state file, line and column.
pub fn compile(roots: &[&str], options: &CompileOptions, resolve: &mut Resolver) -> Result<Schema> {
    let mut compiler = Compiler::new(options);
    for root in roots {
        if compiler.has(root) {
            continue;
        }
        match resolve(root) {
            Ok(Some(source)) => compiler.root(root, source)?,
            Ok(None) => match wkt::source(root) {
                Some(source) => compiler.root(root, source.into())?,
                None => {
                    return Err(Error::new(
                        "",
                        Position::default(),
                        format!("file {root:?} was not found"),
                    ));
                }
            },
            Err(reason) => {
                let message = format!("cannot load {root:?}: {reason}");
                return Err(Error::new("", Position::default(), message));
            }
        }
        resolve_all(&mut compiler, resolve)?;
    }
    Ok(compiler.schema())
}

/// Compiles a source text and all its imports into a schema. Errors and descriptors use `name`.
pub fn compile_source(name: &str, source: &str, options: &CompileOptions, resolve: &mut Resolver) -> Result<Schema> {
    let mut compiler = Compiler::new(options);
    compiler.root(name, source.into())?;
    resolve_all(&mut compiler, resolve)?;
    Ok(compiler.schema())
}

fn resolve_all(compiler: &mut Compiler, resolve: &mut Resolver) -> Result<()> {
    while let Some(name) = compiler.wanted()? {
        compiler.give(resolve(&name))?;
    }
    Ok(())
}

/// The linked files, and what later files need to know about them.
pub(super) struct Linker<'s> {
    pub(super) schema: Schema,
    options: CompileOptions,
    files: HashMap<Box<str>, FileId>,
    /// The files whose imports are being loaded, outermost first.
    open: Vec<Open<'s>>,
    /// The files that importers of a file can see: the file itself, and its public imports.
    exported: Vec<Vec<FileId>>,
    /// The names of packages and their prefixes, with the last file that can see a file of that package.
    packages: HashMap<Box<str>, FileId>,
    /// The full names of the values of top-level enums, which are in the namespace of the package.
    values: HashSet<Arc<str>>,
    /// Whether the built-in `descriptor.proto` is being linked. Its own options are interpreted with its own
    /// messages.
    bootstrap: bool,
    source_bytes: usize,
    symbols: usize,
}

impl<'s> Linker<'s> {
    pub(super) fn new(options: &CompileOptions) -> Self {
        Self {
            schema: Schema::default(),
            options: options.clone(),
            files: HashMap::new(),
            open: Vec::new(),
            exported: Vec::new(),
            packages: HashMap::new(),
            values: HashSet::new(),
            bootstrap: false,
            source_bytes: 0,
            symbols: 0,
        }
    }

    /// Links `descriptor.proto`, with which all other options are interpreted.
    pub(super) fn bootstrap(options: &CompileOptions, name: &str, source: &str) -> Result<Schema> {
        let mut linker = Linker {
            bootstrap: true,
            ..Linker::new(options)
        };
        linker.root(name, Source::Text(source.into()))?;
        linker.load(&mut |_| Ok(None))?;
        Ok(linker.schema)
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

    /// Determines which files the new file can see, and marks their packages as visible to it.
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
    /// Files imported with `import option`, whose types cannot be used by fields.
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
struct FileLinker<'l, 's, 't> {
    linker: &'l mut Linker<'s>,
    name: &'t str,
    tree: &'t ast::File<'t>,
    id: FileId,
    visible: Visible,
    /// The messages that this file extends, whose extensions must be sorted.
    extended: Vec<MessageId>,
    /// A buffer for building names to look up.
    scratch: String,
    /// Whether any element has options. Most files do not and skip that pass.
    has_options: bool,
    /// Names that are not symbols but hide symbols of outer scopes. Created on first use.
    members: Option<HashSet<String>>,
    /// Options whose declarations are checked when all options are known, with the kind of element that has them.
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

    /// `scope.name`, or `name` at the top level of a file without a package.
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
