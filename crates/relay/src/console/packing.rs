//! Pages are sent packed, where that tells nobody anything.
//!
//! Packed text of which a stranger chooses a part betrays the rest by its length (BREACH, CVE-2013-3587). Pages hold no
//! token that makes forms valid, but they hold what is an account's own, and they repeat what their address asks for. A
//! stranger needs the reader's browser for that, which says with each request who made it (`Sec-Fetch-Site`): a page that
//! another site had asked for goes out as it is. Browsers leave the word out where nothing is encrypted, and there whoever
//! listens reads everything anyway; over TLS, a browser that leaves it out is too old to be trusted with it.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::Response;
use ui::encoding::{Effort, Encoding};

use super::defence::SEC_FETCH_SITE;

/// Smaller ones fit into the packet that their headers travel in.
const LEAST_BYTES: usize = 1_024;
/// No page has more; what is larger is a file, and streams.
const MOST_BYTES: usize = 4 * 1_024 * 1_024;

/// The coding in which a page may be sent to whoever sent these headers.
pub(super) fn coding(request: &HeaderMap, is_secure: bool) -> Encoding {
    let may = match request.get(SEC_FETCH_SITE).map(HeaderValue::as_bytes) {
        Some(site) => matches!(site, b"same-origin" | b"none"),
        None => !is_secure,
    };
    if may { Encoding::best_for(request) } else { Encoding::Plain }
}

/// The answer, packed if it is a page.
pub(super) async fn pack(coding: Encoding, response: Response) -> Response {
    let is_page = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    let length = http_body::Body::size_hint(response.body()).exact().and_then(|length| usize::try_from(length).ok());
    let fits = length.is_some_and(|length| (LEAST_BYTES..MOST_BYTES).contains(&length));
    let Some(name) = coding.name().filter(|_| is_page && fits && !response.headers().contains_key(header::CONTENT_ENCODING)) else {
        return response;
    };
    let (mut parts, body) = response.into_parts();
    // A body whose length is known is whole in memory: reading it does not fail.
    let Ok(plain) = axum::body::to_bytes(body, MOST_BYTES).await else { return Response::from_parts(parts, Body::empty()) };
    parts.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(name));
    parts.headers.insert(header::VARY, HeaderValue::from_static("accept-encoding, sec-fetch-site"));
    parts.headers.remove::<HeaderName>(header::CONTENT_LENGTH);
    Response::from_parts(parts, coding.pack(&plain, Effort::Each).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(site: Option<&'static str>, is_secure: bool) -> Encoding {
        let mut headers = HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip, br"))]);
        headers.extend(site.map(|site| (SEC_FETCH_SITE, HeaderValue::from_static(site))));
        coding(&headers, is_secure)
    }

    #[test]
    fn what_another_site_asks_for_is_not_packed() {
        for is_secure in [true, false] {
            assert_eq!(asked(Some("same-origin"), is_secure), Encoding::Brotli);
            assert_eq!(asked(Some("none"), is_secure), Encoding::Brotli);
            assert_eq!(asked(Some("same-site"), is_secure), Encoding::Plain);
            assert_eq!(asked(Some("cross-site"), is_secure), Encoding::Plain);
        }
        assert_eq!((asked(None, true), asked(None, false)), (Encoding::Plain, Encoding::Brotli));
    }

    #[tokio::test]
    async fn pages_are_packed_and_files_are_not() {
        let answer = async |kind: &'static str, body: String| {
            let mut response = Response::new(Body::from(body));
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
            let packed = pack(Encoding::Gzip, response).await;
            packed.headers().get(header::CONTENT_ENCODING).cloned()
        };
        assert_eq!(answer("text/html; charset=utf-8", "x".repeat(LEAST_BYTES)).await, Some(HeaderValue::from_static("gzip")));
        assert_eq!(answer("text/html; charset=utf-8", "x".repeat(LEAST_BYTES - 1)).await, None);
        assert_eq!(answer("image/webp", "x".repeat(LEAST_BYTES)).await, None);
    }
}
