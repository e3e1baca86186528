//! What stands before every page: the relay's own name, forms from its own pages alone, and the headers of a page.
//!
//! There is one defence against forged forms, and no page can be without it: it is a layer of the whole router. Browsers say
//! of every form where it comes from (`Sec-Fetch-Site`, `Origin`), and only forms of ours are taken. A session's cookie is
//! `SameSite=Lax` besides.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::Response;

use super::fault::Fault;
use super::here::Here;
use super::packing;
use super::page::Look;
use crate::state::Shared;

/// Media type of every form. Others would reach us from other pages without being asked for (or with, by CORS, which nobody
/// is granted).
const FORM: &str = "application/x-www-form-urlencoded";
pub(super) const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Lets a request through to its page, or answers in its place.
pub(super) async fn guard(State(state): State<Shared>, mut request: Request, next: Next) -> Response {
    let look = Look::of(request.headers());
    let here = Here::find(&state, request.uri(), request.headers(), request.extensions());
    let coding = packing::coding(request.headers(), here.as_ref().is_none_or(|here| here.is_secure));
    let passed = here.ok_or(Fault::ForeignName).and_then(|here| {
        expect_own_form(request.method(), request.headers(), &here)?;
        Ok(here)
    });
    let mut response = match passed {
        Ok(here) => {
            request.extensions_mut().insert(here);
            next.run(request).await
        }
        Err(fault) => {
            tracing::debug!(?fault, "not let through to a page");
            fault.page(look)
        }
    };
    let headers = response.headers_mut();
    for (name, value) in ui::response::PAGE_HEADERS {
        // What a page has said itself stays: a download may be kept, say.
        headers.entry(HeaderName::from_static(name)).or_insert(HeaderValue::from_static(value));
    }
    packing::pack(coding, response).await
}

/// Whether a request that may change something comes from a page of ours.
fn expect_own_form(method: &Method, headers: &HeaderMap, here: &Here) -> Result<(), Fault> {
    if matches!(*method, Method::GET | Method::HEAD) {
        return Ok(());
    }
    let only = |name: &HeaderName| {
        let mut values = headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some(value), None) => Ok(Some(value.as_bytes())),
            (Some(_), Some(_)) => Err(Fault::ForeignForm),
        }
    };
    let (site, origin) = (only(&SEC_FETCH_SITE)?, only(&header::ORIGIN)?);
    let site_is_ours = site.is_none_or(|site| site == b"same-origin");
    let origin_is_ours = origin.is_none_or(|origin| origin == here.origin.as_bytes());
    // Whoever says neither is no browser of this decade, and has no cookie that somebody could abuse.
    let is_said = site.is_some() || origin.is_some();
    let media_type = only(&header::CONTENT_TYPE)?.and_then(|value| std::str::from_utf8(value).ok()).unwrap_or_default();
    let is_form = media_type.split(';').next().is_some_and(|essence| essence.trim().eq_ignore_ascii_case(FORM));
    if *method == Method::POST && site_is_ours && origin_is_ours && is_said && is_form { Ok(()) } else { Err(Fault::ForeignForm) }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn passes(method: Method, headers: &[(&str, &str)]) -> bool {
        let origin = "https://relay.example".to_owned();
        let here = Here { origin, is_secure: true, port: 443, address: Ipv4Addr::LOCALHOST.into() };
        let headers = headers.iter().map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap())).collect();
        expect_own_form(&method, &headers, &here).is_ok()
    }

    const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
    const OURS: (&str, &str) = ("origin", "https://relay.example");
    const SAME: (&str, &str) = ("sec-fetch-site", "same-origin");

    #[test]
    fn pages_are_read_by_whoever_asks() {
        assert!(passes(Method::GET, &[]));
        assert!(passes(Method::GET, &[("sec-fetch-site", "cross-site")]));
        assert!(passes(Method::HEAD, &[]));
    }

    #[test]
    fn forms_of_our_own_pages_are_taken() {
        assert!(passes(Method::POST, &[FORM, OURS, SAME]));
        assert!(passes(Method::POST, &[FORM, OURS]));
        assert!(passes(Method::POST, &[FORM, SAME]));
        assert!(passes(Method::POST, &[("content-type", "application/x-www-form-urlencoded; charset=UTF-8"), OURS, SAME]));
    }

    #[test]
    fn other_forms_are_not() {
        for headers in [
            &[FORM][..],
            &[OURS, SAME],
            &[("content-type", "application/json"), OURS, SAME],
            &[("content-type", "text/plain"), OURS, SAME],
            &[("content-type", "multipart/form-data; boundary=x"), OURS, SAME],
            &[FORM, ("origin", "https://evil.example"), SAME],
            &[FORM, ("origin", "http://relay.example"), SAME],
            &[FORM, ("origin", "https://relay.example:8443"), SAME],
            &[FORM, ("origin", "https://relay.example.evil.example"), SAME],
            &[FORM, ("origin", "null"), SAME],
            &[FORM, OURS, ("sec-fetch-site", "cross-site")],
            &[FORM, OURS, ("sec-fetch-site", "same-site")],
            &[FORM, OURS, ("sec-fetch-site", "none")],
        ] {
            assert!(!passes(Method::POST, headers), "{headers:?}");
        }
        let mut twice = HeaderMap::new();
        for (name, value) in [FORM, OURS, ("origin", "https://evil.example"), SAME] {
            twice.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        let here = Here { origin: OURS.1.to_owned(), is_secure: true, port: 443, address: Ipv4Addr::LOCALHOST.into() };
        assert!(expect_own_form(&Method::POST, &twice, &here).is_err(), "two origins");
    }

    #[test]
    fn there_are_no_other_methods() {
        for method in [Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS, Method::TRACE] {
            assert!(!passes(method.clone(), &[FORM, OURS, SAME]), "{method}");
        }
    }
}
