//! The page that lists a directory. It is complete in one response, has no script, and supports small screens and
//! dark mode.

use super::beneath::Entry;
use super::escape;
use std::fmt::Write;

/// The page's `Content-Security-Policy`: only its own style is allowed.
pub const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

const STYLE: &str = "\
:root{color-scheme:light dark;--line:#8883;--muted:#777}\
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1rem}\
h1{font-size:1.15rem;font-weight:600;overflow-wrap:anywhere;margin:.5rem 0 1rem}\
a{color:light-dark(#0550ae,#79b8ff);text-decoration:none}a:hover,a:focus{text-decoration:underline}\
table{border-collapse:collapse;width:100%}td,th{padding:.45rem .5rem;text-align:left;border-bottom:1px solid var(--line)}\
th{font-weight:500;color:var(--muted);font-size:.85rem}td:first-child{overflow-wrap:anywhere;white-space:pre-wrap}\
td+td,th+th{text-align:right;white-space:nowrap;color:var(--muted);font-variant-numeric:tabular-nums;font-size:.9rem}\
p{color:var(--muted)}@media(max-width:34rem){td:nth-child(3),th:nth-child(3){display:none}}";

/// Builds the page for a directory. `path` is that of the original URL, undecoded.
pub fn page(path: &str, mut entries: Vec<Entry>, more: bool) -> String {
    entries.sort_by_cached_key(|entry| (!entry.directory, entry.name.to_lowercase(), entry.name.clone()));
    let mut page = String::with_capacity(2048 + entries.len() * 200);
    page.push_str("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    page.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>");
    let parts = breadcrumbs(path);
    escape::html(
        &mut page,
        &parts
            .iter()
            .map(|part| format!("{}/", visible(part)))
            .collect::<String>(),
    );
    let _ = write!(page, "</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>");
    for (index, part) in parts.iter().enumerate() {
        let up = parts.len() - 1 - index;
        let name = if index == 0 { "~".into() } else { visible(part) };
        if up == 0 {
            page.push_str("<span aria-current=\"page\">");
            escape::html(&mut page, &name);
            page.push_str("</span> /");
        } else {
            let _ = write!(page, "<a href=\"{}\">", "../".repeat(up));
            escape::html(&mut page, &name);
            page.push_str("</a> / ");
        }
    }
    page.push_str(
        "</h1>\n<table>\n<thead><tr><th>Name</th><th>Size</th><th>Modified (UTC)</th></tr></thead>\n<tbody>\n",
    );
    if parts.len() > 1 {
        page.push_str("<tr><td><a href=\"../\">../</a></td><td></td><td></td></tr>\n");
    }
    for entry in &entries {
        row(&mut page, entry);
    }
    page.push_str("</tbody>\n</table>\n");
    if more {
        let _ = writeln!(page, "<p>Only {} entries are shown.</p>", entries.len());
    } else if entries.is_empty() {
        page.push_str("<p>There is nothing here.</p>\n");
    }
    page.push_str("</body>\n</html>\n");
    page
}

fn row(page: &mut String, entry: &Entry) {
    let slash = if entry.directory { "/" } else { "" };
    // The "./" keeps a name with a colon from being parsed as a URL scheme.
    page.push_str("<tr><td><a href=\"./");
    escape::component(page, &entry.name);
    let _ = write!(page, "{slash}\">");
    escape::html(page, &visible(&entry.name));
    let _ = write!(page, "{slash}</a></td><td>");
    if !entry.directory {
        page.push_str(&size(entry.size));
    }
    page.push_str("</td><td>");
    if let Some(modified) = entry.modified {
        page.push_str(&date(modified));
    }
    page.push_str("</td></tr>\n");
}

/// The name as displayed. Line breaks and characters that change the text direction, with which `gpj.exe` could look
/// like `exe.jpg`, are replaced by a visible sign.
fn visible(name: &str) -> String {
    let hides = |c: char| {
        c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    name.replace(hides, "\u{fffd}")
}

/// The decoded names on the way to a directory. The first one, for the root, is empty.
fn breadcrumbs(path: &str) -> Vec<String> {
    let decoded = super::target::decoded(path);
    let mut parts = vec![String::new()];
    for part in decoded.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop_if(|_| true)),
            _ => parts.push(part.to_owned()),
        }
    }
    if parts.is_empty() { vec![String::new()] } else { parts }
}

/// Formats a size: `512 B`, `1.4 kB`, `23 MB`.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let (mut value, mut unit) = (bytes as f64 / 1e3, 0);
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1e3;
        unit += 1;
    }
    let decimals = usize::from(value < 9.95);
    format!("{value:.decimals$} {}", UNITS[unit])
}

/// Formats a date: `2024-05-01 12:30` in UTC.
fn date(time: std::time::SystemTime) -> String {
    let since = time
        .duration_since(std::time::SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let text = super::conditional::format_date(i64::try_from(since.as_secs()).unwrap_or(i64::MAX));
    // "Wed, 01 May 2024 12:30:00 GMT"
    let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let month = months.iter().position(|month| *month == &text[8..11]).unwrap_or(0) + 1;
    format!("{}-{month:02}-{} {}", &text[12..16], &text[5..7], &text[17..22])
}
