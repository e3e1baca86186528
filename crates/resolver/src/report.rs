//! From a chain and its verdict to the result on the wire: within its bounds, without control characters.

use protocol::clock::UnixMillis;
use protocol::result::{MAX_HOPS, MAX_RESULT_BYTES, MAX_TEXT_BYTES, MAX_URL_BYTES};
use protocol::tracking_url::InvalidTrackingUrl;
use protocol::{Conclusion, Hop, JobResult};

use crate::chain::{Chain, End};
use crate::conclude::Verdict;
use crate::parameters;

/// Bytes that the URLs of a result may have together: the rest of [`MAX_RESULT_BYTES`] is for everything else.
const MAX_URLS_BYTES: usize = MAX_RESULT_BYTES / 2;

/// The result of a text that is no tracking URL.
pub(crate) fn input_invalid(fault: &InvalidTrackingUrl, now: UnixMillis) -> JobResult {
    let mut result = JobResult::not_executed(clean(&fault.to_string(), MAX_TEXT_BYTES), now);
    result.conclusion = Conclusion::InputInvalid;
    result
}

/// The result of a chain.
pub(crate) fn result(chain: Chain, verdict: Verdict, now: UnixMillis) -> JobResult {
    let mut result = JobResult::not_executed(clean(&verdict.detail, MAX_TEXT_BYTES), now);
    result.conclusion = verdict.conclusion;
    result.failing_hop = verdict.failing_hop;
    result.final_url = chain.final_url().filter(|url| url.len() <= MAX_URL_BYTES).map(str::to_owned);
    result.http_status = chain.hops.last().and_then(|hop| hop.status);
    if let End::Page(page) = &chain.end {
        result.title = page.title.as_deref().map(|title| clean(title, MAX_TEXT_BYTES)).filter(|title| !title.is_empty());
    }
    result.engine = Some(chain.engine);
    result.duration_ms = u64::try_from(chain.duration.as_millis()).unwrap_or(u64::MAX);
    result.observed = chain.observed;
    result.handover = chain.handover.map(|handover| clean(&handover.detail, MAX_TEXT_BYTES));
    result.delayed_refresh = chain.delayed_refresh.map(|mut refresh| {
        refresh.target = clean(&refresh.target, MAX_URL_BYTES);
        refresh
    });
    result.parameters = parameters::trace(&chain.hops);
    result.hops = bounded(chain.hops);
    result
}

/// Cuts evidence, never the verdict: long targets lose their end, and URLs beyond the bound are told as such.
fn bounded(mut hops: Vec<Hop>) -> Vec<Hop> {
    hops.truncate(MAX_HOPS);
    let mut left = MAX_URLS_BYTES;
    for hop in &mut hops {
        if hop.url.len() > left.min(MAX_URL_BYTES) {
            // Still an http(s) URL, which is what the wire asks for.
            hop.url = match url::Url::parse(&hop.url) {
                Ok(url) => format!("{}/…", url.origin().ascii_serialization()),
                Err(_) => "http://unreadable.invalid/".to_owned(),
            };
        }
        left = left.saturating_sub(hop.url.len());
        hop.location = hop.location.take().map(|location| clean(&location, left.min(MAX_URL_BYTES)));
        left = left.saturating_sub(hop.location.as_ref().map_or(0, String::len));
        hop.set_cookies.truncate(MAX_COOKIE_NAMES);
        hop.set_cookies.iter_mut().for_each(|name| *name = clean(name, MAX_COOKIE_NAME_BYTES));
        hop.referrer = hop.referrer.take().filter(|referrer| referrer.len() <= MAX_TEXT_BYTES);
    }
    hops
}

/// Cookie names of one hop that the evidence keeps, and their bytes: Chromium keeps 180 a site.
const MAX_COOKIE_NAMES: usize = 50;
const MAX_COOKIE_NAME_BYTES: usize = 100;

/// Without control characters and no longer than `limit` bytes.
fn clean(text: &str, limit: usize) -> String {
    let mut clean = String::with_capacity(text.len().min(limit));
    for character in text.chars() {
        let character = if character.is_control() { ' ' } else { character };
        if clean.len() + character.len_utf8() > limit {
            break;
        }
        clean.push(character);
    }
    clean
}
