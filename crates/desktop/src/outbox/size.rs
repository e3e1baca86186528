//! How large a result will be on the wire, without writing it.

use protocol::JobResult;

/// Bytes of the texts in a result and a little for the members around them. JSON's escapes may double the texts.
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
