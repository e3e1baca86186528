//! What a navigation tells of the page that it comes from (Referrer Policy, W3C).

use url::Url;

use crate::location::parse;

/// A policy; the default is Chromium's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Policy {
    NoReferrer,
    NoReferrerWhenDowngrade,
    SameOrigin,
    Origin,
    StrictOrigin,
    OriginWhenCrossOrigin,
    #[default]
    StrictOriginWhenCrossOrigin,
    UnsafeUrl,
}

impl Policy {
    /// The last policy that a `Referrer-Policy` field names and browsers know; `None` when there is none.
    pub(crate) fn of_field(field: &str) -> Option<Self> {
        field.split(',').filter_map(|token| Self::named(&token.trim().to_ascii_lowercase())).next_back()
    }

    /// The policy of a `<meta name=referrer>`, old words included.
    pub(crate) fn of_meta(content: &str) -> Option<Self> {
        match content.trim().to_ascii_lowercase().as_str() {
            "never" => Some(Self::NoReferrer),
            "default" => Some(Self::default()),
            "always" => Some(Self::UnsafeUrl),
            "origin-when-crossorigin" => Some(Self::OriginWhenCrossOrigin),
            other => Self::named(other),
        }
    }

    fn named(token: &str) -> Option<Self> {
        Some(match token {
            "no-referrer" => Self::NoReferrer,
            "no-referrer-when-downgrade" => Self::NoReferrerWhenDowngrade,
            "same-origin" => Self::SameOrigin,
            "origin" => Self::Origin,
            "strict-origin" => Self::StrictOrigin,
            "origin-when-cross-origin" => Self::OriginWhenCrossOrigin,
            "strict-origin-when-cross-origin" => Self::StrictOriginWhenCrossOrigin,
            "unsafe-url" => Self::UnsafeUrl,
            _ => return None,
        })
    }

    /// The Referer of a request to `target` that `source` asked for.
    pub(crate) fn referer(self, source: &Url, target: &Url) -> Option<String> {
        let origin = || Some(format!("{}/", source.origin().ascii_serialization()));
        let whole = || whole(source).or_else(origin);
        let is_same_origin = source.origin() == target.origin();
        let is_downgrade = source.scheme() == "https" && target.scheme() != "https";
        match self {
            Self::NoReferrer => None,
            Self::NoReferrerWhenDowngrade if is_downgrade => None,
            Self::NoReferrerWhenDowngrade | Self::UnsafeUrl => whole(),
            Self::SameOrigin if is_same_origin => whole(),
            Self::SameOrigin => None,
            Self::Origin => origin(),
            Self::StrictOrigin if is_downgrade => None,
            Self::StrictOrigin => origin(),
            Self::OriginWhenCrossOrigin | Self::StrictOriginWhenCrossOrigin if is_same_origin => whole(),
            Self::StrictOriginWhenCrossOrigin if is_downgrade => None,
            Self::OriginWhenCrossOrigin | Self::StrictOriginWhenCrossOrigin => origin(),
        }
    }
}

/// Without user name, password and fragment; `None` when it is so long that browsers send the origin alone.
fn whole(source: &Url) -> Option<String> {
    const MAX_BYTES: usize = 4_096;
    let mut stripped = source.clone();
    stripped.set_fragment(None);
    // These fail for URLs without a host only, which are no source of a navigation here.
    let _ = stripped.set_username("");
    let _ = stripped.set_password(None);
    (stripped.as_str().len() <= MAX_BYTES).then(|| stripped.into())
}

/// A Referer that a context gives word for word, as the source of the chain's first navigation.
pub(crate) fn given_source(referer: &str) -> Option<Url> {
    let nowhere = Url::parse("about:blank").ok()?;
    parse(&nowhere, referer).ok().filter(|url| matches!(url.scheme(), "http" | "https"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn referer(policy: Policy, source: &str, target: &str) -> Option<String> {
        policy.referer(&Url::parse(source).unwrap(), &Url::parse(target).unwrap())
    }

    #[test]
    fn each_policy_tells_what_it_may() {
        let (source, same, other, down) = ("https://u:p@a.test/s?q=1#f", "https://a.test/x", "https://b.test/", "http://a.test/");
        let (whole, origin) = (Some("https://a.test/s?q=1"), Some("https://a.test/"));
        for (policy, expected) in [
            (Policy::NoReferrer, [None, None, None]),
            (Policy::NoReferrerWhenDowngrade, [whole, whole, None]),
            (Policy::SameOrigin, [whole, None, None]),
            (Policy::Origin, [origin, origin, origin]),
            (Policy::StrictOrigin, [origin, origin, None]),
            (Policy::OriginWhenCrossOrigin, [whole, origin, origin]),
            (Policy::StrictOriginWhenCrossOrigin, [whole, origin, None]),
            (Policy::UnsafeUrl, [whole, whole, whole]),
        ] {
            let got = [same, other, down].map(|target| referer(policy, source, target));
            assert_eq!(got.each_ref().map(Option::as_deref), expected, "{policy:?}");
        }
    }

    #[test]
    fn the_last_known_token_counts() {
        assert_eq!(Policy::of_field("no-referrer, bogus , UNSAFE-URL, new-thing"), Some(Policy::UnsafeUrl));
        assert_eq!(Policy::of_field(""), None);
        assert_eq!(Policy::of_meta("Never"), Some(Policy::NoReferrer));
    }
}
