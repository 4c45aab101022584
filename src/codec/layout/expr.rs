//! Expressions: resolution of names, and evaluation.

use super::ast::*;
use super::lexer::Position;
use super::resolve::{mark, text_of};
use super::*;
use crate::codec::checksum::Checksum;

/// The structs around an expression. An inline struct can use the names of those around it.
#[derive(Default)]
pub(super) struct Scopes {
    stack: Vec<Scope>,
    /// The type of the item `_`.
    item: Option<Kind>,
    /// Fields of completed structs that expressions turned out to use: `(struct, path)`.
    marks: Vec<(usize, Vec<u16>)>,
}

pub(super) struct Scope {
    pub fields: Vec<Field>,
    pub params: Vec<String>,
    /// The expressions that an inline struct uses from outside. They are passed as arguments for additional
    /// parameters.
    pub captured: Vec<Expr>,
    inline: bool,
    /// Expressions that must be known when they are used for writing. They are checked when it is clear which fields
    /// are computed.
    pub checks: Vec<(Expr, Position, &'static str)>,
}

impl Scope {
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|field| field.name.as_deref() == Some(name))
    }
}

type Structs = [Option<Struct>];

impl Scopes {
    pub fn enter(&mut self, params: Vec<String>, inline: bool) {
        self.stack.push(Scope {
            fields: Vec::new(),
            params,
            captured: Vec::new(),
            inline,
            checks: Vec::new(),
        });
    }

    pub fn leave(&mut self) -> Scope {
        self.stack.pop().expect("entered before")
    }

    pub fn last(&mut self) -> &mut Scope {
        self.stack.last_mut().expect("within a struct")
    }

    pub fn with_item<T>(&mut self, item: &Kind, work: impl FnOnce(&mut Self) -> T) -> T {
        let outer = self.item.replace(item.clone());
        let result = work(self);
        self.item = outer;
        result
    }

    /// Restores the outer scopes, but keeps what was learned about completed structs.
    pub fn restore(&mut self, outer: Scopes) {
        let learned = std::mem::replace(self, outer).marks;
        self.marks.extend(learned);
    }

    pub fn integer(&mut self, ex: &Ex, structs: &Structs, enums: &[Enum]) -> Result<Expr, Error> {
        let expr = self.value(ex, structs, enums)?;
        if self.is_text(&expr, structs) {
            return Err(Error::syntax(ex.position, "expected a number, found text"));
        }
        Ok(expr)
    }

    pub fn value(&mut self, ex: &Ex, structs: &Structs, enums: &[Enum]) -> Result<Expr, Error> {
        let position = ex.position;
        Ok(match &ex.kind {
            ExKind::Int(value) => match i64::try_from(*value) {
                Ok(value) if (-SAFE..=SAFE).contains(&value) => Expr::Int(value),
                _ => {
                    return Err(Error::syntax(
                        position,
                        "a number in an expression must fit into 53 bits",
                    ));
                }
            },
            ExKind::Str(bytes) => Expr::Text(text_of(bytes, position)?),
            ExKind::Name(path) => {
                let level = self.stack.len() - 1;
                self.name(path, level, position, structs, enums)?
            }
            ExKind::Unary(operator, inner) => Expr::Unary(*operator, Box::new(self.integer(inner, structs, enums)?)),
            ExKind::Binary(operator @ (Binary::Eq | Binary::Ne), left, right) => {
                let (left, right) = (self.value(left, structs, enums)?, self.value(right, structs, enums)?);
                if self.is_text(&left, structs) != self.is_text(&right, structs) {
                    return Err(Error::syntax(position, "text and numbers cannot be compared"));
                }
                Expr::Binary(*operator, Box::new(left), Box::new(right))
            }
            ExKind::Binary(operator, left, right) => {
                let (left, right) = (
                    self.integer(left, structs, enums)?,
                    self.integer(right, structs, enums)?,
                );
                Expr::Binary(*operator, Box::new(left), Box::new(right))
            }
            ExKind::Choice(condition, then, otherwise) => Expr::Choice(
                Box::new(self.integer(condition, structs, enums)?),
                Box::new(self.integer(then, structs, enums)?),
                Box::new(self.integer(otherwise, structs, enums)?),
            ),
            ExKind::Call(function, range) => self.call(*function, range, position)?,
        })
    }

    fn call(&mut self, function: Function, range: &Range, position: Position) -> Result<Expr, Error> {
        let span = self.span(range, position)?;
        let single = range.from.is_some() && range.from == range.to;
        if !single && matches!(function, Function::Count | Function::OffsetOf | Function::Present) {
            return Err(Error::syntax(position, "this function takes one field, not a range"));
        }
        let field = &self.last().fields[usize::from(span.from)];
        Ok(match function {
            Function::SizeOf => Expr::Size(span),
            Function::Count => {
                if !matches!(
                    unmapped(&field.kind),
                    Kind::Array(..) | Kind::Text { .. } | Kind::Bytes(_)
                ) {
                    return Err(Error::syntax(position, "only arrays, text and bytes have a count"));
                }
                Expr::Count(span.from)
            }
            Function::OffsetOf => {
                if field.place.is_some() {
                    return Err(Error::syntax(
                        position,
                        "a field with an offset of its own cannot be used here",
                    ));
                }
                Expr::Offset(span.from)
            }
            Function::Present => Expr::Present(span.from),
            Function::Checksum(checksum) if checksum.bits() > 32 => {
                return Err(Error::syntax(
                    position,
                    "a checksum of 64 bits can only be the whole value of a field, not a part of an expression",
                ));
            }
            Function::Checksum(checksum) => Expr::Sum(checksum, span),
        })
    }

    /// The fields of a range, which are tracked from now on.
    pub fn span(&mut self, range: &Range, position: Position) -> Result<Span, Error> {
        let scope = self.last();
        let index = |name: &Option<String>, otherwise: usize| match name {
            None => Ok(otherwise),
            Some(name) => scope
                .index_of(name)
                .ok_or_else(|| Error::syntax(position, format!("unknown field {name}"))),
        };
        let from = index(&range.from, 0)?;
        let to = index(&range.to, scope.fields.len().saturating_sub(1))?;
        if from > to {
            return Err(Error::syntax(position, "a range must not end before it begins"));
        }
        for at in [from, to] {
            let field = &mut scope.fields[at];
            field.tracked = true;
            if field
                .kind
                .bits()
                .is_some_and(|bits| if at == from { bits.at != 0 } else { !bits.last })
            {
                return Err(Error::syntax(position, "a range must begin and end at whole bytes"));
            }
        }
        Ok(Span {
            from: from as u16,
            to: to as u16,
        })
    }

    fn name(
        &mut self,
        path: &[String],
        level: usize,
        position: Position,
        structs: &Structs,
        enums: &[Enum],
    ) -> Result<Expr, Error> {
        if path[0] == "_" && self.item.is_some() {
            return self.item_path(&path[1..], position, structs);
        }
        if path[0] == "remaining" && path.len() == 1 && self.stack[level].index_of("remaining").is_none() {
            return Ok(Expr::Remaining);
        }
        let scope = &mut self.stack[level];
        if let Some(at) = scope.index_of(&path[0]) {
            scope.fields[at].used = true;
            let mut indexes = vec![at as u16];
            let kind = scope.fields[at].kind.clone();
            self.walk(&kind, &path[1..], &mut indexes, position, structs)?;
            return Ok(Expr::Field(indexes));
        }
        let name = path.join(".");
        if let Some(at) = scope.params.iter().position(|param| *param == name) {
            return Ok(Expr::Param(at as u16));
        }
        if scope.inline && level > 0 {
            let outer = self.name(path, level - 1, position, structs, enums)?;
            if let Expr::Int(_) = outer {
                return Ok(outer);
            }
            if self.is_text_at(&outer, level - 1, structs) {
                return Err(Error::syntax(position, "only numbers can be passed to an inner struct"));
            }
            self.need_known_at(&outer, level - 1, position, "an argument of an inner struct")?;
            let scope = &mut self.stack[level];
            scope.params.push(name);
            scope.captured.push(outer);
            return Ok(Expr::Param((scope.params.len() - 1) as u16));
        }
        if let [of, value] = path
            && let Some(known) = enums.iter().find(|known| *known.name == **of)
            && let Some(value) = known.value_of(value)
        {
            return Ok(Expr::Int(value));
        }
        Err(Error::syntax(
            position,
            format!("unknown field {name}: only fields before this one can be used"),
        ))
    }

    fn item_path(&mut self, path: &[String], position: Position, structs: &Structs) -> Result<Expr, Error> {
        let item = self.item.clone().expect("asked before");
        let mut indexes = Vec::new();
        self.walk(&item, path, &mut indexes, position, structs)?;
        Ok(Expr::Item(indexes))
    }

    /// Follows names into structs and checks that they end at a value.
    fn walk(
        &mut self,
        kind: &Kind,
        path: &[String],
        indexes: &mut Vec<u16>,
        position: Position,
        structs: &Structs,
    ) -> Result<(), Error> {
        let mut kind = kind;
        let mut entered: Option<usize> = None;
        for name in path {
            let Kind::Struct(id, _) = kind else {
                return Err(Error::syntax(position, format!("unknown field {name} of the struct")));
            };
            let Some(inner) = &structs[*id] else {
                return Err(Error::syntax(
                    position,
                    "the fields of a struct that contains itself cannot be used in expressions",
                ));
            };
            let Some(at) = inner
                .fields
                .iter()
                .position(|field| field.name.as_deref() == Some(name))
            else {
                return Err(Error::syntax(
                    position,
                    format!("unknown field {name} of struct {}", inner.name),
                ));
            };
            entered.get_or_insert(*id);
            indexes.push(at as u16);
            kind = &inner.fields[at].kind;
        }
        if kind.integer().is_none() && !kind.is_text() {
            return Err(Error::syntax(
                position,
                "only integers and text can be used in expressions",
            ));
        }
        if let Some(id) = entered {
            self.marks.push((id, indexes[indexes.len() - path.len()..].to_vec()));
        }
        Ok(())
    }

    fn kind_of<'a>(&'a self, expr: &Expr, level: usize, structs: &'a Structs) -> Option<&'a Kind> {
        let (mut kind, path) = match expr {
            Expr::Field(path) => (&self.stack[level].fields[usize::from(path[0])].kind, &path[1..]),
            Expr::Item(path) => (self.item.as_ref()?, &path[..]),
            _ => return None,
        };
        for &step in path {
            let Kind::Struct(id, _) = kind else { return None };
            kind = &structs[*id].as_ref()?.fields[usize::from(step)].kind;
        }
        Some(kind)
    }

    pub fn is_text(&self, expr: &Expr, structs: &Structs) -> bool {
        self.is_text_at(expr, self.stack.len() - 1, structs)
    }

    fn is_text_at(&self, expr: &Expr, level: usize, structs: &Structs) -> bool {
        matches!(expr, Expr::Text(_)) || self.kind_of(expr, level, structs).is_some_and(Kind::is_text)
    }

    pub fn enum_of(&self, expr: &Expr, structs: &Structs) -> Option<usize> {
        let mut kind = self.kind_of(expr, self.stack.len() - 1, structs)?;
        loop {
            match kind {
                Kind::Enum(id, _) => return Some(*id),
                Kind::Map(_, inner) => kind = inner,
                _ => return None,
            }
        }
    }

    pub fn need_known(&mut self, expr: &Expr, position: Position, what: &'static str) -> Result<(), Error> {
        self.need_known_at(expr, self.stack.len() - 1, position, what)
    }

    fn need_known_at(
        &mut self,
        expr: &Expr,
        level: usize,
        position: Position,
        what: &'static str,
    ) -> Result<(), Error> {
        let mut remaining = false;
        expr.visit(&mut |part| remaining |= matches!(part, Expr::Remaining));
        if remaining {
            return Err(not_known(position, what));
        }
        self.stack[level].checks.push((expr.clone(), position, what));
        Ok(())
    }
}

pub(super) fn not_known(position: Position, what: &str) -> Error {
    let message =
        format!("{what} cannot depend on sizes, offsets or checksums, which are not known when it is written");
    Error::syntax(position, message)
}

fn unmapped(kind: &Kind) -> &Kind {
    match kind {
        Kind::Map(_, inner) => unmapped(inner),
        other => other,
    }
}

impl Expr {
    /// Calls `look` for the expression and all its parts.
    pub fn visit(&self, look: &mut impl FnMut(&Expr)) {
        look(self);
        match self {
            Expr::Unary(_, inner) => inner.visit(look),
            Expr::Binary(_, left, right) => {
                left.visit(look);
                right.visit(look);
            }
            Expr::Choice(condition, then, otherwise) => {
                condition.visit(look);
                then.visit(look);
                otherwise.visit(look);
            }
            _ => {}
        }
    }

    /// Whether it is known only when all fields are written. Values of later fields are not computed yet.
    pub(super) fn is_late(&self, fields: &[Field]) -> bool {
        let mut late = false;
        self.visit(&mut |part| {
            late |= match part {
                Expr::Size(_) | Expr::Offset(_) | Expr::Sum(..) => true,
                Expr::Field(path) if path.len() == 1 => {
                    fields[usize::from(path[0])].value.as_ref().is_some_and(Given::is_late)
                }
                _ => false,
            };
        });
        late
    }
}

/// The values that an expression needs.
pub(super) trait Lookup {
    /// The value of a field; `None` if it is not known yet.
    fn field(&self, path: &[u16]) -> Option<&Slot>;
    fn param(&self, at: u16) -> i64;
    fn remaining(&self) -> Option<i64>;
    fn item(&self, path: &[u16]) -> Option<&Slot>;
    fn size(&self, span: Span) -> Option<i64>;
    fn count(&self, at: u16) -> Option<i64>;
    fn offset(&self, at: u16) -> Option<i64>;
    fn present(&self, at: u16) -> Option<bool>;
    fn checksum(&self, checksum: Checksum, span: Span) -> Option<u64>;
}

/// What is kept of a field for expressions.
#[derive(Clone, Debug, Default)]
pub(super) enum Slot {
    /// The field is absent: 0, or an empty text.
    #[default]
    Absent,
    /// The value is not computed yet.
    Unknown,
    Int(i128),
    Text(std::rc::Rc<str>),
    Struct(std::rc::Rc<Vec<Slot>>),
}

/// Why an expression has no value.
#[derive(Debug)]
pub(super) enum Trouble {
    /// It depends on something that is not known yet.
    Unknown,
    /// Division by zero, or a result of more than 53 bits.
    Wrong(&'static str),
}

const TOO_LARGE: Trouble = Trouble::Wrong("the result does not fit into 53 bits");

fn safe(value: i128) -> Result<i64, Trouble> {
    let bound = i128::from(SAFE);
    if (-bound..=bound).contains(&value) {
        Ok(value as i64)
    } else {
        Err(TOO_LARGE)
    }
}

fn integer(slot: Option<&Slot>) -> Result<i64, Trouble> {
    match slot {
        Some(Slot::Int(value)) => safe(*value),
        Some(Slot::Unknown) => Err(Trouble::Unknown),
        _ => Ok(0),
    }
}

pub(super) fn evaluate(expr: &Expr, scope: &impl Lookup) -> Result<i64, Trouble> {
    let known = |value: Option<i64>| value.ok_or(Trouble::Unknown);
    match expr {
        Expr::Int(value) => Ok(*value),
        Expr::Text(_) => Ok(0),
        Expr::Field(path) => integer(scope.field(path)),
        Expr::Item(path) => integer(scope.item(path)),
        Expr::Param(at) => Ok(scope.param(*at)),
        Expr::Remaining => known(scope.remaining()),
        Expr::Size(span) => known(scope.size(*span)),
        Expr::Count(at) => known(scope.count(*at)),
        Expr::Offset(at) => known(scope.offset(*at)),
        Expr::Present(at) => known(scope.present(*at).map(i64::from)),
        Expr::Sum(checksum, span) => known(scope.checksum(*checksum, *span).map(|sum| sum as i64)),
        Expr::Unary(operator, inner) => {
            let value = evaluate(inner, scope)?;
            Ok(match operator {
                Unary::Neg => -value,
                Unary::Not => return safe(!i128::from(value)),
                Unary::Is0 => i64::from(value == 0),
            })
        }
        Expr::Choice(condition, then, otherwise) => {
            let chosen = if evaluate(condition, scope)? != 0 {
                then
            } else {
                otherwise
            };
            evaluate(chosen, scope)
        }
        Expr::Binary(Binary::Both, left, right) => {
            Ok(i64::from(evaluate(left, scope)? != 0 && evaluate(right, scope)? != 0))
        }
        Expr::Binary(Binary::Either, left, right) => {
            Ok(i64::from(evaluate(left, scope)? != 0 || evaluate(right, scope)? != 0))
        }
        Expr::Binary(operator, left, right) => {
            if let (Some(left), Some(right)) = (text(left, scope)?, text(right, scope)?) {
                return Ok(i64::from((left == right) == (*operator == Binary::Eq)));
            }
            binary(*operator, evaluate(left, scope)?, evaluate(right, scope)?)
        }
    }
}

/// The text of an expression; `None` if it is an integer.
pub(super) fn text<'a>(expr: &'a Expr, scope: &'a impl Lookup) -> Result<Option<&'a str>, Trouble> {
    let slot = match expr {
        Expr::Text(text) => return Ok(Some(text)),
        Expr::Field(path) => scope.field(path),
        Expr::Item(path) => scope.item(path),
        _ => return Ok(None),
    };
    match slot {
        Some(Slot::Text(text)) => Ok(Some(text)),
        // An absent text is empty. Integers are never compared with texts.
        Some(Slot::Absent) | None => Ok(Some("")),
        Some(Slot::Unknown) => Err(Trouble::Unknown),
        _ => Ok(None),
    }
}

fn binary(operator: Binary, left: i64, right: i64) -> Result<i64, Trouble> {
    let (wide_left, wide_right) = (i128::from(left), i128::from(right));
    let flag = |value: bool| Ok(i64::from(value));
    match operator {
        Binary::Add => safe(wide_left + wide_right),
        Binary::Sub => safe(wide_left - wide_right),
        Binary::Mul => safe(wide_left * wide_right),
        Binary::Div | Binary::Rem if right == 0 => Err(Trouble::Wrong("a division by 0")),
        Binary::Div => Ok(left / right),
        Binary::Rem => Ok(left % right),
        Binary::And => Ok(left & right),
        Binary::Or => safe(wide_left | wide_right),
        Binary::Xor => safe(wide_left ^ wide_right),
        Binary::Shl if (0..=52).contains(&right) => safe(wide_left << right),
        Binary::Shr if (0..=52).contains(&right) => Ok(left >> right),
        Binary::Shl | Binary::Shr => Err(Trouble::Wrong("a shift must be by 0 to 52 bits")),
        Binary::Eq => flag(left == right),
        Binary::Ne => flag(left != right),
        Binary::Lt => flag(left < right),
        Binary::Le => flag(left <= right),
        Binary::Gt => flag(left > right),
        Binary::Ge => flag(left >= right),
        Binary::Both | Binary::Either => Ok(0),
    }
}

/// Applies the marks: fields that expressions of other structs use.
pub(super) fn set_marks(scopes: &Scopes, structs: &mut Structs) {
    for (id, path) in &scopes.marks {
        mark(structs, *id, path);
    }
}
