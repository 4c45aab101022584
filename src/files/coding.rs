//! Content codings: their names, and compressing with them.
//!
//! gzip comes from zlib-rs (Rust, as fast as zlib-ng), brotli from its port to Rust, zstd from the original in C: the Rust encoders of it
//! know its fast levels only.

use std::io::{self, Write};

/// A content coding.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Coding {
    /// `br`, RFC 7932.
    Brotli,
    /// `zstd`, RFC 8878.
    Zstd,
    /// `gzip`, RFC 1952.
    Gzip,
}

impl Coding {
    /// All, those that make files smallest first.
    pub const ALL: [Coding; 3] = [Coding::Brotli, Coding::Zstd, Coding::Gzip];

    /// The token of `Content-Encoding`.
    pub fn name(self) -> &'static str {
        match self {
            Coding::Brotli => "br",
            Coding::Zstd => "zstd",
            Coding::Gzip => "gzip",
        }
    }

    /// What a file's name has behind it when it was compressed ahead.
    pub fn extension(self) -> &'static str {
        match self {
            Coding::Brotli => ".br",
            Coding::Zstd => ".zst",
            Coding::Gzip => ".gz",
        }
    }

    /// The coding that a token of `Accept-Encoding` names; `x-gzip` is gzip (RFC 9110, 8.4.1.3).
    pub fn from_name(name: &[u8]) -> Option<Coding> {
        let named = |name: &[u8]| {
            Coding::ALL
                .into_iter()
                .find(|coding| name.eq_ignore_ascii_case(coding.name().as_bytes()))
        };
        named(name).or_else(|| name.eq_ignore_ascii_case(b"x-gzip").then_some(Coding::Gzip))
    }

    /// Compresses a whole file. The levels are those at which a further step costs more time than it saves bytes, for a result that is
    /// kept: somebody waits for the first one.
    pub fn compress(self, content: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Coding::Brotli => {
                let mut writer = brotli::CompressorWriter::new(Vec::with_capacity(content.len() / 4), 16 * 1024, 5, 22);
                writer.write_all(content)?;
                Ok(writer.into_inner())
            }
            Coding::Zstd => zstd::bulk::compress(content, 6),
            Coding::Gzip => {
                let level = flate2::Compression::new(6);
                let mut writer = flate2::write::GzEncoder::new(Vec::with_capacity(content.len() / 3), level);
                writer.write_all(content)?;
                writer.finish()
            }
        }
    }
}
