use super::table::{Hashes, Table};
use super::{Error, Field, TABLE_SIZE, huffman, integer, statics};

/// Decodes field blocks, which must be passed in the order in which they were sent.
pub struct Decoder {
    table: Table,
    /// The largest size, in bytes, that the peer may choose for the table.
    limit: u32,
    /// The size that the next block has to reduce the table to, or below.
    owed: Option<u32>,
    /// Buffers for a name and a value that are Huffman-coded, or that have to outlive a change of the table.
    name: Vec<u8>,
    value: Vec<u8>,
}

impl Default for Decoder {
    fn default() -> Self {
        Decoder {
            table: Table::new(TABLE_SIZE as usize),
            limit: TABLE_SIZE,
            owed: None,
            name: Vec::new(),
            value: Vec::new(),
        }
    }
}

/// A string of a block.
enum Text<'a> {
    Plain(&'a [u8]),
    Coded(&'a [u8]),
}

impl<'a> Text<'a> {
    fn decode(input: &'a [u8]) -> Result<(Text<'a>, &'a [u8]), Error> {
        let coded = input.first().ok_or(Error::Truncated)? & 0x80 != 0;
        let (length, rest) = integer::decode(input, 7)?;
        let (text, rest) = rest.split_at_checked(length as usize).ok_or(Error::Truncated)?;
        Ok((if coded { Text::Coded(text) } else { Text::Plain(text) }, rest))
    }

    /// The decoded string; `out` is its buffer if it is Huffman-coded.
    fn read<'b>(self, out: &'b mut Vec<u8>) -> Result<&'b [u8], Error>
    where
        'a: 'b,
    {
        match self {
            Text::Plain(text) => Ok(text),
            Text::Coded(text) => {
                out.clear();
                huffman::decode(text, out)?;
                Ok(out)
            }
        }
    }
}

impl Decoder {
    /// Sets the largest table, in bytes, once the peer has acknowledged it (`SETTINGS_HEADER_TABLE_SIZE`).
    pub fn limit(&mut self, limit: u32) {
        self.limit = limit;
        if (limit as usize) < self.table.max() {
            // Of several reductions, the smallest counts (RFC 7541, 4.2).
            self.owed = Some(self.owed.map_or(limit, |owed| owed.min(limit)));
        }
    }

    /// Decodes a whole block and passes its fields to `each`.
    ///
    /// # Errors
    /// Any of [`Error`]. No further block can be decoded after that, because the tables of both ends differ.
    pub fn decode(&mut self, mut block: &[u8], mut each: impl FnMut(Field<'_>)) -> Result<(), Error> {
        while let Some(&octet) = block.first()
            && octet & 0xe0 == 0x20
        {
            let (size, rest) = integer::decode(block, 5)?;
            if size > self.limit {
                return Err(Error::TableSize(size));
            }
            if self.owed.is_some_and(|owed| size <= owed) {
                self.owed = None;
            }
            self.table.resize(size as usize);
            block = rest;
        }
        if self.owed.is_some() && !block.is_empty() {
            return Err(Error::NoTableSize);
        }
        while let Some(&octet) = block.first() {
            block = if octet & 0x80 != 0 {
                let (index, rest) = integer::decode(block, 7)?;
                let (name, value) = known(&self.table, index)?;
                each(Field {
                    name,
                    value,
                    sensitive: false,
                });
                rest
            } else if octet & 0x40 != 0 {
                self.literal(block, 6, true, &mut each)?
            } else if octet & 0x20 != 0 {
                return Err(Error::LateTableSize);
            } else {
                self.literal(block, 4, false, &mut each)?
            };
        }
        Ok(())
    }

    /// Decodes a field that is not in the table, whose name can be an index.
    fn literal<'a>(
        &mut self,
        block: &'a [u8],
        bits: u8,
        adds: bool,
        each: &mut impl FnMut(Field<'_>),
    ) -> Result<&'a [u8], Error> {
        let sensitive = !adds && block.first().is_some_and(|octet| octet & 0x10 != 0);
        let (index, rest) = integer::decode(block, bits)?;
        let Decoder {
            table,
            name: name_memory,
            value: value_memory,
            ..
        } = self;
        let (name, rest) = if index == 0 {
            let (text, rest) = Text::decode(rest)?;
            (text.read(name_memory)?, rest)
        } else {
            // Adding the field can evict the one that the name is taken from.
            name_memory.clear();
            name_memory.extend_from_slice(known(table, index)?.0);
            (&name_memory[..], rest)
        };
        let (text, rest) = Text::decode(rest)?;
        let value = text.read(value_memory)?;
        if adds {
            table.add(name, value, Hashes::default());
        }
        each(Field { name, value, sensitive });
        Ok(rest)
    }
}

/// The field with an index, from either table.
fn known(table: &Table, index: u32) -> Result<(&[u8], &[u8]), Error> {
    let at = (index as usize).checked_sub(1).ok_or(Error::Index(index))?;
    match statics::FIELDS.get(at) {
        Some((name, value)) => Ok((name.as_bytes(), value.as_bytes())),
        None => table.get(at - statics::FIELDS.len()).ok_or(Error::Index(index)),
    }
}
