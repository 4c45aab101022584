//! Media types by file extension, as in npm's `mime-types` 3, which `send` uses: the registered type if there is one.
//!
//! `mime_guess` knows more extensions, but some of its types are outdated. Where the two differ, `CORRECTIONS` has
//! the type that `send` uses.

/// The type of unknown extensions.
const UNKNOWN: &str = "application/octet-stream";

/// The `Content-Type` of a file with this name.
pub fn content_type(name: &str) -> String {
    let Some(extension) = extension(name.rsplit('/').next().unwrap_or(name)) else {
        return UNKNOWN.into();
    };
    let extension = extension.to_ascii_lowercase();
    let corrected = CORRECTIONS
        .iter()
        .find(|(_, extensions)| extensions.split(' ').any(|one| one == extension));
    let essence = match corrected {
        Some((essence, _)) => essence,
        None => mime_guess::from_ext(&extension).first_raw().unwrap_or(UNKNOWN),
    };
    let charset = if is_utf8(essence) { "; charset=utf-8" } else { "" };
    format!("{essence}{charset}")
}

/// Types whose content is UTF-8 text by default.
fn is_utf8(essence: &str) -> bool {
    essence.starts_with("text/")
        || matches!(
            essence,
            "application/javascript"
                | "application/json"
                | "application/manifest+json"
                | "application/vnd.syncml+xml"
                | "application/vnd.syncml.dm+wbxml"
                | "application/vnd.syncml.dm+xml"
                | "application/vnd.syncml.dmddf+xml"
                | "application/vnd.wap.wbxml"
        )
}

/// The part after the last dot, as `path.extname` of Node finds it. `None` if there is no dot, or only one at the
/// start.
pub fn extension(name: &str) -> Option<&str> {
    let dot = name.rfind('.').filter(|&dot| dot > 0 && name != "..")?;
    Some(&name[dot + 1..])
}

/// Whether content of this type is worth compressing.
pub fn is_compressible(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default();
    let (kind, subtype) = essence.split_once('/').unwrap_or_default();
    let by_suffix = ["+json", "+xml", "+text", "+yaml"]
        .iter()
        .any(|suffix| subtype.ends_with(suffix));
    by_suffix
        || match kind {
            "text" => true,
            "application" => matches!(
                subtype,
                "ecmascript"
                    | "javascript"
                    | "json"
                    | "node"
                    | "postscript"
                    | "rtf"
                    | "sql"
                    | "toml"
                    | "vnd.dart"
                    | "vnd.ms-fontobject"
                    | "wasm"
                    | "x-ns-proxy-autoconfig"
                    | "x-sh"
                    | "xml"
                    | "xml-dtd"
                    | "yaml"
            ),
            "font" => matches!(subtype, "collection" | "otf" | "ttf"),
            "image" => matches!(
                subtype,
                "bmp" | "vnd.adobe.photoshop" | "vnd.microsoft.icon" | "vnd.ms-dds" | "x-icon"
            ),
            "model" => matches!(subtype, "gltf-binary" | "obj" | "stl"),
            _ => essence == "message/rfc822",
        }
}

/// Types with their extensions.
#[rustfmt::skip]
const CORRECTIONS: &[(&str, &str)] = &[
    ("application/appinstaller", "appinstaller"),
    ("application/appx", "appx"),
    ("application/appxbundle", "appxbundle"),
    ("application/atomdeleted+xml", "atomdeleted"),
    ("application/atsc-dwd+xml", "dwd"),
    ("application/atsc-held+xml", "held"),
    ("application/atsc-rsat+xml", "rsat"),
    ("application/automationml-aml+xml", "aml"),
    ("application/automationml-amlx+zip", "amlx"),
    ("application/calendar+xml", "xcs"),
    ("application/cdfx+xml", "cdfx"),
    ("application/cpl+xml", "cpl"),
    ("application/cwl", "cwl"),
    ("application/dash-patch+xml", "mpp"),
    ("application/dicom", "dcm"),
    ("application/ecmascript", "ecma"),
    ("application/emotionml+xml", "emotionml"),
    ("application/express", "exp"),
    ("application/fdf", "fdf"),
    ("application/fdt+xml", "fdt"),
    ("application/its+xml", "its"),
    ("application/java-vm", "class"),
    ("application/json", "map"),
    ("application/lgr+xml", "lgr"),
    ("application/media-policy-dataset+xml", "mpf"),
    ("application/mmt-aei+xml", "maei"),
    ("application/mmt-usd+xml", "musd"),
    ("application/mp4", "m4p"),
    ("application/msix", "msix"),
    ("application/msixbundle", "msixbundle"),
    ("application/node", "cjs"),
    ("application/p2p-overlay+xml", "relo"),
    ("application/pgp-keys", "asc"),
    ("application/pkix-cert", "cer"),
    ("application/pls+xml", "pls"),
    ("application/provenance+xml", "provx"),
    ("application/prs.xsf+xml", "xsf"),
    ("application/rdf+xml", "owl"),
    ("application/rls-services+xml", "rs"),
    ("application/route-apd+xml", "rapd"),
    ("application/route-s-tsid+xml", "sls"),
    ("application/route-usd+xml", "rusd"),
    ("application/senml+xml", "senmlx"),
    ("application/sensml+xml", "sensmlx"),
    ("application/sieve", "sieve siv"),
    ("application/smil+xml", "smi"),
    ("application/sql", "sql"),
    ("application/swid+xml", "swidtag"),
    ("application/toml", "toml"),
    ("application/ttml+xml", "ttml"),
    ("application/ubjson", "ubj"),
    ("application/urc-ressheet+xml", "rsheet"),
    ("application/urc-targetdesc+xml", "td"),
    ("application/vnd.1000minds.decision-model+xml", "1km"),
    ("application/vnd.age", "age"),
    ("application/vnd.apple.keynote", "key"),
    ("application/vnd.apple.mpegurl", "m3u8"),
    ("application/vnd.apple.numbers", "numbers"),
    ("application/vnd.apple.pages", "pages"),
    ("application/vnd.autodesk.fbx", "fbx"),
    ("application/vnd.balsamiq.bmml+xml", "bmml"),
    ("application/vnd.ctc-posml", "pml"),
    ("application/vnd.dbf", "dbf"),
    ("application/vnd.dcmp+xml", "dcmp"),
    ("application/vnd.dvb.service", "svc"),
    ("application/vnd.geogebra.slides", "ggs"),
    ("application/vnd.google-apps.drawing", "gdraw"),
    ("application/vnd.google-apps.form", "gform"),
    ("application/vnd.google-apps.jam", "gjam"),
    ("application/vnd.google-apps.map", "gmap"),
    ("application/vnd.google-apps.script", "gscript"),
    ("application/vnd.google-apps.site", "gsite"),
    ("application/vnd.gov.sk.xmldatacontainer+xml", "xdcf"),
    ("application/vnd.koan", "skp"),
    ("application/vnd.mapbox-vector-tile", "mvt"),
    ("application/vnd.ms-cab-compressed", "cab"),
    ("application/vnd.ms-excel.addin.macroenabled.12", "xlam"),
    ("application/vnd.ms-excel.sheet.binary.macroenabled.12", "xlsb"),
    ("application/vnd.ms-excel.sheet.macroenabled.12", "xlsm"),
    ("application/vnd.ms-excel.template.macroenabled.12", "xltm"),
    ("application/vnd.ms-powerpoint.addin.macroenabled.12", "ppam"),
    ("application/vnd.ms-powerpoint.presentation.macroenabled.12", "pptm"),
    ("application/vnd.ms-powerpoint.slide.macroenabled.12", "sldm"),
    ("application/vnd.ms-powerpoint.slideshow.macroenabled.12", "ppsm"),
    ("application/vnd.ms-powerpoint.template.macroenabled.12", "potm"),
    ("application/vnd.ms-word.document.macroenabled.12", "docm"),
    ("application/vnd.ms-word.template.macroenabled.12", "dotm"),
    ("application/vnd.nato.bindingdataobject+xml", "bdo"),
    ("application/vnd.openblox.game+xml", "obgx"),
    ("application/vnd.openstreetmap.data+xml", "osm"),
    ("application/vnd.procrate.brushset", "brushset"),
    ("application/vnd.procreate.brush", "brush"),
    ("application/vnd.procreate.dream", "drm"),
    ("application/vnd.pwg-xhtml-print+xml", "xhtm"),
    ("application/vnd.quark.quarkxpress", "qxd"),
    ("application/vnd.rar", "rar"),
    ("application/vnd.rim.cod", "cod"),
    ("application/vnd.smaf", "mmf"),
    ("application/vnd.software602.filler.form+xml", "fo"),
    ("application/vnd.syncml.dmddf+xml", "ddf"),
    ("application/vnd.uoml+xml", "uo"),
    ("application/vnd.visio", "vsdx"),
    ("application/watcherinfo+xml", "wif"),
    ("application/wsdl+xml", "wsdl"),
    ("application/x-apple-diskimage", "dmg"),
    ("application/x-authorware-bin", "u32"),
    ("application/x-blender", "blend"),
    ("application/x-conference", "nsc"),
    ("application/x-debian-package", "deb"),
    ("application/x-envoy", "evy"),
    ("application/x-font-type1", "afm pfb pfm"),
    ("application/x-futuresplash", "spl"),
    ("application/x-ipynb+json", "ipynb"),
    ("application/x-iso9660-image", "iso"),
    ("application/x-keepass2", "kdbx"),
    ("application/x-lzh-compressed", "lzh"),
    ("application/x-msdos-program", "exe"),
    ("application/x-msdownload", "msi"),
    ("application/x-msmetafile", "emz"),
    ("application/x-netcdf", "cdf"),
    ("application/x-redhat-package-manager", "rpm"),
    ("application/x-sea", "sea"),
    ("application/xcap-att+xml", "xav"),
    ("application/xcap-caps+xml", "xca"),
    ("application/xcap-el+xml", "xel"),
    ("application/xcap-ns+xml", "xns"),
    ("application/xfdf", "xfdf"),
    ("application/xliff+xml", "xlf"),
    ("application/xml", "xml xsd xsl"),
    ("application/xml-dtd", "dtd"),
    ("application/xslt+xml", "xslt"),
    ("application/zip+dotlottie", "lottie"),
    ("audio/adpcm", "adp"),
    ("audio/amr", "amr"),
    ("audio/midi", "mid midi rmi"),
    ("audio/mobile-xmf", "mxmf"),
    ("audio/mp4", "m4a m4b"),
    ("audio/x-aiff", "aif aifc aiff"),
    ("audio/x-flac", "flac"),
    ("audio/x-pn-realaudio-plugin", "rmp"),
    ("font/otf", "otf"),
    ("font/woff", "woff"),
    ("image/aces", "exr"),
    ("image/avci", "avci"),
    ("image/avcs", "avcs"),
    ("image/dicom-rle", "drle"),
    ("image/dpx", "dpx"),
    ("image/emf", "emf"),
    ("image/fits", "fits"),
    ("image/hej2k", "hej2"),
    ("image/jaii", "jaii"),
    ("image/jais", "jais"),
    ("image/jls", "jls"),
    ("image/jph", "jph"),
    ("image/jphc", "jhc"),
    ("image/jpm", "jpgm"),
    ("image/jxr", "jxr"),
    ("image/jxra", "jxra"),
    ("image/jxrs", "jxrs"),
    ("image/jxs", "jxs"),
    ("image/jxsc", "jxsc"),
    ("image/jxsi", "jxsi"),
    ("image/jxss", "jxss"),
    ("image/ktx2", "ktx2"),
    ("image/pjpeg", "jfif"),
    ("image/prs.btif", "btf"),
    ("image/prs.pti", "pti"),
    ("image/t38", "t38"),
    ("image/tiff-fx", "tfx"),
    ("image/vnd.adobe.photoshop", "psd"),
    ("image/vnd.airzip.accelerator.azv", "azv"),
    ("image/vnd.dwg", "dwg"),
    ("image/vnd.dxf", "dxf"),
    ("image/vnd.microsoft.icon", "ico"),
    ("image/vnd.ms-dds", "dds"),
    ("image/vnd.pco.b16", "b16"),
    ("image/vnd.tencent.tap", "tap"),
    ("image/vnd.valve.source.texture", "vtf"),
    ("image/vnd.zbrush.pcx", "pcx"),
    ("image/wmf", "wmf"),
    ("image/x-pict", "pct pic"),
    ("message/vnd.wfa.wsc", "wsc"),
    ("model/3mf", "3mf"),
    ("model/jt", "jt"),
    ("model/mtl", "mtl"),
    ("model/obj", "obj"),
    ("model/prc", "prc"),
    ("model/step", "210 p21 step stp stpnc"),
    ("model/step+xml", "stpx"),
    ("model/step+zip", "stpz"),
    ("model/step-xml+zip", "stpxz"),
    ("model/stl", "stl"),
    ("model/u3d", "u3d"),
    ("model/vnd.bary", "bary"),
    ("model/vnd.cld", "cld"),
    ("model/vnd.dwf", "dwf"),
    ("model/vnd.opengex", "ogex"),
    ("model/vnd.parasolid.transmit.binary", "x_b"),
    ("model/vnd.parasolid.transmit.text", "x_t"),
    ("model/vnd.pytha.pyox", "pyo pyox"),
    ("model/vnd.sap.vds", "vds"),
    ("model/vnd.usda", "usda"),
    ("model/vnd.usdz+zip", "usdz"),
    ("model/vnd.valve.source.compiled-map", "bsp"),
    ("model/vrml", "wrl"),
    ("model/x3d+fastinfoset", "x3db"),
    ("model/x3d-vrml", "x3dv"),
    ("text/cache-manifest", "manifest"),
    ("text/javascript", "mjs"),
    ("text/jsx", "jsx"),
    ("text/mdx", "mdx"),
    ("text/spdx", "spdx"),
    ("text/troff", "man me ms roff t tr"),
    ("text/vnd.familysearch.gedcom", "ged"),
    ("text/wgsl", "wgsl"),
    ("text/x-asm", "asm s"),
    ("text/x-c", "c cc cpp cxx h hh"),
    ("text/x-java-source", "java"),
    ("text/x-vcalendar", "vcs"),
    ("text/yaml", "yaml yml"),
    ("video/iso.segment", "m4s"),
    ("video/mp2t", "m2t m2ts mts ts"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_types_are_those_of_send() {
        let expected = [
            ("a.html", "text/html; charset=utf-8"),
            ("a.HTML", "text/html; charset=utf-8"),
            ("a.htm", "text/html; charset=utf-8"),
            ("a.css", "text/css; charset=utf-8"),
            ("a.js", "text/javascript; charset=utf-8"),
            ("a.mjs", "text/javascript; charset=utf-8"),
            ("a.cjs", "application/node"),
            ("a.json", "application/json; charset=utf-8"),
            ("a.map", "application/json; charset=utf-8"),
            ("a.webmanifest", "application/manifest+json; charset=utf-8"),
            ("a.txt", "text/plain; charset=utf-8"),
            ("a.md", "text/markdown; charset=utf-8"),
            ("a.csv", "text/csv; charset=utf-8"),
            ("a.xml", "application/xml"),
            ("a.svg", "image/svg+xml"),
            ("a.png", "image/png"),
            ("a.jpg", "image/jpeg"),
            ("a.gif", "image/gif"),
            ("a.webp", "image/webp"),
            ("a.avif", "image/avif"),
            ("a.ico", "image/vnd.microsoft.icon"),
            ("a.woff", "font/woff"),
            ("a.woff2", "font/woff2"),
            ("a.ttf", "font/ttf"),
            ("a.otf", "font/otf"),
            ("a.wasm", "application/wasm"),
            ("a.pdf", "application/pdf"),
            ("a.zip", "application/zip"),
            ("a.gz", "application/gzip"),
            ("a.mp4", "video/mp4"),
            ("a.webm", "video/webm"),
            ("a.mp3", "audio/mpeg"),
            ("a.m4a", "audio/mp4"),
            ("a.wav", "audio/wav"),
            ("a.ts", "video/mp2t"),
            ("a.yaml", "text/yaml; charset=utf-8"),
            ("a.tar.gz", "application/gzip"),
            ("a.b/c", "application/octet-stream"),
            ("a.bin", "application/octet-stream"),
            ("a.nobody-has-this", "application/octet-stream"),
            ("a", "application/octet-stream"),
            ("a.", "application/octet-stream"),
            (".html", "application/octet-stream"),
            ("", "application/octet-stream"),
        ];
        for (name, content_type) in expected {
            assert_eq!(self::content_type(name), content_type, "{name}");
        }
    }

    #[test]
    fn text_is_compressed_and_pictures_are_not() {
        for name in [
            "a.html",
            "a.js",
            "a.json",
            "a.svg",
            "a.wasm",
            "a.ttf",
            "a.webmanifest",
            "a.xml",
            "a.gltf",
        ] {
            assert!(is_compressible(&content_type(name)), "{name}");
        }
        for name in ["a.png", "a.jpg", "a.woff2", "a.mp4", "a.zip", "a.br", "a.pdf", "a"] {
            assert!(!is_compressible(&content_type(name)), "{name}");
        }
    }
}
