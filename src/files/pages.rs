//! Answers that are not a file's own content: redirects, listings and error pages.

use super::file::File;
use super::look::Target;
use super::{Answer, Body, Segment, escape, target};
use bytes::Bytes;
use std::sync::Arc;

/// The body that sends a whole file.
pub fn whole_body(file: &File) -> Body {
    match file.part(0..file.size) {
        _ if file.size == 0 => Body::None,
        Segment::Bytes(bytes) => Body::Bytes(bytes),
        segment => Body::Segments(vec![segment]),
    }
}

/// The answer with the site's page for a path that is not found.
pub fn not_found(file: Arc<File>) -> Answer {
    let lines = format!(
        "Content-Type: {}\r\nContent-Length: {}\r\n",
        file.content_type, file.size
    );
    Answer {
        status: 404,
        lines: lines.into(),
        length: file.size,
        body: whole_body(&file),
        file: Some(file),
    }
}

/// The answer to a method that is not allowed.
pub fn not_allowed() -> Answer {
    Answer {
        status: 405,
        lines: Bytes::from_static(b"Allow: GET, HEAD\r\nContent-Length: 0\r\n"),
        length: 0,
        body: Body::None,
        file: None,
    }
}

/// The redirect to a directory's name with its trailing slash, with the text of `serve-static`.
pub fn redirect(target: &Target<'_>) -> Answer {
    let location = target::with_slash(target.original, target.query);
    let mut page = String::from(concat!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Redirecting</title>\n</head>\n<body>\n",
        "<pre>Redirecting to "
    ));
    escape::html(&mut page, &location);
    page.push_str("</pre>\n</body>\n</html>\n");
    page_answer(301, page, "default-src 'none'", &format!("Location: {location}\r\n"))
}

/// The answer with a directory listing.
pub fn listed(page: String) -> Answer {
    page_answer(200, page, super::listing::POLICY, "")
}

/// An answer with a generated page.
fn page_answer(status: u16, page: String, policy: &str, more: &str) -> Answer {
    let length = page.len() as u64;
    let lines = format!(
        "Content-Type: text/html; charset=UTF-8\r\nContent-Length: {length}\r\nContent-Security-Policy: {policy}\r\n\
         X-Content-Type-Options: nosniff\r\n{more}"
    );
    Answer {
        status,
        lines: lines.into(),
        length,
        body: Body::Bytes(page.into()),
        file: None,
    }
}
