//! Stylesheet, scripts and icons, embedded in the binary. Names carry a hash of the content, so a browser keeps them for
//! good and a new version is a new name. Compressed once, when the first reader asks.

use std::sync::{LazyLock, OnceLock};

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH, VARY, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, Response, StatusCode};
use sha2::{Digest, Sha256};

use crate::encoding::{Effort, Encoding};

/// Where assets are; a service routes `GET /assets/{name}` to [`respond`].
pub const ROOT: &str = "/assets/";

/// Name, media type, content.
const FILES: &[(&str, &str, &[u8])] = &[
    ("ui.css", "text/css; charset=utf-8", CSS.as_bytes()),
    ("ui.js", "text/javascript; charset=utf-8", include_bytes!("../assets/ui.js")),
    ("live.js", "text/javascript; charset=utf-8", LIVE.as_bytes()),
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

/// htmx with its extension for server-sent events, as one script: htmx starts by itself as soon as it has run, and an
/// extension that arrives later has missed the page.
const LIVE: &str = concat!(include_str!("../assets/vendor/htmx-4.0.1.min.js"), "\n", include_str!("../assets/vendor/hx-sse-4.0.1.min.js"));

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

    fn packed(&self, encoding: Encoding) -> Bytes {
        let pack = || encoding.pack(self.plain, Effort::Once);
        match encoding {
            Encoding::Brotli => self.brotli.get_or_init(pack).clone(),
            Encoding::Gzip => self.gzip.get_or_init(pack).clone(),
            Encoding::Plain => Bytes::from_static(self.plain),
        }
    }

    /// Names these very bytes: the content's hash is in the asset's name, the coding is not.
    fn etag(&self, encoding: Encoding) -> String {
        format!("\"{}-{}\"", self.hashed, encoding.name().unwrap_or("plain"))
    }
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
    let encoding = Encoding::best_for(request);
    let etag = asset.etag(encoding);
    let is_known = request.get_all(IF_NONE_MATCH).iter().any(|known| known.to_str().is_ok_and(|known| known.contains(&etag)));
    let mut response = Response::new(if is_known { Bytes::new() } else { asset.packed(encoding) });
    *response.status_mut() = if is_known { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    headers.extend(HeaderValue::try_from(etag).ok().map(|etag| (ETAG, etag)));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if is_known {
        return Some(response);
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(asset.media_type));
    headers.extend(encoding.name().map(|name| (CONTENT_ENCODING, HeaderValue::from_static(name))));
    Some(response)
}

#[cfg(test)]
mod tests {
    use http::header::ACCEPT_ENCODING;

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
    fn whoever_has_these_bytes_is_not_sent_them_again() {
        let path = path("ui.js");
        let hashed = path.strip_prefix(ROOT).unwrap();
        let first = ask(hashed, Some("br")).unwrap();
        let etag = first.headers().get(ETAG).unwrap().clone();
        let mut again = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static("br")), (IF_NONE_MATCH, etag)]);
        let known = respond(hashed, &again).unwrap();
        assert_eq!((known.status(), known.body().len()), (StatusCode::NOT_MODIFIED, 0));
        again.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        assert_eq!(respond(hashed, &again).unwrap().status(), StatusCode::OK, "in another coding they are other bytes");
    }

    #[test]
    fn the_first_view_stays_small() {
        let total: usize = ASSETS.iter().map(|asset| asset.packed(Encoding::Brotli).len()).sum();
        // Of the 100 KiB that a first view may have; the rest is the page's.
        assert!(total < 40 * 1_024, "{total} bytes of assets");
    }
}
