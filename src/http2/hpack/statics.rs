//! The static table: fields that both ends know beforehand (RFC 7541, appendix A).

/// The name and the value of each field. The first one has the index 1.
pub const FIELDS: [(&str, &str); 61] = [
    (":authority", ""),
    (":method", "GET"),
    (":method", "POST"),
    (":path", "/"),
    (":path", "/index.html"),
    (":scheme", "http"),
    (":scheme", "https"),
    (":status", "200"),
    (":status", "204"),
    (":status", "206"),
    (":status", "304"),
    (":status", "400"),
    (":status", "404"),
    (":status", "500"),
    ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"),
    ("accept-language", ""),
    ("accept-ranges", ""),
    ("accept", ""),
    ("access-control-allow-origin", ""),
    ("age", ""),
    ("allow", ""),
    ("authorization", ""),
    ("cache-control", ""),
    ("content-disposition", ""),
    ("content-encoding", ""),
    ("content-language", ""),
    ("content-length", ""),
    ("content-location", ""),
    ("content-range", ""),
    ("content-type", ""),
    ("cookie", ""),
    ("date", ""),
    ("etag", ""),
    ("expect", ""),
    ("expires", ""),
    ("from", ""),
    ("host", ""),
    ("if-match", ""),
    ("if-modified-since", ""),
    ("if-none-match", ""),
    ("if-range", ""),
    ("if-unmodified-since", ""),
    ("last-modified", ""),
    ("link", ""),
    ("location", ""),
    ("max-forwards", ""),
    ("proxy-authenticate", ""),
    ("proxy-authorization", ""),
    ("range", ""),
    ("referer", ""),
    ("refresh", ""),
    ("retry-after", ""),
    ("server", ""),
    ("set-cookie", ""),
    ("strict-transport-security", ""),
    ("transfer-encoding", ""),
    ("user-agent", ""),
    ("vary", ""),
    ("via", ""),
    ("www-authenticate", ""),
];

/// The index of what was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// A field with this name and value.
    Field(usize),
    /// A field with this name.
    Name(usize),
    /// Nothing.
    Nothing,
}

/// The length of the longest name.
const LONGEST: usize = 27;

/// For every length of a name the index of the first field with such a name, and for every field the index of the next
/// one.
const CHAINS: ([u8; LONGEST + 1], [u8; FIELDS.len() + 1]) = {
    let (mut firsts, mut nexts) = ([0; LONGEST + 1], [0; FIELDS.len() + 1]);
    let mut index = FIELDS.len();
    // Backwards, so that the chains lead forwards.
    while index > 0 {
        let length = FIELDS[index - 1].0.len();
        nexts[index] = firsts[length];
        firsts[length] = index as u8;
        index -= 1;
    }
    (firsts, nexts)
};

/// Finds a field by its value and its name, which must be in lower case.
pub fn find(name: &[u8], value: &[u8]) -> Found {
    let (firsts, nexts) = &CHAINS;
    let mut found = Found::Nothing;
    let mut index = usize::from(*firsts.get(name.len()).unwrap_or(&0));
    while index > 0 {
        let (known_name, known_value) = FIELDS[index - 1];
        if known_name.as_bytes() == name {
            // Fields with an empty value in the table are only matched by name: they are rarely sent empty.
            if known_value.as_bytes() == value && !value.is_empty() {
                return Found::Field(index);
            }
            if found == Found::Nothing {
                found = Found::Name(index);
            }
        }
        index = usize::from(nexts[index]);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_found() {
        for (at, (name, value)) in FIELDS.iter().enumerate() {
            let first = FIELDS.iter().position(|(other, _)| other == name).unwrap() + 1;
            let whole = if value.is_empty() {
                Found::Name(first)
            } else {
                Found::Field(at + 1)
            };
            assert_eq!(find(name.as_bytes(), value.as_bytes()), whole, "{name}: {value}");
            assert_eq!(find(name.as_bytes(), b"something else"), Found::Name(first));
            assert_eq!(find(&name.as_bytes()[1..], value.as_bytes()), Found::Nothing);
        }
        assert_eq!(find(&[b'x'; 100], b""), Found::Nothing);
        assert_eq!(find(b"", b""), Found::Nothing);
    }
}
