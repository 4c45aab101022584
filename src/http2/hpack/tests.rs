use super::*;
use proptest::prelude::*;

type Pair = (Vec<u8>, Vec<u8>);

fn hex(text: &str) -> Vec<u8> {
    let text: String = text.split_whitespace().collect();
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

fn read(decoder: &mut Decoder, block: &[u8]) -> Result<Vec<(String, String)>, Error> {
    let mut fields = Vec::new();
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    decoder.decode(block, |field| fields.push((text(field.name), text(field.value))))?;
    Ok(fields)
}

fn pairs(fields: &[(&str, &str)]) -> Vec<(String, String)> {
    fields
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .collect()
}

/// RFC 7541, appendix C.4: three requests on one connection, with Huffman coding.
const REQUESTS: [(&str, &[(&str, &str)]); 3] = [
    (
        "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
        &[
            (":method", "GET"),
            (":scheme", "http"),
            (":path", "/"),
            (":authority", "www.example.com"),
        ],
    ),
    (
        "8286 84be 5886 a8eb 1064 9cbf",
        &[
            (":method", "GET"),
            (":scheme", "http"),
            (":path", "/"),
            (":authority", "www.example.com"),
            ("cache-control", "no-cache"),
        ],
    ),
    (
        "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
        &[
            (":method", "GET"),
            (":scheme", "https"),
            (":path", "/index.html"),
            (":authority", "www.example.com"),
            ("custom-key", "custom-value"),
        ],
    ),
];

#[test]
fn requests_of_the_rfc() {
    let (mut decoder, mut encoder) = (Decoder::default(), Encoder::default());
    for (block, fields) in REQUESTS {
        assert_eq!(read(&mut decoder, &hex(block)), Ok(pairs(fields)));
        let mut out = Vec::new();
        encoder.begin(&mut out);
        for (name, value) in fields {
            let (name, value) = (name.as_bytes(), value.as_bytes());
            let field = Field {
                name,
                value,
                sensitive: false,
            };
            encoder.field(field, Indexing::Add, &mut out);
        }
        assert_eq!(out, hex(block));
    }
}

#[test]
fn responses_of_the_rfc_evict_what_has_no_room() {
    // RFC 7541, appendix C.6, with a table of 256 bytes.
    let mut decoder = Decoder::default();
    decoder.limit(256);
    for (block, fields) in [
        (
            "3fe1 01 4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae \
             82ae 43d3",
            &[
                (":status", "302"),
                ("cache-control", "private"),
                ("date", "Mon, 21 Oct 2013 20:13:21 GMT"),
                ("location", "https://www.example.com"),
            ][..],
        ),
        (
            "4883 640e ffc1 c0bf",
            &[
                (":status", "307"),
                ("cache-control", "private"),
                ("date", "Mon, 21 Oct 2013 20:13:21 GMT"),
                ("location", "https://www.example.com"),
            ],
        ),
        (
            "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 \
             7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07",
            &[
                (":status", "200"),
                ("cache-control", "private"),
                ("date", "Mon, 21 Oct 2013 20:13:22 GMT"),
                ("location", "https://www.example.com"),
                ("content-encoding", "gzip"),
                ("set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"),
            ],
        ),
    ] {
        assert_eq!(read(&mut decoder, &hex(block)), Ok(pairs(fields)), "{block}");
    }
}

#[test]
fn what_cannot_be_read_is_an_error() {
    for (block, error) in [
        ("80", Error::Index(0)),
        ("be", Error::Index(62)),
        ("ff ffff ff7f", Error::Index(127 + (1 << 28) - 1)),
        ("7f 00", Error::Index(63)),
        ("3f e2 1f", Error::TableSize(4097)),
        ("82 20", Error::LateTableSize),
        ("40", Error::Truncated),
        ("40 01", Error::Truncated),
        ("40 01 61", Error::Truncated),
        ("40 01 61 02 62", Error::Truncated),
        ("00 81 ff 00", Error::Huffman),
        ("40 7f ffff ffff 7f", Error::Integer),
    ] {
        let found = read(&mut Decoder::default(), &hex(block));
        if block.starts_with("ff") {
            assert!(
                matches!(found, Err(Error::Index(_) | Error::Integer)),
                "{block} {found:?}"
            );
        } else {
            assert_eq!(found, Err(error), "{block}");
        }
    }
}

#[test]
fn a_table_that_was_announced_smaller_becomes_smaller_first() {
    let mut decoder = Decoder::default();
    decoder.limit(0);
    decoder.limit(100);
    assert_eq!(read(&mut decoder, &hex("82")), Err(Error::NoTableSize));
    // Two sizes: the smallest in between, and the last one.
    assert_eq!(read(&mut decoder, &hex("20 3f45 82")).unwrap().len(), 1);

    let mut encoder = Encoder::default();
    let field = Field {
        name: b"x-a",
        value: b"1",
        sensitive: false,
    };
    let mut out = Vec::new();
    encoder.field(field, Indexing::Add, &mut out);
    encoder.limit(0);
    encoder.limit(100);
    out.clear();
    encoder.begin(&mut out);
    assert_eq!(out, hex("20 3f45"));
    // The fields of the table are gone.
    encoder.field(field, Indexing::Add, &mut out);
    assert_eq!(out[3], 0x40);
    out.clear();
    encoder.begin(&mut out);
    encoder.field(field, Indexing::Add, &mut out);
    assert_eq!(out, [0xbe]);
}

#[test]
fn what_is_secret_is_in_no_table() {
    let mut encoder = Encoder::default();
    for _ in 0..2 {
        let mut out = Vec::new();
        for (name, value) in [("authorization", "Basic eA=="), ("cookie", "a=1")] {
            let (name, value) = (name.as_bytes(), value.as_bytes());
            let field = Field {
                name,
                value,
                sensitive: true,
            };
            encoder.field(field, Indexing::of(name, value), &mut out);
        }
        assert_eq!(out[0] & 0xf0, 0x10);
        let mut secrets = 0;
        Decoder::default()
            .decode(&out, |field| secrets += usize::from(field.sensitive))
            .unwrap();
        assert_eq!(secrets, 2);
    }
}

/// Names and values of which some occur again.
fn fields() -> impl Strategy<Value = Vec<Pair>> {
    let name = prop_oneof![
        prop::sample::select(vec![":status", ":path", "content-type", "date", "x-a", "x-b"])
            .prop_map(|name| name.as_bytes().to_vec()),
        "[a-z-]{1,30}".prop_map(String::into_bytes),
    ];
    let value = prop_oneof![
        prop::sample::select(vec!["", "200", "/", "text/html"]).prop_map(|value| value.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..200),
    ];
    prop::collection::vec((name, value), 0..20)
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        blocks in prop::collection::vec((fields(), prop::option::weighted(0.2, 0u32..6000)), 1..20),
        passes: bool
    ) {
        let (mut decoder, mut encoder) = (Decoder::default(), Encoder::default());
        for (fields, size) in blocks {
            if let Some(size) = size {
                decoder.limit(size);
                encoder.limit(size);
            }
            let mut out = Vec::new();
            encoder.begin(&mut out);
            for (name, value) in &fields {
                let indexing = if passes { Indexing::of(name, value) } else { Indexing::Add };
                encoder.field(Field { name, value, sensitive: false }, indexing, &mut out);
            }
            let mut found: Vec<Pair> = Vec::new();
            decoder.decode(&out, |field| found.push((field.name.to_vec(), field.value.to_vec()))).unwrap();
            prop_assert_eq!(found, fields);
        }
    }

    #[test]
    fn any_octets_are_fields_or_an_error(block: Vec<u8>) {
        let mut size = 0;
        let _ = Decoder::default().decode(&block, |field| size += field.size());
        // The output is bounded by what the table and the code can expand.
        prop_assert!(size <= block.len() * (TABLE_SIZE as usize + OVERHEAD));
    }
}
