//! Emits expressions as JavaScript. The bounds of each value are computed at compile time, so that checks are emitted
//! only where they can fail.

use super::super::ast::{Binary, Unary};
use super::*;

/// A JavaScript expression, and the bounds of its value.
pub(super) struct Js {
    pub text: String,
    min: i128,
    max: i128,
}

const FULL: i128 = SAFE as i128;

impl Js {
    fn new(text: impl Into<String>, min: i128, max: i128) -> Self {
        Js {
            text: text.into(),
            min,
            max,
        }
    }

    fn flag(condition: &str) -> Self {
        Js::new(format!("({condition} ? 1 : 0)"), 0, 1)
    }

    fn any(text: String) -> Self {
        Js::new(text, -FULL, FULL)
    }

    fn within(&self, min: i128, max: i128) -> bool {
        self.min >= min && self.max <= max
    }

    fn is_int(&self) -> bool {
        self.within(-(1 << 31), (1 << 31) - 1)
    }

    fn is_uint(&self) -> bool {
        self.within(0, (1 << 32) - 1)
    }
}

/// A sum, difference or product, with a check if it could exceed 53 bits.
fn checked(text: String, bounds: &[i128]) -> Js {
    let min = bounds.iter().copied().min().unwrap_or(-FULL);
    let max = bounds.iter().copied().max().unwrap_or(FULL);
    if min >= -FULL && max <= FULL {
        Js::new(format!("({text})"), min, max)
    } else {
        Js::any(format!("safe({text})"))
    }
}

impl Emitter<'_> {
    /// The value of an expression; `None` if it is not known yet.
    pub(super) fn value(&mut self, scope: usize, expr: &Expr) -> Option<String> {
        self.js(scope, expr).map(|js| js.text)
    }

    /// The value of an expression that must be known.
    pub(super) fn known(&mut self, scope: usize, expr: &Expr) -> String {
        let known = self.value(scope, expr);
        self.impossible |= known.is_none();
        known.unwrap_or_default()
    }

    /// The condition that an expression is not 0.
    pub(super) fn condition(&mut self, scope: usize, expr: &Expr) -> String {
        match expr {
            Expr::Binary(operator, left, right) => {
                if let Some(symbol) = comparison(*operator) {
                    let left = self.side(scope, left);
                    let right = self.side(scope, right);
                    return format!("({left} {symbol} {right})");
                }
                match operator {
                    Binary::Both => format!("({} && {})", self.condition(scope, left), self.condition(scope, right)),
                    Binary::Either => format!("({} || {})", self.condition(scope, left), self.condition(scope, right)),
                    _ => format!("({} !== 0)", self.known(scope, expr)),
                }
            }
            Expr::Unary(Unary::Is0, inner) => format!("!{}", self.condition(scope, inner)),
            _ => format!("({} !== 0)", self.known(scope, expr)),
        }
    }

    fn side(&mut self, scope: usize, expr: &Expr) -> String {
        match expr {
            Expr::Text(text) => quote(text),
            _ => self.known(scope, expr),
        }
    }

    fn js(&mut self, scope: usize, expr: &Expr) -> Option<Js> {
        Some(match expr {
            Expr::Int(value) => Js::new(format!("({value})"), (*value).into(), (*value).into()),
            Expr::Text(text) => Js::new(quote(text), 0, 0),
            Expr::Field(path) => return self.field_value(scope, path),
            Expr::Item(path) => match self.scopes[scope].item {
                Item::Scope(inner) => return self.field_value(inner, path),
                Item::Value {
                    variable, big: true, ..
                } => Js::any(format!("num(r{variable})")),
                Item::Value { variable, .. } => Js::any(format!("r{variable}")),
                Item::Called { variable, id } => {
                    let k = self.asked(id).iter().position(|at| path[..] == [*at as u16]);
                    self.impossible |= k.is_none();
                    let kind = &self.layout.structs[id].fields[usize::from(path[0])].kind;
                    let name = format!("u{variable}_{}", k.unwrap_or_default());
                    match kind.range() {
                        _ if kind.is_big() => Js::any(format!("num({name})")),
                        Some((min, max)) => Js::new(name, min.min(0), max.max(0)),
                        None => Js::new(name, 0, 0),
                    }
                }
                Item::None => return None,
            },
            Expr::Param(at) => Js::any(self.scopes[scope].args[usize::from(*at)].clone()),
            Expr::Remaining if self.scopes[scope].writing => return None,
            Expr::Remaining => Js::new(format!("(e - ({}))", self.pos()), 0, FULL),
            Expr::Size(_) | Expr::Offset(_) | Expr::Sum(..) if !self.is_written(scope) => return None,
            Expr::Size(span) => {
                let (from, to) = self.span(scope, *span);
                Js::new(format!("(t{to} - s{from})"), -(1 << 31), (1 << 31) - 1)
            }
            Expr::Offset(at) => Js::new(format!("(s{} - q)", self.variable(scope, *at)), 0, (1 << 31) - 1),
            Expr::Count(at) => Js::new(format!("n{}", self.variable(scope, *at)), 0, FULL),
            Expr::Present(at) => {
                let variable = self.variable(scope, *at);
                let always = !self.scopes[scope].writing && self.field(scope, *at).condition.is_none();
                if always {
                    Js::new("1", 1, 1)
                } else {
                    Js::flag(&format!("h{variable}"))
                }
            }
            Expr::Sum(checksum, span) => {
                let (from, to) = self.span(scope, *span);
                Js::new(
                    format!("sum({}, b, s{from}, t{to}, 0, 0)", quote(checksum.name())),
                    0,
                    (1 << 32) - 1,
                )
            }
            Expr::Unary(operator, inner) => {
                if *operator == Unary::Is0 {
                    let condition = self.condition(scope, inner);
                    return Some(Js::flag(&format!("!{condition}")));
                }
                let inner = self.js(scope, inner)?;
                match operator {
                    Unary::Neg => Js::new(format!("(0 - {})", inner.text), -inner.max, -inner.min),
                    _ => checked(format!("-1 - {}", inner.text), &[-1 - inner.max, -1 - inner.min]),
                }
            }
            Expr::Choice(condition, then, otherwise) => {
                let condition = self.condition(scope, condition);
                let (then, otherwise) = (self.js(scope, then)?, self.js(scope, otherwise)?);
                let (min, max) = (then.min.min(otherwise.min), then.max.max(otherwise.max));
                Js::new(format!("({condition} ? {} : {})", then.text, otherwise.text), min, max)
            }
            Expr::Binary(operator, ..) if comparison(*operator).is_some() || is_logic(*operator) => {
                // Only if all values are known.
                let mut unknown = false;
                expr.visit(&mut |part| {
                    if !matches!(part, Expr::Binary(..) | Expr::Unary(..) | Expr::Choice(..)) {
                        unknown |= self.js(scope, part).is_none();
                    }
                });
                if unknown {
                    return None;
                }
                let condition = self.condition(scope, expr);
                Js::flag(&condition)
            }
            Expr::Binary(operator, left, right) => {
                let (left, right) = (self.js(scope, left)?, self.js(scope, right)?);
                arithmetic(*operator, &left, &right)
            }
        })
    }

    fn is_written(&self, scope: usize) -> bool {
        !self.scopes[scope].writing || self.scopes[scope].written
    }

    pub(super) fn field(&self, scope: usize, at: u16) -> &Field {
        &self.layout.structs[self.scopes[scope].id].fields[usize::from(at)]
    }

    pub(super) fn variable(&self, scope: usize, at: u16) -> usize {
        self.scopes[scope].base + usize::from(at)
    }

    fn span(&self, scope: usize, span: Span) -> (usize, usize) {
        (self.variable(scope, span.from), self.variable(scope, span.to))
    }

    fn field_value(&mut self, mut scope: usize, path: &[u16]) -> Option<Js> {
        let (&last, way) = path.split_last()?;
        for &step in way {
            let child = self.scopes[scope]
                .children
                .iter()
                .find(|(at, _)| *at == usize::from(step));
            let Some(&(_, inner)) = child else {
                // The field is in a struct that is not inlined here.
                self.impossible = true;
                return None;
            };
            scope = inner;
        }
        let field = self.field(scope, last);
        let unknown = self.scopes[scope].writing
            && !self.scopes[scope].written
            && field.value.as_ref().is_some_and(Given::is_late);
        if unknown {
            return None;
        }
        let variable = self.variable(scope, last);
        Some(match field.kind.range() {
            _ if field.kind.is_big() => Js::any(format!("num(r{variable})")),
            Some((min, max)) => Js::new(format!("r{variable}"), min.min(0), max.max(0)),
            None => Js::new(format!("r{variable}"), 0, 0),
        })
    }
}

fn comparison(operator: Binary) -> Option<&'static str> {
    Some(match operator {
        Binary::Eq => "===",
        Binary::Ne => "!==",
        Binary::Lt => "<",
        Binary::Le => "<=",
        Binary::Gt => ">",
        Binary::Ge => ">=",
        _ => return None,
    })
}

fn is_logic(operator: Binary) -> bool {
    matches!(operator, Binary::Both | Binary::Either)
}

fn arithmetic(operator: Binary, left: &Js, right: &Js) -> Js {
    let (a, b) = (&left.text, &right.text);
    let constant = (right.min == right.max).then_some(right.min);
    match operator {
        Binary::Add => checked(format!("{a} + {b}"), &[left.min + right.min, left.max + right.max]),
        Binary::Sub => checked(format!("{a} - {b}"), &[left.min - right.max, left.max - right.min]),
        Binary::Mul => {
            let corners = [
                left.min * right.min,
                left.min * right.max,
                left.max * right.min,
                left.max * right.max,
            ];
            // Avoids a negative zero.
            let text = if left.min < 0 || right.min < 0 {
                format!("{a} * {b} + 0")
            } else {
                format!("{a} * {b}")
            };
            checked(text, &corners)
        }
        Binary::Div => match constant {
            Some(by) if by > 0 && left.is_int() => Js::new(format!("({a} / {b} | 0)"), left.min / by, left.max / by),
            _ => Js::any(format!("div({a}, {b})")),
        },
        Binary::Rem => match constant {
            Some(by) if by > 0 && left.min >= 0 => Js::new(format!("({a} % {b})"), 0, by - 1),
            _ => Js::any(format!("rem({a}, {b})")),
        },
        Binary::And | Binary::Or | Binary::Xor => bitwise(operator, left, right),
        Binary::Shl => match constant {
            Some(by) if (0..=52).contains(&by) => {
                let factor = 1i128 << by;
                checked(format!("{a} * {factor} + 0"), &[left.min * factor, left.max * factor])
            }
            _ => Js::any(format!("shl({a}, {b})")),
        },
        Binary::Shr => match constant {
            Some(by) if (0..32).contains(&by) && left.is_int() => {
                Js::new(format!("({a} >> {by})"), left.min >> by, left.max >> by)
            }
            Some(by) if (0..32).contains(&by) && left.is_uint() => {
                Js::new(format!("({a} >>> {by})"), left.min >> by, left.max >> by)
            }
            _ => Js::any(format!("shr({a}, {b})")),
        },
        // Comparisons were handled above.
        _ => Js::any("0".into()),
    }
}

fn bitwise(operator: Binary, left: &Js, right: &Js) -> Js {
    let (a, b) = (&left.text, &right.text);
    let (symbol, helper) = match operator {
        Binary::And => ("&", "and"),
        Binary::Or => ("|", "or"),
        _ => ("^", "xor"),
    };
    let bits = |max: i128| 128 - max.max(0).leading_zeros();
    let both = left.min >= 0 && right.min >= 0;
    let most = if operator == Binary::And {
        left.max.min(right.max)
    } else {
        (1 << bits(left.max.max(right.max))) - 1
    };
    let (min, max) = if both { (0, most) } else { (-FULL, FULL) };
    if left.is_int() && right.is_int() {
        let (min, max) = if both { (0, most) } else { (-(1 << 31), (1 << 31) - 1) };
        Js::new(format!("({a} {symbol} {b})"), min, max)
    } else if left.is_uint() && right.is_uint() {
        Js::new(format!("(({a} {symbol} {b}) >>> 0)"), min, max)
    } else {
        Js::new(format!("{helper}({a}, {b})"), min, max)
    }
}
