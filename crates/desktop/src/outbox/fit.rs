//! Makes a result one that the relay takes. It refuses what is too large or off shape, for ever, so evidence is cut here
//! rather than the verdict lost there.

use protocol::JobResult;
use protocol::result::{MAX_HOPS, MAX_PARAMETERS, MAX_RESULT_BYTES, MAX_TEXT_BYTES, Observed};

/// What a cut Location keeps: enough to see where it led.
const CUT_LOCATION_BYTES: usize = 2_048;
/// Cookie names that a cut hop keeps.
const CUT_COOKIES: usize = 20;

/// The result itself when the relay takes it, else with as little evidence cut as makes it so.
pub(crate) fn fit(result: JobResult) -> JobResult {
    let Some(fault) = fault(&result) else { return result };
    tracing::warn!(%fault, conclusion = %result.conclusion, "cutting the evidence of a result that the relay would refuse");
    for cut in [cut_texts, cut_hops, cut_everything] {
        let smaller = cut(result.clone());
        if self::fault(&smaller).is_none() {
            return smaller;
        }
    }
    cut_everything(result)
}

fn fault(result: &JobResult) -> Option<String> {
    if let Err(fault) = result.check() {
        return Some(format!("{}: {}", fault.pointer, fault.detail));
    }
    // The exact size costs a serialisation; far below the bound the approximation will do.
    if approximate_bytes(result) * 2 < MAX_RESULT_BYTES {
        return None;
    }
    let bytes = serde_json::to_vec(result).map_or(usize::MAX, |json| json.len());
    (bytes > MAX_RESULT_BYTES).then(|| format!("{bytes} bytes"))
}

/// Bytes of the texts in a result and a little for the members around them.
pub(super) fn approximate_bytes(result: &JobResult) -> usize {
    let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let hops = result.hops.iter().map(|hop| {
        let cookies: usize = hop.set_cookies.iter().map(|name| name.len() + 3).sum();
        200 + hop.url.len() + length(&hop.location) + length(&hop.referrer) + cookies
    });
    let parameters = result.parameters.iter().map(|parameter| 80 + parameter.name.len() + 5 * parameter.changed_at.len());
    let texts = [&result.final_url, &result.title, &result.observed.user_agent, &result.handover].map(length);
    let refresh = result.delayed_refresh.as_ref().map_or(0, |refresh| refresh.target.len());
    400 + result.detail.len() + refresh + texts.iter().sum::<usize>() + hops.sum::<usize>() + parameters.sum::<usize>()
}

fn cut_texts(mut result: JobResult) -> JobResult {
    clean(&mut result.detail, MAX_TEXT_BYTES);
    let observed = &mut result.observed;
    let texts = [&mut result.title, &mut result.handover, &mut observed.user_agent, &mut observed.proxy, &mut observed.address_family];
    for text in texts.into_iter().flatten() {
        clean(text, MAX_TEXT_BYTES);
    }
    if let Some(refresh) = &mut result.delayed_refresh {
        clean(&mut refresh.target, CUT_LOCATION_BYTES);
    }
    result.parameters.truncate(MAX_PARAMETERS);
    for parameter in &mut result.parameters {
        clean(&mut parameter.name, CUT_LOCATION_BYTES);
        parameter.changed_at.truncate(MAX_HOPS);
    }
    result.hops.truncate(MAX_HOPS);
    for hop in &mut result.hops {
        if let Some(location) = &mut hop.location {
            clean(location, CUT_LOCATION_BYTES);
        }
        hop.set_cookies.truncate(CUT_COOKIES);
        for name in &mut hop.set_cookies {
            clean(name, CUT_LOCATION_BYTES);
        }
    }
    result.failing_hop = result.failing_hop.filter(|hop| (*hop as usize) < result.hops.len());
    result
}

fn cut_hops(result: JobResult) -> JobResult {
    let mut result = cut_texts(result);
    result.hops.clear();
    result.parameters.clear();
    result.failing_hop = None;
    clean(&mut result.detail, MAX_TEXT_BYTES - NOTE.len());
    result.detail.push_str(NOTE);
    result
}

const NOTE: &str = " (the hops were too large to report)";

fn cut_everything(result: JobResult) -> JobResult {
    let mut result = cut_hops(result);
    (result.final_url, result.title, result.observed) = (None, None, Observed::default());
    result
}

fn clean(text: &mut String, bytes: usize) {
    if text.chars().any(char::is_control) {
        *text = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    }
    text.truncate(text.floor_char_boundary(bytes));
}

#[cfg(test)]
mod tests {
    use protocol::{Hop, UnixMillis};

    use super::*;

    fn with_hops(hops: Vec<Hop>) -> JobResult {
        JobResult { final_url: Some("https://shop.example/".to_owned()), hops, ..JobResult::not_executed("it ended", UnixMillis(1)) }
    }

    fn hop(index: u32, url: String) -> Hop {
        Hop { index, url, method: "GET".to_owned(), ..Hop::default() }
    }

    #[test]
    fn an_ordinary_result_is_left_alone() {
        let result = with_hops(vec![hop(0, "https://trk.example/".to_owned())]);
        assert_eq!(fit(result.clone()), result);
    }

    #[test]
    fn what_the_relay_would_refuse_loses_evidence_and_keeps_its_verdict() {
        let mut noisy = with_hops(vec![hop(0, "https://trk.example/".to_owned())]);
        noisy.title = Some(format!("a\u{1b}[2J{}", "ü".repeat(4_000)));
        noisy.hops[0].location = Some("\u{0}".repeat(70_000));
        let fitted = fit(noisy);
        assert!(fitted.check().is_ok() && fitted.hops.len() == 1);

        let long = |n: u32| hop(n, format!("https://trk.example/{}", "x".repeat(60_000)));
        let fitted = fit(with_hops((0..20).map(long).collect()));
        assert!(fitted.check().is_ok() && serde_json::to_vec(&fitted).unwrap().len() <= MAX_RESULT_BYTES);
        assert_eq!(fitted.final_url.as_deref(), Some("https://shop.example/"));
        assert!(fitted.detail.ends_with(NOTE));

        let mut strange = with_hops(Vec::new());
        strange.final_url = Some("intent://x".to_owned());
        assert_eq!(fit(strange).final_url, None);
    }
}
