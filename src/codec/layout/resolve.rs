//! Resolves names to indexes, and makes all checks that do not need data.

use std::collections::HashMap;

use super::ast::*;
use super::expr::{Scope, Scopes, not_known, set_marks};
use super::lexer::Position;
use super::parser::parse;
use super::types::constant;
use super::*;

/// A layout's text, and the id by which others refer to it: `layout(id)`.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// Its id.
    pub id: u32,
    /// The declarations of structs and enums.
    pub text: &'a str,
    /// The name of the struct that it stands for; if not given, the last one.
    pub root: Option<&'a str>,
}

/// The most levels of nested structs.
const DEPTH: usize = 64;

/// Compiles the first source, with everything that it needs of the others.
pub fn compile(sources: &[Source], limits: Limits) -> Result<Layout, Error> {
    let total: usize = sources.iter().map(|source| source.text.len()).sum();
    if total > limits.text as usize {
        return Err(Error::limit(
            None,
            format!(
                "the text of the layout has {total} bytes, more than the limit of {}",
                limits.text
            ),
        ));
    }
    let mut files = HashMap::new();
    for source in sources {
        let file = parse(source.text)?;
        let root = match source.root {
            Some(name) => Some(name.to_string()),
            None => file.structs.last().map(|last| last.name.clone()),
        };
        files.insert(source.id, (file, root));
    }
    let mut resolver = Resolver {
        files: &files,
        limits,
        structs: Vec::new(),
        enums: Vec::new(),
        named: HashMap::new(),
        named_enums: HashMap::new(),
        fields: 0,
        depth: 0,
        scopes: Scopes::default(),
    };
    let first = sources.first().map_or(0, |source| source.id);
    let root = resolver.root(first, (1, 1))?;
    set_marks(&resolver.scopes, &mut resolver.structs);
    let structs = resolver.structs.into_iter().flatten().collect();
    let mut layout = Layout {
        structs,
        enums: resolver.enums,
        root,
        limits,
    };
    let params = layout.root().params;
    if params > 0 {
        let name = &layout.root().name;
        return Err(Error::syntax(
            (1, 1),
            format!("{name} has parameters, so it cannot be the record itself"),
        ));
    }
    sizes::measure(&mut layout);
    check_paths(&layout)?;
    check_moves(&layout)?;
    Ok(layout)
}

/// Checks that expressions do not look into structs that contain themselves, whose fields are not unique.
fn check_paths(layout: &Layout) -> Result<(), Error> {
    for field in layout.structs.iter().flat_map(|inner| &inner.fields) {
        if let Kind::Struct(id, _) = field.kind
            && field.used
            && layout.structs[id].recursive
        {
            return Err(Error::syntax(
                (1, 1),
                "the fields of a struct that contains itself cannot be used in expressions",
            ));
        }
    }
    Ok(())
}

/// A varint that is filled in later moves everything after it, so no offset or alignment may depend on positions.
fn check_moves(layout: &Layout) -> Result<(), Error> {
    let (mut moves, mut depends) = (None, false);
    for field in layout.structs.iter().flat_map(|inner| &inner.fields) {
        let is_varint = |kind: &Kind| matches!(kind.integer(), Some(Kind::Varint(_)));
        let late = field.value.as_ref().is_some_and(Given::is_late) && is_varint(&field.kind);
        if late || matches!(&field.area, Some(Length::Prefix(kind)) if is_varint(kind)) {
            moves = Some(field);
        }
        depends |= field.place.is_some() && !field.peek || matches!(field.kind, Kind::Align(..));
        if let Some(Given::Expr { expr, .. }) = &field.value {
            expr.visit(&mut |part| depends |= matches!(part, Expr::Offset(_)));
        }
    }
    match moves {
        Some(field) if depends => {
            let message = "a varint that holds a size cannot be used with offsets or alignment: its own length moves the fields after it";
            let error = Error::syntax((1, 1), message);
            Err(match &field.name {
                Some(name) => error.within(|| Step::Field(name.clone())),
                None => error,
            })
        }
        _ => Ok(()),
    }
}

pub(super) struct Resolver<'a> {
    pub(super) files: &'a HashMap<u32, (File, Option<String>)>,
    pub(super) limits: Limits,
    /// `None` for a struct that is being resolved.
    pub(super) structs: Vec<Option<Struct>>,
    pub(super) enums: Vec<Enum>,
    pub(super) named: HashMap<(u32, String), usize>,
    pub(super) named_enums: HashMap<(u32, String), (usize, Kind)>,
    pub(super) fields: usize,
    pub(super) depth: usize,
    pub(super) scopes: Scopes,
}

pub(super) type Resolved<T> = Result<T, Error>;

impl Resolver<'_> {
    pub(super) fn file(&self, source: u32, position: Position) -> Resolved<&'_ (File, Option<String>)> {
        self.files
            .get(&source)
            .ok_or_else(|| Error::syntax(position, format!("unknown layout({source})")))
    }

    pub(super) fn root(&mut self, source: u32, position: Position) -> Resolved<usize> {
        let Some(name) = self.file(source, position)?.1.clone() else {
            return Err(Error::syntax(position, "the layout has no struct"));
        };
        match self.structure(source, &name)? {
            Some(id) => Ok(id),
            None => Err(Error::syntax(position, format!("unknown struct {name}"))),
        }
    }

    pub(super) fn structure(&mut self, source: u32, name: &str) -> Resolved<Option<usize>> {
        let key = (source, name.to_string());
        if let Some(&id) = self.named.get(&key) {
            return Ok(Some(id));
        }
        let files = self.files;
        let Some((file, _)) = files.get(&source) else {
            return Ok(None);
        };
        let mut found = file.structs.iter().filter(|decl| decl.name == name);
        let Some(decl) = found.next() else { return Ok(None) };
        if let Some(again) = found.next() {
            return Err(Error::syntax(
                again.position,
                format!("struct {name} is already defined"),
            ));
        }
        let id = self.structs.len();
        self.structs.push(None);
        self.named.insert(key, id);
        let outer = std::mem::take(&mut self.scopes);
        self.fill(source, decl, id, false)?;
        self.scopes.restore(outer);
        Ok(Some(id))
    }

    /// Resolves a struct's members. Returns the arguments for the names that an inline struct uses from outside.
    pub(super) fn fill(&mut self, source: u32, decl: &StructDecl, id: usize, inline: bool) -> Resolved<Vec<Expr>> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(Error::limit(
                Some(decl.position),
                format!("structs are nested deeper than {DEPTH}"),
            ));
        }
        self.scopes.enter(decl.params.clone(), inline);
        let mut run = Run::default();
        for member in &decl.members {
            self.fields += 1;
            if self.fields > self.limits.fields as usize {
                let message = format!("the layout has more than {} fields", self.limits.fields);
                return Err(Error::limit(Some(member.position), message));
            }
            let field = self.member(source, decl, member, &mut run);
            let field = field.map_err(|error| match &member.name {
                Some(name) => error.within(|| Step::Field(name.as_str().into())),
                None => error,
            })?;
            self.scopes.last().fields.push(field);
        }
        run.close(self.scopes.last(), None)?;
        // Computed fields may depend on later fields.
        for (at, member) in decl.members.iter().enumerate() {
            let Some(value) = &member.value else { continue };
            let given = self.given(decl, value, at).map_err(|error| match &member.name {
                Some(name) => error.within(|| Step::Field(name.as_str().into())),
                None => error,
            })?;
            self.scopes.last().fields[at].value = Some(given);
        }
        let Scope {
            fields,
            params,
            captured,
            checks,
            ..
        } = self.scopes.leave();
        for (expr, position, what) in checks {
            if expr.is_late(&fields) {
                return Err(not_known(position, what));
            }
        }
        self.depth -= 1;
        let params = params.len();
        let name = decl.name.as_str().into();
        self.structs[id] = Some(Struct {
            name,
            params,
            fields,
            size: Size::default(),
            recursive: false,
        });
        Ok(captured)
    }

    pub(super) fn member(&mut self, source: u32, decl: &StructDecl, member: &Member, run: &mut Run) -> Resolved<Field> {
        let position = member.position;
        if let Some(name) = &member.name
            && self.scopes.last().index_of(name).is_some()
        {
            return Err(Error::syntax(position, "a field of this name is already defined"));
        }
        let aligned = run.bits.is_multiple_of(8);
        let context = Context {
            source,
            order: decl.order,
            aligned,
        };
        let mut kind = self.kind(&member.ty, &context)?;
        let condition = member
            .condition
            .as_ref()
            .map(|ex| self.known(ex, "a condition"))
            .transpose()?;
        let place = member
            .place
            .as_ref()
            .map(|place| self.known(&place.offset, "an offset"))
            .transpose()?;
        let area = member
            .size
            .as_ref()
            .map(|len| self.length(len, &context, None))
            .transpose()?;
        if matches!(area, Some(Length::Until(_) | Length::UntilItem(_) | Length::Rest)) {
            return Err(Error::syntax(
                position,
                "a size must be an expression or an integer type",
            ));
        }
        if let Some(bits) = kind.bits_mut() {
            if condition.is_some() || place.is_some() || area.is_some() {
                let message = "a bit field cannot have a condition, offset or size: put it into a struct";
                return Err(Error::syntax(position, message));
            }
            run.add(self.scopes.last(), bits);
        } else {
            run.close(self.scopes.last(), Some(position))?;
        }
        if member.value.is_some() && !matches!(kind, Kind::Text { .. } | Kind::Bytes(_)) && kind.integer().is_none() {
            return Err(Error::syntax(position, "only integers and text can be computed"));
        }
        if member.name.is_none() && member.value.is_none() && !is_nameless(&kind) {
            return Err(Error::syntax(position, "a field without a name must have a value"));
        }
        Ok(Field {
            name: member.name.as_deref().map(Into::into),
            kind,
            condition,
            place,
            peek: member.place.as_ref().is_some_and(|place| place.peek),
            area,
            value: None,
            used: false,
            tracked: false,
            size: Size::default(),
        })
    }

    /// Resolves the value of a computed field.
    pub(super) fn given(&mut self, decl: &StructDecl, ex: &Ex, at: usize) -> Resolved<Given> {
        let position = ex.position;
        let field = &self.scopes.last().fields[at];
        let (range, is_text) = (
            field.kind.range(),
            field.kind.is_text() || matches!(field.kind, Kind::Bytes(_)),
        );
        let names = match &field.kind {
            Kind::Enum(id, _) => Some(*id),
            _ => None,
        };
        if is_text {
            let ExKind::Str(bytes) = &ex.kind else {
                return Err(Error::syntax(position, "the value of a text field must be a string"));
            };
            return Ok(Given::Text(text_of(bytes, position)?));
        }
        let Some((min, max)) = range else {
            return Err(Error::syntax(position, "only integers and text can be computed"));
        };
        if let ExKind::Call(Function::Checksum(checksum), range) = &ex.kind {
            let span = self.scopes.span(range, position)?;
            if (1i128 << checksum.bits()) - 1 > max {
                let message = format!("{} has {} bits", checksum.name(), checksum.bits());
                return Err(Error::syntax(position, message));
            }
            return Ok(Given::Checksum(*checksum, span));
        }
        let constant = match &ex.kind {
            ExKind::Int(value) => Some(*value),
            ExKind::Unary(Unary::Neg, inner) => match inner.kind {
                ExKind::Int(value) => Some(-value),
                _ => None,
            },
            ExKind::Name(path) => match (&path[..], names) {
                ([name], Some(id)) => self.enums[id].value_of(name).map(i128::from),
                _ => None,
            },
            _ => None,
        };
        if let Some(value) = constant {
            if value < min || value > max {
                return Err(Error::syntax(
                    position,
                    format!("{value} must be >= {min} and <= {max}"),
                ));
            }
            return Ok(Given::Int(value));
        }
        let expr = self.scopes.value(ex, &self.structs, &self.enums)?;
        let mut unordered = false;
        expr.visit(&mut |part| {
            if let Expr::Field(path) = part {
                let other = usize::from(path[0]);
                unordered |= other >= at && decl.members[other].value.is_some();
            }
        });
        if unordered {
            return Err(Error::syntax(
                position,
                "a computed field can only use computed fields before it",
            ));
        }
        // Values in nested structs are known when those are written, and the presence of a field when it is reached.
        let mut late = expr.is_late(&self.scopes.last().fields) || decl.members[at].condition.is_some();
        expr.visit(&mut |part| late |= matches!(part, Expr::Field(path) if path.len() > 1));
        Ok(Given::Expr { expr, late })
    }

    /// Resolves an expression that must be known when the field is written.
    pub(super) fn known(&mut self, ex: &Ex, what: &'static str) -> Resolved<Expr> {
        let expr = self.scopes.integer(ex, &self.structs, &self.enums)?;
        self.not_late(expr, ex.position, what)
    }

    pub(super) fn not_late(&mut self, expr: Expr, position: Position, what: &'static str) -> Resolved<Expr> {
        self.scopes.need_known(&expr, position, what)?;
        Ok(expr)
    }

    pub(super) fn kind(&mut self, ty: &Type, context: &Context) -> Resolved<Kind> {
        match ty {
            Type::Named {
                name,
                quoted,
                args,
                position,
            } => self.type_by_name(name, *quoted, args, *position, context),
            Type::Inline(decl) => {
                let id = self.structs.len();
                self.structs.push(None);
                let captured = self.fill(context.source, decl, id, true)?;
                Ok(Kind::Struct(id, captured))
            }
            Type::Enum(decl) => {
                let (id, base) = self.enumeration(context, decl)?;
                Ok(Kind::Enum(id, Box::new(base)))
            }
            Type::Map(mapper, inner) => Ok(Kind::Map(*mapper, Box::new(self.kind(inner, context)?))),
            Type::Layout { id, args, position } => {
                let target = self.root(*id, *position)?;
                let given: Vec<Len> = args.iter().cloned().map(Len::Expr).collect();
                self.instance(target, &given, *position)
            }
            Type::Array(item, length) => {
                let inner = Context {
                    aligned: true,
                    ..*context
                };
                let item = self.kind(item, &inner)?;
                if item.bits().is_some() {
                    return Err(Error::syntax(
                        (0, 0),
                        "an array cannot have bit fields as items: put them into a struct",
                    ));
                }
                if matches!(item, Kind::Magic(_) | Kind::Pad(_) | Kind::Align(..)) {
                    return Err(Error::syntax((0, 0), "the items of an array must have a value"));
                }
                let length = self.length(length, &inner, Some(&item))?;
                Ok(Kind::Array(Box::new(item), length))
            }
            Type::Switch(switch) => self.switch(switch, context),
            Type::Magic(bytes) => Ok(Kind::Magic(bytes.clone())),
            Type::Pad(count) => {
                let expr = self.known(count, "padding")?;
                Ok(Kind::Pad(expr))
            }
            Type::Align(to, fill) => {
                let to_value = constant(to).filter(|to| (1..=1 << 20).contains(to));
                let Some(to_value) = to_value else {
                    return Err(Error::syntax(
                        to.position,
                        "an alignment must be a number from 1 to 1048576",
                    ));
                };
                let fill = fill
                    .as_ref()
                    .map_or(Some(0), |fill| constant(fill).and_then(|v| u8::try_from(v).ok()));
                let fill = fill.ok_or_else(|| Error::syntax(to.position, "a fill must be a byte, from 0 to 255"))?;
                Ok(Kind::Align(to_value as u32, fill))
            }
        }
    }

    pub(super) fn enumeration(&mut self, context: &Context, decl: &EnumDecl) -> Resolved<(usize, Kind)> {
        let base = self.kind(&decl.base, context)?;
        let Some((min, max)) = base.integer().and_then(|base| base.range()) else {
            return Err(Error::syntax(
                decl.position,
                "the type of an enum must be an integer type",
            ));
        };
        let safe = i128::from(SAFE);
        let mut values: Vec<(Box<str>, i64)> = Vec::new();
        let mut names = std::collections::HashSet::new();
        for (name, value) in &decl.values {
            if *value < min.max(-safe) || *value > max.min(safe) {
                return Err(Error::syntax(
                    decl.position,
                    format!("{name} = {value} does not fit into the type of the enum"),
                ));
            }
            if !names.insert(name.as_str()) {
                return Err(Error::syntax(decl.position, format!("{name} is already defined")));
            }
            values.push((name.as_str().into(), *value as i64));
        }
        self.enums.push(Enum {
            name: decl.name.as_str().into(),
            values,
        });
        Ok((self.enums.len() - 1, base))
    }

    pub(super) fn instance(&mut self, id: usize, args: &[Len], position: Position) -> Resolved<Kind> {
        let params = match &self.structs[id] {
            Some(known) => known.params,
            // The struct is being resolved, so its declaration is used.
            None => self.params_of(id),
        };
        if params != args.len() {
            return Err(Error::syntax(
                position,
                format!("expected {params} arguments, found {}", args.len()),
            ));
        }
        let mut given = Vec::new();
        for arg in args {
            let Len::Expr(ex) = arg else {
                return Err(Error::syntax(position, "an argument must be an expression"));
            };
            given.push(self.known(ex, "an argument")?);
        }
        Ok(Kind::Struct(id, given))
    }

    pub(super) fn params_of(&self, id: usize) -> usize {
        let decl = self
            .named
            .iter()
            .find(|&(_, &known)| known == id)
            .and_then(|((source, name), _)| self.files.get(source)?.0.structs.iter().find(|decl| decl.name == *name));
        decl.map_or(0, |decl| decl.params.len())
    }

    pub(super) fn switch(&mut self, switch: &Switch, context: &Context) -> Resolved<Kind> {
        let on = self.scopes.value(&switch.on, &self.structs, &self.enums)?;
        let on = self.not_late(on, switch.on.position, "the value of a switch")?;
        let is_text = self.scopes.is_text(&on, &self.structs);
        let names = self.scopes.enum_of(&on, &self.structs);
        let inner = Context {
            aligned: true,
            ..*context
        };
        let mut choices = Choices {
            on,
            cases: Vec::new(),
            default: None,
        };
        for (labels, ty) in &switch.cases {
            let mut tags = Vec::new();
            for label in labels {
                let position = label.from.position;
                if is_text {
                    tags.push(Tag::Text(match (&label.from.kind, &label.to) {
                        (ExKind::Str(bytes), None) => text_of(bytes, position)?,
                        (ExKind::Name(path), None) if path.len() == 1 => path[0].as_str().into(),
                        _ => return Err(Error::syntax(position, "the cases of a switch on text must be strings")),
                    }));
                    continue;
                }
                let value = |ex: &Ex| -> Resolved<i64> {
                    let name = match &ex.kind {
                        ExKind::Name(path) if path.len() == 1 => Some(path[0].as_str()),
                        ExKind::Name(path) if path.len() == 2 => Some(path[1].as_str()),
                        ExKind::Str(bytes) => std::str::from_utf8(bytes).ok(),
                        _ => None,
                    };
                    if let (Some(name), Some(id)) = (name, names)
                        && let Some(value) = self.enums[id].value_of(name)
                    {
                        return Ok(value);
                    }
                    constant(ex)
                        .ok_or_else(|| Error::syntax(ex.position, "a case must be a number, or a name of the enum"))
                };
                let from = value(&label.from)?;
                let to = label.to.as_ref().map_or(Ok(from), value)?;
                tags.push(Tag::Ints(from, to));
            }
            choices.cases.push((tags, self.alternative(ty, &inner)?));
        }
        if let Some(ty) = &switch.default {
            choices.default = Some(self.alternative(ty, &inner)?);
        }
        Ok(Kind::Switch(Box::new(choices)))
    }

    pub(super) fn alternative(&mut self, ty: &Type, context: &Context) -> Resolved<Kind> {
        let kind = self.kind(ty, context)?;
        match kind {
            Kind::Magic(_) | Kind::Pad(_) | Kind::Align(..) => Err(Error::syntax((0, 0), "a case must have a value")),
            _ if kind.bits().is_some() => Err(Error::syntax(
                (0, 0),
                "a case cannot be a bit field: put it into a struct",
            )),
            _ => Ok(kind),
        }
    }
}

/// Marks the fields of nested structs that an expression needs, so that they are kept.
pub(super) fn mark(structs: &mut [Option<Struct>], mut id: usize, path: &[u16]) {
    for &step in path {
        let Some(field) = structs[id]
            .as_mut()
            .and_then(|inner| inner.fields.get_mut(usize::from(step)))
        else {
            return;
        };
        field.used = true;
        match field.kind {
            Kind::Struct(next, _) => id = next,
            _ => return,
        }
    }
}

fn is_nameless(kind: &Kind) -> bool {
    matches!(kind, Kind::Magic(_) | Kind::Pad(_) | Kind::Align(..))
}

#[derive(Clone, Copy)]
pub(super) struct Context {
    pub(super) source: u32,
    pub(super) order: Order,
    /// Whether the field begins at a whole byte.
    pub(super) aligned: bool,
}

/// A run of consecutive bit fields.
#[derive(Default)]
pub(super) struct Run {
    bits: u32,
    first: usize,
}

impl Run {
    pub(super) fn add(&mut self, scope: &mut Scope, bits: &mut Bits) {
        if self.bits.is_multiple_of(8) {
            self.bits = 0;
            self.first = scope.fields.len();
        }
        bits.at = self.bits;
        self.bits += u32::from(bits.width);
        if !self.bits.is_multiple_of(8) {
            return;
        }
        bits.last = true;
        let run = self.bits / 8;
        match scope.fields.get_mut(self.first).and_then(|first| first.kind.bits_mut()) {
            Some(first) => {
                first.run = run;
                bits.run = run;
            }
            None => bits.run = run,
        }
    }

    pub(super) fn close(&mut self, _scope: &Scope, position: Option<Position>) -> Resolved<()> {
        let left = (8 - self.bits % 8) % 8;
        if left != 0 {
            let message = format!(
                "{left} bits of a byte are left before {}",
                match position {
                    Some(_) => "this",
                    None => "the struct's end",
                }
            );
            return Err(Error::syntax(position.unwrap_or((1, 1)), message));
        }
        self.bits = 0;
        Ok(())
    }
}

/// Decodes a string's bytes. If they are not UTF-8, each byte is one character.
pub(super) fn text_of(bytes: &[u8], position: Position) -> Resolved<Box<str>> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.into()),
        Err(_) => Err(Error::syntax(
            position,
            "this string is not valid UTF-8: use magic for bytes",
        )),
    }
}
