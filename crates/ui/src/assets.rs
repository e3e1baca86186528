//! Stylesheet, scripts and icons, embedded in the binary. Names carry a hash of the content, so a browser keeps them for
//! good and a new version is a new name. Compressed once, when the first reader asks.

use std::sync::{LazyLock, OnceLock};

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, VARY, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, Response, StatusCode};
use sha2::{Digest, Sha256};

/// Where assets are; a service routes `GET /assets/{name}` to [`respond`].
pub const ROOT: &str = "/assets/";

/// Name, media type, content.
const FILES: &[(&str, &str, &[u8])] = &[
    ("ui.css", "text/css; charset=utf-8", CSS.as_bytes()),
    ("ui.js", "text/javascript; charset=utf-8", include_bytes!("../assets/ui.js")),
    ("htmx.js", "text/javascript; charset=utf-8", include_bytes!("../assets/vendor/htmx-4.0.1.min.js")),
    ("hx-sse.js", "text/javascript; charset=utf-8", include_bytes!("../assets/vendor/hx-sse-4.0.1.min.js")),
    ("favicon.svg", "image/svg+xml", include_bytes!("../assets/favicon.svg")),
];

/// One stylesheet, in rooms.
const CSS: &str = concat!(
    include_str!("../assets/css/base.css"),
    include_str!("../assets/css/shell.css"),
    include_str!("../assets/css/components.css"),
    include_str!("../assets/css/tables.css"),
    include_str!("../assets/css/charts.css"),
    include_str!("../assets/css/timeline.css"),
);

/// Small enough that a packet more or less decides nothing; larger, and brotli earns its time.
const BROTLI_QUALITY: u32 = 9;
const BROTLI_WINDOW_BITS: u32 = 20;

/// One embedded file.
struct Asset {
    name: &'static str,
    hashed: String,
    media_type: &'static str,
    plain: &'static [u8],
    gzip: OnceLock<Bytes>,
    brotli: OnceLock<Bytes>,
}

static ASSETS: LazyLock<Vec<Asset>> =
    LazyLock::new(|| FILES.iter().map(|(name, media_type, plain)| Asset::new(name, media_type, plain)).collect());

impl Asset {
    fn new(name: &'static str, media_type: &'static str, plain: &'static [u8]) -> Self {
        let hash = data_encoding::HEXLOWER.encode(&Sha256::digest(plain)[..6]);
        let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
        let hashed = format!("{stem}.{hash}.{extension}");
        Self { name, hashed, media_type, plain, gzip: OnceLock::new(), brotli: OnceLock::new() }
    }

    fn gzip(&self) -> Bytes {
        let compress = || {
            let mut encoder = flate2::bufread::GzEncoder::new(self.plain, flate2::Compression::best());
            read_all(&mut encoder)
        };
        self.gzip.get_or_init(compress).clone()
    }

    fn brotli(&self) -> Bytes {
        let compress = || read_all(&mut brotli::CompressorReader::new(self.plain, 4_096, BROTLI_QUALITY, BROTLI_WINDOW_BITS));
        self.brotli.get_or_init(compress).clone()
    }
}

fn read_all(reader: &mut dyn std::io::Read) -> Bytes {
    let mut out = Vec::new();
    // Reading from memory into memory fails in no other way than by running out of it.
    let _ = reader.read_to_end(&mut out);
    out.into()
}

/// The path of an asset, with its hash. A name that is not embedded is a mistake of ours, which the tests of every page
/// find: the path is then one that answers 404.
#[must_use]
pub fn path(name: &str) -> String {
    let hashed = ASSETS.iter().find(|asset| asset.name == name).map_or(name, |asset| &asset.hashed);
    format!("{ROOT}{hashed}")
}

/// `GET /assets/{name}`, for a name with its hash. None: there is no such asset.
#[must_use]
pub fn respond(hashed_name: &str, request: &HeaderMap) -> Option<Response<Bytes>> {
    let asset = ASSETS.iter().find(|asset| asset.hashed == hashed_name)?;
    let (encoding, body) = match best_encoding(request) {
        Encoding::Brotli => (Some("br"), asset.brotli()),
        Encoding::Gzip => (Some("gzip"), asset.gzip()),
        Encoding::Plain => (None, Bytes::from_static(asset.plain)),
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(asset.media_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Some(encoding) = encoding {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    Some(response)
}

enum Encoding {
    Brotli,
    Gzip,
    Plain,
}

fn best_encoding(request: &HeaderMap) -> Encoding {
    let listed: Vec<&str> =
        request.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).collect();
    let accepts = |name: &str| {
        listed.iter().any(|item| {
            let mut parts = item.split(';').map(str::trim);
            let named = parts.next().is_some_and(|coding| coding.eq_ignore_ascii_case(name));
            let refused = parts.any(|part| part.strip_prefix("q=").and_then(|q| q.parse::<f32>().ok()) == Some(0.0));
            named && !refused
        })
    };
    if accepts("br") {
        Encoding::Brotli
    } else if accepts("gzip") {
        Encoding::Gzip
    } else {
        Encoding::Plain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(name: &str, accept: Option<&'static str>) -> Option<Response<Bytes>> {
        let mut headers = HeaderMap::new();
        headers.extend(accept.map(|accept| (ACCEPT_ENCODING, HeaderValue::from_static(accept))));
        respond(name, &headers)
    }

    #[test]
    fn an_asset_is_found_by_its_hashed_name_only() {
        let path = path("ui.css");
        let hashed = path.strip_prefix(ROOT).unwrap();
        assert!(ask(hashed, None).is_some());
        assert!(ask("ui.css", None).is_none());
        assert!(ask("../Cargo.toml", None).is_none());
    }

    #[test]
    fn encodings_are_those_that_the_browser_names() {
        let path = path("ui.css");
        let hashed = path.strip_prefix(ROOT).unwrap();
        let encoding =
            |accept| ask(hashed, Some(accept)).unwrap().headers().get(CONTENT_ENCODING).map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(encoding("gzip, deflate, br").as_deref(), Some("br"));
        assert_eq!(encoding("gzip;q=1.0, br;q=0").as_deref(), Some("gzip"));
        assert_eq!(encoding("identity"), None);
        let mut text = String::new();
        let packed = ask(hashed, Some("gzip")).unwrap().into_body();
        std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(packed.as_ref()), &mut text).unwrap();
        assert_eq!(text, CSS);
    }

    #[test]
    fn the_first_view_stays_small() {
        let total: usize = ASSETS.iter().map(|asset| asset.brotli().len()).sum();
        // Of the 100 KiB that a first view may have; the rest is the page's.
        assert!(total < 40 * 1_024, "{total} bytes of assets");
    }
}
