//! A page as an answer, with the headers that every page goes out with.

use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, LOCATION};
use http::{Response, StatusCode};
use maud::Markup;

/// Everything from this origin, nothing inline, no frames in either direction. Forms go to this origin alone; note that
/// browsers hold redirects after a form to that as well, so a way to another site begins with a link.
pub const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; \
                                  form-action 'self'; base-uri 'none'; frame-ancestors 'none'; frame-src 'none'; object-src 'none'";

/// Headers of every page. The referrer policy is not `no-referrer`, with which browsers send `Origin: null` along forms of
/// our own, and the defence against foreign forms could not tell them apart.
pub const PAGE_HEADERS: &[(&str, &str)] = &[
    ("content-security-policy", CONTENT_POLICY),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), microphone=(), geolocation=(), payment=(), usb=()"),
    ("cache-control", "no-store"),
];

/// A page or a part of one.
#[must_use]
pub fn page(status: StatusCode, markup: Markup) -> Response<String> {
    let mut response = Response::new(markup.into_string());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    for (name, value) in PAGE_HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
}

/// See the other page: what a form's answer is after it has done something, so that loading again does not do it again.
#[must_use]
pub fn see_other(path: &str) -> Response<String> {
    let mut response = page(StatusCode::SEE_OTHER, maud::html! {});
    // A path that is no header value cannot come from our own links; the start is always there.
    let location = HeaderValue::from_str(crate::theme::way_back(path)).unwrap_or(HeaderValue::from_static("/"));
    response.headers_mut().insert(LOCATION, location);
    response
}
