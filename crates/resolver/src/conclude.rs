//! The verdict: one pure function over a chain, the expectation and the rules. The order is that of the conclusions
//! (`protocol::Conclusion`): the first that holds. What never leaves a desktop without a request (`skipped_*`,
//! `not_executed`) is decided elsewhere; `input_invalid` before there is a chain.

use protocol::fetch_request::canonical_domain;
use protocol::result::Engine;
use protocol::{Conclusion, RequiredParameter, RowExpectation};
use url::Url;

use crate::chain::{Chain, Content, End, Page};
use crate::rules::Rules;

/// What the link's owner expects of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expectation {
    /// Registrable domain or host where it should land.
    pub domain: Option<String>,
    /// What else is asked of the final URL.
    pub row: RowExpectation,
}

/// A conclusion with its grounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The verdict.
    pub conclusion: Conclusion,
    /// The grounds in a sentence.
    pub detail: String,
    /// Index of the hop that decided, where there is one.
    pub failing_hop: Option<u32>,
}

/// Concludes.
#[must_use]
pub fn conclude(chain: &Chain, expectation: &Expectation, rules: &Rules) -> Verdict {
    let (conclusion, detail) = match &chain.end {
        End::Refused(refusal) => (Conclusion::TargetRefused, refusal.to_string()),
        End::RefusedScheme { target } => (Conclusion::TargetRefused, format!("it leads to `{}`, which browsers refuse", shortened(target))),
        End::ContextUnavailable(cause) => (Conclusion::ContextUnavailable, cause.clone()),
        End::NameUnresolved(cause) => (Conclusion::DnsFailed, cause.clone()),
        End::ConnectFailed(cause) => (Conclusion::ConnectFailed, cause.clone()),
        End::TlsFailed(cause) => (Conclusion::TlsFailed, cause.clone()),
        End::TimedOut(cause) => (Conclusion::TimedOut, cause.clone()),
        End::Loop { repeats } => {
            (Conclusion::RedirectLoop, format!("the request of hop {repeats} comes again and again: same URL, method and cookies"))
        }
        End::TooManyHops { limit } => (Conclusion::TooManyHops, format!("it still redirects after {limit} hops")),
        End::RedirectInvalid(cause) => (Conclusion::RedirectInvalid, cause.clone()),
        End::AppHandoff { target } => (Conclusion::AppHandoff, format!("it hands over to an app: `{}`", shortened(target))),
        End::NoContent => (Conclusion::ContentUnusable, "the last answer shows nothing".to_owned()),
        End::Download { media_type } => (Conclusion::ContentUnusable, format!("the last answer is a download ({media_type})")),
        End::Page(page) => return conclude_page(chain, page, expectation, rules),
    };
    Verdict { conclusion, detail, failing_hop: chain.last_hop() }
}

fn conclude_page(chain: &Chain, page: &Page, expectation: &Expectation, rules: &Rules) -> Verdict {
    let failing = |conclusion, detail| Verdict { conclusion, detail, failing_hop: chain.last_hop() };
    // A browser's chain may carry why it was asked for; then it has been asked.
    let undecided = chain.handover.as_ref().filter(|handover| chain.engine == Engine::Http && handover.reason.needs_browser());
    if let Some(handover) = undecided {
        return failing(Conclusion::ContextUnavailable, format!("only a browser can tell where it ends: {}", handover.detail));
    }
    let status = page.status;
    if page.lacks_target {
        return failing(Conclusion::RedirectInvalid, format!("status {status} names no target to go to"));
    }
    // Every chain that ends on a page has a hop with a URL that was parsed before.
    let Some(url) = chain.final_url().and_then(|url| Url::parse(url).ok()) else {
        return failing(Conclusion::RedirectInvalid, "the last hop has no URL".to_owned());
    };
    let look = rules.look(page, &url);
    if let Some(rule) = look.challenge() {
        return failing(Conclusion::AccessChallenged, format!("a challenge stands before the page (rule `{rule}`)"));
    }
    match status {
        401 | 403 | 407 | 429 | 451 => return failing(Conclusion::AccessChallenged, format!("status {status}: {}", gate(status))),
        404 | 410 => return failing(Conclusion::HttpGone, format!("status {status}: the page is gone")),
        400..=499 => return failing(Conclusion::HttpClientError, format!("status {status}")),
        500..=599 => return failing(Conclusion::HttpServerError, format!("status {status}")),
        _ => (),
    }
    match page.content {
        Content::Empty => return failing(Conclusion::ContentUnusable, "the page is empty".to_owned()),
        Content::NoDocument => {
            return failing(Conclusion::ContentUnusable, format!("the last answer is no document ({})", page.media_type));
        }
        Content::Undecodable => return failing(Conclusion::ContentUnusable, "the page's bytes do not decode".to_owned()),
        Content::Document => (),
    }
    if let Some(rule) = look.offer_unavailable() {
        return failing(Conclusion::OfferUnavailable, format!("the page says that there is no offer (rule `{rule}`)"));
    }
    let host = url.host_str().unwrap_or_default();
    if let Some(domain) = expectation.domain.as_deref().filter(|domain| !is_within(host, domain)) {
        return failing(Conclusion::DestinationMismatch, format!("it lands on `{host}`, expected `{domain}`"));
    }
    let RowExpectation { required_parameters, accepted_url } = &expectation.row;
    if let Some(fault) = required_parameters.iter().find_map(|required| fault_of(required, &url)) {
        return failing(Conclusion::ParametersMissing, fault);
    }
    // An accepted URL that cannot be read is not the one where it lands: a person should look.
    let is_there = |accepted: &str| Url::parse(accepted).is_ok_and(|accepted| place(&accepted) == place(&url));
    if let Some(accepted) = accepted_url.as_deref().filter(|accepted| !is_there(accepted)) {
        return failing(Conclusion::Drifted, format!("it lands on `{}`, accepted was `{}`", shortened(url.as_str()), shortened(accepted)));
    }
    let hops = chain.hops.len();
    let detail = format!("lands on `{host}` with status {status} after {hops} hop{}", if hops == 1 { "" } else { "s" });
    Verdict { conclusion: Conclusion::Valid, detail, failing_hop: None }
}

const fn gate(status: u16) -> &'static str {
    match status {
        401 => "it wants a login",
        403 => "it lets this visitor in no further",
        407 => "a proxy wants a login",
        429 => "too many visits from here",
        _ => "it is withheld for legal reasons",
    }
}

/// What became of a parameter that must be there; `None` when it is. Of several with the name one suffices.
fn fault_of(required: &RequiredParameter, url: &Url) -> Option<String> {
    let name = shortened(&required.name);
    let mut arrived = url.query_pairs().filter(|(name, _)| *name == required.name).map(|(_, value)| value).peekable();
    let Some(first) = arrived.peek().cloned() else { return Some(format!("the parameter `{name}` is lost on the way")) };
    match &required.value {
        None if arrived.all(|value| value.is_empty()) => Some(format!("the parameter `{name}` arrives without its value")),
        Some(own) if !arrived.any(|value| value == own.as_str()) => {
            Some(format!("the parameter `{name}` arrives as `{}`, required is `{}`", shortened(&first), shortened(own)))
        }
        None | Some(_) => None,
    }
}

/// Whether `host` is `domain` or lies below it.
fn is_within(host: &str, domain: &str) -> bool {
    let (host, domain) = (host.trim_end_matches('.'), domain.trim_end_matches('.'));
    // Hosts come out of parsed URLs, where Unicode is punycode.
    let domain = canonical_domain(domain).unwrap_or_else(|| domain.to_ascii_lowercase());
    host == domain || host.strip_suffix(domain.as_str()).is_some_and(|rest| rest.ends_with('.'))
}

/// Where a URL is, without what differs at each visit: scheme, query and fragment; and without `www.`, a last slash and the
/// port that goes without saying.
fn place(url: &Url) -> (&str, Option<u16>, &str) {
    let host = url.host_str().unwrap_or_default();
    (host.strip_prefix("www.").unwrap_or(host).trim_end_matches('.'), url.port(), url.path().trim_end_matches('/'))
}

/// What fits into a sentence.
fn shortened(text: &str) -> String {
    const FITS: usize = 200;
    match text.char_indices().nth(FITS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use protocol::Hop;

    use super::*;
    use crate::chain::{Handover, HandoverReason};
    use crate::guard::{AddressClass, Reason, Refusal};

    fn page(status: u16, content: Content) -> End {
        End::Page(Box::new(Page { status, content, text: "shoes".into(), ..Page::default() }))
    }

    fn chain(end: End) -> Chain {
        let hop = |index, url: &str| Hop { index, url: url.to_owned(), method: "GET".to_owned(), ..Hop::default() };
        Chain {
            hops: vec![hop(0, "https://trk.example/a"), hop(1, "https://www.shop.example/offer?sub=1&e=")],
            ..Chain::without_hops(Engine::Http, end)
        }
    }

    fn code(end: End) -> &'static str {
        let verdict = conclude(&chain(end), &Expectation::default(), &Rules::default());
        assert_eq!(verdict.failing_hop.is_none(), verdict.conclusion == Conclusion::Valid);
        verdict.conclusion.code()
    }

    #[test]
    fn every_end_has_its_conclusion() {
        let refusal = Refusal { target: "10.0.0.1".into(), reason: Reason::Address(AddressClass::Private) };
        for (end, expected) in [
            (End::Refused(refusal), "target_refused"),
            (End::RefusedScheme { target: "data:,x".into() }, "target_refused"),
            (End::ContextUnavailable("no proxy".into()), "context_unavailable"),
            (End::NameUnresolved("x".into()), "dns_failed"),
            (End::ConnectFailed("x".into()), "connect_failed"),
            (End::TlsFailed("x".into()), "tls_failed"),
            (End::TimedOut("x".into()), "timed_out"),
            (End::Loop { repeats: 0 }, "redirect_loop"),
            (End::TooManyHops { limit: 20 }, "too_many_hops"),
            (End::RedirectInvalid("x".into()), "redirect_invalid"),
            (End::AppHandoff { target: "market://x".into() }, "app_handoff"),
            (End::NoContent, "content_unusable"),
            (End::Download { media_type: "application/zip".into() }, "content_unusable"),
            (page(200, Content::Document), "valid"),
            (page(300, Content::Document), "valid"),
            (page(200, Content::Empty), "content_unusable"),
            (page(200, Content::NoDocument), "content_unusable"),
            (page(401, Content::Document), "access_challenged"),
            (page(403, Content::Empty), "access_challenged"),
            (page(404, Content::Empty), "http_gone"),
            (page(410, Content::Document), "http_gone"),
            (page(418, Content::Document), "http_client_error"),
            (page(503, Content::Document), "http_server_error"),
            (End::Page(Box::new(Page { status: 302, lacks_target: true, ..Page::default() })), "redirect_invalid"),
        ] {
            assert_eq!(code(end.clone()), expected, "{end:?}");
        }
    }

    #[test]
    fn a_challenge_comes_before_the_status_and_the_offer_before_the_domain() {
        let titled = |title: &str, text: &str, status| Page { status, title: Some(title.into()), text: text.into(), ..Page::default() };
        assert_eq!(code(End::Page(Box::new(titled("Security check", "", 404)))), "access_challenged");
        let dead = chain(End::Page(Box::new(titled("Shop", "This offer has expired.", 200))));
        let expectation = Expectation { domain: Some("other.example".into()), ..Expectation::default() };
        assert_eq!(conclude(&dead, &expectation, &Rules::default()).conclusion, Conclusion::OfferUnavailable);
    }

    #[test]
    fn the_expectation_is_tried_in_order() {
        let of = |change: &dyn Fn(&mut Expectation)| {
            let mut expectation = Expectation { domain: Some("Shop.example".into()), ..Expectation::default() };
            change(&mut expectation);
            conclude(&chain(page(200, Content::Document)), &expectation, &Rules::default()).conclusion
        };
        let required = |name: &str, value: Option<&str>| vec![RequiredParameter { name: name.into(), value: value.map(str::to_owned) }];
        assert_eq!(of(&|_| ()), Conclusion::Valid);
        assert_eq!(of(&|e| e.domain = Some("hop.example".into())), Conclusion::DestinationMismatch);
        let mut landed = chain(page(200, Content::Document));
        landed.hops[1].url = "https://www.xn--bcher-kva.example/".to_owned();
        let unicode = Expectation { domain: Some("B\u{fc}cher.example".into()), ..Expectation::default() };
        assert_eq!(conclude(&landed, &unicode, &Rules::default()).conclusion, Conclusion::Valid);
        for (name, value, expected) in [
            ("sub", Some("1"), Conclusion::Valid),
            ("sub", None, Conclusion::Valid),
            ("e", Some(""), Conclusion::Valid),
            ("sub", Some("2"), Conclusion::ParametersMissing),
            ("e", None, Conclusion::ParametersMissing),
            ("lost", None, Conclusion::ParametersMissing),
        ] {
            assert_eq!(of(&|e| e.row.required_parameters = required(name, value)), expected, "{name} {value:?}");
        }
        let accepted = |url: &str| of(&|e| e.row.accepted_url = Some(url.to_owned()));
        assert_eq!(accepted("http://shop.example/offer/"), Conclusion::Valid);
        assert_eq!(accepted("https://www.shop.example/offer?another=visit#x"), Conclusion::Valid);
        assert_eq!(accepted("https://shop.example/other"), Conclusion::Drifted);
        assert_eq!(accepted("https://shop.example:8443/offer"), Conclusion::Drifted);
        assert_eq!(accepted("no URL"), Conclusion::Drifted);
        let both = of(&|e| {
            e.row.required_parameters = required("lost", None);
            e.row.accepted_url = Some("https://shop.example/other".to_owned());
        });
        assert_eq!(both, Conclusion::ParametersMissing);
    }

    #[test]
    fn what_became_of_a_required_parameter_is_said() {
        let url = Url::parse("https://shop.example/?sub=A%20B&sub=c&e=").unwrap();
        let fault = |text: &str| fault_of(&text.parse().unwrap(), &url);
        assert_eq!(fault("sub=A B"), None);
        assert_eq!(fault("sub=c"), None);
        assert_eq!(fault("sub=x").as_deref(), Some("the parameter `sub` arrives as `A B`, required is `x`"));
        assert_eq!(fault("e").as_deref(), Some("the parameter `e` arrives without its value"));
        assert_eq!(fault("click").as_deref(), Some("the parameter `click` is lost on the way"));
    }

    #[test]
    fn what_only_a_browser_can_tell_is_not_claimed() {
        let mut chain = chain(page(200, Content::Document));
        chain.handover = Some(Handover { reason: HandoverReason::Script, detail: "a script sets location".into() });
        assert_eq!(conclude(&chain, &Expectation::default(), &Rules::default()).conclusion, Conclusion::ContextUnavailable);
        chain.engine = Engine::Browser;
        assert_eq!(conclude(&chain, &Expectation::default(), &Rules::default()).conclusion, Conclusion::Valid);
        chain.engine = Engine::Http;
        chain.handover = Some(Handover { reason: HandoverReason::HttpStatus, detail: "status 404".into() });
        assert_eq!(conclude(&chain, &Expectation::default(), &Rules::default()).conclusion, Conclusion::Valid);
    }
}
