//! Parses tokens into a syntax tree by recursive descent. The depth is limited, here and for everything that
//! processes the tree.

use super::Error;
use super::ast::*;
use super::lexer::{Position, Token, tokens};
use crate::codec::checksum::Checksum;

/// The most levels of nested types and expressions.
const DEPTH: usize = 64;

/// Binary operators by precedence, from the lowest.
const LEVELS: [&[(&str, Binary)]; 10] = [
    &[("||", Binary::Either)],
    &[("&&", Binary::Both)],
    &[("|", Binary::Or)],
    &[("^", Binary::Xor)],
    &[("&", Binary::And)],
    &[("==", Binary::Eq), ("!=", Binary::Ne)],
    &[
        ("<", Binary::Lt),
        ("<=", Binary::Le),
        (">", Binary::Gt),
        (">=", Binary::Ge),
    ],
    &[("<<", Binary::Shl), (">>", Binary::Shr)],
    &[("+", Binary::Add), ("-", Binary::Sub)],
    &[("*", Binary::Mul), ("/", Binary::Div), ("%", Binary::Rem)],
];

pub(super) fn parse(text: &str) -> Result<File, Error> {
    let mut parser = Parser {
        tokens: tokens(text)?,
        at: 0,
        depth: 0,
        order: Order::default(),
        inline: 0,
    };
    parser.file()
}

struct Parser {
    tokens: Vec<(Token, Position)>,
    at: usize,
    depth: usize,
    /// The order for structs that do not state one.
    order: Order,
    /// The number of unnamed structs so far.
    inline: usize,
}

type Parsed<T> = Result<T, Error>;

impl Parser {
    fn peek(&self) -> &Token {
        &self.tokens[self.at].0
    }

    fn position(&self) -> Position {
        self.tokens[self.at].1
    }

    fn advance(&mut self) -> Token {
        let token = self.tokens[self.at].0.clone();
        if self.at + 1 < self.tokens.len() {
            self.at += 1;
        }
        token
    }

    fn error<T>(&self, expected: &str) -> Parsed<T> {
        let found = match self.peek() {
            Token::Word(word) => format!("{word:?}"),
            Token::Quoted(name) => format!("the name {name:?}"),
            Token::Int(value) => value.to_string(),
            Token::Str(_) => "a string".into(),
            Token::Symbol(symbol) => format!("{symbol:?}"),
            Token::End => "the end".into(),
        };
        Err(Error::syntax(
            self.position(),
            format!("expected {expected}, found {found}"),
        ))
    }

    fn is_symbol(&self, symbol: &str) -> bool {
        matches!(self.peek(), Token::Symbol(found) if *found == symbol)
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Token::Word(found) if found == word)
    }

    /// Whether a word with an opening parenthesis follows: a field may have the name `at`, too.
    fn is_call(&self, word: &str) -> bool {
        let next = self.tokens.get(self.at + 1);
        self.is_word(word) && matches!(next, Some((Token::Symbol("("), _)))
    }

    fn take(&mut self, symbol: &str) -> bool {
        let found = self.is_symbol(symbol);
        if found {
            self.at += 1;
        }
        found
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        if found {
            self.at += 1;
        }
        found
    }

    fn expect(&mut self, symbol: &str) -> Parsed<()> {
        if self.take(symbol) {
            Ok(())
        } else {
            self.error(&format!("{symbol:?}"))
        }
    }

    fn name(&mut self, what: &str) -> Parsed<String> {
        match self.peek() {
            Token::Word(_) | Token::Quoted(_) => match self.advance() {
                Token::Word(name) | Token::Quoted(name) => Ok(name),
                _ => self.error(what),
            },
            _ => self.error(what),
        }
    }

    fn deeper<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(Error::limit(
                Some(self.position()),
                format!("nested deeper than {DEPTH} levels"),
            ));
        }
        let result = parse(self);
        self.depth -= 1;
        result
    }

    fn file(&mut self) -> Parsed<File> {
        let mut file = File {
            structs: Vec::new(),
            enums: Vec::new(),
        };
        loop {
            if *self.peek() == Token::End {
                return Ok(file);
            }
            let position = self.position();
            if self.take_word("struct") {
                let name = self.name("the struct's name")?;
                file.structs.push(self.structure(name, position)?);
            } else if self.take_word("enum") {
                let name = self.name("the enum's name")?;
                file.enums.push(self.enumeration(name, position)?);
            } else if self.take_word("endian") || self.take_word("bits") {
                self.order = self.attributes(self.order)?;
                self.expect(";")?;
                continue;
            } else {
                return self.error("struct, enum, endian or bits");
            }
            self.take(";");
        }
    }

    fn attributes(&mut self, mut order: Order) -> Parsed<Order> {
        loop {
            if self.take_word("be") {
                order.little = Some(false);
            } else if self.take_word("le") {
                order.little = Some(true);
            } else if self.take_word("msb") {
                order.lsb = Some(false);
            } else if self.take_word("lsb") {
                order.lsb = Some(true);
            } else {
                return Ok(order);
            }
        }
    }

    /// Parses a struct after its name.
    fn structure(&mut self, name: String, position: Position) -> Parsed<StructDecl> {
        let mut params = Vec::new();
        if self.take("(") {
            while !self.take(")") {
                params.push(self.name("a parameter")?);
                if !self.is_symbol(")") {
                    self.expect(",")?;
                }
            }
        }
        let order = self.attributes(self.order)?;
        self.expect("{")?;
        let outer = std::mem::replace(&mut self.order, order);
        let mut members = Vec::new();
        while !self.take("}") {
            members.push(self.deeper(Self::member)?);
        }
        self.order = outer;
        Ok(StructDecl {
            name,
            params,
            order,
            members,
            position,
        })
    }

    /// Parses an enum after its name.
    fn enumeration(&mut self, name: String, position: Position) -> Parsed<EnumDecl> {
        self.expect(":")?;
        let base = Box::new(self.deeper(Self::type_)?);
        self.expect("{")?;
        let mut values = Vec::new();
        let mut next = 0;
        while !self.take("}") {
            let name = self.name("a value's name")?;
            if self.take("=") {
                let negative = self.take("-");
                match self.advance() {
                    Token::Int(value) => next = if negative { -value } else { value },
                    _ => {
                        self.at -= 1;
                        return self.error("an integer");
                    }
                }
            }
            values.push((name, next));
            next += 1;
            if !self.is_symbol("}") && !self.take(",") {
                self.expect(";")?;
            }
        }
        Ok(EnumDecl {
            name,
            base,
            values,
            position,
        })
    }

    fn member(&mut self) -> Parsed<Member> {
        let position = self.position();
        let mut member = Member {
            name: None,
            ty: Type::Magic(Vec::new()),
            condition: None,
            place: None,
            size: None,
            value: None,
            position,
        };
        loop {
            if self.is_call("if") && member.condition.is_none() {
                self.at += 1;
                member.condition = Some(self.parenthesised()?);
            } else if (self.is_call("at") || self.is_call("peek")) && member.place.is_none() {
                let peek = self.is_word("peek");
                self.at += 1;
                member.place = Some(Place {
                    peek,
                    offset: self.parenthesised()?,
                });
            } else {
                break;
            }
        }
        if self.take_word("magic") {
            let Token::Str(bytes) = self.advance() else {
                self.at -= 1;
                return self.error("the bytes as a string");
            };
            member.ty = Type::Magic(bytes);
        } else if self.is_call("pad") {
            self.at += 1;
            member.ty = Type::Pad(self.parenthesised()?);
        } else if self.is_call("align") {
            self.at += 2;
            let to = self.expression()?;
            let fill = if self.take(",") { Some(self.expression()?) } else { None };
            self.expect(")")?;
            member.ty = Type::Align(to, fill);
        } else {
            member.ty = self.type_()?;
            if matches!(self.peek(), Token::Word(_) | Token::Quoted(_)) {
                member.name = Some(self.name("the field's name")?);
                member.ty = self.arrays(member.ty)?;
            }
            if self.take("@") {
                if !self.take_word("size") {
                    return self.error("size");
                }
                self.expect("(")?;
                member.size = Some(self.length()?);
                self.expect(")")?;
            }
            if self.take("=") {
                member.value = Some(self.expression()?);
            }
        }
        self.expect(";")?;
        Ok(member)
    }

    fn parenthesised(&mut self) -> Parsed<Ex> {
        self.expect("(")?;
        let inner = self.expression()?;
        self.expect(")")?;
        Ok(inner)
    }

    fn type_(&mut self) -> Parsed<Type> {
        let position = self.position();
        let ty = if self.take_word("struct") {
            self.inline += 1;
            let name = format!("struct {}", self.inline);
            Type::Inline(Box::new(self.structure(name, position)?))
        } else if self.take_word("enum") {
            Type::Enum(Box::new(self.enumeration(String::new(), position)?))
        } else if self.is_call("switch") {
            self.at += 1;
            Type::Switch(Box::new(self.switch()?))
        } else if self.is_call("map") {
            self.at += 2;
            let index = self.index()?;
            self.expect(",")?;
            let inner = self.deeper(Self::type_)?;
            self.expect(")")?;
            Type::Map(index, Box::new(inner))
        } else if self.is_call("layout") {
            self.at += 2;
            let id = self.index()?;
            self.expect(")")?;
            let mut args = Vec::new();
            if self.take("(") {
                while !self.take(")") {
                    args.push(self.expression()?);
                    if !self.is_symbol(")") {
                        self.expect(",")?;
                    }
                }
            }
            Type::Layout { id, args, position }
        } else {
            let quoted = matches!(self.peek(), Token::Quoted(_));
            let name = self.name("a type")?;
            let mut args = Vec::new();
            if self.take("(") {
                while !self.take(")") {
                    args.push(self.length()?);
                    if !self.is_symbol(")") {
                        self.expect(",")?;
                    }
                }
            }
            Type::Named {
                name,
                quoted,
                args,
                position,
            }
        };
        self.arrays(ty)
    }

    fn index(&mut self) -> Parsed<u32> {
        match self.peek() {
            Token::Int(value) if u32::try_from(*value).is_ok() => {
                let value = *value as u32;
                self.at += 1;
                Ok(value)
            }
            _ => self.error("an index"),
        }
    }

    fn arrays(&mut self, mut ty: Type) -> Parsed<Type> {
        let mut lengths = Vec::new();
        while self.take("[") {
            let length = if self.is_symbol("]") { Len::Rest } else { self.length()? };
            self.expect("]")?;
            lengths.push(length);
            if lengths.len() > DEPTH {
                return Err(Error::limit(
                    Some(self.position()),
                    format!("more than {DEPTH} dimensions"),
                ));
            }
        }
        // As in C, the first dimension is the outermost.
        for length in lengths.into_iter().rev() {
            ty = Type::Array(Box::new(ty), Box::new(length));
        }
        Ok(ty)
    }

    fn switch(&mut self) -> Parsed<Switch> {
        let on = self.parenthesised()?;
        self.expect("{")?;
        let mut switch = Switch {
            on,
            cases: Vec::new(),
            default: None,
        };
        while !self.take("}") {
            if self.take_word("default") {
                self.expect(":")?;
                switch.default = Some(self.deeper(Self::type_)?);
            } else {
                self.take_word("case");
                let mut labels = Vec::new();
                loop {
                    let from = self.deeper(|parser| parser.binary(2))?;
                    let to = if self.take("..") {
                        Some(self.deeper(|parser| parser.binary(2))?)
                    } else {
                        None
                    };
                    labels.push(Label { from, to });
                    if !self.take(",") {
                        break;
                    }
                }
                self.expect(":")?;
                let ty = self.deeper(Self::type_)?;
                switch.cases.push((labels, ty));
            }
            self.expect(";")?;
        }
        Ok(switch)
    }

    fn length(&mut self) -> Parsed<Len> {
        if self.take_word("rest") {
            return Ok(Len::Rest);
        }
        if let (Token::Word(word), false) = (self.peek(), self.is_call("until"))
            && is_number_type(word)
        {
            return Ok(Len::Prefix(self.deeper(Self::type_)?));
        }
        if self.is_word("until") {
            self.at += 1;
            return Ok(Len::Until(self.expression()?));
        }
        Ok(Len::Expr(self.expression()?))
    }

    fn expression(&mut self) -> Parsed<Ex> {
        self.deeper(|parser| {
            let position = parser.position();
            let condition = parser.binary(0)?;
            if !parser.take("?") {
                return Ok(condition);
            }
            let then = parser.expression()?;
            parser.expect(":")?;
            let otherwise = parser.expression()?;
            let kind = ExKind::Choice(Box::new(condition), Box::new(then), Box::new(otherwise));
            Ok(Ex { kind, position })
        })
    }

    fn binary(&mut self, level: usize) -> Parsed<Ex> {
        let Some(operators) = LEVELS.get(level) else {
            return self.unary();
        };
        let position = self.position();
        let mut left = self.binary(level + 1)?;
        // Each operator makes the tree one level deeper.
        let mut count = 0;
        loop {
            let found = operators.iter().find(|(symbol, _)| self.is_symbol(symbol));
            let Some(&(_, operator)) = found else { return Ok(left) };
            self.at += 1;
            count += 1;
            if count > DEPTH {
                return Err(Error::limit(
                    Some(position),
                    format!("more than {DEPTH} operators in a row"),
                ));
            }
            let right = self.binary(level + 1)?;
            let kind = ExKind::Binary(operator, Box::new(left), Box::new(right));
            left = Ex { kind, position };
        }
    }

    fn unary(&mut self) -> Parsed<Ex> {
        let position = self.position();
        for (symbol, operator) in [("-", Unary::Neg), ("~", Unary::Not), ("!", Unary::Is0)] {
            if self.take(symbol) {
                let operand = self.deeper(Self::unary)?;
                return Ok(Ex {
                    kind: ExKind::Unary(operator, Box::new(operand)),
                    position,
                });
            }
        }
        if self.is_symbol("(") {
            return self.parenthesised();
        }
        let kind = match self.peek().clone() {
            Token::Int(value) => {
                self.at += 1;
                ExKind::Int(value)
            }
            Token::Str(bytes) => {
                self.at += 1;
                ExKind::Str(bytes)
            }
            Token::Word(_) | Token::Quoted(_) => {
                let mut path = vec![self.name("a name")?];
                if path.len() == 1 && self.is_symbol("(") {
                    return self.call(&path[0], position);
                }
                while self.take(".") {
                    path.push(self.name("a field of it")?);
                }
                ExKind::Name(path)
            }
            _ => return self.error("a number, a field or ("),
        };
        Ok(Ex { kind, position })
    }

    fn call(&mut self, name: &str, position: Position) -> Parsed<Ex> {
        let function = match name {
            "sizeof" => Function::SizeOf,
            "count" => Function::Count,
            "offsetof" => Function::OffsetOf,
            "present" => Function::Present,
            _ => match Checksum::by_name(name) {
                Some(checksum) => Function::Checksum(checksum),
                None => return Err(Error::syntax(position, format!("unknown function {name:?}"))),
            },
        };
        self.expect("(")?;
        let mut range = Range { from: None, to: None };
        if !self.take_word("struct") {
            if !self.is_symbol("..") {
                range.from = Some(self.name("a field")?);
            }
            if self.take("..") {
                if !self.is_symbol(")") {
                    range.to = Some(self.name("a field")?);
                }
            } else {
                range.to.clone_from(&range.from);
            }
        }
        self.expect(")")?;
        Ok(Ex {
            kind: ExKind::Call(function, range),
            position,
        })
    }
}

/// Whether a word is a number type. As a length, it means a length prefix of that type.
fn is_number_type(word: &str) -> bool {
    let word = word
        .strip_suffix("be")
        .or_else(|| word.strip_suffix("le"))
        .unwrap_or(word);
    matches!(word, "uleb128" | "u8" | "u16" | "u24" | "u32" | "u40" | "u48" | "u64")
        || matches!(word.strip_prefix('u'), Some(bits) if bits.parse::<u8>().is_ok_and(|bits| (1..=64).contains(&bits)))
}
