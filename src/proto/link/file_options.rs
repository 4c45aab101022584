//! Checks file options that exclude other features: `LITE_RUNTIME` has no descriptors at run time, so nothing that
//! needs them may depend on it.
//!
//! Source: `FileOptions` of `descriptor.proto`, and what `protoc` rejects.

use super::features::option_position;
use super::{FileLinker, Result};
use crate::proto::schema::{Edition, FileId, ImportKind, OptionValue};

/// `FileOptions.OptimizeMode`.
const LITE_RUNTIME: i32 = 3;

impl FileLinker<'_, '_, '_> {
    /// Checks the options of this file against its imports, extensions and services.
    pub(super) fn check_file_options(&self) -> Result<()> {
        let schema = &self.linker.schema;
        let file = &schema[self.id];
        let lite = self.is_lite(self.id);
        for (import, node) in file.imports.iter().zip(&self.tree.imports) {
            let lighter = import.file.is_some_and(|id| self.is_lite(id));
            if !lite && lighter && import.kind != ImportKind::Option {
                let message = format!(
                    "{:?} has optimize_for = LITE_RUNTIME, so only files with the same option can import it",
                    node.name
                );
                return Err(self.error(node.position, message));
            }
        }
        if lite {
            self.check_lite()?;
        }
        if self.tree.edition >= Edition::E2023 && file.options.flag("java_string_check_utf8") {
            let message = "editions have no \"java_string_check_utf8\"; use features.(pb.java).utf8_validation";
            return Err(self.error(option_position(&self.tree.options, "java_string_check_utf8"), message));
        }
        Ok(())
    }

    fn check_lite(&self) -> Result<()> {
        let schema = &self.linker.schema;
        let file = &schema[self.id];
        let mut extensions = self.own_extensions().map(|id| &schema[id]);
        if let Some(field) = extensions.find(|field| !self.is_lite(schema[field.message].file)) {
            let message = format!(
                "this file has optimize_for = LITE_RUNTIME and {} does not, so it cannot be extended here",
                schema[field.message].full_name
            );
            return Err(self.error(field.position, message));
        }
        let generic = file.options.flag("cc_generic_services") || file.options.flag("java_generic_services");
        match file.services.first() {
            Some(&id) if generic => {
                let message = "a file with optimize_for = LITE_RUNTIME cannot have generic services";
                Err(self.error(schema[id].position, message))
            }
            _ => Ok(()),
        }
    }

    fn is_lite(&self, file: FileId) -> bool {
        matches!(
            self.linker.schema[file].options.get("optimize_for"),
            Some(OptionValue::Enum(LITE_RUNTIME, _))
        )
    }
}
