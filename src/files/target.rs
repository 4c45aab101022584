//! Converts a request's target into a path below the root, as `serve-static` and `send` do.
//!
//! The result never contains `..`, an empty component or a NUL, however the target was written. In addition, the file
//! system is never asked for anything above the root (`beneath`).

/// Why a target does not name a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// It cannot be decoded or contains a NUL: 400.
    Malformed,
    /// It leads above the root: 403.
    Outside,
    /// It cannot exist, or is longer than any path: 404.
    Impossible,
}

/// A path below the root.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Relative {
    /// Components separated by `/`, with a trailing `/` if the decoded path has one. Empty for the root itself.
    pub path: String,
    /// Whether a component begins with a dot.
    pub hidden: bool,
}

/// Splits a target into its path and its query, which keeps the question mark. For an absolute target, everything up
/// to the authority is dropped.
pub fn split(target: &str) -> (&str, &str) {
    let end = target.find('#').unwrap_or(target.len());
    let target = &target[..end];
    let start = if target.starts_with('/') {
        0
    } else {
        match target.find("://") {
            Some(scheme) if !target[..scheme].contains(['/', '?']) => {
                let authority = scheme + 3;
                let path = target[authority..].find(['/', '?']);
                match path {
                    Some(path) if target.as_bytes()[authority + path] == b'/' => authority + path,
                    Some(path) => return ("/", &target[authority + path..]),
                    None => return ("/", ""),
                }
            }
            _ => 0,
        }
    };
    let target = &target[start..];
    target.split_at(target.find('?').unwrap_or(target.len()))
}

/// Converts the target of a request line to text, one character per byte as Node does.
pub fn latin1(target: &[u8]) -> String {
    target.iter().map(|&byte| char::from(byte)).collect()
}

/// `decodeURIComponent`: `None` where it would throw.
fn decode(path: &str) -> Option<String> {
    let Some(first) = memchr::memchr(b'%', path.as_bytes()) else {
        return Some(path.to_owned());
    };
    let mut decoded = Vec::with_capacity(path.len());
    let (plain, mut rest) = path.as_bytes().split_at(first);
    decoded.extend_from_slice(plain);
    while let [byte, behind @ ..] = rest {
        rest = behind;
        if *byte != b'%' {
            decoded.push(*byte);
            continue;
        }
        let [high, low, behind @ ..] = rest else { return None };
        let digits = [char::from(*high).to_digit(16)?, char::from(*low).to_digit(16)?];
        decoded.push((digits[0] << 4 | digits[1]) as u8);
        rest = behind;
    }
    String::from_utf8(decoded).ok()
}

/// Decodes a path for display. An invalid one is returned unchanged.
pub fn decoded(path: &str) -> String {
    decode(path).unwrap_or_else(|| path.to_owned())
}

/// Determines the path below the root that a target's path names.
pub fn relative(path: &str, depth: usize) -> Result<Relative, Refusal> {
    let decoded = decode(path).ok_or(Refusal::Malformed)?;
    if decoded.contains('\0') {
        return Err(Refusal::Malformed);
    }
    normalize(&decoded, depth, cfg!(windows))
}

fn normalize(decoded: &str, depth: usize, windows: bool) -> Result<Relative, Refusal> {
    let is_separator = |c: char| c == '/' || windows && c == '\\';
    let mut path = String::with_capacity(decoded.len());
    let mut ends: Vec<usize> = Vec::new(); // Where the path ended before each component.
    for component in decoded.split(is_separator) {
        match component {
            "" | "." => continue,
            ".." => path.truncate(ends.pop().ok_or(Refusal::Outside)?),
            _ => {
                if ends.len() == depth {
                    return Err(Refusal::Impossible);
                }
                ends.push(path.len());
                if !path.is_empty() {
                    path.push('/');
                }
                path.push_str(component);
            }
        }
    }
    let mut hidden = false;
    for component in path.split('/') {
        // On POSIX, a backslash is an ordinary character of a name. On other systems, and in programs that the name
        // is passed to, it could lead to the parent directory.
        if component.contains('\\') && component.split('\\').any(|part| part == "..") {
            return Err(Refusal::Outside);
        }
        if windows && !is_windows_name(component) {
            return Err(Refusal::Impossible);
        }
        hidden |= component.len() > 1 && component.starts_with('.');
    }
    if !path.is_empty() && decoded.ends_with(is_separator) {
        path.push('/');
    }
    Ok(Relative { path, hidden })
}

/// Whether Windows would open exactly the file of this name: not a device, a stream of a file, a drive, or another
/// file whose name lacks the dots and spaces at the end.
fn is_windows_name(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end_matches(' ');
    let is_numbered = |prefix: &str| {
        let mut characters = stem.chars();
        let begins = characters
            .by_ref()
            .take(3)
            .collect::<String>()
            .eq_ignore_ascii_case(prefix);
        begins
            && matches!(
                characters.as_str(),
                "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" | "¹" | "²" | "³"
            )
    };
    let reserved = ["con", "prn", "aux", "nul", "conin$", "conout$"];
    !(name.contains([':', '<', '>', '"', '|', '?', '*'])
        || name.chars().any(|c| c < ' ')
        || name.ends_with(['.', ' '])
        || reserved.iter().any(|reserved| stem.eq_ignore_ascii_case(reserved))
        || is_numbered("com")
        || is_numbered("lpt"))
}

/// The location of a directory that was requested without its trailing slash. `path` and `query` are those of the
/// original URL. It is escaped as by npm's `encodeurl`; backslashes are escaped too, because browsers treat them as
/// slashes.
pub fn with_slash(path: &str, query: &str) -> String {
    let slashes = path.len() - path.trim_start_matches('/').len();
    let path = &path[slashes.saturating_sub(1)..];
    let mut location = String::with_capacity(path.len() + query.len() + 8);
    encode(&mut location, path);
    // A path of only "/" already has its slash. The empty path of a mount point gets one.
    location.push('/');
    if location == "//" {
        location.pop();
    }
    encode(&mut location, query);
    location
}

fn encode(out: &mut String, text: &str) {
    let bytes = text.as_bytes();
    for (at, &byte) in bytes.iter().enumerate() {
        let plain = match byte {
            b'%' => bytes
                .get(at + 1..at + 3)
                .is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)),
            b'"' | b'<' | b'>' | b'`' | b'{' | b'}' | b'\\' => false,
            _ => byte.is_ascii_graphic(),
        };
        if plain {
            out.push(char::from(byte));
        } else {
            super::escape::percent(out, byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn path_of(path: &str) -> Result<String, Refusal> {
        relative(path, 64).map(|relative| relative.path)
    }

    #[test]
    fn targets_are_split_as_node_does() {
        for (target, path, query) in [
            ("/a/b?c=d", "/a/b", "?c=d"),
            ("/a?b?c#d", "/a", "?b?c"),
            ("/a#b?c", "/a", ""),
            ("", "", ""),
            ("?x", "", "?x"),
            ("//a//b", "//a//b", ""),
            ("//host@name", "//host@name", ""),
            ("http://host/a?b", "/a", "?b"),
            ("http://host", "/", ""),
            ("http://host?x", "/", "?x"),
            ("https://u:p@host:1/a:b//c", "/a:b//c", ""),
            ("/a?u=http://host/b", "/a", "?u=http://host/b"),
            ("*", "*", ""),
        ] {
            assert_eq!(split(target), (path, query), "{target}");
        }
    }

    #[test]
    fn no_spelling_leads_above_the_root() {
        for path in [
            "/..",
            "/../",
            "/../a",
            "/a/../..",
            "/a/../../a",
            "/./../a",
            "//../a",
            "/%2e%2e/a",
            "/%2E%2e/a",
            "/.%2e/a",
            "/a/%2e%2e/%2e%2e/b",
            "/..%2fa",
            "/%2e%2e%2fa",
            "/a%2f..%2f..%2fb",
            "/..\\a",
            "/a/..\\b",
            "/a\\..\\b",
            "/..%5ca",
            "/%5c..%5ca",
            "/a\\..",
            "..",
            "../a",
        ] {
            assert_eq!(path_of(path), Err(Refusal::Outside), "{path}");
        }
    }

    #[test]
    fn what_cannot_be_decoded_is_malformed() {
        for path in [
            "/%",
            "/%a",
            "/%zz",
            "/a%2",
            "/%00",
            "/a%00.txt",
            "/\0",
            "/%c0%ae%c0%ae/a",      // '.', in two bytes
            "/%e0%80%ae%e0%80%ae/", // and in three
            "/%c0%af",              // '/', in two bytes
            "/%f0%80%80%af",
            "/%ed%a0%80", // a surrogate
            "/%ff",
            "/%c3",
            "/%u002e",
        ] {
            assert_eq!(path_of(path), Err(Refusal::Malformed), "{path}");
        }
    }

    #[test]
    fn paths_are_decoded_once_and_normalized() {
        for (path, expected) in [
            ("", ""),
            ("/", ""),
            ("//", ""),
            ("/a", "a"),
            ("//a///b", "a/b"),
            ("/a/", "a/"),
            ("/a/.", "a"),
            ("/a/./", "a/"),
            ("/a/../b", "b"),
            ("/a/b/..", "a"),
            ("/a/..", ""),
            ("/a/../", ""),
            ("/foo%20bar", "foo bar"),
            ("/%e2%98%83", "☃"),
            ("/☃", "☃"),
            ("/a%2fb", "a/b"),
            ("/a%2f", "a/"),
            ("/%252e%252e/a", "%2e%2e/a"),
            ("/...", "..."),
            ("/..a", "..a"),
            ("/a..", "a.."),
            ("/a+b", "a+b"),
        ] {
            assert_eq!(path_of(path), Ok(expected.into()), "{path}");
        }
    }

    #[test]
    fn dots_and_depth_are_seen() {
        let hidden = |path| relative(path, 64).unwrap().hidden;
        assert!(hidden("/.a") && hidden("/a/.b/c") && hidden("/%2ea") && hidden("/...") && hidden("/..a"));
        assert!(!hidden("/a.b") && !hidden("/./a") && !hidden("/a/../b") && !hidden("/.") && !hidden("/.a/../b"));
        assert!(relative("/a/b/c", 3).is_ok());
        assert_eq!(relative("/a/b/c/d", 3), Err(Refusal::Impossible));
        assert!(relative("/a/b/c/../../d", 3).is_ok());
    }

    #[test]
    fn windows_opens_plain_names_only() {
        let on_windows = |path| normalize(path, 64, true).map(|relative| relative.path);
        for name in [
            "C:",
            "C:a",
            "a:b",
            "a.txt:stream",
            "a.txt::$DATA",
            "CON",
            "con.txt",
            "nul",
            "NUL .txt",
            "aux.tar.gz",
            "COM1",
            "lpt9.x",
            "com¹",
            "CONIN$",
            "a.",
            "a ",
            "a. .",
            "a*",
            "a?",
            "a<b",
            "a|b",
            "a\x01b",
            "a\"b",
        ] {
            assert_eq!(on_windows(name), Err(Refusal::Impossible), "{name}");
        }
        for name in [
            "a",
            "com",
            "com10",
            "console",
            "nul1",
            "a.con",
            "lpt",
            "auxiliary.txt",
            "☃",
            "comé",
        ] {
            assert_eq!(on_windows(name), Ok(name.into()));
        }
        assert_eq!(on_windows("a\\b\\.\\c\\"), Ok("a/b/c/".into()));
        assert_eq!(on_windows("a\\..\\..\\b"), Err(Refusal::Outside));
        assert_eq!(on_windows("\\\\server\\share"), Ok("server/share".into()));
        assert_eq!(on_windows("\\\\?\\C:\\a"), Err(Refusal::Impossible));
    }

    #[test]
    fn redirects_stay_on_the_host() {
        for (path, query, location) in [
            ("/users", "", "/users/"),
            ("/users", "?a=b", "/users/?a=b"),
            ("//users", "", "/users/"),
            ("///evil.com//..", "", "/evil.com//../"),
            ("/snow ☃", "", "/snow%20%E2%98%83/"),
            ("/snow%20%E2%98%83", "", "/snow%20%E2%98%83/"),
            ("/\\evil.com/..", "", "/%5Cevil.com/../"),
            ("/a\"<b>`", "?'\"", "/a%22%3Cb%3E%60/?'%22"),
            ("/100%", "", "/100%25/"),
            ("/a\r\nX: y", "?\r\n", "/a%0D%0AX:%20y/?%0D%0A"),
            ("/", "", "/"),
            ("", "", "/"),
        ] {
            assert_eq!(with_slash(path, query), location, "{path}");
        }
    }

    /// `decodeURIComponent`, `path.posix.normalize('./' + path)` and the regular expressions of `send`, as in
    /// JavaScript.
    fn twin(path: &str) -> Result<String, Refusal> {
        let mut decoded = Vec::new();
        let bytes = path.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            if bytes[at] == b'%' {
                let hex = path.get(at + 1..at + 3).ok_or(Refusal::Malformed)?;
                if !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                    return Err(Refusal::Malformed);
                }
                decoded.push(u8::from_str_radix(hex, 16).unwrap());
                at += 3;
            } else {
                decoded.push(bytes[at]);
                at += 1;
            }
        }
        let decoded = String::from_utf8(decoded).map_err(|_| Refusal::Malformed)?;
        if decoded.contains('\0') {
            return Err(Refusal::Malformed);
        }
        let mut parts: Vec<&str> = Vec::new();
        for part in decoded.split('/').filter(|part| !part.is_empty() && *part != ".") {
            if part == ".." && parts.last().is_some_and(|last| *last != "..") {
                parts.pop();
            } else {
                parts.push(part);
            }
        }
        let normal = parts.join("/");
        if normal.split(['/', '\\']).any(|part| part == "..") {
            return Err(Refusal::Outside);
        }
        Ok(if !normal.is_empty() && decoded.ends_with('/') {
            normal + "/"
        } else {
            normal
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn relative_is_its_naive_twin(
            parts in prop::collection::vec(
                prop::sample::select(vec![
                    "/", "/", "..", ".", "a", "b", "%2e", "%2E", "%2f", "%5c", "\\", "%", "%00", "%c0%ae", "é", "%c3%a9", "%2", "...",
                ]),
                0..12,
            )
        ) {
            let path = parts.concat();
            let relative = relative(&path, 64);
            if let Ok(relative) = &relative {
                prop_assert!(!relative.path.starts_with('/') && !relative.path.contains("//"));
                prop_assert!(relative.path.split(['/', '\\']).all(|part| part != ".."));
            }
            if cfg!(not(windows)) {
                prop_assert_eq!(relative.map(|relative| relative.path), twin(&path));
            }
        }

        #[test]
        fn locations_are_lines_of_one_path(path in "\\PC*", query in "(\\?\\PC*)?") {
            let location = with_slash(&path, &query);
            prop_assert!(location.bytes().all(|byte| byte.is_ascii_graphic()));
            prop_assert!(!location.starts_with("//") && !location.contains('\\'));
        }
    }
}
