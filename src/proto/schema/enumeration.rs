//! Enums.

use std::sync::Arc;

use super::{Comments, Features, FileId, MessageId, Options, Position, Visibility, find};

/// One enum type.
#[derive(Debug)]
pub struct Enum {
    /// The name as declared.
    pub name: Box<str>,
    /// Package, outer messages and name, without a leading dot.
    pub full_name: Arc<str>,
    /// The file it is declared in.
    pub file: FileId,
    /// The message around it.
    pub parent: Option<MessageId>,
    /// Values in order of declaration, aliases included; never empty in a strict schema. The first is the default.
    pub values: Vec<EnumValue>,
    /// Indices into `values` ordered by number, then by declaration; see [`Enum::by_number`].
    pub order_by_number: Box<[u32]>,
    /// Indices into `values` ordered by name; see [`Enum::by_name`].
    pub order_by_name: Box<[u32]>,
    /// Closed enums (proto2) keep unknown numbers among the unknown fields; open ones hold any number.
    pub closed: bool,
    /// `option allow_alias = true`.
    pub allow_alias: bool,
    /// True for `google.protobuf.NullValue`, which JSON writes as `null`.
    pub is_null_value: bool,
    /// Numbers that no value may use, both ends included.
    pub reserved_ranges: Vec<(i32, i32)>,
    /// Names that no value may use.
    pub reserved_names: Vec<Box<str>>,
    /// `export` or `local`, if written.
    pub visibility: Visibility,
    /// The resolved features of this enum.
    pub features: Features,
    /// Options.
    pub options: Options,
    /// Comments.
    pub comments: Comments,
    /// The position of its name.
    pub position: Position,
}

impl Enum {
    /// The first declared value with this number (an alias comes later).
    pub fn by_number(&self, number: i32) -> Option<&EnumValue> {
        let at = self
            .order_by_number
            .partition_point(|&index| self.values[index as usize].number < number);
        let value = &self.values[*self.order_by_number.get(at)? as usize];
        (value.number == number).then_some(value)
    }

    /// The value with this name.
    pub fn by_name(&self, name: &str) -> Option<&EnumValue> {
        find(&self.order_by_name, name, |index| &self.values[index as usize].name)
            .map(|index| &self.values[index as usize])
    }

    /// The number of the default value: the first declared one, 0 if there is none.
    pub fn default_number(&self) -> i32 {
        self.values.first().map_or(0, |value| value.number)
    }
}

/// One value of an enum.
#[derive(Debug)]
pub struct EnumValue {
    /// The name as declared.
    pub name: Box<str>,
    /// Its number.
    pub number: i32,
    /// The resolved features of this value.
    pub features: Features,
    /// Options.
    pub options: Options,
    /// Comments.
    pub comments: Comments,
    /// The position of its name.
    pub position: Position,
}
