//! Which files a schema is made of.
//!
//! Whoever has the files is asked for them one at a time, by return values and never by a call: it may be JavaScript, which must not
//! run on top of a half-made schema's stack. A file is linked once all that it imports is, so the files that are open at any time are
//! those that import each other, outermost first.

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
    /// Of a source that it holds.
    Parsed(Parsed),
    /// Made from a descriptor, or of a source that lives elsewhere.
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

/// A file that is to be linked.
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
    /// What has been found so far, in order of the tree's imports.
    imports: Vec<Import>,
}

impl<'s> Linker<'s> {
    /// True for a file that is linked.
    pub(in crate::proto) fn has(&self, name: &str) -> bool {
        self.files.contains_key(name)
    }

    /// Opens a file that nothing open imports.
    pub(in crate::proto) fn root(&mut self, name: &str, source: Source<'s>) -> Result<()> {
        let tree = self.tree(name, source)?;
        self.open(name, tree)
    }

    /// Links what can be linked. The name of the import that is wanted next, for [`Linker::give`]; `None` once all files are linked.
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

    /// Answers [`Linker::wanted`]. `Ok(None)`: there is no such file; `Err`: why it cannot be read. For a well-known type that is not
    /// given the built-in file is taken.
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
                // npm protocol-buffers without a `resolveImport` goes without imports altogether.
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

    /// Loads roots that are open, with all they import.
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

    /// Links the innermost open file, all of whose imports are.
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

/// What the language says of imports.
fn check_imports(name: &str, tree: &File) -> Result<()> {
    let mut seen = HashSet::with_capacity(tree.imports.len());
    for (index, import) in tree.imports.iter().enumerate() {
        let after_option = index > 0 && tree.imports[index - 1].kind == ImportKind::Option;
        let wrong = match import.kind {
            _ if !seen.insert(&import.name) => format!("{:?} is imported twice", import.name),
            ImportKind::Option if tree.edition < Edition::E2024 => "\"import option\" needs edition 2024".into(),
            ImportKind::Option => continue,
            ImportKind::Weak if tree.edition >= Edition::E2024 => "edition 2024 has no weak imports".into(),
            _ if after_option => "other imports come before those with \"import option\"".into(),
            _ => continue,
        };
        return Err(Error::new(name, import.position, wrong));
    }
    Ok(())
}

/// Compiles sources that are given one at a time: the root, then whatever import is asked for.
pub struct Compiler {
    linker: Linker<'static>,
}

impl Compiler {
    /// Nothing yet.
    pub fn new(options: &CompileOptions) -> Self {
        Self {
            linker: Linker::new(options),
        }
    }

    /// True for a file that has been given.
    pub fn has(&self, name: &str) -> bool {
        self.linker.has(name)
    }

    /// The text of a file, under the name that errors and descriptors will give it.
    pub fn root(&mut self, name: &str, source: String) -> Result<()> {
        self.linker.root(name, Source::Text(source))
    }

    /// The name of the file that is wanted next, which must be given; `None` once there is all.
    pub fn wanted(&mut self) -> Result<Option<String>> {
        self.linker.wanted()
    }

    /// The text of the file that was wanted; `Ok(None)`: there is no such file; `Err`: why it cannot be read.
    pub fn give(&mut self, answer: std::result::Result<Option<String>, String>) -> Result<()> {
        self.linker.give(answer.map(|text| text.map(Source::Text)))
    }

    /// The schema of all that was given.
    pub fn schema(self) -> Schema {
        self.linker.schema
    }
}
