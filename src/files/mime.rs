//! Media types by a file's extension, as npm's `mime-types` has them, which `send` asks.

/// `Content-Type` of a file.
pub fn content_type(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    let Some(extension) = extension(name) else {
        return "application/octet-stream".into();
    };
    let extension = extension.to_ascii_lowercase();
    let essence = mime_guess::from_ext(&extension)
        .first_raw()
        .unwrap_or("application/octet-stream");
    if essence.starts_with("text/") || essence == "application/json" || essence == "application/javascript" {
        return format!("{essence}; charset=utf-8");
    }
    essence.to_owned()
}

/// What stands behind a name's last dot, as Node's `path.extname` finds it; `None` without a dot, or with the first only.
pub fn extension(name: &str) -> Option<&str> {
    let dot = name.rfind('.').filter(|&dot| dot > 0 && name != "..")?;
    Some(&name[dot + 1..])
}

/// Whether content of a type gets smaller by compressing it.
pub fn is_compressible(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.starts_with("text/")
        || essence.ends_with("+json")
        || essence.ends_with("+xml")
        || matches!(
            essence,
            "application/json"
                | "application/javascript"
                | "application/xml"
                | "application/wasm"
                | "application/vnd.ms-fontobject"
                | "font/ttf"
                | "font/otf"
                | "font/collection"
                | "image/bmp"
                | "image/x-icon"
                | "image/vnd.microsoft.icon"
                | "application/x-javascript"
                | "application/rtf"
                | "application/toml"
                | "application/yaml"
        )
}
