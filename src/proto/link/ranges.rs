//! Extension ranges, reserved numbers and reserved names of messages.

use super::{FileLinker, Result, ast};
use crate::proto::schema::{ExtensionRange, MessageId, Options, Position};
use crate::proto::wire::MAX_FIELD_NUMBER;

impl<'t> FileLinker<'_, '_, 't> {
    /// Reads the ranges of a message into its model.
    pub(super) fn link_ranges(&mut self, node: &'t ast::Message<'t>, id: MessageId) -> Result<()> {
        if node.extension_ranges.is_empty() && node.reserved_ranges.is_empty() && node.reserved_names.is_empty() {
            return Ok(());
        }
        let most = match self.linker.schema[id].message_set {
            true => i32::MAX as u32 - 1,
            false => MAX_FIELD_NUMBER,
        };
        let mut extension_ranges = Vec::new();
        for list in &node.extension_ranges {
            self.has_options |= !list.options.is_empty();
            for &(range, position) in &list.ranges {
                let (start, end) = self.range(range, most, position)?;
                extension_ranges.push(ExtensionRange {
                    start,
                    end,
                    options: Options::default(),
                });
            }
        }
        let mut reserved_ranges = Vec::with_capacity(node.reserved_ranges.len());
        for &(range, position) in &node.reserved_ranges {
            // `protoc` allows these beyond the largest field number; `max` is still that number.
            let (start, end) = range;
            let end = if end == i64::MAX { most as i64 } else { end };
            reserved_ranges.push(self.range((start, end), i32::MAX as u32 - 1, position)?);
        }
        let mut spans: Vec<(u32, u32)> = extension_ranges.iter().map(|range| (range.start, range.end)).collect();
        spans.sort();
        spans.dedup_by(|next, last| {
            let overlaps = next.0 <= last.1;
            last.1 = if overlaps { last.1.max(next.1) } else { last.1 };
            overlaps
        });
        let message = &mut self.schema().messages[id.index()];
        message.extension_spans = spans.into();
        message.extension_ranges = extension_ranges;
        message.reserved_ranges = reserved_ranges;
        message.reserved_names = node
            .reserved_names
            .iter()
            .map(|(name, _)| name.as_ref().into())
            .collect();
        Ok(())
    }

    fn range(&self, (start, end): ast::Range, most: u32, position: Position) -> Result<(u32, u32)> {
        let end = if end == i64::MAX { most as i64 } else { end };
        let least = !self.linker.options.allow_field_number_zero as i64;
        if start < least || start > most as i64 || end > most as i64 {
            return Err(self.error(position, format!("field numbers are {} to {most}", least.max(1))));
        }
        if end < start {
            return Err(self.error(
                position,
                format!("a range must not end before it starts: {start} to {end}"),
            ));
        }
        Ok((start as u32, end as u32))
    }
}
