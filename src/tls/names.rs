//! Distinguished names of the subjects and issuers of certificates (RFC 5280, 4.1.2.4), and general names (4.2.1.6).

use super::der::{Element, Reader};

const BIT_STRING: u8 = 0x03;
const OBJECT_IDENTIFIER: u8 = 0x06;
const UTF8_STRING: u8 = 0x0c;
const NUMERIC_STRING: u8 = 0x12;
const PRINTABLE_STRING: u8 = 0x13;
const TELETEX_STRING: u8 = 0x14;
const IA5_STRING: u8 = 0x16;
const UNIVERSAL_STRING: u8 = 0x1c;
const BMP_STRING: u8 = 0x1e;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;

/// Tags of general names (RFC 5280, 4.2.1.6).
const OTHER: u8 = 0xa0;
const MAIL: u8 = 0x81;
const HOST: u8 = 0x82;
const X400: u8 = 0xa3;
const DIRECTORY: u8 = 0xa4;
const URI: u8 = 0x86;
const ADDRESS: u8 = 0x87;
const REGISTERED: u8 = 0x88;

/// Object identifiers of the attributes of a distinguished name.
const COMMON_NAME: [u8; 3] = [0x55, 4, 3];
const MAIL_ADDRESS: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1];

/// A distinguished name. Two names are compared as OpenSSL compares them: the case of ASCII letters, the amount of
/// white space and the string type of an attribute are ignored.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name(Vec<Vec<Attribute>>);

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Attribute {
    kind: Vec<u8>,
    tag: u8,
    value: Vec<u8>,
}

impl Name {
    /// Parses the contents of a name. `None` if they are malformed.
    pub fn of(mut parts: Reader<'_>) -> Option<Name> {
        let mut name = Vec::new();
        while !parts.0.is_empty() {
            let mut attributes = Vec::new();
            parts.inside(SET)?.each(|attribute| {
                attributes.push(Attribute::of(&attribute)?);
                Some(())
            })?;
            attributes.sort();
            if !attributes.is_empty() {
                name.push(attributes);
            }
        }
        Some(Name(name))
    }

    fn attributes(&self, kind: &[u8]) -> impl Iterator<Item = &Attribute> {
        self.0.iter().flatten().filter(move |attribute| attribute.kind == kind)
    }

    pub fn has_mail_address(&self) -> bool {
        self.attributes(&MAIL_ADDRESS).next().is_some()
    }

    /// Whether a common name in it can be read as a host name.
    pub fn has_host(&self) -> bool {
        let is_of_hosts = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
        self.attributes(&COMMON_NAME).any(|Attribute { tag, value, .. }| {
            *tag == BIT_STRING || value.contains(&0) || (value.contains(&b'.') && value.iter().all(is_of_hosts))
        })
    }
}

impl Attribute {
    fn of(attribute: &Element<'_>) -> Option<Attribute> {
        let mut attribute = (attribute.tag == SEQUENCE).then_some(Reader(attribute.contents))?;
        let kind = attribute.element(OBJECT_IDENTIFIER)?.identifier()?.to_vec();
        let Element { tag, contents, .. } = attribute.next()?;
        attribute.end()?;
        let value = match tag {
            NUMERIC_STRING | BIT_STRING => contents.to_vec(),
            _ => return text(tag, contents).map(|text| Attribute::of_text(kind, &text)),
        };
        Some(Attribute { kind, tag, value })
    }

    fn of_text(kind: Vec<u8>, text: &str) -> Attribute {
        let words = text.split([' ', '\t', '\n', '\x0b', '\x0c', '\r']);
        let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
        Attribute {
            kind,
            tag: UTF8_STRING,
            value: words.join(" ").to_ascii_lowercase().into_bytes(),
        }
    }
}

fn text(tag: u8, contents: &[u8]) -> Option<String> {
    match tag {
        UTF8_STRING => std::str::from_utf8(contents).ok().map(str::to_owned),
        // OpenSSL reads a TeletexString as Latin-1.
        PRINTABLE_STRING | TELETEX_STRING | IA5_STRING => Some(contents.iter().map(|byte| char::from(*byte)).collect()),
        BMP_STRING => characters::<2>(contents),
        UNIVERSAL_STRING => characters::<4>(contents),
        _ => None,
    }
}

/// Decodes text whose characters take `N` bytes each, in big-endian order.
fn characters<const N: usize>(contents: &[u8]) -> Option<String> {
    let (all, rest) = contents.as_chunks::<N>();
    let number = |bytes: &[u8; N]| bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte));
    let mut characters = all.iter().map(|bytes| char::from_u32(number(bytes)));
    rest.is_empty().then(|| characters.by_ref().collect())?
}

/// Checks a list of general names. Returns whether one of them is a DNS name; `None` if one is malformed.
pub(super) fn general_names(names: Reader<'_>) -> Option<bool> {
    let mut has_host = false;
    names.each(|name| {
        has_host |= name.tag == HOST;
        general_name(&name)
    })?;
    Some(has_host)
}

/// The first directory name in a list of general names.
pub(super) fn directory_name(mut names: Reader<'_>) -> Option<Name> {
    loop {
        let name = names.next()?;
        if name.tag == DIRECTORY {
            return Name::of(Reader(name.contents).inside(SEQUENCE)?);
        }
    }
}

pub(super) fn general_name(name: &Element<'_>) -> Option<()> {
    let mut parts = Reader(name.contents);
    match name.tag {
        MAIL | HOST | URI | ADDRESS | X400 => Some(()),
        REGISTERED => name.identifier().map(drop),
        DIRECTORY => {
            Name::of(parts.inside(SEQUENCE)?)?;
            parts.end()
        }
        OTHER => {
            parts.element(OBJECT_IDENTIFIER)?.identifier()?;
            let mut value = parts.inside(OTHER)?;
            value.next()?;
            value.end().and(parts.end())
        }
        // EDI party names (tag 5) are rejected, too: no certificate in practice has them.
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
        let contents = parts.concat();
        [&[tag, contents.len() as u8], &contents[..]].concat()
    }

    fn attribute(kind: &[u8], tag: u8, value: &[u8]) -> Vec<u8> {
        tlv(SEQUENCE, &[&tlv(OBJECT_IDENTIFIER, &[kind]), &tlv(tag, &[value])])
    }

    fn name(tag: u8, value: &[u8]) -> Option<Name> {
        Name::of(Reader(&tlv(SET, &[&attribute(&COMMON_NAME, tag, value)])))
    }

    #[test]
    fn case_blanks_and_types_of_text_do_not_count() {
        let expected = name(UTF8_STRING, b"an owner");
        assert!(expected.is_some());
        for (tag, value) in [
            (PRINTABLE_STRING, &b"An Owner"[..]),
            (IA5_STRING, b"  an\t \x0b owner\r\n"),
            (TELETEX_STRING, b"AN OWNER"),
            (BMP_STRING, b"\0a\0n\0 \0o\0w\0n\0e\0r"),
            (
                UNIVERSAL_STRING,
                b"\0\0\0a\0\0\0n\0\0\0 \0\0\0o\0\0\0w\0\0\0n\0\0\0e\0\0\0r",
            ),
        ] {
            assert!(name(tag, value) == expected, "{value:?}");
        }
        for (tag, value) in [
            (UTF8_STRING, &b"anowner"[..]),
            (NUMERIC_STRING, b"an owner"),
            (BIT_STRING, b"an owner"),
        ] {
            assert!(name(tag, value).is_some_and(|name| Some(name) != expected), "{tag}");
        }
        // Only ASCII letters are compared without their case.
        assert!(name(TELETEX_STRING, b"\xe4") == name(UTF8_STRING, "ä".as_bytes()));
        assert!(name(TELETEX_STRING, b"\xe4") != name(TELETEX_STRING, b"\xc4"));
        for (tag, value) in [
            (UTF8_STRING, &b"\xff"[..]),
            (BMP_STRING, b"\0"),
            (BMP_STRING, b"\xd8\0"),
            (UNIVERSAL_STRING, b"\0\x11\0\0"),
            (0x04, b"a"),
        ] {
            assert!(name(tag, value).is_none(), "{tag}");
        }
    }

    #[test]
    fn parts_are_in_order_and_what_is_in_a_part_is_not() {
        let [one, two] = [b"a", b"b"].map(|value| attribute(&COMMON_NAME, UTF8_STRING, value));
        let of = |parts: &[&[u8]]| Name::of(Reader(&parts.concat())).unwrap();
        let apart = of(&[&tlv(SET, &[&one]), &tlv(SET, &[&two])]);
        assert!(apart != of(&[&tlv(SET, &[&two]), &tlv(SET, &[&one])]));
        assert!(apart != of(&[&tlv(SET, &[&one, &two])]));
        assert!(apart == of(&[&tlv(SET, &[&one]), &tlv(SET, &[]), &tlv(SET, &[&two])]));
        assert!(of(&[&tlv(SET, &[&one, &two])]) == of(&[&tlv(SET, &[&two, &one])]));
        let longer = tlv(SEQUENCE, &[&one[2..], &[5, 0]]);
        for wrong in [&tlv(SEQUENCE, &[&one]), &tlv(SET, &[&two[..4]]), &tlv(SET, &[&longer])] {
            assert!(Name::of(Reader(wrong)).is_none());
        }
    }

    #[test]
    fn some_names_can_be_of_hosts() {
        for (value, expected) in [
            (&b"a.example"[..], true),
            (b"a", false),
            (b"A. Person", false),
            (b"a.example\0", true),
            (b"a\0b", true),
        ] {
            assert_eq!(name(UTF8_STRING, value).unwrap().has_host(), expected, "{value:?}");
        }
        let mail = attribute(&MAIL_ADDRESS, IA5_STRING, b"a@a.example");
        let mail = Name::of(Reader(&tlv(SET, &[&mail]))).unwrap();
        assert!(mail.has_mail_address() && !mail.has_host());
    }

    #[test]
    fn general_names_are_names() {
        let directory = tlv(DIRECTORY, &[&tlv(SEQUENCE, &[])]);
        let other = tlv(OTHER, &[&tlv(OBJECT_IDENTIFIER, &[&[0x2a]]), &tlv(OTHER, &[&[5, 0]])]);
        for (names, expected) in [
            (&[][..], Some(false)),
            (&[HOST, 1, b'a'], Some(true)),
            (&[MAIL, 1, b'a', ADDRESS, 0, URI, 0, X400, 0], Some(false)),
            (&[REGISTERED, 1, 0x2a], Some(false)),
            (&directory, Some(false)),
            (&other, Some(false)),
            (&[REGISTERED, 0], None),
            (&[HOST, 2, b'a'], None),
            (&[DIRECTORY, 2, 5, 0], None),
            (&[OTHER, 0], None),
            (&other[..other.len() - 1], None),
            (&[0xa5, 0], None),
            (&[5, 0], None),
        ] {
            assert_eq!(general_names(Reader(names)), expected, "{names:?}");
        }
        assert!(directory_name(Reader(&[&[HOST, 0], &directory[..]].concat())) == Some(Name::default()));
        assert!(directory_name(Reader(&[HOST, 0])).is_none());
    }
}
