//! The on-disk format of records: length (4 bytes, big-endian), CRC-32C of length and payload (4 bytes, big-endian),
//! payload.
//!
//! The checksum covers the length, so that neither a run of zeros nor a corrupted length is taken for a record.

use prost::Message;

/// The size in bytes of the header before a payload.
const HEAD: usize = 8;

/// The largest payload in bytes. An instance that uses all its limits is far smaller, so a larger length must be
/// corrupt.
pub const MAX_RECORD: usize = 1 << 20;

const CRC: crc::Crc<u32, crc::Table<16>> = crc::Crc::<u32, crc::Table<16>>::new(&crc::CRC_32_ISCSI);

fn sum(length: [u8; 4], payload: &[u8]) -> u32 {
    let mut digest = CRC.digest();
    digest.update(&length);
    digest.update(payload);
    digest.finalize()
}

/// Appends a message as a record.
pub fn frame(out: &mut Vec<u8>, message: &impl Message) {
    let payload = message.encode_to_vec();
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes();
    out.extend_from_slice(&length);
    out.extend_from_slice(&sum(length, &payload).to_be_bytes());
    out.extend_from_slice(&payload);
}

/// An iterator over the payloads of a file. It ends at the first bytes that are not a complete record.
pub struct Records<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Records<'a> {
    /// Iterates over the contents of a whole file.
    pub fn new(bytes: &'a [u8]) -> Records<'a> {
        Records { bytes, at: 0 }
    }

    /// The offset behind the last record returned.
    pub fn position(&self) -> usize {
        self.at
    }

    /// Returns the next record as a message. If it cannot be decoded, the position does not advance.
    pub fn message<M: Message + Default>(&mut self) -> Option<M> {
        let at = self.at;
        let message = self.next().and_then(|payload| M::decode(payload).ok());
        if message.is_none() {
            self.at = at;
        }
        message
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (head, rest) = self.bytes.get(self.at..)?.split_at_checked(HEAD)?;
        let (length, crc) = head.split_first_chunk::<4>()?;
        let size = u32::from_be_bytes(*length) as usize;
        if size > MAX_RECORD {
            return None;
        }
        let payload = rest.get(..size)?;
        if crc != sum(*length, payload).to_be_bytes() {
            return None;
        }
        self.at += HEAD + size;
        Some(payload)
    }
}
