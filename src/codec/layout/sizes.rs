//! Computes sizes as far as they are known in advance, and which structs contain themselves.

use super::*;

/// Sets the sizes of all structs and fields, and marks recursive structs with Tarjan's algorithm, whose depth
/// `resolve` has limited.
pub(super) fn measure(layout: &mut Layout) {
    let count = layout.structs.len();
    let mut walk = Walk {
        order: vec![0; count],
        low: vec![0; count],
        stack: Vec::new(),
        on_stack: vec![false; count],
        next: 1,
    };
    for id in 0..count {
        if walk.order[id] == 0 {
            walk.visit(layout, id);
        }
    }
}

struct Walk {
    order: Vec<u32>,
    low: Vec<u32>,
    stack: Vec<usize>,
    on_stack: Vec<bool>,
    next: u32,
}

impl Walk {
    fn visit(&mut self, layout: &mut Layout, id: usize) {
        self.order[id] = self.next;
        self.low[id] = self.next;
        self.next += 1;
        self.stack.push(id);
        self.on_stack[id] = true;
        let mut targets = Vec::new();
        for field in &layout.structs[id].fields {
            structs_in(&field.kind, &mut targets);
        }
        for &target in &targets {
            if self.order[target] == 0 {
                self.visit(layout, target);
                self.low[id] = self.low[id].min(self.low[target]);
            } else if self.on_stack[target] {
                self.low[id] = self.low[id].min(self.order[target]);
            }
        }
        if self.low[id] == self.order[id] {
            while let Some(member) = self.stack.pop() {
                self.on_stack[member] = false;
                layout.structs[member].recursive = member != id || targets.contains(&id);
                // Not the last struct of its cycle: others refer to it.
                layout.structs[id].recursive |= member != id;
                if member == id {
                    break;
                }
            }
        }
        let sizes: Vec<Size> = layout.structs[id]
            .fields
            .iter()
            .map(|field| of_field(field, &layout.structs))
            .collect();
        let structure = &mut layout.structs[id];
        let mut total = Size { min: 0, fixed: true };
        for (field, size) in structure.fields.iter_mut().zip(sizes) {
            field.size = size;
            total.min = total.min.saturating_add(size.min);
            total.fixed &= size.fixed;
        }
        structure.size = total;
    }
}

fn structs_in(kind: &Kind, found: &mut Vec<usize>) {
    match kind {
        Kind::Struct(id, _) => found.push(*id),
        Kind::Array(item, _) => structs_in(item, found),
        Kind::Map(_, inner) => structs_in(inner, found),
        Kind::Switch(choices) => {
            choices.cases.iter().for_each(|(_, kind)| structs_in(kind, found));
            choices.default.iter().for_each(|kind| structs_in(kind, found));
        }
        _ => {}
    }
}

fn of_field(field: &Field, structs: &[Struct]) -> Size {
    let inner = of_kind(&field.kind, structs);
    let size = match &field.area {
        None => inner,
        Some(Length::Expr(Expr::Int(size))) => fixed(*size as u64),
        Some(Length::Prefix(kind)) => Size {
            min: of_kind(kind, structs).min,
            fixed: false,
        },
        Some(_) => Size::default(),
    };
    if field.condition.is_some() || field.place.is_some() {
        Size::default()
    } else {
        size
    }
}

fn fixed(min: u64) -> Size {
    Size { min, fixed: true }
}

/// The size of a value.
pub(super) fn of_kind(kind: &Kind, structs: &[Struct]) -> Size {
    let at_least = |min| Size { min, fixed: false };
    match kind {
        Kind::Int(int) => fixed(int.bytes.into()),
        Kind::Bits(bits) => fixed(if bits.at == 0 { bits.run.into() } else { 0 }),
        Kind::Varint(varint) => Size {
            min: 1,
            fixed: varint.max == 1,
        },
        Kind::Float { bytes, .. } => fixed((*bytes).into()),
        Kind::Bool(inner) | Kind::Enum(_, inner) | Kind::Time(inner, _) | Kind::Map(_, inner) => {
            of_kind(inner, structs)
        }
        Kind::Address(address) => fixed(address.bytes() as u64),
        Kind::Text { length, encoding, .. } => match length {
            Length::Until(_) if encoding.is_wide() => at_least(2),
            _ => of_length(length, fixed(1), structs),
        },
        Kind::Bytes(length) => of_length(length, fixed(1), structs),
        Kind::Array(item, length) => of_length(length, of_kind(item, structs), structs),
        Kind::Struct(id, _) => structs[*id].size,
        Kind::Switch(choices) => {
            let kinds = choices.cases.iter().map(|(_, kind)| kind).chain(&choices.default);
            let sizes: Vec<Size> = kinds.map(|kind| of_kind(kind, structs)).collect();
            let min = sizes.iter().map(|size| size.min).min().unwrap_or(0);
            Size {
                min,
                fixed: sizes.iter().all(|size| size.fixed && size.min == min),
            }
        }
        Kind::Magic(bytes) => fixed(bytes.len() as u64),
        Kind::Pad(Expr::Int(count)) => fixed((*count).max(0) as u64),
        Kind::Pad(_) | Kind::Align(..) => at_least(0),
    }
}

fn of_length(length: &Length, item: Size, structs: &[Struct]) -> Size {
    match length {
        Length::Expr(Expr::Int(count)) => Size {
            min: item.min.saturating_mul(*count as u64),
            fixed: item.fixed || *count == 0,
        },
        Length::Prefix(kind) => Size {
            min: of_kind(kind, structs).min,
            fixed: false,
        },
        Length::Until(_) | Length::UntilItem(_) => Size {
            min: item.min,
            fixed: false,
        },
        Length::Expr(_) | Length::Rest => Size::default(),
    }
}
