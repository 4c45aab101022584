//! Computes what is known only when all of a struct is written: sizes, offsets, checksums.

use super::encode::{Frame, Outcome, Source, Writer};
use super::expr::Slot;
use super::wire::{put_bits, varint_bytes};
use super::*;

impl<S: Source> Writer<'_, S> {
    /// Computes the late fields, and makes the checks that had to wait.
    pub(super) fn finish(&mut self, frame: &mut Frame<S::Value>) -> Outcome<(), S::Foreign> {
        let layout = self.layout;
        let fields = &layout.structs[frame.id].fields;
        frame.written = true;
        let sums = |given: &Given| match given {
            Given::Checksum(..) => true,
            Given::Expr { expr, .. } => {
                let mut found = false;
                expr.visit(&mut |part| found |= matches!(part, Expr::Sum(..)));
                found
            }
            _ => false,
        };
        // Checksums cover the other late fields, so they are computed in a second pass.
        for pass in [false, true] {
            for (at, field) in fields.iter().enumerate() {
                let Some(given) = field.value.as_ref().filter(|given| given.is_late()) else {
                    continue;
                };
                if sums(given) == pass && frame.present[at] {
                    self.late(frame, at, given)
                        .map_err(|failure| self.named(frame.id, at, failure))?;
                }
            }
        }
        for (at, expr, actual) in std::mem::take(&mut frame.lengths) {
            if let Some(wanted) = self.evaluate(frame, &expr)?
                && wanted != actual
            {
                let message = format!("must have a length of {wanted}, but has {actual}");
                self.culprit = frame.values[at].clone();
                return Err(self.named(frame.id, at, self.error(Code::Value, message)));
            }
        }
        Ok(())
    }

    pub(super) fn late(&mut self, frame: &mut Frame<S::Value>, at: usize, given: &Given) -> Outcome<(), S::Foreign> {
        let kind = &self.layout.structs[frame.id].fields[at].kind;
        // A varint can change its own size, and with it its value.
        for _ in 0..4 {
            let own = frame.spans[at];
            let value = match given {
                Given::Checksum(checksum, span) => {
                    let (from, to) = frame.range(*span);
                    i128::from(checksum.without(&self.out[from.min(to)..to], from, own))
                }
                Given::Expr { expr, .. } => {
                    frame.bytes = std::mem::take(&mut self.out);
                    let value = self.known(frame, expr);
                    self.out = std::mem::take(&mut frame.bytes);
                    i128::from(value?)
                }
                _ => return Ok(()),
            };
            self.fits(kind, value)?;
            frame.slots[at] = Slot::Int(value);
            let Some(Kind::Varint(varint)) = kind.integer() else {
                let back = std::mem::replace(&mut self.pos, own.0);
                let patched = match kind.bits() {
                    Some(bits) => {
                        put_bits(bits, value, &mut self.out[own.0..]);
                        Ok(())
                    }
                    None => self.put_int(kind, value),
                };
                self.pos = back;
                return patched;
            };
            let (bytes, size) = varint_bytes(*varint, value);
            let grown = size - (own.1 - own.0).min(size);
            self.make_room(own.1, grown)?;
            for span in &mut frame.spans {
                if span.0 >= own.1 {
                    span.0 += grown;
                }
                if span.1 >= own.1 {
                    span.1 += grown;
                }
            }
            self.out[own.0..own.0 + size].copy_from_slice(&bytes[..size]);
            if grown == 0 {
                return Ok(());
            }
        }
        Ok(())
    }

    pub(super) fn make_room(&mut self, at: usize, bytes: usize) -> Outcome<(), S::Foreign> {
        let end = self.out.len();
        self.pos += bytes;
        self.reserve(0)?;
        self.out.resize(end + bytes, 0);
        self.out.copy_within(at..end, at + bytes);
        Ok(())
    }

    /// Writes a length into the room reserved for it. A varint may need more room.
    pub(super) fn patch_varying(&mut self, prefix: &Kind, start: usize, value: i128) -> Outcome<(), S::Foreign> {
        let (_, max) = prefix.range().unwrap_or_default();
        if value > max {
            return Err(self.error(Code::Value, format!("must take at most {max} bytes, but takes {value}")));
        }
        if let Kind::Varint(varint) = prefix {
            let (_, size) = varint_bytes(*varint, value);
            self.make_room(start + 1, size - 1)?;
        }
        let back = std::mem::replace(&mut self.pos, start);
        self.put_int(prefix, value)?;
        self.pos = back;
        Ok(())
    }
}
