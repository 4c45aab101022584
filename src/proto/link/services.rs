//! Third pass: services.

use super::features::{Target, serialized_varint};
use super::{FileLinker, Result, ast};
use crate::proto::schema::{Features, Idempotency, Method, Options};

impl<'t> FileLinker<'_, '_, 't> {
    pub(super) fn link_services(&mut self) -> Result<()> {
        let tree = self.tree;
        let ids = self.linker.schema[self.id].services.clone();
        for (node, id) in tree.services.iter().zip(ids) {
            let service = &self.linker.schema[id];
            let (full_name, features) = (service.full_name.clone(), service.features);
            self.schema().services[id.index()].methods = self.link_methods(node, &full_name, features)?;
        }
        Ok(())
    }

    fn link_methods(&mut self, node: &'t ast::Service<'t>, full_name: &str, features: Features) -> Result<Vec<Method>> {
        let mut methods = Vec::with_capacity(node.methods.len());
        let mut names = std::collections::HashSet::with_capacity(node.methods.len());
        for method in &node.methods {
            if !names.insert(method.name) {
                let message = format!("\"{full_name}.{}\" is already defined", method.name);
                return Err(self.error(method.position, message));
            }
            methods.push(Method {
                name: method.name.into(),
                input: self.resolve_message(full_name, &method.input.name, method.input.position)?,
                output: self.resolve_message(full_name, &method.output.name, method.output.position)?,
                client_streaming: method.input.stream,
                server_streaming: method.output.stream,
                idempotency: idempotency(method),
                features: self.features(features, &method.options, Target::Method)?,
                options: Options::default(),
                comments: Self::comments(&method.comments),
                position: method.position,
            });
        }
        Ok(methods)
    }
}

fn idempotency(method: &ast::Method) -> Idempotency {
    let option = ast::written_option(&method.options, "idempotency_level");
    match option.map(|option| &option.value) {
        Some(ast::Const::Ident(word)) if word == "NO_SIDE_EFFECTS" => Idempotency::NoSideEffects,
        Some(ast::Const::Ident(word)) if word == "IDEMPOTENT" => Idempotency::Idempotent,
        _ => match serialized_varint(&method.options, 34) {
            Some(1) => Idempotency::NoSideEffects,
            Some(2) => Idempotency::Idempotent,
            _ => Idempotency::Unknown,
        },
    }
}
