//! From a request's target to a path below the root, as `serve-static` and `send` read it.
//!
//! What comes out has no `..`, no empty component and no NUL, whatever way it was written; the file system is then asked for nothing
//! above the root besides ([`super::beneath`]).

/// Why a target names no path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// It cannot be decoded, or holds a NUL: 400.
    Malformed,
    /// It leads above the root: 403.
    Outside,
    /// It cannot exist, or is longer than a path can be: 404.
    Impossible,
}

/// A path below the root.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Relative {
    /// Components with `/` between, and behind the last where the decoded path ends so. Empty for the root itself.
    pub path: String,
    /// Whether a component begins with a dot.
    pub hidden: bool,
}

/// A target's path and its query, which keeps its question mark. Of an absolute target what comes behind the authority.
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

/// Reads the target of a request line, one character a byte as Node does.
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

/// A path as somebody can read it, whatever it holds.
pub fn decoded(path: &str) -> String {
    decode(path).unwrap_or_else(|| path.to_owned())
}

/// The path below the root that a target's path names.
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
        // A backslash is an ordinary character of a name here, but a way up elsewhere, and in whatever passes the name on.
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

/// Whether Windows would open a file of this name and nothing else: no device, no stream of a file, no drive, no other file whose
/// name lacks the dots and spaces at the end.
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

/// Where a directory that was asked for without its slash is: `path` and `query` are those of the original URL. Escaped as npm's
/// `encodeurl` does, and a backslash too, which browsers would take for a slash.
pub fn with_slash(path: &str, query: &str) -> String {
    let slashes = path.len() - path.trim_start_matches('/').len();
    let path = &path[slashes.saturating_sub(1)..];
    let mut location = String::with_capacity(path.len() + query.len() + 8);
    encode(&mut location, path);
    // "/" alone has its slash; a mount point's empty path gets its only one.
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
