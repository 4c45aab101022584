//! DER (X.690), as far as certificates need it.

/// One value.
pub(super) struct Element<'a> {
    pub tag: u8,
    pub contents: &'a [u8],
    /// With tag and length.
    pub whole: &'a [u8],
}

/// Values one after the other.
pub(super) struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    /// The next one; `None` where there is none, or only a part of it.
    pub fn next(&mut self) -> Option<Element<'a>> {
        let (&[tag, first], mut rest) = self.0.split_first_chunk()?;
        let mut length = usize::from(first);
        if first & 0x80 != 0 {
            let count = usize::from(first & 0x7f);
            // Longer ones are no certificates.
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

    /// The next one, which is to be of a kind.
    pub fn element(&mut self, tag: u8) -> Option<Element<'a>> {
        self.next().filter(|element| element.tag == tag)
    }

    /// The next one, if it is of a kind. `None` outside where that is one, and not all of it is there.
    pub fn optional(&mut self, tag: u8) -> Option<Option<Element<'a>>> {
        match self.0.first() {
            Some(next) if *next == tag => self.next().map(Some),
            _ => Some(None),
        }
    }
}
