//! Checksums, by the names that layouts use.
//!
//! CRCs have the names of the catalogue of parametrised CRC algorithms (reveng.sourceforge.io), and come from the
//! crate `crc`.

use crc::{Algorithm, Crc, Table};

/// A checksum algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// A CRC of at most 16 bits, by its index in the table of CRCs.
    Crc16(u8),
    /// CRC-32 of zlib, PNG, ZIP and Ethernet.
    Crc32,
    /// CRC-32C of iSCSI, ext4 and SCTP.
    Crc32c,
    /// CRC-32 of bzip2: most significant bit first.
    Crc32Bzip2,
    /// Adler-32 of zlib.
    Adler32,
    /// xxHash, 32 bits, seed 0.
    Xxh32,
    /// xxHash, 64 bits, seed 0.
    Xxh64,
    /// XXH3, 64 bits.
    Xxh3,
    /// The sum of the bytes modulo 2^32.
    Sum,
    /// The sum of the bytes modulo 256.
    Sum8,
    /// The exclusive or of all bytes.
    Xor8,
    /// The Internet checksum of RFC 1071: IPv4, ICMP.
    Inet,
    /// Fletcher-16 over bytes modulo 256, first sum in the low byte: UBX.
    Fletcher8,
    /// Fletcher-16 modulo 255, second sum in the high byte.
    Fletcher16,
}

macro_rules! crcs {
    ($($name:literal = $algorithm:ident),* $(,)?) => {
        /// The 16-bit CRCs by name.
        const CRC16: &[(&str, &Algorithm<u16>)] = &[$(($name, &crc::$algorithm)),*];
        /// Their lookup tables, computed at compile time.
        static TABLES: &[Crc<u16, Table<1>>] = &[$(Crc::<u16, Table<1>>::new(&crc::$algorithm)),*];
    };
}

crcs! {
    "crc16_arc" = CRC_16_ARC,
    "crc16_ccitt" = CRC_16_IBM_3740,
    "crc16_xmodem" = CRC_16_XMODEM,
    "crc16_kermit" = CRC_16_KERMIT,
    "crc16_x25" = CRC_16_IBM_SDLC,
    "crc16_modbus" = CRC_16_MODBUS,
    "crc16_usb" = CRC_16_USB,
    "crc16_genibus" = CRC_16_GENIBUS,
    "crc16_dnp" = CRC_16_DNP,
}

static CRC32: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&crc::CRC_32_ISO_HDLC);
static CRC32C: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&crc::CRC_32_ISCSI);
static CRC32_BZIP2: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&crc::CRC_32_BZIP2);

/// The other checksums by name.
const NAMES: &[(&str, Checksum)] = &[
    ("crc32", Checksum::Crc32),
    ("crc32c", Checksum::Crc32c),
    ("crc32_bzip2", Checksum::Crc32Bzip2),
    ("adler32", Checksum::Adler32),
    ("xxh32", Checksum::Xxh32),
    ("xxh64", Checksum::Xxh64),
    ("xxh3", Checksum::Xxh3),
    ("sum", Checksum::Sum),
    ("sum8", Checksum::Sum8),
    ("xor8", Checksum::Xor8),
    ("inet", Checksum::Inet),
    ("fletcher8", Checksum::Fletcher8),
    ("fletcher16", Checksum::Fletcher16),
];

impl Checksum {
    /// The checksum with this name.
    pub fn by_name(name: &str) -> Option<Self> {
        let other = NAMES.iter().find(|(known, _)| *known == name).map(|&(_, sum)| sum);
        other.or_else(|| {
            let at = CRC16.iter().position(|(known, _)| *known == name)?;
            Some(Checksum::Crc16(at as u8))
        })
    }

    /// The name of the checksum.
    pub fn name(self) -> &'static str {
        match self {
            Checksum::Crc16(at) => CRC16[usize::from(at)].0,
            other => NAMES.iter().find(|(_, sum)| *sum == other).map_or("", |(name, _)| name),
        }
    }

    /// Its width in bits.
    pub fn bits(self) -> u32 {
        match self {
            Checksum::Sum8 | Checksum::Xor8 => 8,
            Checksum::Crc16(_) | Checksum::Inet | Checksum::Fletcher8 | Checksum::Fletcher16 => 16,
            Checksum::Xxh64 | Checksum::Xxh3 => 64,
            _ => 32,
        }
    }

    /// Computes the checksum of `bytes`, whose first byte is at offset `start`. Bytes from `own.0` to `own.1`, where
    /// the checksum itself is stored, count as zeros.
    pub fn without(self, bytes: &[u8], start: usize, own: (usize, usize)) -> u64 {
        let (from, to) = (own.0.wrapping_sub(start), own.1.wrapping_sub(start));
        if from < to && to <= bytes.len() {
            let mut copy = bytes.to_vec();
            copy[from..to].fill(0);
            self.of(&copy)
        } else {
            self.of(bytes)
        }
    }

    /// Computes the checksum of `bytes`.
    pub fn of(self, bytes: &[u8]) -> u64 {
        match self {
            Checksum::Crc16(at) => u64::from(TABLES[usize::from(at)].checksum(bytes)),
            Checksum::Crc32 => u64::from(CRC32.checksum(bytes)),
            Checksum::Crc32c => u64::from(CRC32C.checksum(bytes)),
            Checksum::Crc32Bzip2 => u64::from(CRC32_BZIP2.checksum(bytes)),
            Checksum::Adler32 => u64::from(adler2::adler32_slice(bytes)),
            Checksum::Xxh32 => u64::from(twox_hash::XxHash32::oneshot(0, bytes)),
            Checksum::Xxh64 => twox_hash::XxHash64::oneshot(0, bytes),
            Checksum::Xxh3 => twox_hash::XxHash3_64::oneshot(bytes),
            Checksum::Sum => u64::from(sum(bytes)),
            Checksum::Sum8 => u64::from(sum(bytes) as u8),
            Checksum::Xor8 => u64::from(bytes.iter().fold(0, |all, byte| all ^ byte)),
            Checksum::Inet => u64::from(inet(bytes)),
            Checksum::Fletcher8 => {
                let (low, high) = bytes.iter().fold((0u8, 0u8), |(low, high), &byte| {
                    let low = low.wrapping_add(byte);
                    (low, high.wrapping_add(low))
                });
                u64::from(u16::from_le_bytes([low, high]))
            }
            Checksum::Fletcher16 => {
                let (low, high) = bytes.iter().fold((0u32, 0u32), |(low, high), &byte| {
                    let low = (low + u32::from(byte)) % 255;
                    (low, (high + low) % 255)
                });
                u64::from(high << 8 | low)
            }
        }
    }
}

fn sum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0u32, |all, &byte| all.wrapping_add(u32::from(byte)))
}

/// The one's complement of the one's complement sum of big-endian 16-bit words. An odd last byte counts as the high
/// byte.
fn inet(bytes: &[u8]) -> u16 {
    let mut sum = 0u64;
    for pair in bytes.chunks(2) {
        sum += u64::from(u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)]));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The catalogue's check values: the checksum of the digits 1 to 9.
    #[test]
    fn the_catalogue_agrees() {
        for (name, check) in [
            ("crc16_arc", 0xbb3d),
            ("crc16_ccitt", 0x29b1),
            ("crc16_xmodem", 0x31c3),
            ("crc16_kermit", 0x2189),
            ("crc16_x25", 0x906e),
            ("crc16_modbus", 0x4b37),
            ("crc16_usb", 0xb4c8),
            ("crc16_genibus", 0xd64e),
            ("crc16_dnp", 0xea82),
            ("crc32", 0xcbf4_3926),
            ("crc32c", 0xe306_9283),
            ("crc32_bzip2", 0xfc89_1918),
            ("adler32", 0x091e_01de),
            ("xxh32", 0x937b_ad67),
            ("xxh64", 0x8cb8_41db_40e6_ae83),
            ("sum", 477),
            ("sum8", 221),
            ("xor8", 0x31),
            ("fletcher16", 0x1ede),
        ] {
            let checksum = Checksum::by_name(name).unwrap();
            assert_eq!(checksum.of(b"123456789"), check, "{name}");
            assert_eq!(checksum.name(), name);
            assert!(checksum.bits() == 64 || check >> checksum.bits() == 0);
        }
        // The example of RFC 1071.
        assert_eq!(Checksum::Inet.of(&[0, 1, 0xf2, 3, 0xf4, 0xf5, 0xf6, 0xf7]), 0x220d);
        assert_eq!(Checksum::by_name("md5"), None);
    }
}
