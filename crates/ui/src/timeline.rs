//! A chain as a timeline: each hop with what led to it, its status, where it was, how long it took, and what it did to
//! cookies and parameters. Every text of it comes from strangers.

use maud::{Markup, html};
use protocol::result::ParameterTrace;
use protocol::{Hop, HopKind, JobResult};

use crate::{Icon, Tone, badge, link, time};

/// The hops in order, the one that decided marked.
#[must_use]
pub fn timeline(result: &JobResult) -> Markup {
    marked(result, "hop", None)
}

/// As [`timeline`], one of several on a page: `id` begins the hops' ids, and from the hop `other` on the chain is another
/// than the one beside it.
#[must_use]
pub fn marked(result: &JobResult, id: &str, other: Option<usize>) -> Markup {
    html! {
        @if result.hops.is_empty() { p.faint { "No request was sent, so there are no hops." } }
        @else {
            ol.hops { @for (index, hop) in result.hops.iter().enumerate() { (one(hop, result, id, other == Some(index))) } }
        }
    }
}

/// What led to a hop, for a person.
#[must_use]
pub const fn kind_words(kind: HopKind) -> &'static str {
    match kind {
        HopKind::Start => "tracking URL",
        HopKind::Http => "redirect",
        HopKind::RefreshHeader => "refresh header",
        HopKind::MetaRefresh => "meta refresh",
        HopKind::Javascript => "script",
        HopKind::Form => "form",
    }
}

fn one(hop: &Hop, result: &JobResult, id: &str, is_other: bool) -> Markup {
    let failing = result.failing_hop == Some(hop.index);
    let last = hop.index as usize + 1 == result.hops.len();
    let tone = if failing || last { Tone::from(result.conclusion.class()) } else { Tone::Plain };
    html! {
        li class={ "hop " (tone.class()) @if failing { " failing" } @if is_other { " other" } } id={ (id) "-" (hop.index) } {
            div.hop-mark aria-hidden="true" { (hop.index + 1) }
            div.hop-body {
                p.hop-head {
                    span.hop-kind { (kind_words(hop.kind)) }
                    (status(hop.status))
                    @if is_other { (badge::badge_with(Tone::Review, Icon::Right, "another here")) }
                    @if failing { (badge::badge(tone, "decided the check")) }
                    @if hop.guard_exception { (badge::badge_with(Tone::Review, Icon::Shield, "guard exception")) }
                    span.hop-time { (time::duration(hop.elapsed_ms)) }
                }
                p.hop-url { (split(&hop.url)) }
                (changes(hop.index, &result.parameters))
                (facts(hop))
            }
        }
    }
}

/// The answer's status as browsers' tools show it; a hop without answer says so.
#[must_use]
pub fn status(status: Option<u16>) -> Markup {
    let Some(code) = status else { return badge::badge_with(Tone::Bad, Icon::Cross, "no answer") };
    let class = match code {
        200..300 => "status s2",
        300..400 => "status s3",
        400..500 => "status s4",
        500..600 => "status s5",
        _ => "status",
    };
    html! { span class=(class) { (code) } }
}

/// A URL with its host set apart from the rest, since that is what one looks for; a link when it is a web address.
fn split(url: &str) -> Markup {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url[start..].find(['/', '?', '#']).map_or(url.len(), |at| start + at);
    let parts = html! { span.url-faint { (url[..start]) } span.url-host { (url[start..end]) } span { (url[end..]) } };
    html! {
        @if link::is_web(url) { a.url href=(url) rel=(link::REL) target="_blank" { (parts) } }
        @else { span.url { (parts) } }
    }
}

/// Parameters that came, changed or went at this hop. All of the first hop's came with the tracking URL: not worth telling.
fn changes(index: u32, parameters: &[ParameterTrace]) -> Markup {
    let names = |wanted: &dyn Fn(&ParameterTrace) -> bool| -> Vec<&str> {
        parameters.iter().filter(|parameter| wanted(parameter)).map(|parameter| parameter.name.as_str()).collect()
    };
    let gained = if index == 0 { Vec::new() } else { names(&|parameter| parameter.added_at == index) };
    let changed = names(&|parameter| parameter.changed_at.contains(&index));
    let lost = names(&|parameter| parameter.dropped_at == Some(index));
    html! {
        @if !(gained.is_empty() && changed.is_empty() && lost.is_empty()) {
            ul.params {
                @for name in gained { li.gained { span.param-sign { "gained" } code { (name) } } }
                @for name in changed { li.changed { span.param-sign { "changed" } code { (name) } } }
                @for name in lost { li.lost { span.param-sign { "lost" } code { (name) } } }
            }
        }
    }
}

fn facts(hop: &Hop) -> Markup {
    let texts = [
        ("address", hop.remote_addr.clone()),
        ("protocol", joined(&[hop.http_version.as_deref(), hop.tls_version.as_deref()])),
        ("method", (hop.method != "GET").then(|| hop.method.clone())),
        ("points to", hop.location.clone()),
        ("cookies set", (!hop.set_cookies.is_empty()).then(|| hop.set_cookies.join(", "))),
        ("referrer", hop.referrer.clone()),
    ];
    html! {
        dl.hop-facts {
            @for (name, text) in texts { @if let Some(text) = text { div { dt { (name) } dd { (text) } } } }
        }
    }
}

fn joined(parts: &[Option<&str>]) -> Option<String> {
    let parts: Vec<&str> = parts.iter().flatten().copied().collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

#[cfg(test)]
mod tests {
    use protocol::{Conclusion, UnixMillis};

    use super::*;

    fn result() -> JobResult {
        let hop = |index, url: &str| Hop { index, url: url.to_owned(), method: "GET".to_owned(), status: Some(302), ..Hop::default() };
        let mut result = JobResult::not_executed("d", UnixMillis(0));
        result.conclusion = Conclusion::ParametersMissing;
        result.hops = vec![hop(0, "https://a.example/c?gclid=1"), hop(1, "https://b.example/<script>?x=1")];
        result.failing_hop = Some(1);
        let traced =
            |name: &str, added_at, dropped_at| ParameterTrace { name: name.to_owned(), added_at, dropped_at, ..ParameterTrace::default() };
        result.parameters = vec![traced("gclid", 0, Some(1)), traced("x", 1, None)];
        result
    }

    #[test]
    fn a_hop_tells_what_it_did_to_the_parameters() {
        let shown = timeline(&result()).into_string();
        assert!(shown.contains(r#"<li class="lost"><span class="param-sign">lost</span><code>gclid</code>"#), "{shown}");
        assert!(shown.contains(r#"<li class="gained"><span class="param-sign">gained</span><code>x</code>"#));
        assert_eq!(shown.matches("decided the check").count(), 1);
    }

    #[test]
    fn what_strangers_wrote_is_text() {
        let mut result = result();
        result.hops[1].location = Some("javascript:alert(1)".to_owned());
        result.hops[1].set_cookies = vec!["<img src=x onerror=alert(1)>".to_owned()];
        let shown = timeline(&result).into_string();
        assert!(!shown.contains("<script>") && !shown.contains("<img") && !shown.contains("href=\"javascript"), "{shown}");
    }
}
