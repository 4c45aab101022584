//! Content encodings: their names, and compression.
//!
//! gzip comes from zlib-rs, which is written in Rust and as fast as zlib-ng; brotli from its port to Rust; zstd from
//! the original in C, because its Rust encoders have only the fast levels.

use std::io::{self, Write};

/// A content encoding.
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
    /// All encodings, the one with the best compression first.
    pub const ALL: [Coding; 3] = [Coding::Brotli, Coding::Zstd, Coding::Gzip];

    /// Its name in `Content-Encoding`.
    pub fn name(self) -> &'static str {
        match self {
            Coding::Brotli => "br",
            Coding::Zstd => "zstd",
            Coding::Gzip => "gzip",
        }
    }

    /// The extension that a precompressed sibling has.
    pub fn extension(self) -> &'static str {
        match self {
            Coding::Brotli => ".br",
            Coding::Zstd => ".zst",
            Coding::Gzip => ".gz",
        }
    }

    /// The encoding with this name in `Accept-Encoding`. `x-gzip` means gzip (RFC 9110 §8.4.1.3).
    pub fn from_name(name: &[u8]) -> Option<Coding> {
        let named = |name: &[u8]| {
            Coding::ALL
                .into_iter()
                .find(|coding| name.eq_ignore_ascii_case(coding.name().as_bytes()))
        };
        named(name).or_else(|| name.eq_ignore_ascii_case(b"x-gzip").then_some(Coding::Gzip))
    }

    /// Compresses a whole file. At the levels used, a further step would cost more time than it saves bytes. The
    /// result is cached, but one client waits for it.
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
