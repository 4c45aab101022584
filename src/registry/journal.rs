//! Records on a disk: length (4 bytes, big-endian), CRC-32C of length and payload (4 bytes, big-endian), payload.
//!
//! The length is part of the sum, so that neither a run of zeroes nor a length that was hit reads as a record.

use prost::Message;

/// Bytes in front of a payload.
const HEAD: usize = 8;

/// Bytes of a payload at most: an instance with all that its limits allow is far below, a length above is no length.
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

/// The payloads of a file, up to the first bytes that are no whole record.
pub struct Records<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Records<'a> {
    /// Of a whole file.
    pub fn new(bytes: &'a [u8]) -> Records<'a> {
        Records { bytes, at: 0 }
    }

    /// Where the records that were given end.
    pub fn position(&self) -> usize {
        self.at
    }

    /// The next record as a message; it stays the next when it is not one.
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
