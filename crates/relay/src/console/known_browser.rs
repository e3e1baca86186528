//! A browser in which an operator has signed in before. It carries a sealed cookie that says so, which nothing but a
//! sign-in gives, and may try to sign in as that operator although somebody tries from everywhere else ([`super::throttle`]).
//! It opens nothing: a passphrase is asked for all the same. Any relay of the installation opens it, and none remembers it.

use axum::http::{HeaderMap, HeaderValue};
use data_encoding::BASE64URL_NOPAD;
use domain::EmailAddress;
use protocol::secret::random_bytes;
use protocol::{Secret, UnixMillis};
use serde::{Deserialize, Serialize};
use store::Sealing;

use super::cookie;
use super::here::Here;

/// A token of another purpose says nothing about a browser.
const PURPOSE: &str = "a browser that has signed in";
/// Seconds that it is remembered: a holiday, a quarter's work elsewhere.
const LIFE_SECONDS: i64 = 90 * 24 * 3_600;

/// What tells one known browser from another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct KnownBrowser {
    email: String,
    id: String,
}

/// As it is sealed: whose, which, since when.
#[derive(Serialize, Deserialize)]
struct Content(String, String, i64);

impl KnownBrowser {
    /// What a browser carries once this operator has signed in in it; `None`: it cannot be sealed.
    pub(super) fn cookie(sealing: &Sealing, email: &EmailAddress, here: &Here, now: UnixMillis) -> Option<HeaderValue> {
        let content = Content(email.to_string(), BASE64URL_NOPAD.encode(&random_bytes::<16>()), now.0);
        let sealed = sealing.seal_token(PURPOSE, &Secret::new(serde_json::to_string(&content).ok()?)).ok()?;
        Some(cookie::write(&name(here), &BASE64URL_NOPAD.encode(&sealed), LIFE_SECONDS, here))
    }

    /// The browser, if this operator has signed in in it. Nobody is looked up: for an address that is nobody's there is no
    /// such cookie, and no answer is another one for it.
    pub(super) fn of(sealing: &Sealing, headers: &HeaderMap, email: &EmailAddress, here: &Here, now: UnixMillis) -> Option<Self> {
        let sealed = BASE64URL_NOPAD.decode(cookie::value(headers, &name(here))?.as_bytes()).ok()?;
        let content = sealing.open_token(PURPOSE, &sealed)?;
        let Content(of, id, since) = serde_json::from_str(content.expose()).ok()?;
        let counts = of == email.to_string() && now < UnixMillis(since).plus_seconds(LIFE_SECONDS);
        counts.then_some(Self { email: of, id })
    }
}

fn name(here: &Here) -> String {
    format!("{}-known", cookie::name(here))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use axum::http::header;
    use store::SealingKey;

    use super::*;

    const NOW: UnixMillis = UnixMillis(1_779_753_600_000);

    #[test]
    fn a_browser_is_known_to_any_relay_of_the_installation_and_for_whoever_has_signed_in_in_it_alone() {
        let with = |byte| Sealing::with(SealingKey::new(&[byte; 32]));
        let here = Here { origin: String::new(), is_secure: false, port: 7335, address: Ipv4Addr::LOCALHOST.into() };
        let [ada, bea]: [EmailAddress; 2] = ["ada@company.example", "bea@company.example"].map(|text| text.parse().unwrap());
        let given = KnownBrowser::cookie(&with(7), &ada, &here, NOW).unwrap();
        assert!(given.to_str().unwrap().contains("; HttpOnly; SameSite=Lax") && !given.to_str().unwrap().contains("ada"));
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, given.to_str().unwrap().split(';').next().unwrap().parse().unwrap());
        let of = |sealing: &Sealing, email: &EmailAddress, now| KnownBrowser::of(sealing, &headers, email, &here, now);
        let known = of(&with(7), &ada, NOW).unwrap();
        assert_eq!(of(&with(7), &ada, NOW.plus_seconds(LIFE_SECONDS - 1)), Some(known), "always the same one");
        assert_eq!(of(&with(7), &bea, NOW), None, "of another operator");
        assert_eq!(of(&with(8), &ada, NOW), None, "of another installation");
        assert_eq!(of(&with(7), &ada, NOW.plus_seconds(LIFE_SECONDS)), None, "too long ago");
        assert_eq!(KnownBrowser::of(&with(7), &HeaderMap::new(), &ada, &here, NOW), None);
    }
}
