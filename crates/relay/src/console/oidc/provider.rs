//! What a relay knows of its providers while it runs. A provider is asked what it is when the first person wants to sign in
//! through it, and again when that has grown old: a relay starts without it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jsonwebtoken::{DecodingKey, Header};
use protocol::Secret;
use serde::Deserialize;
use tokio::sync::Mutex;
use url::form_urlencoded;

use super::discovery::{self, Metadata};
use super::fault::SignInFault;
use super::id_token::Person;
use super::keys::Keys;
use super::outward::{CallError, Outward};
use super::settings::OidcProvider;

/// How long what a provider says of itself is believed, its keys included: one that it has withdrawn counts no longer.
const FRESH: Duration = Duration::from_secs(3_600);
/// Between two tries of a provider that does not answer, and two looks for a key that it does not have: everybody who comes
/// meanwhile is told at once.
const PAUSE: Duration = Duration::from_secs(5);

/// The providers of a relay.
#[derive(Debug, Default)]
pub(crate) struct Providers(Vec<Provider>);

/// One of them.
pub(super) struct Provider {
    pub(super) settings: OidcProvider,
    outward: Arc<Outward>,
    known: Mutex<Option<Known>>,
}

/// What was heard, and when.
struct Known {
    at: Instant,
    heard: Option<(Arc<Metadata>, Arc<Keys>)>,
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Provider").field(&self.settings.issuer).finish()
    }
}

/// What a code was worth.
#[derive(Deserialize)]
struct Tokens {
    id_token: Option<String>,
    access_token: Option<String>,
}

/// A token endpoint's no (RFC 6749, section 5.2).
#[derive(Deserialize)]
struct Refused {
    error: String,
}

impl Providers {
    /// # Errors
    /// When two have one id, or TLS cannot be set up.
    pub(crate) fn new(settings: Vec<OidcProvider>) -> Result<Self, String> {
        if settings.is_empty() {
            return Ok(Self::default());
        }
        let ids: BTreeSet<_> = settings.iter().map(|provider| &provider.id).collect();
        if ids.len() < settings.len() {
            return Err("two providers have one id".to_owned());
        }
        let outward = Arc::new(Outward::new().map_err(|error| error.to_string())?);
        let provider = |settings| Provider { settings, outward: Arc::clone(&outward), known: Mutex::new(None) };
        Ok(Self(settings.into_iter().map(provider).collect()))
    }

    pub(super) fn get(&self, id: &str) -> Option<&Provider> {
        self.0.iter().find(|provider| provider.settings.id == id)
    }

    /// Id and name of each, for buttons.
    pub(crate) fn names(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|provider| (provider.settings.id.as_str(), provider.settings.name.as_str()))
    }
}

impl Provider {
    /// What the provider says of itself.
    pub(super) async fn metadata(&self) -> Result<Arc<Metadata>, SignInFault> {
        Ok(self.known(None).await?.0)
    }

    /// The key that a token with this header was signed with. A key that is not known is asked for once.
    pub(super) async fn key(&self, header: &Header) -> Result<DecodingKey, SignInFault> {
        let (_, keys) = self.known(None).await?;
        if let Some(key) = keys.find(header) {
            return Ok(key);
        }
        let (_, keys) = self.known(Some(&keys)).await?;
        keys.find(header).ok_or_else(|| {
            tracing::warn!(issuer = self.settings.issuer, key = header.kid, "an ID token names a key that the provider does not have");
            SignInFault::BadSignature
        })
    }

    /// What was heard of the provider; asks it when that is nothing, or old, or are the keys `in_vain`.
    async fn known(&self, in_vain: Option<&Arc<Keys>>) -> Result<(Arc<Metadata>, Arc<Keys>), SignInFault> {
        // Held while it is asked: whoever comes meanwhile waits for the same answer.
        let mut known = self.known.lock().await;
        if let Some(Known { at, heard }) = &*known {
            match heard {
                None if at.elapsed() < PAUSE => return Err(SignInFault::Unreachable),
                Some((metadata, keys)) => {
                    let in_vain = in_vain.is_some_and(|in_vain| Arc::ptr_eq(in_vain, keys));
                    if at.elapsed() < FRESH && (!in_vain || at.elapsed() < PAUSE) {
                        return Ok((Arc::clone(metadata), Arc::clone(keys)));
                    }
                }
                None => {}
            }
        }
        let heard = self.ask().await;
        let answer = heard.clone().map_err(|error| {
            tracing::warn!(issuer = self.settings.issuer, error, "an OpenID provider cannot be used");
            SignInFault::Unreachable
        });
        *known = Some(Known { at: Instant::now(), heard: heard.ok() });
        answer
    }

    async fn ask(&self) -> Result<(Arc<Metadata>, Arc<Keys>), String> {
        let place = discovery::place_of(&self.settings.issuer).ok_or("its issuer is no URL")?;
        let document = self.outward.get(&place, None).await.map_err(|error| error.to_string())?;
        let metadata = discovery::read(&document, &self.settings.issuer)?;
        let keys = self.outward.get(&metadata.keys, None).await.map_err(|error| error.to_string())?;
        Ok((Arc::new(metadata), Arc::new(Keys::read(&keys)?)))
    }

    /// Takes a code to the provider: the ID token, and what allows to ask for more.
    pub(super) async fn redeem(
        &self,
        metadata: &Metadata,
        (code, verifier): (&str, &Secret),
        redirect_uri: &str,
    ) -> Result<(Secret, Option<Secret>), SignInFault> {
        let OidcProvider { client_id, client_secret, issuer, .. } = &self.settings;
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect_uri),
            ("code_verifier", verifier.expose()),
        ];
        // In a header both are written as in a form (RFC 6749, section 2.3.1).
        let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let basic = client_secret.as_ref().filter(|_| !metadata.secret_in_form);
        let basic = basic.map(|secret| (encoded(client_id), Secret::new(encoded(secret.expose()))));
        match client_secret {
            Some(_) if basic.is_some() => {}
            Some(secret) => fields.extend([("client_id", client_id.as_str()), ("client_secret", secret.expose())]),
            None => fields.push(("client_id", client_id)),
        }
        let basic = basic.as_ref().map(|(name, secret)| (name.as_str(), secret.expose()));
        let answer = self.outward.post(&metadata.token, basic, &fields).await.map_err(|error| self.unreachable(&error))?;
        if !answer.status.is_success() {
            let refused = serde_json::from_slice::<Refused>(&answer.body).ok().map(|refused| refused.error);
            tracing::warn!(issuer, status = %answer.status, error = refused, "an OpenID provider does not take a code");
            // Whoever sends a code again is told so; a wrong client secret is the relay's operator's to mend.
            let is_about_the_code = refused.as_deref() == Some("invalid_grant");
            return Err(if is_about_the_code { SignInFault::CodeRefused } else { SignInFault::Unreachable });
        }
        let tokens: Tokens = serde_json::from_slice(&answer.body).map_err(|_| SignInFault::BadToken)?;
        let id_token = tokens.id_token.ok_or(SignInFault::BadToken)?;
        Ok((Secret::new(id_token), tokens.access_token.map(Secret::new)))
    }

    /// What the provider tells of somebody when it is asked: many keep ID tokens short. `None`: it has no such place.
    pub(super) async fn person(&self, metadata: &Metadata, access: &Secret, subject: &str) -> Result<Option<Person>, SignInFault> {
        #[derive(Deserialize)]
        struct UserInfo {
            sub: String,
            #[serde(flatten)]
            person: Person,
        }
        let Some(place) = &metadata.userinfo else { return Ok(None) };
        let body = self.outward.get(place, Some(access.expose())).await.map_err(|error| self.unreachable(&error))?;
        let told: UserInfo = serde_json::from_slice(&body).map_err(|error| self.unreachable(&CallError::Unreadable(error.to_string())))?;
        // Of somebody else it says nothing about this one (section 5.3.2).
        if told.sub == subject { Ok(Some(told.person)) } else { Err(SignInFault::BadToken) }
    }

    fn unreachable(&self, error: &CallError) -> SignInFault {
        tracing::warn!(issuer = self.settings.issuer, %error, "an OpenID provider does not answer as it should");
        SignInFault::Unreachable
    }
}
