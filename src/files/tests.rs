//! Tests of sites over real directories: what is found, what is cached, and that nothing outside the root is ever
//! read.

use super::identity::Identity;
use super::*;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

/// A temporary directory for one test, with `site` in it as the root. It is removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(files: &[(&str, &str)]) -> Folder {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = Folder(std::env::temp_dir().join(format!("ironwire-files-{}-{count}", std::process::id())));
        fs::create_dir_all(folder.0.join("site")).unwrap();
        for (path, content) in files {
            folder.write(path, content);
        }
        folder
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.join("site").join(path)
    }

    fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn site(&self, options: Options) -> Site {
        Site::open(&self.0.join("site"), options).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn answering() -> Options {
    Options {
        fallthrough: false,
        ..Options::default()
    }
}

fn request<'a>(target: &'a str, fields: &'a str) -> Request<'a> {
    Request {
        method: b"GET",
        target: target.as_bytes(),
        original: b"",
        fields: fields.as_bytes(),
        status: 200,
        given: b"",
    }
}

/// Waits until files written before can be cached.
fn age() {
    std::thread::sleep(Duration::from_millis(80));
}

fn is_cold(site: &Site, target: &str) -> bool {
    matches!(site.plan(&request(target, "")), Planned::Cold(_))
}

fn plan_of(site: &Site, request: &Request<'_>) -> Plan {
    match site.plan(request) {
        Planned::Plan(plan) => plan,
        Planned::Cold(request) => site.plan_cold(&request),
    }
}

/// Returns the status, header lines and body of an answer or failure. The status is 0 if the request is passed on.
fn get(site: &Site, target: &str, fields: &str) -> (u16, String, Vec<u8>) {
    read(plan_of(site, &request(target, fields)))
}

fn read(plan: Plan) -> (u16, String, Vec<u8>) {
    match plan {
        Plan::Pass => (0, String::new(), Vec::new()),
        Plan::Fail(failure) => (failure.status, text(&failure.lines), Vec::new()),
        Plan::Answer(answer) => {
            let lines = text(&answer.lines);
            let (length, body) = (answer.length, bytes_of(answer.body));
            assert_eq!(length, body.len() as u64);
            (answer.status, lines, body)
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn bytes_of(body: Body) -> Vec<u8> {
    match body {
        Body::None => Vec::new(),
        Body::Bytes(bytes) => bytes.to_vec(),
        Body::Segments(segments) => {
            let part = |segment: &Segment| match segment {
                Segment::Bytes(bytes) => bytes.to_vec(),
                Segment::File { file, range } => {
                    let mut bytes = vec![0; (range.end - range.start) as usize];
                    let length = file.read_at(&mut bytes, range.start).unwrap();
                    bytes.truncate(length);
                    bytes
                }
            };
            segments.iter().flat_map(part).collect()
        }
    }
}

fn status(site: &Site, target: &str) -> u16 {
    get(site, target, "").0
}

fn body(site: &Site, target: &str) -> String {
    let (status, _, body) = get(site, target, "");
    assert_eq!(status, 200, "{target}");
    text(&body)
}

fn header<'a>(lines: &'a str, name: &str) -> Option<&'a str> {
    lines
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

fn names(lines: &str) -> Vec<&str> {
    lines.lines().map(|line| line.split(':').next().unwrap()).collect()
}

#[test]
fn a_file_has_the_lines_of_send_in_its_order() {
    let folder = Folder::new(&[("nums.txt", "123456789"), ("empty.txt", "")]);
    let site = folder.site(Options {
        max_age: 30,
        immutable: true,
        ..answering()
    });
    let (status, lines, body) = get(&site, "/nums.txt", "");
    assert_eq!((status, &*body), (200, &b"123456789"[..]));
    assert_eq!(
        names(&lines),
        [
            "Accept-Ranges",
            "Cache-Control",
            "Last-Modified",
            "ETag",
            "Content-Type",
            "Content-Length"
        ]
    );
    assert_eq!(header(&lines, "Cache-Control"), Some("public, max-age=30, immutable"));
    let (identity, _) = Identity::of(&fs::metadata(folder.path("nums.txt")).unwrap());
    let tag = format!("W/\"9-{:x}\"", identity.modified.milliseconds());
    assert_eq!(header(&lines, "ETag"), Some(&*tag));
    assert_eq!(get(&site, "/empty.txt", "").0, 200);
    let (status, lines, _) = get(&site, "/nums.txt", "If-None-Match: *\r\n");
    assert_eq!(status, 304);
    assert_eq!(
        names(&lines),
        ["Accept-Ranges", "Cache-Control", "Last-Modified", "ETag"]
    );
}

#[test]
fn what_is_kept_is_answered_at_once_and_only_as_long_as_it_is_so() {
    let folder = Folder::new(&[("a.txt", "one"), ("dir/index.html", "i")]);
    let large = vec![b'x'; 100_000];
    folder.write("large", &large);
    let site = folder.site(answering());
    age();
    for target in ["/a.txt", "/large", "/dir/"] {
        assert!(is_cold(&site, target), "{target}");
        assert_eq!(status(&site, target), 200);
        assert!(!is_cold(&site, target), "{target}");
    }
    assert_eq!(site.usage().0, 2);
    assert_eq!(site.usage().2, 1);
    // The content changes to another of the same length, and the old modification time is restored: the change time
    // reveals it.
    let then = fs::metadata(folder.path("a.txt")).unwrap().modified().unwrap();
    folder.write("a.txt", "two");
    fs::File::options()
        .write(true)
        .open(folder.path("a.txt"))
        .unwrap()
        .set_modified(then)
        .unwrap();
    assert_eq!(body(&site, "/a.txt"), "two");
    // Another file takes the name.
    folder.write("b.txt", "six");
    fs::rename(folder.path("b.txt"), folder.path("a.txt")).unwrap();
    assert_eq!(body(&site, "/a.txt"), "six");
    fs::remove_file(folder.path("a.txt")).unwrap();
    assert_eq!(status(&site, "/a.txt"), 404);
    fs::create_dir(folder.path("a.txt")).unwrap();
    assert_eq!(status(&site, "/a.txt"), 301);
    fs::remove_dir(folder.path("a.txt")).unwrap();
    folder.write("a.txt", "new");
    assert_eq!(body(&site, "/a.txt"), "new");
}

#[test]
fn a_file_that_has_just_changed_is_read_again() {
    let folder = Folder::new(&[("a.txt", "0000")]);
    let site = folder.site(answering());
    // The file is written faster than the system's clock ticks.
    for count in 0..500 {
        let content = format!("{count:04}");
        folder.write("a.txt", &content);
        assert_eq!(body(&site, "/a.txt"), content);
    }
}

#[test]
fn a_batch_asks_once_and_the_next_one_again() {
    let folder = Folder::new(&[("a.txt", "one")]);
    let site = folder.site(answering());
    age();
    assert_eq!(body(&site, "/a.txt"), "one");
    let get = |batch: Batch| match site.plan_in(batch, &request("/a.txt", "")) {
        Planned::Plan(plan) => text(&read(plan).2),
        Planned::Cold(request) => text(&read(site.plan_cold(&request)).2),
    };
    let batch = site.batch();
    assert_eq!(get(batch), "one");
    folder.write("a.txt", "two");
    // The requests of the batch had been received before the change.
    assert_eq!(get(batch), "one");
    assert_eq!(get(site.batch()), "two");
    assert_eq!(get(batch), "two");
    // A request that is planned alone is a batch of its own.
    age();
    assert_eq!(body(&site, "/a.txt"), "two");
    assert_eq!(body(&site, "/a.txt"), "two");
    folder.write("a.txt", "six");
    assert_eq!(body(&site, "/a.txt"), "six");
}

/// What a site recalls for a head after three requests: the first loads the file, the other two make the head known.
fn recalled(site: &Site, target: &str, fields: &str) -> Option<(u16, String, Vec<u8>)> {
    let head = format!("GET {target} HTTP/1.1\r\n{fields}\r\n");
    for _ in 0..3 {
        if let Planned::Cold(request) = site.plan_head(site.batch(), &request(target, fields), Some(head.as_bytes())) {
            site.plan_cold(&request);
        }
    }
    let answer = site.recall(site.batch(), head.as_bytes())?;
    Some(read(Plan::Answer(answer)))
}

#[test]
fn a_head_that_is_known_is_answered_as_it_was_as_long_as_its_file_is() {
    let folder = Folder::new(&[("a.txt", "one"), ("dir/index.html", "i")]);
    folder.write("large", vec![b'x'; 100_000]);
    let site = folder.site(answering());
    age();
    let tag = header(&get(&site, "/a.txt", "").1, "ETag").unwrap().to_string();
    for (target, fields) in [
        ("/a.txt", String::new()),
        ("/a.txt?query", String::new()),
        ("/a.txt", format!("If-None-Match: {tag}\r\n")),
        ("/dir/", String::new()),
        ("/large", String::new()),
        ("/large", "Range: bytes=10-19\r\n".to_string()),
    ] {
        assert_eq!(
            recalled(&site, target, &fields).as_ref(),
            Some(&get(&site, target, &fields)),
            "{target} {fields}"
        );
    }
    // Answers that depend on other files, that have no file, or that differ each time, are not recalled.
    for (target, fields) in [
        ("/missing", ""),
        ("/dir", ""),
        ("/large", "Range: bytes=0-1,4-5\r\n"),
        ("/large", "If-Match: \"x\"\r\n"),
    ] {
        assert_eq!(recalled(&site, target, fields), None, "{target} {fields}");
    }
    let known = |target: &str| site.recall(site.batch(), format!("GET {target} HTTP/1.1\r\n\r\n").as_bytes());
    assert!(known("/a.txt").is_some() && known("/large").is_some());
    assert!(known("/a.tx").is_none() && known("/b.txt").is_none());
    folder.write("a.txt", "two");
    assert!(known("/a.txt").is_none());
    assert_eq!(body(&site, "/a.txt"), "two");
    fs::remove_file(folder.path("large")).unwrap();
    assert!(known("/large").is_none());
    // The new state is recalled like the old one, as soon as it can be cached.
    age();
    let now = recalled(&site, "/a.txt", "").map(|answer| text(&answer.2));
    assert_eq!(now.as_deref(), Some("two"));
}

#[test]
fn a_head_is_not_known_where_forms_are_chosen_between() {
    let folder = Folder::new(&[("a.txt", "long enough"), ("page.html", "p")]);
    folder.write("a.txt", vec![b'a'; 10_000]);
    let options = Options {
        precompressed: vec![Coding::Gzip],
        compress: vec![Coding::Gzip],
        extensions: vec!["html".into()],
        ..answering()
    };
    let site = folder.site(options);
    age();
    for (target, fields) in [("/a.txt", "Accept-Encoding: gzip\r\n"), ("/page", "")] {
        assert_eq!(status(&site, target), 200);
        assert_eq!(recalled(&site, target, fields), None, "{target}");
    }
}

#[test]
fn what_is_asked_for_by_known_heads_stays_and_heads_are_bounded() {
    let folder = Folder::new(&[("hot", "hot")]);
    for index in 0..50 {
        folder.write(&index.to_string(), "cold");
    }
    age();
    let limits = Limits {
        files: 5,
        ..Limits::default()
    };
    let site = folder.site(Options { limits, ..answering() });
    assert!(recalled(&site, "/hot", "").is_some());
    for index in 0..50 {
        assert_eq!(body(&site, &format!("/{index}")), "cold");
        assert!(
            site.recall(site.batch(), b"GET /hot HTTP/1.1\r\n\r\n").is_some(),
            "{index}"
        );
    }
    // Files that are no longer requested are evicted, and with them what was recalled.
    for index in 0..50 {
        assert_eq!(body(&site, &format!("/{index}")), "cold");
    }
    assert!(site.recall(site.batch(), b"GET /hot HTTP/1.1\r\n\r\n").is_none());
    assert_eq!(
        recalled(&site, "/hot", &format!("X-Long: {}\r\n", "x".repeat(MAX_HEAD))),
        None
    );
}

#[test]
fn a_plan_keeps_its_file_whatever_becomes_of_the_name() {
    let folder = Folder::new(&[]);
    folder.write("large", vec![b'a'; 100_000]);
    let site = folder.site(answering());
    let plan = plan_of(&site, &request("/large", ""));
    folder.write("other", vec![b'b'; 100_000]);
    fs::rename(folder.path("other"), folder.path("large")).unwrap();
    let (_, _, body) = read(plan);
    assert!(body.iter().all(|byte| *byte == b'a'));
    // A file that is truncated cannot fill the range, and the body ends early.
    let plan = plan_of(&site, &request("/large", ""));
    fs::File::options()
        .write(true)
        .open(folder.path("large"))
        .unwrap()
        .set_len(10)
        .unwrap();
    let Plan::Answer(answer) = plan else { panic!() };
    assert_eq!(answer.length, 100_000);
    assert_eq!(bytes_of(answer.body).len(), 10);
}

#[test]
fn errors_are_passed_on_or_fail_as_with_serve_static() {
    let folder = Folder::new(&[
        ("a.txt", "a"),
        ("dir/x", "x"),
        (".hidden", "h"),
        ("users/index.html", "u"),
    ]);
    let through = folder.site(Options::default());
    let failing = folder.site(answering());
    for (target, expected) in [
        ("/none", 404),
        ("/a.txt/", 404),
        ("/a.txt/b", 404),
        ("/dir/", 404),
        ("/%", 400),
        ("/../a.txt", 403),
        ("/.hidden", 404),
        ("/dir/.hidden/x", 404),
    ] {
        assert_eq!(status(&through, target), 0, "{target}");
        assert_eq!(status(&failing, target), expected, "{target}");
    }
    let long = format!("/{}", "a".repeat(300));
    assert_eq!(status(&failing, &long), 404);
    assert_eq!(status(&failing, &format!("/{}", "a/".repeat(70))), 404);
    assert_eq!(status(&failing, &format!("/{}", "a".repeat(2_000))), 404);
    // Once a file is found, errors are not passed on.
    for (fields, expected) in [("If-Match: \"x\"\r\n", 412), ("Range: bytes=5-\r\n", 416)] {
        assert_eq!(get(&through, "/a.txt", fields).0, expected);
        assert_eq!(get(&failing, "/a.txt", fields).0, expected);
    }
    for method in ["POST", "OPTIONS", "get", "TRACE", ""] {
        let request = Request {
            method: method.as_bytes(),
            ..request("/a.txt", "")
        };
        assert_eq!(read(plan_of(&through, &request)).0, 0);
        let (status, lines, _) = read(plan_of(&failing, &request));
        assert_eq!((status, header(&lines, "Allow")), (405, Some("GET, HEAD")));
    }
    let denying = folder.site(Options {
        dotfiles: Dotfiles::Deny,
        ..answering()
    });
    assert_eq!(status(&denying, "/.hidden"), 403);
    let allowing = folder.site(Options {
        dotfiles: Dotfiles::Allow,
        ..answering()
    });
    assert_eq!(body(&allowing, "/.hidden"), "h");
    let Plan::Fail(failure) = plan_of(&failing, &request("/none", "")) else {
        panic!()
    };
    let cause = failure.cause.unwrap();
    assert_eq!(
        (cause.errno, cause.syscall, cause.path),
        (errno::ENOENT, "stat", folder.path("none"))
    );
}

#[test]
fn directories_extensions_and_indexes() {
    let folder = Folder::new(&[
        ("users/index.html", "users"),
        ("todo.html", "<li>"),
        ("todo.txt", "-"),
        ("dots.d/x", "x"),
        ("second/home.htm", "second"),
        ("both", "plain"),
        ("both.html", "extended"),
    ]);
    let site = folder.site(answering());
    let (status_, lines, body_) = get(&site, "/users?a=b", "");
    assert_eq!((status_, header(&lines, "Location")), (301, Some("/users/?a=b")));
    assert_eq!(
        names(&lines),
        [
            "Content-Type",
            "Content-Length",
            "Content-Security-Policy",
            "X-Content-Type-Options",
            "Location"
        ]
    );
    assert!(text(&body_).contains("<pre>Redirecting to /users/?a=b</pre>"));
    assert_eq!(body(&site, "/users/"), "users");
    assert_eq!(body(&site, "//users//"), "users");
    assert_eq!(status(&site, "/todo"), 404);
    let mounted = Request {
        original: b"/static/users",
        ..request("/users", "")
    };
    assert_eq!(
        header(&read(plan_of(&site, &mounted)).1, "Location"),
        Some("/static/users/")
    );
    let mount_point = Request {
        original: b"/static",
        ..request("/", "")
    };
    assert_eq!(
        header(&read(plan_of(&site, &mount_point)).1, "Location"),
        Some("/static/")
    );

    let site = folder.site(Options {
        redirect: false,
        ..answering()
    });
    assert_eq!(status(&site, "/users"), 404);
    let site = folder.site(Options {
        index: vec!["index.html".into(), "home.htm".into()],
        ..answering()
    });
    assert_eq!(body(&site, "/second/"), "second");
    let site = folder.site(Options {
        index: Vec::new(),
        ..answering()
    });
    assert_eq!(status(&site, "/users/"), 404);
    assert_eq!(status(&site, "/users"), 301);
    let site = folder.site(Options {
        extensions: vec!["htm".into(), "html".into(), "txt".into()],
        ..answering()
    });
    assert_eq!(body(&site, "/todo"), "<li>");
    assert_eq!(body(&site, "/both"), "plain");
    assert_eq!(status(&site, "/none"), 404);
    assert_eq!(status(&site, "/todo/"), 404);
    // A name with an extension gets no other extension, as with `send`.
    folder.write("a.b.html", "x");
    assert_eq!(status(&site, "/a.b"), 404);
}

#[test]
fn the_root_may_come_late_go_be_swapped_or_be_a_file() {
    let folder = Folder::new(&[]);
    let root = folder.path("late");
    let site = Site::open(&root, answering()).unwrap();
    assert_eq!(status(&site, "/a.txt"), 404);
    assert!(site.check().is_err());
    folder.write("late/a.txt", "first");
    assert!(site.check().is_ok());
    assert_eq!(body(&site, "/a.txt"), "first");
    age();
    assert_eq!(body(&site, "/a.txt"), "first");
    assert!(!is_cold(&site, "/a.txt"));
    folder.write("next/a.txt", "other");
    fs::rename(&root, folder.path("old")).unwrap();
    assert_eq!(status(&site, "/a.txt"), 404);
    fs::rename(folder.path("next"), &root).unwrap();
    assert_eq!(body(&site, "/a.txt"), "other");
    fs::remove_dir_all(&root).unwrap();
    assert_eq!(status(&site, "/a.txt"), 404);
    fs::write(&root, "a file").unwrap();
    let mount_point = Request {
        original: b"/static",
        ..request("/", "")
    };
    assert_eq!(text(&read(plan_of(&site, &mount_point)).2), "a file");
    assert_eq!(status(&site, "/"), 404);
    assert_eq!(status(&site, "/a.txt"), 404);
}

#[test]
fn a_missing_name_is_known_to_be_missing_without_waiting() {
    let folder = Folder::new(&[("a.txt", "a")]);
    let site = folder.site(answering());
    assert_eq!(status(&site, "/none"), 404);
    assert_eq!(status(&site, "/none"), 404);
    if cfg!(target_os = "linux") {
        assert!(!is_cold(&site, "/none"));
    }
    folder.write("none", "now it is");
    assert_eq!(body(&site, "/none"), "now it is");
}

#[test]
fn what_the_response_has_already_stays() {
    let folder = Folder::new(&[("a.txt", "abc")]);
    let site = folder.site(answering());
    let given = b"ETag: \"mine\"\r\nCache-Control: private\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Type: x/y\r\n";
    let with = |fields: &str, status| {
        read(plan_of(
            &site,
            &Request {
                given,
                status,
                ..request("/a.txt", fields)
            },
        ))
    };
    let (status, lines, _) = with("", 200);
    assert_eq!((status, names(&lines)), (200, vec!["Accept-Ranges", "Content-Length"]));
    assert_eq!(with("If-None-Match: \"mine\"\r\n", 200).0, 304);
    assert_eq!(with("If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n", 200).0, 304);
    assert_eq!(with("If-Match: \"mine\"\r\n", 200).0, 200);
    assert_eq!(with("If-Range: \"mine\"\r\nRange: bytes=1-1\r\n", 200).0, 206);
    // A status that the application has set is kept, and then nothing is "not modified".
    assert_eq!(with("If-None-Match: \"mine\"\r\n", 500).0, 500);
    assert_eq!(with("If-None-Match: \"mine\"\r\n", 203).0, 304);
}

#[test]
fn ranges_go_out_alone_or_as_parts() {
    let large: Vec<u8> = (0..200_000u32).map(|at| (at % 251) as u8).collect();
    let folder = Folder::new(&[("nums.txt", "123456789")]);
    folder.write("large", &large);
    let site = folder.site(answering());
    let (status, lines, body) = get(&site, "/nums.txt", "Range: bytes=2-5\r\n");
    assert_eq!((status, &*body), (206, &b"3456"[..]));
    assert_eq!(names(&lines)[4..], ["Content-Type", "Content-Range", "Content-Length"]);
    assert_eq!(header(&lines, "Content-Range"), Some("bytes 2-5/9"));
    let (status, lines, body) = get(&site, "/large", "Range: bytes=-10\r\n");
    assert_eq!((status, &*body), (206, &large[199_990..]));
    assert_eq!(header(&lines, "Content-Range"), Some("bytes 199990-199999/200000"));

    for (target, content) in [("/nums.txt", &b"123456789"[..]), ("/large", &large)] {
        let (status, lines, body) = get(&site, target, "Range: bytes=6-7,0-1\r\n");
        assert_eq!(status, 206);
        let content_type = header(&lines, "Content-Type").unwrap();
        let boundary = content_type.strip_prefix("multipart/byteranges; boundary=").unwrap();
        let of = if target == "/large" {
            "application/octet-stream"
        } else {
            "text/plain; charset=utf-8"
        };
        let mut expected = Vec::new();
        for (line, range) in [("", 6..8), ("\r\n", 0..2)] {
            let head = format!(
                "{line}--{boundary}\r\nContent-Type: {of}\r\nContent-Range: bytes {}-{}/{}\r\n\r\n",
                range.start,
                range.end - 1,
                content.len()
            );
            expected.extend_from_slice(head.as_bytes());
            expected.extend_from_slice(&content[range]);
        }
        expected.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        assert_eq!(body, expected);
        assert_eq!(header(&lines, "Content-Length"), Some(&*body.len().to_string()));
        let again = get(&site, target, "Range: bytes=6-7,0-1\r\n").1;
        assert_ne!(
            header(&again, "Content-Type"),
            Some(content_type),
            "boundaries are not to be guessed"
        );
    }
    let Plan::Fail(failure) = plan_of(&site, &request("/nums.txt", "Range: bytes=9-\r\n")) else {
        panic!()
    };
    assert_eq!(failure.status, 416);
    assert_eq!(text(&failure.headers), "Content-Range: bytes */9\r\n");
    assert_eq!(header(&text(&failure.lines), "Content-Range"), Some("bytes */9"));
    // HEAD has no ranges (RFC 9110 §14.2).
    let head = Request {
        method: b"HEAD",
        ..request("/nums.txt", "Range: bytes=1-2\r\n")
    };
    let (status, lines, body) = read(plan_of(&site, &head));
    assert_eq!(
        (status, body.len(), header(&lines, "Content-Length")),
        (200, 0, Some("9"))
    );
    let flood = format!("Range: bytes={}\r\n", "0-0,2-2,".repeat(40));
    assert_eq!(get(&site, "/nums.txt", &flood).0, 200);
    let site = folder.site(Options {
        accept_ranges: false,
        ..answering()
    });
    let (status, lines, _) = get(&site, "/nums.txt", "Range: bytes=2-5\r\n");
    assert_eq!((status, header(&lines, "Accept-Ranges")), (200, None));
}

fn decode(coding: &str, bytes: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::new();
    match coding {
        "br" => brotli::BrotliDecompress(&mut &*bytes, &mut decoded).unwrap(),
        "zstd" => decoded = zstd::stream::decode_all(bytes).unwrap(),
        "gzip" => drop(std::io::copy(&mut flate2::read::GzDecoder::new(bytes), &mut decoded).unwrap()),
        _ => panic!("{coding}"),
    }
    decoded
}

#[test]
fn compressible_files_are_compressed_once_and_kept() {
    let page = "<p>What is long enough to be worth it.</p>\n".repeat(100);
    let random: String = (0..4_000u32)
        .map(|at| char::from(33 + (at.wrapping_mul(2_654_435_761) >> 25) as u8 % 90))
        .collect();
    let folder = Folder::new(&[
        ("a.html", &page),
        ("small.html", "short"),
        ("a.png", &page),
        ("b.html", &page),
        ("noise.txt", &random),
    ]);
    let site = folder.site(Options {
        compress: Coding::ALL.to_vec(),
        ..answering()
    });
    age();
    let plain = get(&site, "/a.html", "");
    assert_eq!(
        (header(&plain.1, "Content-Encoding"), header(&plain.1, "Vary")),
        (None, Some("Accept-Encoding"))
    );
    let mut tags = vec![header(&plain.1, "ETag").unwrap().to_owned()];
    for coding in ["br", "zstd", "gzip"] {
        let fields = format!("Accept-Encoding: {coding}\r\n");
        let (status, lines, body) = get(&site, "/a.html", &fields);
        assert_eq!((status, header(&lines, "Content-Encoding")), (200, Some(coding)));
        assert_eq!(
            names(&lines),
            [
                "Cache-Control",
                "Last-Modified",
                "ETag",
                "Vary",
                "Content-Type",
                "Content-Encoding",
                "Content-Length"
            ]
        );
        assert_eq!(decode(coding, &body), page.as_bytes());
        tags.push(header(&lines, "ETag").unwrap().to_owned());
        assert!(
            matches!(site.plan(&request("/a.html", &fields)), Planned::Plan(_)),
            "{coding} is kept"
        );
        let fields = format!("{fields}If-None-Match: {}\r\n", tags.last().unwrap());
        let (status, lines, _) = get(&site, "/a.html", &fields);
        assert_eq!((status, header(&lines, "Vary")), (304, Some("Accept-Encoding")));
        // With another kind of tag, the file is sent.
        assert_eq!(
            get(
                &site,
                "/a.html",
                &format!("Accept-Encoding: {coding}\r\nIf-None-Match: {}\r\n", tags[0])
            )
            .0,
            200
        );
    }
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), 4, "each form has a tag of its own");

    let encoded =
        |target: &str, fields: &str| header(&get(&site, target, fields).1, "Content-Encoding").map(str::to_owned);
    assert_eq!(encoded("/a.png", "Accept-Encoding: br\r\n"), None);
    assert_eq!(header(&get(&site, "/a.png", "").1, "Vary"), None);
    assert_eq!(encoded("/small.html", "Accept-Encoding: br\r\n"), None);
    // If the client refuses the unencoded file, even a small one is compressed, if that gains anything.
    assert_eq!(
        encoded("/a.html", "Accept-Encoding: gzip, identity;q=0\r\n").as_deref(),
        Some("gzip")
    );
    assert_eq!(encoded("/a.html", "Accept-Encoding: identity;q=0\r\n"), None);
    // Ranges are those of the unencoded file.
    let (status, lines, body) = get(&site, "/a.html", "Accept-Encoding: br\r\nRange: bytes=0-3\r\n");
    assert_eq!(
        (status, &*body, header(&lines, "Content-Encoding")),
        (206, &page.as_bytes()[..4], None)
    );
    // A changed file is compressed again.
    let other = page.replace("long", "LONG");
    folder.write("a.html", &other);
    assert_eq!(
        text(&get(&site, "/a.html", "Accept-Encoding: gzip\r\n").2),
        other,
        "too young to be compressed"
    );
    age();
    assert_eq!(
        decode("gzip", &get(&site, "/a.html", "Accept-Encoding: gzip\r\n").2),
        other.as_bytes()
    );
}

#[test]
fn siblings_stand_in_for_their_file_unless_they_are_older() {
    let folder = Folder::new(&[
        ("a.js", "plain"),
        ("a.js.br", "BROTLI"),
        ("a.js.gz", "GZIP"),
        ("b.js", "plain"),
    ]);
    let options = Options {
        precompressed: vec![Coding::Brotli, Coding::Gzip],
        ..answering()
    };
    let site = folder.site(options.clone());
    age();
    let form = |site: &Site, fields: &str| {
        let (status, lines, body) = get(site, "/a.js", fields);
        assert_eq!(status, 200);
        assert_eq!(header(&lines, "Content-Type"), Some("text/javascript; charset=utf-8"));
        assert_eq!(header(&lines, "Vary"), Some("Accept-Encoding"));
        (header(&lines, "Content-Encoding").map(str::to_owned), text(&body))
    };
    assert_eq!(form(&site, ""), (None, "plain".into()));
    for _ in 0..2 {
        assert_eq!(
            form(&site, "Accept-Encoding: gzip, br\r\n"),
            (Some("br".into()), "BROTLI".into())
        );
        assert_eq!(
            form(&site, "Accept-Encoding: gzip, br;q=0.5\r\n"),
            (Some("gzip".into()), "GZIP".into())
        );
        assert_eq!(form(&site, "Accept-Encoding: zstd\r\n"), (None, "plain".into()));
        assert_eq!(get(&site, "/b.js", "Accept-Encoding: br\r\n").2, b"plain");
    }
    assert!(matches!(
        site.plan(&request("/a.js", "Accept-Encoding: br\r\n")),
        Planned::Plan(_)
    ));
    // Ranges of a sibling are ranges of the bytes that are sent.
    assert_eq!(
        get(&site, "/a.js", "Accept-Encoding: br\r\nRange: bytes=1-2\r\n").2,
        b"RO"
    );
    // The file is newer than its sibling.
    let later = std::time::SystemTime::now() + Duration::from_secs(5);
    fs::File::options()
        .write(true)
        .open(folder.path("a.js"))
        .unwrap()
        .set_modified(later)
        .unwrap();
    assert_eq!(form(&site, "Accept-Encoding: gzip, br\r\n"), (None, "plain".into()));
    fs::File::options()
        .write(true)
        .open(folder.path("a.js.gz"))
        .unwrap()
        .set_modified(later)
        .unwrap();
    assert_eq!(
        form(&site, "Accept-Encoding: gzip, br\r\n"),
        (Some("gzip".into()), "GZIP".into())
    );
    fs::remove_file(folder.path("a.js.gz")).unwrap();
    assert_eq!(form(&site, "Accept-Encoding: gzip, br\r\n"), (None, "plain".into()));
    // A sibling without the file is not served.
    fs::remove_file(folder.path("a.js")).unwrap();
    assert_eq!(get(&site, "/a.js", "Accept-Encoding: br\r\n").0, 404);
}

#[test]
fn strong_tags_are_of_the_content() {
    let folder = Folder::new(&[("a.txt", "same"), ("b.txt", "same"), ("c.txt", "else")]);
    folder.write("large", vec![b'l'; 300_000]);
    let site = folder.site(Options {
        etag: Etag::Strong,
        ..answering()
    });
    let tag = |target: &str| header(&get(&site, target, "").1, "ETag").unwrap().to_owned();
    let first = tag("/a.txt");
    assert!(first.starts_with('"'));
    assert_eq!(first, tag("/b.txt"));
    assert_ne!(first, tag("/c.txt"));
    assert_eq!(get(&site, "/a.txt", &format!("If-Match: {first}\r\n")).0, 200);
    assert_eq!(
        get(&site, "/a.txt", &format!("If-Range: {first}\r\nRange: bytes=0-0\r\n")).0,
        206
    );
    let large = tag("/large");
    folder.write("large", vec![b'm'; 300_000]);
    assert_ne!(large, tag("/large"));
    let site = folder.site(Options {
        etag: Etag::Strong,
        limits: Limits {
            hash: 10,
            ..Limits::default()
        },
        ..answering()
    });
    assert!(header(&get(&site, "/large", "").1, "ETag").unwrap().starts_with("W/"));
    let site = folder.site(Options {
        etag: Etag::Off,
        last_modified: false,
        cache_control: false,
        ..answering()
    });
    assert_eq!(
        names(&get(&site, "/a.txt", "").1),
        ["Accept-Ranges", "Content-Type", "Content-Length"]
    );
}

#[test]
fn pages_stand_in_for_what_is_not_there() {
    let folder = Folder::new(&[("index.html", "app"), ("404.html", "lost"), ("api/x.json", "{}")]);
    let site = folder.site(Options {
        single: Some("index.html".into()),
        not_found: Some("/404.html".into()),
        ..Options::default()
    });
    let html = "Accept: text/html\r\n";
    assert_eq!(get(&site, "/users/1", html).2, b"app");
    assert_eq!(get(&site, "/users/1?x=y.z", html).2, b"app");
    // Another client may get another answer under the same URL. `Vary` tells caches.
    let vary = |target, fields| header(&get(&site, target, fields).1, "Vary").map(str::to_string);
    assert_eq!(vary("/users/1", html).as_deref(), Some("Accept, Sec-Fetch-Mode"));
    assert_eq!(
        vary("/users/1", "Accept: text/html\r\nIf-None-Match: *\r\n").as_deref(),
        Some("Accept, Sec-Fetch-Mode")
    );
    assert_eq!(vary("/index.html", html), None);
    assert_eq!(
        get(&site, "/users/1", "Accept: text/html\r\nIf-None-Match: *\r\n").0,
        304
    );
    for (target, fields) in [
        ("/users/1.js", html),
        ("/users/1", "Accept: application/json\r\n"),
        ("/users/1", "Accept: */*\r\nSec-Fetch-Mode: cors\r\n"),
    ] {
        let (status, lines, body) = get(&site, target, fields);
        assert_eq!((status, &*body), (404, &b"lost"[..]), "{target} {fields}");
        assert_eq!(names(&lines), ["Content-Type", "Content-Length"]);
    }
    // A refused request is not treated as a missing file.
    assert_eq!(get(&site, "/../x", html).0, 0);
    let post = Request {
        method: b"POST",
        ..request("/users/1", html)
    };
    assert_eq!(read(plan_of(&site, &post)).0, 0);
    let head = Request {
        method: b"HEAD",
        ..request("/none.js", html)
    };
    let (status, lines, body) = read(plan_of(&site, &head));
    assert_eq!(
        (status, header(&lines, "Content-Length"), body.len()),
        (404, Some("4"), 0)
    );
}

#[test]
fn every_answer_has_the_headers_of_the_site() {
    let folder = Folder::new(&[("a.txt", "a"), ("dir/x", "x")]);
    let headers = vec![
        ("Access-Control-Allow-Origin".into(), "*".into()),
        ("Cache-Control".into(), "no-store".into()),
    ];
    let site = folder.site(Options {
        headers,
        listing: true,
        ..answering()
    });
    for (target, fields, expected) in [
        ("/a.txt", "", 200),
        ("/a.txt", "If-None-Match: *\r\n", 304),
        ("/a.txt", "Range: bytes=0-0\r\n", 206),
        ("/a.txt", "Range: bytes=5-\r\n", 416),
        ("/a.txt", "If-Match: \"b\"\r\n", 412),
        ("/dir", "", 301),
        ("/dir/", "", 200),
        ("/none", "", 404),
    ] {
        let (status, lines, _) = get(&site, target, fields);
        assert_eq!(
            (status, header(&lines, "Access-Control-Allow-Origin")),
            (expected, Some("*")),
            "{target}"
        );
        let controls = names(&lines).iter().filter(|name| **name == "Cache-Control").count();
        assert_eq!(
            (controls, header(&lines, "Cache-Control")),
            (1, Some("no-store")),
            "{target}"
        );
    }
}

#[test]
fn listings_escape_every_name() {
    let folder = Folder::new(&[
        ("dir/b.txt", "b"),
        ("dir/A.txt", "a"),
        ("dir/sub/x", "x"),
        ("dir/.hidden", "h"),
    ]);
    if cfg!(not(windows)) {
        folder.write("dir/<script>alert('x')&.html", "x");
        folder.write("dir/java script:x?#%\"", "x");
        folder.write("dir/two\nlines\tand \u{202e}gnp.exe", "x");
        folder.write("<i>/y", "y");
    }
    let site = folder.site(Options {
        listing: true,
        ..answering()
    });
    let (status, lines, page) = get(&site, "/dir/", "");
    let page = text(&page);
    assert_eq!(status, 200);
    assert!(
        header(&lines, "Content-Security-Policy")
            .unwrap()
            .starts_with("default-src 'none'")
    );
    assert!(!page.contains("<script") && !page.contains(".hidden"));
    let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text} in {page}"));
    assert!(at("href=\"./sub/\"") < at("href=\"./A.txt\"") && at("href=\"./A.txt\"") < at("href=\"./b.txt\""));
    if cfg!(not(windows)) {
        at("href=\"./%3Cscript%3Ealert%28%27x%27%29%26.html\">&lt;script&gt;alert(&#39;x&#39;)&amp;.html<");
        at("href=\"./java%20script%3Ax%3F%23%25%22\"");
        at("\">two\u{fffd}lines\u{fffd}and \u{fffd}gnp.exe</a>");
        let (_, _, page) = get(&site, "/%3Ci%3E/", "");
        assert!(text(&page).contains("<title>/&lt;i&gt;/</title>") && !text(&page).contains("<i>"));
    }
    let site = folder.site(Options {
        listing: true,
        dotfiles: Dotfiles::Allow,
        limits: Limits {
            entries: 2,
            ..Limits::default()
        },
        ..answering()
    });
    let page = text(&get(&site, "/dir/", "").2);
    assert!(page.contains("Only 2 entries are shown."));
    assert_eq!(page.matches("href=\"./").count(), 2);
    let site = folder.site(answering());
    assert_eq!(get(&site, "/dir/", "").0, 404);
}

#[test]
fn what_is_kept_is_bounded() {
    let folder = Folder::new(&[]);
    for index in 0..50 {
        folder.write(&format!("small-{index}"), vec![b's'; 1_000]);
        folder.write(&format!("large-{index}"), vec![b'l'; 3_000]);
    }
    age();
    let limits = Limits {
        small_file: 2_000,
        memory: 20_000,
        files: 12,
        handles: 5,
        ..Limits::default()
    };
    let site = folder.site(Options {
        limits: limits.clone(),
        ..answering()
    });
    for _ in 0..2 {
        for index in 0..50 {
            assert_eq!(body(&site, &format!("/small-{index}")).len(), 1_000);
            assert_eq!(body(&site, &format!("/large-{index}")).len(), 3_000);
            let (files, bytes, handles) = site.usage();
            assert!(
                files <= 12 && bytes <= 20_000 && handles <= 5,
                "{files} {bytes} {handles}"
            );
        }
    }
    let (files, bytes, handles) = site.usage();
    assert!(files > 5 && bytes > 5_000 && handles == 5);
    // The entries that were requested last are kept.
    assert!(!is_cold(&site, "/small-49") && !is_cold(&site, "/large-49"));
    assert!(is_cold(&site, "/small-0") && is_cold(&site, "/large-0"));
    for index in 0..50 {
        fs::remove_file(folder.path(&format!("small-{index}"))).unwrap();
        fs::remove_file(folder.path(&format!("large-{index}"))).unwrap();
        assert_eq!(status(&site, &format!("/small-{index}")), 404);
        assert_eq!(status(&site, &format!("/large-{index}")), 404);
    }
    assert_eq!(site.usage(), (0, 0, 0), "what is gone is let go");
    // Nothing is cached at all.
    folder.write("a", "a");
    let none = folder.site(Options {
        limits: Limits {
            memory: 0,
            files: 0,
            handles: 0,
            ..limits
        },
        ..answering()
    });
    assert_eq!(body(&none, "/a"), "a");
    assert_eq!(none.usage(), (0, 0, 0));
}

#[test]
fn a_form_is_compressed_by_one_while_others_get_the_file_as_it_is() {
    let page = "<p>What is long enough to be worth it.</p>\n".repeat(2_000);
    let folder = Folder::new(&[("a.html", &page)]);
    let site = folder.site(Options {
        compress: vec![Coding::Brotli],
        ..answering()
    });
    age();
    let (plain, coded) = (AtomicU32::new(0), AtomicU32::new(0));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let (_, lines, body) = get(&site, "/a.html", "Accept-Encoding: br\r\n");
                match header(&lines, "Content-Encoding") {
                    None => {
                        assert_eq!(text(&body), page);
                        plain.fetch_add(1, Ordering::Relaxed)
                    }
                    Some(coding) => {
                        assert_eq!(text(&decode(coding, &body)), page);
                        coded.fetch_add(1, Ordering::Relaxed)
                    }
                };
            });
        }
    });
    assert_eq!(plain.into_inner() + coded.into_inner(), 8);
    let (_, lines, _) = get(&site, "/a.html", "Accept-Encoding: br\r\n");
    assert_eq!(header(&lines, "Content-Encoding"), Some("br"));
}

#[test]
fn files_that_are_gone_do_not_stay_open() {
    let folder = Folder::new(&[]);
    for name in ["kept", "deleted", "replaced"] {
        folder.write(name, vec![b'x'; 100_000]);
    }
    let site = folder.site(answering());
    for name in ["/kept", "/deleted", "/replaced"] {
        assert_eq!(status(&site, name), 200);
    }
    fs::remove_file(folder.path("deleted")).unwrap();
    folder.write("other", "o");
    fs::rename(folder.path("other"), folder.path("replaced")).unwrap();
    assert_eq!(site.usage().2, 3);
    site.tidy();
    assert_eq!(site.usage().2, 1);
    age();
    assert_eq!(status(&site, "/kept"), 200);
    site.tidy();
    assert!(!is_cold(&site, "/kept"));
}

#[cfg(unix)]
mod unix {
    use super::*;
    use std::os::unix::fs::symlink;

    const SECRET: &str = "the secret outside";

    fn with_links() -> Folder {
        let folder = Folder::new(&[("inside/a.txt", "inside"), ("inside/index.html", "index")]);
        fs::create_dir(folder.0.join("outside")).unwrap();
        fs::write(folder.0.join("outside/secret.txt"), SECRET).unwrap();
        fs::write(folder.0.join("outside/index.html"), SECRET).unwrap();
        let link = |target: &Path, name: &str| symlink(target, folder.path(name)).unwrap();
        link(Path::new("inside/a.txt"), "relative");
        link(Path::new("relative"), "chain");
        link(Path::new("inside"), "folder");
        link(Path::new("../site/inside/a.txt"), "out-and-in");
        link(&folder.path("inside/a.txt"), "absolute");
        link(&folder.path("inside"), "absolute-folder");
        link(Path::new("../outside/secret.txt"), "out");
        link(Path::new("../outside"), "out-folder");
        link(&folder.0.join("outside/secret.txt"), "absolute-out");
        link(&folder.0.join("outside"), "absolute-out-folder");
        link(Path::new("out"), "chain-out");
        link(Path::new("/"), "slash");
        link(Path::new("/dev/zero"), "zero");
        link(Path::new("/proc/self/root"), "magic");
        link(Path::new("/etc/passwd"), "passwd");
        link(Path::new(".."), "up");
        link(Path::new("loop"), "loop");
        link(Path::new("nowhere"), "dangling");
        folder
    }

    #[test]
    fn links_are_followed_inside_and_nowhere_else() {
        let folder = with_links();
        let options = Options {
            listing: true,
            ..answering()
        };
        let site = folder.site(options.clone());
        for _ in 0..2 {
            for target in [
                "/relative",
                "/chain",
                "/folder/a.txt",
                "/absolute",
                "/absolute-folder/a.txt",
            ] {
                assert_eq!(body(&site, target), "inside", "{target}");
            }
            assert_eq!(body(&site, "/folder/"), "index");
            for target in [
                "/out",
                "/out-folder/secret.txt",
                "/out-folder/",
                "/out-folder",
                "/absolute-out",
                "/absolute-out-folder/secret.txt",
                "/absolute-out-folder/",
                "/chain-out",
                "/slash/etc/passwd",
                "/slash/",
                "/zero",
                "/magic/etc/passwd",
                "/passwd",
                "/up/outside/secret.txt",
                "/up/",
            ] {
                let (status, _, body) = get(&site, target, "");
                assert!(matches!(status, 403 | 404), "{target}: {status}");
                assert!(body.is_empty());
                assert_eq!(status_through(&folder, target), 0, "{target}");
            }
            assert_eq!(status(&site, "/dangling"), 404);
            assert!(status(&site, "/loop") >= 400);
            age();
        }
        // A listing shows neither links that lead outside nor links that lead nowhere.
        let page = text(&get(&site, "/", "").2);
        for name in ["out", "passwd", "zero", "up", "dangling", "loop", "slash"] {
            assert!(
                !page.contains(&format!("\"./{name}\"")) && !page.contains(&format!("\"./{name}/\"")),
                "{name}"
            );
        }
        assert!(page.contains("\"./relative\"") && page.contains("\"./folder/\""));
    }

    fn status_through(folder: &Folder, target: &str) -> u16 {
        status(&folder.site(Options::default()), target)
    }

    #[test]
    fn a_link_that_is_turned_while_we_look_shows_nothing_outside() {
        let folder = with_links();
        let site = folder.site(answering());
        let (stop, swapped) = (AtomicBool::new(false), AtomicU32::new(0));
        std::thread::scope(|scope| {
            let turn = |name: &'static str, targets: [PathBuf; 2]| {
                let (folder, stop, swapped) = (&folder, &stop, &swapped);
                move || {
                    while !stop.load(Ordering::Relaxed) {
                        for target in &targets {
                            let fresh = folder.path(&format!("{name}.new"));
                            symlink(target, &fresh).unwrap();
                            fs::rename(&fresh, folder.path(name)).unwrap();
                            swapped.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                }
            };
            fs::remove_file(folder.path("out")).unwrap();
            fs::remove_file(folder.path("out-folder")).unwrap();
            fs::write(folder.0.join("outside/a.txt"), SECRET).unwrap();
            scope.spawn(turn(
                "out",
                ["inside/a.txt".into(), folder.0.join("outside/secret.txt")],
            ));
            scope.spawn(turn("out-folder", [folder.path("inside"), "../outside".into()]));
            let mut seen = 0;
            let mut tried = 0;
            while tried < 2_000 || swapped.load(Ordering::Relaxed) < 200 {
                for target in ["/out", "/out-folder/a.txt"] {
                    let (status, _, body) = get(&site, target, "");
                    assert_ne!(text(&body), SECRET);
                    seen += u32::from(status == 200);
                }
                tried += 1;
            }
            stop.store(true, Ordering::Relaxed);
            assert!(seen > 0);
        });
    }

    #[test]
    fn pipes_sockets_and_devices_are_not_opened() {
        let folder = Folder::new(&[("a.txt", "a"), ("dir/x", "x")]);
        let pipe = |name: &str| {
            use rustix::fs::{CWD, FileType, Mode, mknodat};
            mknodat(CWD, folder.path(name), FileType::Fifo, Mode::from_raw_mode(0o644), 0).unwrap();
        };
        pipe("pipe");
        pipe("dir/index.html");
        pipe("page.html");
        let _socket = std::os::unix::net::UnixListener::bind(folder.path("socket")).unwrap();
        let site = folder.site(Options {
            extensions: vec!["html".into()],
            listing: true,
            ..answering()
        });
        for target in ["/pipe", "/socket", "/page.html", "/page"] {
            assert_eq!(status(&site, target), 404, "{target}");
        }
        // A directory whose index is not a file is listed. Special files are not shown.
        assert!(!text(&get(&site, "/dir/", "").2).contains("index.html"));
        // A file is replaced by a pipe.
        age();
        assert_eq!(body(&site, "/a.txt"), "a");
        fs::remove_file(folder.path("a.txt")).unwrap();
        pipe("a.txt");
        assert_eq!(status(&site, "/a.txt"), 404);
    }

    #[test]
    fn a_file_that_may_not_be_read_fails() {
        use std::os::unix::fs::PermissionsExt;
        if rustix::process::geteuid().is_root() {
            return; // May read everything.
        }
        let folder = Folder::new(&[("a.txt", "a")]);
        fs::set_permissions(folder.path("a.txt"), fs::Permissions::from_mode(0o000)).unwrap();
        let site = folder.site(Options::default());
        assert_eq!(status(&site, "/a.txt"), 403);
    }

    /// All ways of escaping the root that scanners are known to try, in every position.
    #[test]
    fn no_target_reads_what_is_outside() {
        let folder = with_links();
        let site = folder.site(Options {
            dotfiles: Dotfiles::Allow,
            listing: true,
            extensions: vec!["txt".into()],
            ..answering()
        });
        let ups = [
            "..",
            "%2e%2e",
            "%2E.",
            ".%2e",
            "%252e%252e",
            "..%00",
            "%00..",
            "..;",
            "..%20",
            "..%09",
            "%c0%ae%c0%ae",
            "%e0%80%ae.",
            "%uff0e%uff0e",
            "．．",
            "..%5c",
            "..\\",
            "%2e%2e%5c",
            ".../",
            "....//",
            "..%c0%af",
            "..%252f",
            "%2e%2e%2f",
            "..//",
            "/..",
            "./..",
            "..\u{2215}",
            "..%ef%bc%8f",
        ];
        let rests = [
            "outside/secret.txt",
            "outside%2fsecret.txt",
            "outside%5csecret.txt",
            "outside/secret",
            "outside/",
        ];
        for prefix in [
            "/",
            "//",
            "",
            "/inside/",
            "/inside/../",
            "/folder/",
            "/./",
            "/%2f",
            "\\",
            "/C:/",
            "http://host/",
            "/inside/a.txt/",
        ] {
            for up in ups {
                for count in 1..4 {
                    for rest in rests {
                        let target = format!("{prefix}{}{rest}", format!("{up}/").repeat(count));
                        let (status, _, body) = get(&site, &target, "");
                        let body = text(&body);
                        assert!(
                            !body.contains(SECRET) && !body.contains("secret.txt</a>"),
                            "{target}: {status}"
                        );
                    }
                }
            }
        }
    }
}
