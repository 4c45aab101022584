//! Loads the files of a schema.
//!
//! The caller is asked for one file at a time, by return values instead of a callback: the caller may be JavaScript,
//! which must not run on the stack of an unfinished schema. A file is linked when all its imports are. So the open
//! files at any time are a chain of imports, outermost first.

use std::collections::HashSet;

use self_cell::self_cell;

use super::{Linker, Result};
use crate::proto::error::Error;
use crate::proto::options::CompileOptions;
use crate::proto::parser::ast::File;
use crate::proto::parser::parse;
use crate::proto::schema::{Edition, FileId, Import, ImportKind, Position, Schema};
use crate::proto::stack::with_room;
use crate::proto::wkt;

self_cell!(
    /// A source and its tree.
    pub(in crate::proto) struct Parsed {
        owner: String,
        #[covariant]
        dependent: File,
    }
);

/// A syntax tree.
pub(in crate::proto) enum Tree<'s> {
    /// Of a source text that it owns.
    Parsed(Parsed),
    /// Created from a descriptor, or from a source text owned elsewhere.
    Made(Box<File<'s>>),
}

impl Tree<'_> {
    pub(super) fn file(&self) -> &File<'_> {
        match self {
            Tree::Parsed(parsed) => parsed.borrow_dependent(),
            Tree::Made(file) => file,
        }
    }
}

/// A file to be linked.
pub(in crate::proto) enum Source<'s> {
    /// Its text.
    Text(String),
    /// Its syntax tree, made from a descriptor.
    Tree(Box<File<'s>>),
}

/// A file whose imports are being loaded.
pub(super) struct Open<'s> {
    name: Box<str>,
    tree: Tree<'s>,
    /// The imports found so far, in order of the tree's imports.
    imports: Vec<Import>,
}

impl<'s> Linker<'s> {
    /// Whether a file is linked.
    pub(in crate::proto) fn has(&self, name: &str) -> bool {
        self.files.contains_key(name)
    }

    /// Opens a root file.
    pub(in crate::proto) fn root(&mut self, name: &str, source: Source<'s>) -> Result<()> {
        let tree = self.tree(name, source)?;
        self.open(name, tree)
    }

    /// Links all files that can be linked. Returns the name of the import that is needed next, for [`Linker::give`],
    /// or `None` when all files are linked.
    pub(in crate::proto) fn wanted(&mut self) -> Result<Option<String>> {
        while let Some(top) = self.open.last_mut() {
            let file = top.tree.file();
            let Some(import) = file.imports.get(top.imports.len()) else {
                self.link_last()?;
                continue;
            };
            if let Some(&id) = self.files.get(&*import.name) {
                let kind = import.kind;
                top.imports.push(Import { file: Some(id), kind });
                continue;
            }
            let name = import.name.clone();
            self.check_cycle(&name)?;
            return Ok(Some(name));
        }
        Ok(None)
    }

    /// Answers [`Linker::wanted`]. `Ok(None)` means that the file does not exist; `Err` has the reason why it cannot
    /// be read. For a well-known type that does not exist, the built-in file is used.
    pub(in crate::proto) fn give(&mut self, answer: std::result::Result<Option<Source<'s>>, String>) -> Result<()> {
        let Some(top) = self.open.last_mut() else { return Ok(()) };
        let Some(import) = top.tree.file().imports.get(top.imports.len()) else {
            return Ok(());
        };
        let (name, kind, position) = (import.name.clone(), import.kind, import.position);
        let tree = match (answer, wkt::source(&name)) {
            (Ok(Some(source)), _) => self.tree(&name, source)?,
            (_, Some(text)) => {
                self.count_source(&name, text)?;
                Tree::Made(Box::new(self.parse(&name, text)?))
            }
            (Ok(None), None) => {
                // npm `protocol-buffers` without `resolveImport` ignores imports altogether.
                if kind != ImportKind::Option && !self.options.lenient {
                    let message = format!("imported file {name:?} was not found");
                    return Err(Error::new(&top.name, position, message));
                }
                top.imports.push(Import { file: None, kind });
                return Ok(());
            }
            (Err(reason), None) => {
                return Err(Error::new(
                    &top.name,
                    position,
                    format!("cannot load {name:?}: {reason}"),
                ));
            }
        };
        self.open(&name, tree)
    }

    /// Loads the open roots with all their imports.
    pub(in crate::proto) fn load(
        &mut self,
        provide: &mut dyn FnMut(&str) -> std::result::Result<Option<Source<'s>>, String>,
    ) -> Result<()> {
        while let Some(name) = self.wanted()? {
            self.give(provide(&name))?;
        }
        Ok(())
    }

    fn tree(&mut self, name: &str, source: Source<'s>) -> Result<Tree<'s>> {
        match source {
            Source::Tree(tree) => Ok(Tree::Made(tree)),
            Source::Text(text) => {
                self.count_source(name, &text)?;
                Parsed::try_new(text, |text| self.parse(name, text)).map(Tree::Parsed)
            }
        }
    }

    fn parse<'t>(&self, name: &str, text: &'t str) -> Result<File<'t>> {
        with_room(self.options.limits.nesting, || parse(name, text, &self.options))
    }

    fn count_source(&mut self, name: &str, source: &str) -> Result<()> {
        let limit = self.options.limits.source_bytes;
        self.source_bytes += source.len();
        if self.source_bytes > limit {
            let message = format!("the sources have more than the limit of {limit} bytes");
            return Err(Error::new(name, Position::default(), message));
        }
        Ok(())
    }

    fn open(&mut self, name: &str, tree: Tree<'s>) -> Result<()> {
        let limit = self.options.limits.import_depth;
        if self.open.len() >= limit {
            let message = format!("imports are nested more than {limit} deep");
            return Err(Error::new(name, Position::default(), message));
        }
        if !self.options.lenient {
            check_imports(name, tree.file())?;
        }
        self.open.push(Open {
            name: name.into(),
            tree,
            imports: Vec::new(),
        });
        Ok(())
    }

    fn check_cycle(&self, name: &str) -> Result<()> {
        if !self.open.iter().any(|open| &*open.name == name) {
            return Ok(());
        }
        let names: Vec<&str> = self.open.iter().map(|open| &*open.name).chain([name]).collect();
        let message = format!("File recursively imports itself: {}", names.join(" -> "));
        Err(match self.open.last() {
            Some(top) => Error::new(&top.name, top.tree.file().imports[top.imports.len()].position, message),
            None => Error::new(name, Position::default(), message),
        })
    }

    /// Links the innermost open file. All its imports must be linked.
    fn link_last(&mut self) -> Result<()> {
        let Some(Open { name, tree, imports }) = self.open.pop() else {
            return Ok(());
        };
        let limits = &self.options.limits;
        self.symbols += tree.file().symbols;
        if self.symbols > limits.symbols {
            let message = format!("more than {} names are declared", limits.symbols);
            return Err(Error::new(&name, Position::default(), message));
        }
        if self.exported.len() >= limits.files {
            let message = format!("more than {} files", limits.files);
            return Err(Error::new(&name, Position::default(), message));
        }
        let levels = limits.nesting;
        with_room(levels, || self.link_file(&name, tree.file(), imports)).map(drop::<FileId>)
    }
}

/// Checks the rules of the language about imports.
fn check_imports(name: &str, tree: &File) -> Result<()> {
    let mut seen = HashSet::with_capacity(tree.imports.len());
    for (index, import) in tree.imports.iter().enumerate() {
        let after_option = index > 0 && tree.imports[index - 1].kind == ImportKind::Option;
        let wrong = match import.kind {
            _ if !seen.insert(&import.name) => format!("{:?} is imported twice", import.name),
            ImportKind::Option if tree.edition < Edition::E2024 => "\"import option\" needs edition 2024".into(),
            ImportKind::Option => continue,
            ImportKind::Weak if tree.edition >= Edition::E2024 => "edition 2024 has no weak imports".into(),
            _ if after_option => "\"import option\" must come after all other imports".into(),
            _ => continue,
        };
        return Err(Error::new(name, import.position, wrong));
    }
    Ok(())
}

/// Compiles sources that are passed one at a time: first the root, then each import that is asked for.
pub struct Compiler {
    linker: Linker<'static>,
}

impl Compiler {
    /// Creates a compiler without any files.
    pub fn new(options: &CompileOptions) -> Self {
        Self {
            linker: Linker::new(options),
        }
    }

    /// Whether a file has been passed.
    pub fn has(&self, name: &str) -> bool {
        self.linker.has(name)
    }

    /// Passes the text of the root file. Errors and descriptors use `name`.
    pub fn root(&mut self, name: &str, source: String) -> Result<()> {
        self.linker.root(name, Source::Text(source))
    }

    /// The name of the file that must be passed next with [`Compiler::give`]; `None` when all are there.
    pub fn wanted(&mut self) -> Result<Option<String>> {
        self.linker.wanted()
    }

    /// Passes the text of the file that was asked for. `Ok(None)` means that it does not exist; `Err` has the reason
    /// why it cannot be read.
    pub fn give(&mut self, answer: std::result::Result<Option<String>, String>) -> Result<()> {
        self.linker.give(answer.map(|text| text.map(Source::Text)))
    }

    /// The schema of all files.
    pub fn schema(self) -> Schema {
        self.linker.schema
    }
}
