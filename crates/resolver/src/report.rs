//! From a chain and its verdict to the result on the wire: within its bounds, in plain characters.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use protocol::clock::UnixMillis;
use protocol::result::{Beside, MAX_BESIDE, MAX_DURATION_MS, MAX_HOPS, MAX_RESULT_BYTES, MAX_TEXT_BYTES, MAX_URL_BYTES};
use protocol::text::is_plain_character;
use protocol::tracking_url::InvalidTrackingUrl;
use protocol::{Conclusion, Hop, JobResult};
use serde::Serialize;

use crate::chain::{Chain, End};
use crate::conclude::Verdict;
use crate::parameters;

/// Bytes that a shortened target keeps: enough to tell a person where it leads.
const SHORTENED_BYTES: usize = 100;
/// Bytes of a host that a shortened URL keeps whole: what DNS takes (RFC 1035, section 2.3.4).
const MAX_HOST_BYTES: usize = 253;
/// Bytes of one popup's target or one refused address: enough to see whose it is.
const MAX_BESIDE_BYTES: usize = 500;
/// What a result says when evidence is missing.
const SHORTENED: &str = " (evidence was left out: the result would be too large)";

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
    let final_url = chain.final_url();
    let unreportable = final_url.is_some_and(|url| url.len() > MAX_URL_BYTES);
    result.final_url = final_url.filter(|_| !unreportable).map(str::to_owned);
    result.http_status = chain.hops.last().and_then(|hop| hop.status);
    if let End::Page(page) = &chain.end {
        result.title = page.title.as_deref().map(|title| clean(title, MAX_TEXT_BYTES)).filter(|title| !title.is_empty());
    }
    result.engine = Some(chain.engine);
    result.duration_ms = u64::try_from(chain.duration.as_millis()).unwrap_or(u64::MAX).min(MAX_DURATION_MS);
    result.observed = chain.observed;
    result.observed.user_agent = result.observed.user_agent.take().map(|agent| clean(&agent, MAX_TEXT_BYTES));
    result.handover = chain.handover.map(|handover| clean(&handover.detail, MAX_TEXT_BYTES));
    result.delayed_refresh = chain.delayed_refresh.map(|mut refresh| {
        refresh.target = clean(&refresh.target, MAX_URL_BYTES);
        refresh
    });
    result.beside = Some(chain.beside).filter(|beside| *beside != Beside::default()).map(|mut beside| {
        for told in [&mut beside.popups, &mut beside.refused] {
            told.truncate(MAX_BESIDE);
            told.iter_mut().for_each(|text| *text = clean(text, MAX_BESIDE_BYTES));
        }
        beside
    });
    result.screenshot = chain.screenshot.map(|picture| STANDARD.encode(picture.0));
    result.parameters = parameters::trace(&chain.hops);
    result.hops = bounded(chain.hops);
    result.failing_hop = verdict.failing_hop.filter(|hop| (*hop as usize) < result.hops.len());
    fit(&mut result, unreportable);
    if let Err(fault) = result.check() {
        // The relay would refuse it, and the job would be clicked again and again.
        tracing::error!(member = fault.pointer, fault = fault.detail, "the evidence cannot be reported; reporting the conclusion alone");
        return result.without_evidence(format!("{}: the evidence cannot be reported", result.conclusion));
    }
    result
}

/// Each member within its own bound.
fn bounded(mut hops: Vec<Hop>) -> Vec<Hop> {
    hops.truncate(MAX_HOPS);
    for hop in &mut hops {
        if hop.url.len() > MAX_URL_BYTES {
            hop.url = shortened_url(&hop.url);
        }
        hop.location = hop.location.take().map(|location| clean(&location, MAX_URL_BYTES));
        hop.elapsed_ms = hop.elapsed_ms.min(MAX_DURATION_MS);
        hop.set_cookies.truncate(MAX_COOKIE_NAMES);
        hop.set_cookies.iter_mut().for_each(|name| *name = clean(name, MAX_COOKIE_NAME_BYTES));
        hop.referrer = hop.referrer.take().filter(|referrer| referrer.len() <= MAX_TEXT_BYTES);
    }
    hops
}

/// Cuts evidence until the result fits, and says so; never the verdict or where the chain ends. The largest hops between
/// the first and the last lose theirs first: how a chain begins and ends is what people look at.
fn fit(result: &mut JobResult, shortened: bool) {
    if !shortened && json_bytes(result) <= MAX_RESULT_BYTES {
        return;
    }
    result.detail = clean(&result.detail, MAX_TEXT_BYTES - SHORTENED.len()) + SHORTENED;
    // The chain tells more than a picture of its end.
    result.screenshot = None;
    let last = result.hops.len().saturating_sub(1);
    let mut cuts: Vec<(bool, usize, usize)> =
        result.hops.iter().enumerate().map(|(at, hop)| (at == 0 || at == last, json_bytes(hop), at)).collect();
    cuts.sort_by_key(|&(is_end, bytes, at)| (is_end, std::cmp::Reverse(bytes), at));
    let mut excess = json_bytes(result).saturating_sub(MAX_RESULT_BYTES);
    for (is_end, before, at) in cuts {
        if excess > 0 && is_end {
            excess = excess.saturating_sub(shorten_page(result));
        }
        if excess == 0 {
            return;
        }
        let hop = &mut result.hops[at];
        shorten_hop(hop);
        excess = excess.saturating_sub(before - json_bytes(hop));
    }
}

/// Shortens what hangs on no hop; says how many bytes that saves.
fn shorten_page(result: &mut JobResult) -> usize {
    let before = json_bytes(&result.delayed_refresh) + json_bytes(&result.parameters);
    if let Some(refresh) = &mut result.delayed_refresh {
        refresh.target = shortened_target(&refresh.target);
    }
    result.parameters.clear();
    before - (json_bytes(&result.delayed_refresh) + json_bytes(&result.parameters))
}

fn shorten_hop(hop: &mut Hop) {
    if hop.url.len() > SHORTENED_BYTES {
        hop.url = shortened_url(&hop.url);
    }
    hop.location = hop.location.take().map(|location| shortened_target(&location));
    hop.set_cookies.clear();
    hop.referrer = None;
}

/// Still an http(s) URL, which is what the wire asks for.
fn shortened_url(url: &str) -> String {
    match url::Url::parse(url) {
        Ok(url) if url.host_str().is_some_and(|host| host.len() <= MAX_HOST_BYTES) => format!("{}/…", url.origin().ascii_serialization()),
        Ok(_) | Err(_) => "http://unreadable.invalid/".to_owned(),
    }
}

fn shortened_target(target: &str) -> String {
    if target.len() <= SHORTENED_BYTES {
        return target.to_owned();
    }
    clean(target, SHORTENED_BYTES) + "…"
}

/// Bytes on the wire, escapes included.
fn json_bytes(value: &impl Serialize) -> usize {
    let mut count = Count(0);
    // Our own types always serialise; were one not to, it would be refused as too large.
    serde_json::to_writer(&mut count, value).map_or(usize::MAX, |()| count.0)
}

/// Counts what is written, and keeps nothing of it.
struct Count(usize);

impl std::io::Write for Count {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Cookie names of one hop that the evidence keeps, and their bytes: Chromium keeps 180 a site.
const MAX_COOKIE_NAMES: usize = 50;
const MAX_COOKIE_NAME_BYTES: usize = 100;

/// In plain characters only and no longer than `limit` bytes.
fn clean(text: &str, limit: usize) -> String {
    let mut clean = String::with_capacity(text.len().min(limit));
    for character in text.chars() {
        let character = if is_plain_character(character) { character } else { ' ' };
        if clean.len() + character.len_utf8() > limit {
            break;
        }
        clean.push(character);
    }
    clean
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use protocol::result::{DelayedRefresh, Engine, Observed};

    use super::*;

    fn reported(hops: Vec<Hop>, delayed_refresh: Option<DelayedRefresh>) -> JobResult {
        let end = End::TooManyHops { limit: 40 };
        let chain = Chain {
            delayed_refresh,
            handover: None,
            observed: Observed::default(),
            duration: Duration::ZERO,
            hops: (0..).zip(hops).map(|(index, hop)| Hop { index, method: "GET".to_owned(), ..hop }).collect(),
            ..Chain::without_hops(Engine::Http, end)
        };
        let detail = "\"".repeat(MAX_TEXT_BYTES);
        let verdict = Verdict { conclusion: Conclusion::TooManyHops, detail, failing_hop: chain.last_hop() };
        let result = result(chain, verdict, UnixMillis(0));
        assert_eq!(result.check(), Ok(()));
        assert!(json_bytes(&result) <= MAX_RESULT_BYTES, "{} bytes", json_bytes(&result));
        assert_eq!((result.conclusion, result.failing_hop), (Conclusion::TooManyHops, result.hops.last().map(|hop| hop.index)));
        result
    }

    /// A hop that uses every bound that it has.
    fn hostile(n: usize) -> Hop {
        let name = |n: usize| format!("\"{n}{}", "\\".repeat(200));
        Hop {
            url: format!("https://h{n}.example/?{}", "\\".repeat(63_000)),
            location: Some("\\".repeat(100_000)),
            set_cookies: (0..100).map(name).collect(),
            referrer: Some(format!("https://r.example/{}", "\\".repeat(4_000))),
            ..Hop::default()
        }
    }

    #[test]
    fn whatever_a_chain_says_its_result_fits() {
        for hops in [1, 2, 3, 41, MAX_HOPS] {
            let refresh = DelayedRefresh { seconds: 60, target: "\"".repeat(200_000) };
            let result = reported((0..hops).map(hostile).collect(), Some(refresh));
            assert!(result.detail.ends_with(SHORTENED), "{hops} hops");
            assert_eq!(result.hops.len(), hops);
        }
    }

    #[test]
    fn names_and_values_outside_of_urls_count_too() {
        let plain = |url: &str| Hop { url: url.to_owned(), ..Hop::default() };
        let cookies = |_| Hop { set_cookies: vec!["\\".repeat(100); 50], ..plain("https://a.example/") };
        assert!(reported((0..41).map(cookies).collect(), None).detail.ends_with(SHORTENED));
        let referrers = |_| Hop { referrer: Some(format!("https://r.example/?{}", "\\".repeat(4_000))), ..plain("https://a.example/") };
        assert!(reported((0..41).map(referrers).collect(), None).detail.ends_with(SHORTENED));
    }

    #[test]
    fn the_first_and_the_last_hop_keep_their_evidence_longest() {
        let url = |n: usize| format!("https://h{n}.example/{}", "x".repeat(9_000));
        let hops = (0..40).map(|n| Hop { url: url(n), set_cookies: vec!["sid".to_owned()], ..Hop::default() }).collect();
        let result = reported(hops, None);
        for at in [0, 39] {
            assert_eq!((result.hops[at].url.as_str(), result.hops[at].set_cookies.as_slice()), (url(at).as_str(), &["sid".to_owned()][..]));
        }
        assert_eq!(result.final_url, Some(url(39)));
        assert_eq!(result.hops[10].url, "https://h10.example/…", "of the largest, the first");
        let whole = result.hops.iter().filter(|hop| hop.url.len() > 9_000).count();
        assert!(whole > 20, "no more than needed is cut: {whole} are whole");
    }

    #[test]
    fn an_ordinary_result_keeps_everything() {
        let hops = vec![Hop { url: format!("https://a.example/{}", "x".repeat(60_000)), ..Hop::default() }];
        assert!(!reported(hops, None).detail.ends_with(SHORTENED));
    }
}
