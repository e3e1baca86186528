//! What a browser saw at the end of a chain: the picture as an answer, and its place on the page of a job.

use http::Response;
use http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue};
use maud::{Markup, html};
use protocol::JobResult;

use crate::{card, link};

/// The result's picture as an answer. What it shows a stranger drew: it goes out as a picture of one kind and nothing else,
/// in a place where nothing runs. These headers stay; the defence of the pages adds the others.
#[must_use]
pub fn answer(result: &JobResult) -> Option<Response<Vec<u8>>> {
    let mut response = Response::new(protocol::result::picture(result.screenshot.as_deref()?)?);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("image/webp"));
    headers.insert(CONTENT_DISPOSITION, HeaderValue::from_static("inline; filename=\"screenshot.webp\""));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; sandbox"));
    Some(response)
}

/// The card with the picture that `path` answers with; nothing where there is none. The frame has its size before the
/// picture comes, so that nothing jumps.
#[must_use]
pub fn card(path: &str, result: &JobResult) -> Markup {
    html! {
        @if result.screenshot.is_some() {
            (card::card("Screenshot", &html! { a href=(path) { "At full size" } }, &html! {
                figure {
                    img.shot src=(path) alt={ "The page at the end of the chain" @if let Some(title) = &result.title { ": " (title) } } loading="lazy" decoding="async";
                    figcaption { "As the desktop's browser saw the last page" @if let Some(url) = &result.final_url { ", " (link::outside_cut(url)) } "." }
                }
            }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bare() -> JobResult {
        JobResult::not_executed("", protocol::UnixMillis(0))
    }

    #[test]
    fn what_is_no_picture_is_no_answer() {
        let result = JobResult { screenshot: Some("PHN2Zz4=".to_owned()), ..bare() };
        assert!(answer(&result).is_none());
        assert!(card("/x", &bare()).into_string().is_empty());
    }
}
