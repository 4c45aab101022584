//! Resolves the names of types, and lengths.

use super::ast::*;
use super::lexer::Position;
use super::resolve::{Context, Resolved, Resolver};
use super::*;

impl Resolver<'_> {
    pub(super) fn type_by_name(
        &mut self,
        name: &str,
        quoted: bool,
        args: &[Len],
        position: Position,
        context: &Context,
    ) -> Resolved<Kind> {
        if !quoted && let Some(kind) = self.builtin(name, args, position, context)? {
            return Ok(kind);
        }
        let source = context.source;
        if name == "self" && !quoted {
            let id = self.root(source, position)?;
            return self.instance(id, args, position);
        }
        if let Some(id) = self.structure(source, name)? {
            return self.instance(id, args, position);
        }
        // An enum of bits is placed where it is used, so its base type is resolved again each time.
        let files = self.files;
        if let Some((file, _)) = files.get(&source)
            && let Some(decl) = file.enums.iter().find(|decl| decl.name == name)
        {
            let base = self.kind(&decl.base, context)?;
            let id = match self.named_enums.get(&(source, name.into())) {
                Some((id, _)) => *id,
                None => {
                    let (id, kind) = self.enumeration(context, decl)?;
                    self.named_enums.insert((source, name.into()), (id, kind));
                    id
                }
            };
            return Ok(Kind::Enum(id, Box::new(base)));
        }
        Err(Error::syntax(position, format!("unknown type {name}")))
    }

    /// Resolves a built-in type.
    pub(super) fn builtin(
        &mut self,
        name: &str,
        args: &[Len],
        position: Position,
        context: &Context,
    ) -> Resolved<Option<Kind>> {
        let no_args = |kind: Kind| match args {
            [] => Ok(Some(kind)),
            _ => Err(Error::syntax(position, format!("{name} takes no arguments"))),
        };
        if let Some(kind) = number(name, position, context)? {
            return no_args(kind);
        }
        let varint = match name.strip_suffix('n').unwrap_or(name) {
            "uleb128" => Some(Sign::Unsigned),
            "sleb128" => Some(Sign::Signed),
            "zigzag" => Some(Sign::Zigzag),
            _ => None,
        };
        if let Some(sign) = varint {
            let big = name.ends_with('n');
            let most = if big { 10 } else { 8 };
            let max = match args {
                [] => Some(most),
                [Len::Expr(max)] => constant(max),
                _ => None,
            };
            let Some(max) = max.filter(|max| (1..=10).contains(max)) else {
                return Err(Error::syntax(
                    position,
                    format!("the argument of {name} must be its maximum number of bytes, from 1 to 10"),
                ));
            };
            return Ok(Some(Kind::Varint(Varint {
                sign,
                big,
                max: max as u8,
            })));
        }
        let encoding = Encoding::by_name(name);
        if encoding.is_some() || name == "bytes" {
            let (length, fill) = match args {
                [length] => (self.length(length, context, None)?, Some(0)),
                [length, Len::Expr(fill)] => {
                    let byte = constant(fill).and_then(|fill| u8::try_from(fill).ok());
                    let byte =
                        byte.ok_or_else(|| Error::syntax(fill.position, "a fill must be a byte, from 0 to 255"))?;
                    (self.length(length, context, None)?, Some(byte))
                }
                _ => {
                    let message = format!("{name} needs a length: a number, a type, until 0, or rest");
                    return Err(Error::syntax(position, message));
                }
            };
            let Some(encoding) = encoding else {
                return Ok(Some(Kind::Bytes(length)));
            };
            // Only text of fixed length can be filled up, and only in encodings in which it can be told from the
            // filling.
            let fixed = matches!(length, Length::Expr(Expr::Int(_)));
            let fills = !matches!(encoding, Encoding::Hex | Encoding::Base64);
            let fill = fill.filter(|_| fixed && fills);
            return Ok(Some(Kind::Text { encoding, length, fill }));
        }
        if let Some(address) = Address::by_name(name) {
            return no_args(Kind::Address(address));
        }
        match name {
            "flag" => no_args(Kind::Bool(Box::new(bits(1, false, context)))),
            "bool" => no_args(Kind::Bool(Box::new(match context.aligned {
                true => Kind::Int(Int {
                    bytes: 1,
                    signed: false,
                    little: false,
                }),
                false => bits(8, false, context),
            }))),
            "unixtime" => {
                let (base, unit) = match args {
                    [Len::Prefix(base)] => (base.clone(), 1000),
                    [
                        Len::Prefix(base),
                        Len::Expr(Ex {
                            kind: ExKind::Name(path),
                            ..
                        }),
                    ] if path[..] == ["ms"] => (base.clone(), 1),
                    [
                        Len::Prefix(base),
                        Len::Expr(Ex {
                            kind: ExKind::Name(path),
                            ..
                        }),
                    ] if path[..] == ["s"] => (base.clone(), 1000),
                    // Signed types are not treated as length prefixes.
                    [
                        Len::Expr(Ex {
                            kind: ExKind::Name(path),
                            position,
                        }),
                        unit @ ..,
                    ] if path.len() == 1 => {
                        let base = Type::Named {
                            name: path[0].clone(),
                            quoted: false,
                            args: Vec::new(),
                            position: *position,
                        };
                        let millis =
                            matches!(unit, [Len::Expr(Ex { kind: ExKind::Name(unit), .. })] if unit[..] == ["ms"]);
                        (base, if millis { 1 } else { 1000 })
                    }
                    _ => return Err(Error::syntax(position, "unixtime needs an integer type, and s or ms")),
                };
                let base = self.kind(&base, context)?;
                if base.integer().is_none() {
                    return Err(Error::syntax(position, "the type of unixtime must be an integer type"));
                }
                Ok(Some(Kind::Time(Box::new(base), unit)))
            }
            _ => Ok(None),
        }
    }

    pub(super) fn length(&mut self, length: &Len, context: &Context, item: Option<&Kind>) -> Resolved<Length> {
        let context = Context {
            aligned: true,
            ..*context
        };
        match length {
            Len::Rest => Ok(Length::Rest),
            Len::Expr(ex) => {
                let expr = self.scopes.integer(ex, &self.structs, &self.enums)?;
                if let Expr::Int(count) = expr
                    && count < 0
                {
                    return Err(Error::syntax(ex.position, "a length must not be negative"));
                }
                Ok(Length::Expr(expr))
            }
            Len::Prefix(ty) => {
                let kind = self.kind(ty, &context)?;
                match kind {
                    Kind::Int(_) | Kind::Varint(_) => Ok(Length::Prefix(Box::new(kind))),
                    _ => Err(Error::syntax(
                        (0, 0),
                        "the type of a length must be an integer type of whole bytes",
                    )),
                }
            }
            Len::Until(ex) => {
                if let Some(value) = constant(ex) {
                    let fits = match item {
                        None => (0..=255).contains(&value),
                        Some(item) => item.range().is_some_and(|(min, max)| {
                            (min..=max).contains(&i128::from(value)) && matches!(item, Kind::Int(_) | Kind::Varint(_))
                        }),
                    };
                    if !fits {
                        let message = "the value after until must be one of the item's type, or a byte";
                        return Err(Error::syntax(ex.position, message));
                    }
                    return Ok(Length::Until(value));
                }
                let Some(item) = item else {
                    return Err(Error::syntax(ex.position, "text and bytes can only end at a byte"));
                };
                let expr = self
                    .scopes
                    .with_item(item, |scopes| scopes.integer(ex, &self.structs, &self.enums))?;
                Ok(Length::UntilItem(self.not_late(
                    expr,
                    ex.position,
                    "the value that ends an array",
                )?))
            }
        }
    }
}

pub(super) fn bits(width: u8, signed: bool, context: &Context) -> Kind {
    let lsb = context.order.lsb == Some(true);
    Kind::Bits(Bits {
        width,
        signed,
        lsb,
        at: 0,
        run: 0,
        last: false,
    })
}

/// Parses the name of a number type such as `u16be`, `i5` or `f64le`.
pub(super) fn number(name: &str, position: Position, context: &Context) -> Resolved<Option<Kind>> {
    let (stem, order) = match (name.strip_suffix("be"), name.strip_suffix("le")) {
        (Some(stem), _) => (stem, Some(false)),
        (_, Some(stem)) => (stem, Some(true)),
        _ => (name, None),
    };
    let mut letters = stem.chars();
    let letter = letters.next();
    let Ok(width) = letters.as_str().parse::<u8>() else {
        return Ok(None);
    };
    if letters.as_str().starts_with(['+', '0']) {
        return Ok(None);
    }
    let little = order.or(context.order.little);
    let need_order = || Error::syntax(position, format!("{name} needs a byte order: {name}be or {name}le"));
    match (letter, width) {
        (Some('f'), 16 | 32 | 64) => {
            let little = little.ok_or_else(need_order)?;
            Ok(Some(Kind::Float {
                bytes: width / 8,
                little,
            }))
        }
        (Some(letter @ ('u' | 'i')), 1..=64) => {
            let signed = letter == 'i';
            if context.aligned && width == 8 {
                return Ok(Some(Kind::Int(Int {
                    bytes: 1,
                    signed,
                    little: false,
                })));
            }
            if context.aligned && width % 8 == 0 {
                let little = little.ok_or_else(need_order)?;
                return Ok(Some(Kind::Int(Int {
                    bytes: width / 8,
                    signed,
                    little,
                })));
            }
            if order.is_some_and(|little| little != (context.order.lsb == Some(true)))
                || width % 8 != 0 && order.is_some()
            {
                return Err(Error::syntax(
                    position,
                    format!("a bit field takes the byte order of its struct: write u{width}"),
                ));
            }
            Ok(Some(bits(width, signed, context)))
        }
        _ => Ok(None),
    }
}

/// The value of an expression that consists only of numbers.
pub(super) fn constant(ex: &Ex) -> Option<i64> {
    let value = match &ex.kind {
        ExKind::Int(value) => i64::try_from(*value).ok()?,
        ExKind::Unary(Unary::Neg, inner) => constant(inner)?.checked_neg()?,
        _ => return None,
    };
    (-SAFE..=SAFE).contains(&value).then_some(value)
}
