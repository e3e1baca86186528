//! What a browser carries from the moment that it leaves for a provider until it comes back: a sealed cookie that says which
//! sign-in it has begun. Any relay of the installation opens it and none remembers it; that it is taken once is written with
//! the session that it opens (ADR 15).

use axum::http::{HeaderMap, HeaderValue};
use data_encoding::BASE64URL_NOPAD;
use protocol::secret::random_bytes;
use protocol::{Secret, UnixMillis};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use store::Sealing;
use subtle::ConstantTimeEq as _;
use url::Url;

use super::discovery::Metadata;
use super::settings::OidcProvider;
use crate::console::cookie;
use crate::console::here::Here;

/// A token of another purpose is no flow.
const PURPOSE: &str = "sign-in through a provider";
/// Seconds that somebody may take at the provider: passwords are looked for, telephones fetched.
pub(super) const LIFE_SECONDS: i64 = 600;
/// Bytes of the path to go to afterwards: cookies hold 4 KiB.
const MAX_NEXT: usize = 1_024;

/// A sign-in that has been begun.
#[derive(Clone, Debug)]
pub(super) struct Flow {
    /// Through which provider.
    pub(super) provider: String,
    /// Under which name of the relay.
    pub(super) origin: String,
    /// Comes back in the address: whoever brings another has begun another.
    pub(super) state: Secret,
    /// Comes back in the ID token.
    pub(super) nonce: Secret,
    /// Proves to the provider that the code was asked for here (RFC 7636).
    pub(super) verifier: Secret,
    /// Where to go once signed in.
    pub(super) next: String,
    /// When.
    pub(super) began_at: UnixMillis,
}

/// As it is sealed.
#[derive(Serialize, Deserialize)]
struct Content(String, String, String, String, String, String, i64);

impl Flow {
    pub(super) fn begin(provider: &str, here: &Here, next: &str, now: UnixMillis) -> Self {
        let random = || Secret::new(BASE64URL_NOPAD.encode(&random_bytes::<32>()));
        let next = if next.len() <= MAX_NEXT { next } else { "/" };
        let (state, nonce, verifier) = (random(), random(), random());
        let [provider, origin, next] = [provider, &here.origin, next].map(str::to_owned);
        Self { provider, origin, state, nonce, verifier, next, began_at: now }
    }

    /// Until when it may be ended.
    pub(super) fn ends_at(&self) -> UnixMillis {
        self.began_at.plus_seconds(LIFE_SECONDS)
    }

    /// The cookie that holds it; `None`: it cannot be sealed.
    pub(super) fn cookie(&self, sealing: &Sealing, here: &Here) -> Option<HeaderValue> {
        let text = |secret: &Secret| secret.expose().to_owned();
        let content = Content(
            self.provider.clone(),
            self.origin.clone(),
            text(&self.state),
            text(&self.nonce),
            text(&self.verifier),
            self.next.clone(),
            self.began_at.0,
        );
        let sealed = sealing.seal_token(PURPOSE, &Secret::new(serde_json::to_string(&content).ok()?)).ok()?;
        Some(cookie::write(&name(here), &BASE64URL_NOPAD.encode(&sealed), LIFE_SECONDS, here))
    }

    /// The one that a browser carries, if it is of this provider and name, and not too old.
    pub(super) fn carried(sealing: &Sealing, headers: &HeaderMap, provider: &str, here: &Here, now: UnixMillis) -> Option<Self> {
        let sealed = BASE64URL_NOPAD.decode(cookie::value(headers, &name(here))?.as_bytes()).ok()?;
        let content = sealing.open_token(PURPOSE, &sealed)?;
        let Content(of_provider, origin, state, nonce, verifier, next, began_at) = serde_json::from_str(content.expose()).ok()?;
        let [state, nonce, verifier] = [state, nonce, verifier].map(Secret::new);
        let flow = Self { provider: of_provider, origin, state, nonce, verifier, next, began_at: UnixMillis(began_at) };
        let is_meant = flow.provider == provider && flow.origin == here.origin && now < flow.ends_at();
        is_meant.then_some(flow)
    }

    /// Whether this state is the one that was sent along.
    pub(super) fn has_state(&self, state: &str) -> bool {
        self.state.expose().as_bytes().ct_eq(state.as_bytes()).into()
    }

    /// What the provider sends the browser back to.
    pub(super) fn redirect_uri(&self) -> String {
        format!("{}/sign-in/{}/callback", self.origin, self.provider)
    }

    /// Where the browser goes.
    pub(super) fn authorization_url(&self, metadata: &Metadata, settings: &OidcProvider) -> Url {
        let challenge = BASE64URL_NOPAD.encode(&Sha256::digest(self.verifier.expose()));
        let mut url = metadata.authorization.clone();
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &settings.client_id)
            .append_pair("redirect_uri", &self.redirect_uri())
            .append_pair("scope", "openid email profile")
            .append_pair("state", self.state.expose())
            .append_pair("nonce", self.nonce.expose())
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256");
        url
    }
}

/// Takes the cookie away: what it holds is used.
pub(super) fn clear(here: &Here) -> HeaderValue {
    cookie::write(&name(here), "", 0, here)
}

fn name(here: &Here) -> String {
    format!("{}-sign-in", cookie::name(here))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use axum::http::header;
    use store::SealingKey;

    use super::*;

    const NOW: UnixMillis = UnixMillis(1_779_753_600_000);

    fn here(origin: &str) -> Here {
        Here { origin: origin.to_owned(), is_secure: false, port: 7335, address: Ipv4Addr::LOCALHOST.into() }
    }

    fn carrying(cookie: &HeaderValue) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, cookie.to_str().unwrap().split(';').next().unwrap().parse().unwrap());
        headers
    }

    #[test]
    fn a_flow_comes_back_to_any_relay_of_the_installation_where_and_while_it_is_meant() {
        let with = |byte| Sealing::with(SealingKey::new(&[byte; 32]));
        let here = here("http://relay.example:7335");
        let flow = Flow::begin("google", &here, "/me", NOW);
        let headers = carrying(&flow.cookie(&with(7), &here).unwrap());
        let carried = |sealing: &Sealing, provider: &str, here: &Here, now| Flow::carried(sealing, &headers, provider, here, now);
        let back = carried(&with(7), "google", &here, NOW.plus_seconds(LIFE_SECONDS - 1)).unwrap();
        assert!(back.has_state(flow.state.expose()) && !back.has_state("") && !back.has_state(flow.nonce.expose()));
        assert_eq!((back.nonce, back.verifier, back.next), (flow.nonce, flow.verifier, "/me".to_owned()));
        assert!(carried(&with(8), "google", &here, NOW).is_none(), "another installation's");
        assert!(carried(&with(7), "other", &here, NOW).is_none(), "another provider's");
        assert!(carried(&with(7), "google", &self::here("http://10.0.0.1:7335"), NOW).is_none(), "another name's");
        assert!(carried(&with(7), "google", &here, NOW.plus_seconds(LIFE_SECONDS)).is_none(), "too late");
    }

    #[test]
    fn the_cookie_says_nothing_and_scripts_do_not_see_it() {
        let here = here("http://relay.example:7335");
        let flow = Flow::begin("google", &here, &format!("/{}", "x".repeat(2_000)), NOW);
        assert_eq!(flow.next, "/");
        let cookie = flow.cookie(&Sealing::with(SealingKey::new(&[7; 32])), &here).unwrap();
        let text = cookie.to_str().unwrap();
        assert!(text.contains("; HttpOnly; SameSite=Lax") && text.contains("Max-Age=600"), "{text}");
        assert!(!text.contains(flow.state.expose()) && !text.contains(flow.verifier.expose()));
        assert!(text.len() < 4_000);
    }
}
