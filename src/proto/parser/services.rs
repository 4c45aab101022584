//! Services.

use super::ast::{Method, MethodType, Service};
use super::{Parser, Result, TokenKind};
use crate::proto::schema::Comments;

impl<'a> Parser<'a, '_> {
    /// `service Name { … }`.
    pub(super) fn service(&mut self, comments: Comments) -> Result<Service<'a>> {
        self.advance()?;
        let (name, position) = self.declare("a service name")?;
        let mut service = Service {
            name,
            methods: Vec::new(),
            options: Vec::new(),
            comments,
            position,
        };
        self.open("to open the body of the service", &mut service.comments)?;
        while !self.eat(b'}')? {
            if self.eat(b';')? {
                continue;
            }
            let comments = self.gap.take_leading();
            if self.at_word("option") {
                service.options.push(self.option_statement()?);
            } else if self.at_word("rpc") {
                service.methods.push(self.method(comments)?);
            } else {
                return Err(self.expected("\"rpc\", \"option\" or \"}\""));
            }
        }
        Ok(service)
    }

    /// `rpc Name (stream Request) returns (stream Reply);` or with a body of options.
    fn method(&mut self, comments: Comments) -> Result<Method<'a>> {
        self.advance()?;
        let (name, position) = self.declare("a method name")?;
        let input = self.method_type("the request type")?;
        if !self.eat_word("returns")? {
            return Err(self.expected("\"returns\""));
        }
        let output = self.method_type("the reply type")?;
        let mut method = Method {
            name,
            input,
            output,
            options: Vec::new(),
            comments,
            position,
        };
        if !self.at(b'{') {
            self.end_statement("or \"{\" after the method", &mut method.comments)?;
            return Ok(method);
        }
        self.open("to open the options of the method", &mut method.comments)?;
        while !self.eat(b'}')? {
            if self.at_word("option") {
                method.options.push(self.option_statement()?);
            } else if !self.eat(b';')? {
                return Err(self.expected("\"option\" or \"}\""));
            }
        }
        Ok(method)
    }

    fn method_type(&mut self, what: &str) -> Result<MethodType<'a>> {
        self.expect(b'(', &format!("and {what}"))?;
        // A message can have the name `stream`.
        let stream = self.at_word("stream") && !matches!(self.peek()?.kind, TokenKind::Punct(b')'));
        let stream = stream && !(self.peek()?.kind == TokenKind::Punct(b'.') && self.dot_continues_name());
        if stream {
            self.advance()?;
        }
        let position = self.here();
        let name = self.dotted(what, true)?;
        self.expect(b')', &format!("after {what}"))?;
        Ok(MethodType { name, stream, position })
    }

    /// `stream.Foo` is the name of a type; `stream .Foo` is a stream of `.Foo`.
    fn dot_continues_name(&self) -> bool {
        self.lexer.slice(self.token.end(), self.token.end() + 1) == "."
    }
}
