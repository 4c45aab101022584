//! Any target and any head lines: nothing outside the root is read, answers hold what their lines promise, and every part that reads
//! what a client sends keeps to its bounds.
//!
//! The first line of the input is the target, the rest are head lines.
#![no_main]

use ironwire::files::coding::Coding;
use ironwire::files::conditional::{self, Validators};
use ironwire::files::fields::Fields;
use ironwire::files::ranges::{self, Ranges};
use ironwire::files::{Body, Dotfiles, Options, Plan, Request, Segment, Site, accept, target};
use libfuzzer_sys::fuzz_target;
use std::fs;
use std::sync::LazyLock;

const SECRET: &[u8] = b"a secret outside of the root";
const MAX_RANGES: usize = 8;
const MAX_DEPTH: usize = 16;

static SITE: LazyLock<Site> = LazyLock::new(|| {
    let folder = std::env::temp_dir().join(format!("ironwire-fuzz-{}", std::process::id()));
    let root = folder.join("site");
    fs::create_dir_all(root.join("dir/sub")).unwrap();
    fs::write(folder.join("secret.txt"), SECRET).unwrap();
    for name in ["a.txt", "a.txt.gz", "dir/index.html", "dir/sub/b", ".hidden"] {
        fs::write(root.join(name), name.repeat(50)).unwrap();
    }
    #[cfg(unix)]
    std::os::unix::fs::symlink("..", root.join("up")).unwrap();
    let mut options = Options {
        dotfiles: Dotfiles::Allow,
        extensions: vec!["txt".into()],
        precompressed: vec![Coding::Gzip],
        compress: Coding::ALL.to_vec(),
        single: Some("a.txt".into()),
        listing: true,
        ..Options::default()
    };
    options.limits.ranges = MAX_RANGES;
    options.limits.depth = MAX_DEPTH;
    Site::open(&root, options).unwrap()
});

fn check_target(text: &str) {
    let (path, query) = target::split(text);
    if let Ok(relative) = target::relative(path, MAX_DEPTH) {
        assert!(!relative.path.starts_with('/') && !relative.path.contains("//") && !relative.path.contains('\0'));
        let mut components = relative.path.split(['/', '\\']);
        assert!(components.all(|component| component != ".."));
        assert!(relative.path.matches('/').count() <= MAX_DEPTH);
    }
    let location = target::with_slash(path, query);
    assert!(location.starts_with('/') || !path.starts_with('/'));
    assert!(!location.starts_with("//") && location.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\'));
}

fn check_fields(lines: &[u8]) {
    let fields = Fields::parse(lines);
    for size in [0, 1, 1_000, u64::MAX] {
        let Some(range) = &fields.range else { break };
        if let Ranges::Some(ranges) = ranges::parse(range, size, MAX_RANGES) {
            assert!(!ranges.is_empty() && ranges.len() <= MAX_RANGES);
            for (index, range) in ranges.iter().enumerate() {
                assert!(range.start < range.end && range.end <= size);
                assert!(
                    ranges[..index]
                        .iter()
                        .all(|other| range.end < other.start || other.end < range.start)
                );
            }
        }
    }
    for (etag, modified) in [
        (None, None),
        (Some(&b"W/\"1-2\""[..]), Some(1_000_000_000)),
        (Some(b"\"a\""), None),
    ] {
        let validators = Validators { etag, modified };
        conditional::evaluate(&fields, validators);
        conditional::range_applies(fields.if_range.as_deref(), validators);
    }
    let liked: Vec<Coding> = accept::Codings::parse(fields.accept_encoding.as_deref())
        .preferred(&Coding::ALL)
        .collect();
    assert!(
        liked
            .iter()
            .enumerate()
            .all(|(index, one)| !liked[..index].contains(one))
    );
    accept::takes_html(fields.accept.as_deref());
}

fn check_plan(plan: Plan) {
    let Plan::Answer(answer) = plan else { return };
    let lines = std::str::from_utf8(&answer.lines).unwrap();
    assert!(lines.is_empty() || lines.ends_with("\r\n"));
    assert!(lines.lines().all(|line| line.contains(": ") && !line.contains('\r')));
    let segments = match answer.body {
        Body::None => Vec::new(),
        Body::Bytes(bytes) => vec![Segment::Bytes(bytes)],
        Body::Segments(segments) => segments,
    };
    assert_eq!(segments.iter().map(Segment::len).sum::<u64>(), answer.length);
    if answer.status != 304 {
        assert!(lines.contains(&format!("Content-Length: {}\r\n", answer.length)));
    }
    for segment in segments {
        if let Segment::Bytes(bytes) = segment {
            assert!(!bytes.windows(SECRET.len()).any(|part| part == SECRET));
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let end = data.iter().position(|&byte| byte == b'\n').unwrap_or(data.len());
    let (target, lines) = (&data[..end], data.get(end + 1..).unwrap_or_default());
    if let Ok(text) = std::str::from_utf8(target) {
        check_target(text);
    }
    check_fields(lines);
    let request = Request {
        method: b"GET",
        target,
        original: b"",
        fields: lines,
        status: 200,
        given: b"",
    };
    check_plan(SITE.plan_cold(&request.to_owned()));
});
