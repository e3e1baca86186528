//! The cases, as data: what a link of each kind should be concluded as.

use protocol::{Conclusion, RequiredParameter, RowExpectation};

/// One link of the lab.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// Its name: stable, for tests and messages.
    pub name: &'static str,
    /// Its group on the index page.
    pub group: &'static str,
    /// Path, query and fragment of the tracking URL, behind [`crate::Lab::url`].
    pub path: &'static str,
    /// What the link does, in a sentence.
    pub description: &'static str,
    /// The domain that the request should expect; `None` for any.
    pub expected_domain: Option<&'static str>,
    /// Query parameters that the row requires of the final URL; without a value, any will do.
    pub required: &'static [(&'static str, Option<&'static str>)],
    /// Path of the lab's own page that the row has accepted before.
    pub accepted_path: Option<&'static str>,
    /// What a desktop with a browser concludes.
    pub expected: Conclusion,
    /// Path, query and fragment of the final URL, when it is the lab's own.
    pub final_path: Option<&'static str>,
    /// Whether only a browser can tell: a desktop without one concludes `context_unavailable`.
    pub needs_browser: bool,
    /// Whether it runs into a budget or a second attempt, and so takes seconds.
    pub is_slow: bool,
}

impl Case {
    const fn new(group: &'static str, name: &'static str, path: &'static str, expected: Conclusion, description: &'static str) -> Self {
        Self {
            name,
            group,
            path,
            description,
            expected_domain: None,
            required: &[],
            accepted_path: None,
            expected,
            final_path: None,
            needs_browser: false,
            is_slow: false,
        }
    }

    /// What the row asks of the final URL beyond its domain, in a lab at this URL.
    #[must_use]
    pub fn expectation(&self, lab_url: &str) -> RowExpectation {
        let parameter =
            |(name, value): &(&str, Option<&str>)| RequiredParameter { name: (*name).to_owned(), value: value.map(str::to_owned) };
        RowExpectation {
            required_parameters: self.required.iter().map(parameter).collect(),
            accepted_url: self.accepted_path.map(|path| format!("{lab_url}{path}")),
        }
    }

    const fn to(mut self, final_path: &'static str) -> Self {
        self.final_path = Some(final_path);
        self
    }

    const fn expecting(mut self, domain: &'static str) -> Self {
        self.expected_domain = Some(domain);
        self
    }

    const fn requiring(mut self, required: &'static [(&'static str, Option<&'static str>)]) -> Self {
        self.required = required;
        self
    }

    const fn accepted(mut self, path: &'static str) -> Self {
        self.accepted_path = Some(path);
        self
    }

    const fn scripted(mut self) -> Self {
        self.needs_browser = true;
        self
    }

    const fn slow(mut self) -> Self {
        self.is_slow = true;
        self
    }
}

macro_rules! chain {
    ($status:literal, $hops:literal, $plural:literal) => {
        Case::new(
            "Status redirects",
            concat!("chain-", $status, "-", $hops),
            concat!("/chain/", $status, "/", $hops),
            Conclusion::Valid,
            concat!($hops, " redirect", $plural, " with status ", $status, ", then the page"),
        )
        .to("/landing")
    };
}

/// Every case of the lab.
pub static CASES: &[Case] = &[
    Case::new("Pages", "direct", "/landing", Conclusion::Valid, "The page itself, no redirect").to("/landing"),
    Case::new("Pages", "slow-page", "/slow", Conclusion::Valid, "A redirect and a page that take their time").to("/slow/page").slow(),
    chain!("301", "1", ""),
    chain!("301", "3", "s"),
    chain!("301", "10", "s"),
    chain!("302", "1", ""),
    chain!("302", "3", "s"),
    chain!("302", "10", "s"),
    chain!("303", "1", ""),
    chain!("303", "3", "s"),
    chain!("303", "10", "s"),
    chain!("307", "1", ""),
    chain!("307", "3", "s"),
    chain!("307", "10", "s"),
    chain!("308", "1", ""),
    chain!("308", "3", "s"),
    chain!("308", "10", "s"),
    Case::new("Locations", "relative", "/relative/deep/start", Conclusion::Valid, "A Location with `../`").to("/landing"),
    Case::new("Locations", "protocol-relative", "/protocol-relative", Conclusion::Valid, "A Location that begins with `//`").to("/landing"),
    Case::new("Locations", "backslashes", "/backslashes", Conclusion::Valid, "A Location with backslashes for slashes").to("/landing"),
    Case::new("Locations", "fragment", "/fragment#offer", Conclusion::Valid, "A fragment that every redirect inherits")
        .to("/landing#offer"),
    Case::new(
        "Locations",
        "parameters",
        "/parameters?click=c-1842&sub=north",
        Conclusion::Valid,
        "Parameters that are kept, changed, added and dropped on the way",
    )
    .to("/landing?sub=NORTH&session=7"),
    Case::new("Cookies", "cookie-gate", "/cookie-gate", Conclusion::Valid, "A page that asks for itself again until its cookie comes back")
        .to("/landing"),
    Case::new("Cookies", "cookie-counter", "/cookie-counter", Conclusion::Valid, "The same URL five times, with another cookie each time")
        .to("/landing"),
    Case::new("Loops and limits", "loop-self", "/loop/self", Conclusion::RedirectLoop, "A redirect to itself"),
    Case::new("Loops and limits", "loop-two", "/loop/a", Conclusion::RedirectLoop, "Two pages that redirect to each other"),
    Case::new("Loops and limits", "loop-refresh", "/loop/refresh", Conclusion::RedirectLoop, "A page that reloads itself for ever")
        .to("/loop/refresh"),
    Case::new("Loops and limits", "too-many-hops", "/endless/0", Conclusion::TooManyHops, "Redirects to ever new pages"),
    Case::new("Error pages", "gone-404", "/status/404", Conclusion::HttpGone, "The page is not there").to("/status/404").slow(),
    Case::new("Error pages", "gone-410", "/to-status/410", Conclusion::HttpGone, "A redirect to a page that is gone for good")
        .to("/status/410")
        .slow(),
    Case::new("Error pages", "client-error", "/status/418", Conclusion::HttpClientError, "The site says that the request is wrong")
        .to("/status/418"),
    Case::new("Error pages", "server-error-500", "/status/500", Conclusion::HttpServerError, "The site has failed").to("/status/500"),
    Case::new("Error pages", "server-error-503", "/to-status/503", Conclusion::HttpServerError, "The site is down for maintenance")
        .to("/status/503"),
    Case::new("Gates", "forbidden", "/status/403", Conclusion::AccessChallenged, "The site lets this visitor in no further")
        .to("/status/403"),
    Case::new("Gates", "login", "/login", Conclusion::AccessChallenged, "A login before the page").to("/login"),
    Case::new("Gates", "rate-limited", "/status/429", Conclusion::AccessChallenged, "Too many visits").to("/status/429"),
    Case::new("Gates", "captcha", "/captcha", Conclusion::AccessChallenged, "A captcha with status 200").to("/captcha/check"),
    Case::new("Gates", "bot-wall", "/bot-wall", Conclusion::AccessChallenged, "A bot wall that names itself in a header").to("/bot-wall"),
    Case::new(
        "Gates",
        "wall-cloudflare-page",
        "/wall/cloudflare-page",
        Conclusion::AccessChallenged,
        "Cloudflare's \"Just a moment\" page",
    )
    .to("/wall/cloudflare-page"),
    Case::new("Gates", "wall-datadome", "/wall/datadome", Conclusion::AccessChallenged, "DataDome's page").to("/wall/datadome"),
    Case::new(
        "Gates",
        "wall-perimeterx",
        "/wall/perimeterx",
        Conclusion::AccessChallenged,
        "PerimeterX's press-and-hold page, with status 200",
    )
    .to("/wall/perimeterx"),
    Case::new("Gates", "wall-imperva", "/wall/imperva", Conclusion::AccessChallenged, "Imperva's page, with status 200")
        .to("/wall/imperva"),
    Case::new("Gates", "wall-akamai", "/wall/akamai", Conclusion::AccessChallenged, "Akamai's \"Access Denied\" page").to("/wall/akamai"),
    Case::new("Gates", "wall-aws-waf", "/wall/aws-waf", Conclusion::AccessChallenged, "An AWS WAF challenge, told by a header")
        .to("/wall/aws-waf"),
    Case::new("Gates", "wall-captcha-gate", "/wall/captcha-gate", Conclusion::AccessChallenged, "A captcha of the shop's own")
        .to("/wall/captcha-gate"),
    Case::new(
        "Gates",
        "wall-human-check",
        "/wall/human-check",
        Conclusion::AccessChallenged,
        "A \"checking your browser\" page, with status 503",
    )
    .to("/wall/human-check"),
    Case::new("Gates", "wall-consent-gate", "/wall/consent-gate", Conclusion::AccessChallenged, "A consent page before the shop")
        .to("/wall/consent-gate"),
    Case::new("Refreshes", "meta-refresh", "/refresh/meta/0", Conclusion::Valid, "A meta refresh at once").to("/landing"),
    Case::new("Refreshes", "meta-refresh-3s", "/refresh/meta/3", Conclusion::Valid, "A meta refresh after three seconds").to("/landing"),
    Case::new("Refreshes", "meta-refresh-late", "/refresh/meta/30", Conclusion::Valid, "A meta refresh too late to be a redirect")
        .to("/refresh/meta/30"),
    Case::new("Refreshes", "refresh-header", "/refresh/header", Conclusion::Valid, "A Refresh header").to("/landing"),
    Case::new("Refreshes", "refresh-mix", "/refresh/mix", Conclusion::Valid, "302, meta refresh, 301, Refresh header, page").to("/landing"),
    Case::new("Scripts", "script-location", "/script/location", Conclusion::Valid, "A script that sets location").to("/landing").scripted(),
    Case::new("Scripts", "script-timer", "/script/timer", Conclusion::Valid, "A script that leaves after half a second")
        .to("/landing")
        .scripted(),
    Case::new("Scripts", "script-cookie", "/script/cookie", Conclusion::Valid, "A script that sets a cookie and reloads")
        .to("/landing")
        .scripted(),
    Case::new("Scripts", "form-get", "/form/get", Conclusion::Valid, "A form that sends itself").to("/form/target?click=c-1842").scripted(),
    Case::new("Scripts", "form-post", "/form/post", Conclusion::Valid, "A form that posts itself, then a redirect")
        .to("/landing")
        .scripted(),
    Case::new("Apps", "app-intent", "/app/intent", Conclusion::AppHandoff, "A redirect to an Android app"),
    Case::new("Apps", "app-market", "/app/market", Conclusion::AppHandoff, "A redirect to the Play store"),
    Case::new("Apps", "app-itms", "/app/itms-apps", Conclusion::AppHandoff, "A redirect to the App Store"),
    Case::new("Apps", "app-meta", "/app/meta", Conclusion::AppHandoff, "A meta refresh to the Play store").to("/app/meta"),
    Case::new("Refused targets", "private-address", "/refused/private", Conclusion::TargetRefused, "A redirect into a private network"),
    Case::new(
        "Refused targets",
        "metadata-address",
        "/refused/metadata",
        Conclusion::TargetRefused,
        "A redirect to a cloud's metadata service",
    ),
    Case::new(
        "Refused targets",
        "other-loopback",
        "/refused/loopback",
        Conclusion::TargetRefused,
        "A redirect to another port of this machine",
    ),
    Case::new("Refused targets", "blocked-port", "/refused/port", Conclusion::TargetRefused, "A redirect to a mail server's port"),
    Case::new("Refused targets", "data-url", "/refused/data", Conclusion::TargetRefused, "A redirect to a data: URL"),
    Case::new("Broken links", "missing-location", "/invalid/missing", Conclusion::RedirectInvalid, "A redirect status without a Location")
        .to("/invalid/missing"),
    Case::new("Broken links", "unparseable-location", "/invalid/unparseable", Conclusion::RedirectInvalid, "A Location that is no URL"),
    Case::new("Broken links", "two-locations", "/invalid/two", Conclusion::RedirectInvalid, "Two Locations that contradict each other"),
    Case::new("Broken links", "macro", "/landing?click={click_id}", Conclusion::InputInvalid, "A tracking URL with an unreplaced macro"),
    Case::new("Broken links", "no-such-name", "/broken/dns", Conclusion::DnsFailed, "A redirect to a name that does not exist").slow(),
    Case::new("Broken links", "connection-dropped", "/broken/drop", Conclusion::ConnectFailed, "A server that hangs up without an answer")
        .slow(),
    Case::new("Broken links", "bad-tls", "/broken/tls", Conclusion::TlsFailed, "A redirect to https where no TLS is spoken").slow(),
    Case::new("Broken links", "never-answers", "/broken/silence", Conclusion::TimedOut, "A page that never answers").slow(),
    Case::new("Unusable content", "empty-page", "/content/empty", Conclusion::ContentUnusable, "Status 200 with nothing in it")
        .to("/content/empty"),
    Case::new("Unusable content", "no-content", "/content/204", Conclusion::ContentUnusable, "Status 204"),
    Case::new("Unusable content", "download", "/content/download", Conclusion::ContentUnusable, "A file to save"),
    Case::new("Unusable content", "json", "/content/json", Conclusion::ContentUnusable, "An API's answer instead of a page")
        .to("/content/json"),
    Case::new("Dead offers", "offer-expired", "/offer/expired", Conclusion::OfferUnavailable, "A page that says that the offer is over")
        .to("/offer/over/expired"),
    Case::new("Dead offers", "offer-paused", "/offer/paused", Conclusion::OfferUnavailable, "A page that says that the campaign is paused")
        .to("/offer/over/paused"),
    Case::new(
        "Dead offers",
        "offer-country",
        "/offer/country",
        Conclusion::OfferUnavailable,
        "A page that says that this country gets nothing",
    )
    .to("/offer/over/country"),
    Case::new("Dead offers", "offer-product", "/offer/product", Conclusion::OfferUnavailable, "A product that is no longer sold")
        .to("/offer/over/product"),
    Case::new("Dead offers", "offer-parked", "/offer/parked", Conclusion::OfferUnavailable, "A domain that is for sale")
        .to("/offer/over/parked"),
    Case::new("Dead offers", "wrong-domain", "/mismatch", Conclusion::DestinationMismatch, "A good page, on another domain than expected")
        .to("/landing")
        .expecting("shop.northfold.example"),
    Case::new(
        "What a row asks for",
        "parameter-kept",
        "/parameters?click=c-1843&sub=north",
        Conclusion::Valid,
        "The required parameter arrives with its value",
    )
    .to("/landing?sub=NORTH&session=7")
    .requiring(&[("session", None), ("sub", Some("NORTH"))]),
    Case::new(
        "What a row asks for",
        "parameter-lost",
        "/parameters?click=c-1844&sub=north",
        Conclusion::ParametersMissing,
        "A required parameter is dropped on the way",
    )
    .to("/landing?sub=NORTH&session=7")
    .requiring(&[("click", None)]),
    Case::new(
        "What a row asks for",
        "parameter-altered",
        "/parameters?click=c-1845&sub=north",
        Conclusion::ParametersMissing,
        "A required parameter arrives with another value",
    )
    .to("/landing?sub=NORTH&session=7")
    .requiring(&[("sub", Some("north"))]),
    Case::new("What a row asks for", "accepted", "/chain/302/2", Conclusion::Valid, "It lands where it was accepted before")
        .to("/landing")
        .accepted("/landing/?session=of-another-day"),
    Case::new("What a row asks for", "drifted", "/chain/302/4", Conclusion::Drifted, "It lands elsewhere than was accepted before")
        .to("/landing")
        .accepted("/landing-of-last-year"),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_and_paths_are_unique_and_every_conclusion_of_a_link_has_a_case() {
        let names: HashSet<_> = CASES.iter().map(|case| case.name).collect();
        let paths: HashSet<_> = CASES.iter().map(|case| case.path).collect();
        assert_eq!((names.len(), paths.len()), (CASES.len(), CASES.len()));
        let concluded: HashSet<_> = CASES.iter().map(|case| case.expected).collect();
        // Decided without a request, or by the desktop's context.
        let not_by_a_link =
            [Conclusion::SkippedByOperator, Conclusion::SkippedByRule, Conclusion::NotExecuted, Conclusion::ContextUnavailable];
        for conclusion in Conclusion::ALL {
            assert_eq!(concluded.contains(conclusion), !not_by_a_link.contains(conclusion), "{conclusion}");
        }
    }
}
