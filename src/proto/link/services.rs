//! Third pass: services.

use super::features::{Target, varint_option};
use super::{FileLinker, Result, ast};
use crate::proto::schema::{Idempotency, Method, Options, Service, ServiceId, Symbol};

impl<'t> FileLinker<'_, '_, 't> {
    pub(super) fn link_services(&mut self) -> Result<()> {
        let tree = self.tree;
        for node in &tree.services {
            let id = ServiceId(self.linker.schema.services.len() as u32);
            let service = self.link_service(node)?;
            self.register(service.full_name.clone(), Symbol::Service(id), node.position)?;
            let file = self.id;
            let schema = self.schema();
            schema.services.push(service);
            schema.files[file.index()].services.push(id);
        }
        Ok(())
    }

    fn link_service(&mut self, node: &'t ast::Service<'t>) -> Result<Service> {
        let outer = self.linker.schema[self.id].features;
        let full_name = self.full_name(&self.tree.package, node.name, node.position)?;
        let features = self.features(outer, &node.options, Target::Service)?;
        let mut methods = Vec::with_capacity(node.methods.len());
        let mut names = std::collections::HashSet::with_capacity(node.methods.len());
        for method in &node.methods {
            if !names.insert(method.name) {
                let message = format!("\"{full_name}.{}\" is already defined", method.name);
                return Err(self.error(method.position, message));
            }
            methods.push(Method {
                name: method.name.into(),
                input: self.resolve_message(&full_name, &method.input.name, method.input.position)?,
                output: self.resolve_message(&full_name, &method.output.name, method.output.position)?,
                client_streaming: method.input.stream,
                server_streaming: method.output.stream,
                idempotency: idempotency(method),
                features: self.features(features, &method.options, Target::Method)?,
                options: Options::default(),
                comments: Self::comments(&method.comments),
                position: method.position,
            });
        }
        Ok(Service {
            name: node.name.into(),
            full_name,
            file: self.id,
            methods,
            features,
            options: Options::default(),
            comments: Self::comments(&node.comments),
            position: node.position,
        })
    }
}

fn idempotency(method: &ast::Method) -> Idempotency {
    let option = method.options.iter().find(|option| option.is("idempotency_level"));
    match option.map(|option| &option.value) {
        Some(ast::Const::Ident(word)) if word == "NO_SIDE_EFFECTS" => Idempotency::NoSideEffects,
        Some(ast::Const::Ident(word)) if word == "IDEMPOTENT" => Idempotency::Idempotent,
        _ => match varint_option(&method.options, "", 34) {
            Some(1) => Idempotency::NoSideEffects,
            Some(2) => Idempotency::Idempotent,
            _ => Idempotency::Unknown,
        },
    }
}
