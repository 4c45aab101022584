//! A reader of DER (X.690), as far as certificates need it. As in OpenSSL, a length need not have its shortest
//! encoding.

/// One encoded value.
pub(super) struct Element<'a> {
    pub tag: u8,
    pub contents: &'a [u8],
    /// The encoding, with tag and length.
    pub whole: &'a [u8],
}

/// Decoders of the contents. Each returns `None` if the contents are not valid for the type. None of them checks the
/// tag.
impl<'a> Element<'a> {
    pub fn boolean(&self) -> Option<bool> {
        match self.contents {
            [value] => Some(*value != 0),
            _ => None,
        }
    }

    /// The big-endian bytes of an integer. `None` if there are more of them than needed.
    pub fn integer(&self) -> Option<&'a [u8]> {
        match self.contents {
            [] | [0, 0..=0x7f, ..] | [0xff, 0x80..=0xff, ..] => None,
            bytes => Some(bytes),
        }
    }

    /// The encoded components of an object identifier. In each component, all bytes but the last have their highest bit
    /// set.
    pub fn identifier(&self) -> Option<&'a [u8]> {
        let last = |byte: &u8| byte & 0x80 == 0;
        let is_whole = self.contents.last().is_some_and(last);
        let starts_well = |number: &[u8]| number[0] != 0x80;
        (is_whole && self.contents.split_inclusive(last).all(starts_well)).then_some(self.contents)
    }

    /// The first 16 bits of a bit string; missing bits are 0.
    pub fn bits(&self) -> Option<[u8; 2]> {
        let (unused, bytes) = self.contents.split_first()?;
        let mask = 0xffu8.checked_shl((*unused).into())?;
        let bit = |index: usize| match bytes.get(index) {
            Some(byte) if index + 1 == bytes.len() => byte & mask,
            byte => byte.copied().unwrap_or(0),
        };
        Some([bit(0), bit(1)])
    }
}

/// A sequence of encoded values, read from the front.
pub(super) struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    /// Reads the next value. `None` if there is none, or if it is truncated.
    pub fn next(&mut self) -> Option<Element<'a>> {
        let (&[tag, first], mut rest) = self.0.split_first_chunk()?;
        // Certificates contain no tags of several bytes.
        if tag & 0x1f == 0x1f {
            return None;
        }
        let mut length = usize::from(first);
        if first & 0x80 != 0 {
            let count = usize::from(first & 0x7f);
            // Indefinite lengths are not DER, and no certificate needs a length of more than three bytes.
            if !(1..=3).contains(&count) {
                return None;
            }
            let (digits, behind) = rest.split_at_checked(count)?;
            length = digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit));
            rest = behind;
        }
        let (contents, behind) = rest.split_at_checked(length)?;
        let whole = &self.0[..self.0.len() - behind.len()];
        self.0 = behind;
        Some(Element { tag, contents, whole })
    }

    /// Reads the next value. `None` unless it has this tag.
    pub fn element(&mut self, tag: u8) -> Option<Element<'a>> {
        self.next().filter(|element| element.tag == tag)
    }

    /// Reads the next value and returns a reader of its contents. `None` unless it has this tag.
    pub fn inside(&mut self, tag: u8) -> Option<Reader<'a>> {
        Some(Reader(self.element(tag)?.contents))
    }

    /// Reads the next value if it has this tag, and returns `Some(None)` otherwise. The outer `None` means that the
    /// value has this tag but is truncated.
    pub fn optional(&mut self, tag: u8) -> Option<Option<Element<'a>>> {
        match self.0.first() {
            Some(next) if *next == tag => self.next().map(Some),
            _ => Some(None),
        }
    }

    /// `None` unless all values have been read.
    pub fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }

    /// Calls `take` with each remaining value. `None` as soon as one is malformed or `take` returns `None`.
    pub fn each(mut self, mut take: impl FnMut(Element<'a>) -> Option<()>) -> Option<()> {
        while !self.0.is_empty() {
            take(self.next()?)?;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(contents: &[u8]) -> Element<'_> {
        Element {
            tag: 0,
            contents,
            whole: contents,
        }
    }

    #[test]
    fn what_is_none_of_a_kind_is_not_taken() {
        assert_eq!(element(&[0]).boolean(), Some(false));
        assert_eq!(element(&[1]).boolean(), Some(true));
        for wrong in [&[][..], &[0, 0]] {
            assert_eq!(element(wrong).boolean(), None);
        }
        for right in [&[0][..], &[0x7f], &[0, 0x80], &[0xff, 0x7f], &[0x80]] {
            assert_eq!(element(right).integer(), Some(right));
        }
        for wrong in [&[][..], &[0, 0], &[0, 0x7f, 1], &[0xff, 0x80]] {
            assert_eq!(element(wrong).integer(), None);
        }
        for right in [&[0x55, 0x1d, 15][..], &[0x2a, 0x86, 0x48]] {
            assert_eq!(element(right).identifier(), Some(right));
        }
        for wrong in [&[][..], &[0x55, 0x80], &[0x55, 0x80, 1], &[0x80, 1]] {
            assert_eq!(element(wrong).identifier(), None);
        }
    }

    #[test]
    fn bits_that_are_not_used_are_not_set() {
        for (contents, expected) in [
            (&[0, 0xff][..], Some([0xff, 0])),
            (&[2, 0x04], Some([0x04, 0])),
            (&[7, 0x04], Some([0, 0])),
            (&[7, 0x84, 0xc0], Some([0x84, 0x80])),
            (&[0], Some([0, 0])),
            (&[], None),
            (&[8, 0x04], None),
        ] {
            assert_eq!(element(contents).bits(), expected);
        }
    }

    #[test]
    fn lengths_are_looked_at() {
        let read = |bytes| Reader(bytes).next().map(|element| element.contents.len());
        assert_eq!(read(&[4, 1, 7]), Some(1));
        assert_eq!(read(&[4, 0x81, 1, 7]), Some(1));
        for wrong in [
            &[][..],
            &[4],
            &[4, 1],
            &[4, 0x80, 0, 0],
            &[4, 0x84, 0, 0, 0, 1, 7],
            &[4, 0x82, 0],
            &[0x1f, 1, 7],
            &[4, 0x83, 0xff, 0xff, 0xff, 7],
        ] {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
    }
}
