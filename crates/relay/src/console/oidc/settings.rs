//! The providers that an operator has named, as they are written down: one by flags, or any number in a TOML file.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use protocol::Secret;
use protocol::text::is_plain_text;
use serde::Deserialize;
use url::{Host, Url};

use crate::secrets::read_private_file;

/// Characters of an id: it is a part of paths.
const ID_CHARS: std::ops::RangeInclusive<usize> = 1..=40;
/// Characters of a name: it stands on a button.
const NAME_CHARS: std::ops::RangeInclusive<usize> = 1..=60;

/// An OpenID provider that operators may sign in through.
#[derive(Clone)]
pub struct OidcProvider {
    /// What paths call it: `/sign-in/ID/callback` is what the provider sends browsers back to.
    pub id: String,
    /// What people call it: `Sign in with NAME`.
    pub name: String,
    /// Its issuer, letter for letter as it writes it in its ID tokens.
    pub issuer: String,
    /// Who this relay is to it.
    pub client_id: String,
    /// What this relay proves that by; none: a public client, which has PKCE alone.
    pub client_secret: Option<Secret>,
}

impl fmt::Debug for OidcProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OidcProvider").field("id", &self.id).field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// A provider cannot be used as it is written down.
#[derive(Debug, thiserror::Error)]
#[error("provider `{id}`: {why}")]
pub struct InvalidProvider {
    /// Which; empty: the file as a whole.
    pub id: String,
    /// What is wrong, and what to do.
    pub why: String,
}

/// A provider in a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: Option<String>,
    issuer: String,
    client_id: String,
    client_secret_file: Option<PathBuf>,
    client_secret_env: Option<String>,
}

impl OidcProvider {
    /// A provider with a secret from a file or from a text, if it has one.
    ///
    /// # Errors
    /// When a part cannot be what it is for, or the file cannot be read, or may be read by others.
    pub fn new(
        (id, name): (&str, &str),
        (issuer, client_id): (&str, &str),
        client_secret: Option<Secret>,
    ) -> Result<Self, InvalidProvider> {
        let fail = |why: String| InvalidProvider { id: id.to_owned(), why };
        if !ID_CHARS.contains(&id.len()) || !id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_')) {
            return Err(fail("an id has 1 to 40 small letters, digits, `-` and `_`".to_owned()));
        }
        if !NAME_CHARS.contains(&name.chars().count()) || !is_plain_text(name) {
            return Err(fail("a name has 1 to 60 characters".to_owned()));
        }
        expect_issuer(issuer).map_err(fail)?;
        let is_visible = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
        if !is_visible(client_id) {
            return Err(fail("client_id is empty, or has blanks in it".to_owned()));
        }
        if client_secret.as_ref().is_some_and(|secret| secret.expose().trim().is_empty()) {
            return Err(fail("its client secret is empty; leave it out for a public client".to_owned()));
        }
        let [id, name, issuer, client_id] = [id, name, issuer, client_id].map(str::to_owned);
        Ok(Self { id, name, issuer, client_id, client_secret })
    }

    /// Reads providers from TOML, one table each; secrets from the files and variables that they name. `folder`: what files
    /// with a relative path are looked for in. `variable`: the value of an environment variable.
    ///
    /// # Errors
    /// As [`Self::new`], and when the text is no such TOML.
    pub fn from_toml(text: &str, folder: &Path, variable: impl Fn(&str) -> Option<String>) -> Result<Vec<Self>, InvalidProvider> {
        // Not the error as a whole: it quotes the line, and somebody may have written a secret there.
        let unreadable = |error: toml::de::Error| {
            let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            InvalidProvider { id: String::new(), why: format!("line {line}: {}", error.message()) }
        };
        let written: BTreeMap<String, Written> = toml::from_str(text).map_err(unreadable)?;
        let provider = |(id, written): (String, Written)| {
            let fail = |why: String| InvalidProvider { id: id.clone(), why };
            let secret = match (&written.client_secret_file, &written.client_secret_env) {
                (Some(_), Some(_)) => return Err(fail("client_secret_file and client_secret_env: give one of them".to_owned())),
                (Some(file), None) => Some(Self::secret_of_file(&folder.join(file)).map_err(fail)?),
                (None, Some(name)) => {
                    Some(Secret::new(variable(name).ok_or_else(|| fail(format!("the environment variable {name} is not set")))?))
                }
                (None, None) => None,
            };
            Self::new((&id, written.name.as_deref().unwrap_or(&id)), (&written.issuer, &written.client_id), secret)
        };
        written.into_iter().map(provider).collect()
    }

    /// A client secret that lies in a file which only its owner can read.
    ///
    /// # Errors
    /// When it cannot be read, or may be read by others.
    pub fn secret_of_file(path: &Path) -> Result<Secret, String> {
        read_private_file(path).map_err(|why| format!("the client secret in {why}"))
    }
}

/// Issuers are URLs without query and fragment (OpenID Connect Discovery 1.0, section 3), over TLS; a provider on this
/// machine is reached without.
fn expect_issuer(issuer: &str) -> Result<(), String> {
    let url = Url::parse(issuer).map_err(|error| format!("issuer is no URL: {error}"))?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err("issuer has a query or a fragment; copy it as the provider documents it".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("issuer has a name or a password in it; the secret belongs into a file".to_owned());
    }
    if may_be_called(&url, is_local(&url)) { Ok(()) } else { Err("issuer must begin with https://".to_owned()) }
}

/// Whether a URL leads to this machine.
pub(super) fn is_local(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// Whether a provider may be spoken to there: over TLS, or, when it runs on this machine itself, here without.
pub(super) fn may_be_called(url: &Url, provider_is_local: bool) -> bool {
    match url.scheme() {
        "https" => url.has_host(),
        "http" => provider_is_local && is_local(url),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn read(text: &str) -> Result<Vec<OidcProvider>, String> {
        let variable = |name: &str| (name == "SET").then(|| "of the environment".to_owned());
        OidcProvider::from_toml(text, Path::new("/nowhere"), variable).map_err(|error| error.to_string())
    }

    #[test]
    fn providers_are_tables_of_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("google.secret");
        std::fs::write(&file, "of a file\n").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        let text = "[google]\nname = 'Google'\nissuer = 'https://accounts.google.com'\nclient_id = 'a'\nclient_secret_file = 'google.secret'\n\
                    [own]\nissuer = 'http://127.0.0.1:9000/realm'\nclient_id = 'b'\nclient_secret_env = 'SET'\n\
                    [public]\nissuer = 'https://id.example/'\nclient_id = 'c'\n";
        let providers = OidcProvider::from_toml(text, folder.path(), |_| Some("of the environment".to_owned())).unwrap();
        let secrets: Vec<_> = providers.iter().map(|provider| provider.client_secret.as_ref().map(Secret::expose)).collect();
        assert_eq!(secrets, [Some("of a file"), Some("of the environment"), None]);
        assert_eq!((providers[0].name.as_str(), providers[1].name.as_str()), ("Google", "own"));
        assert!(!format!("{providers:?}").contains("of a file"));
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        let refused = OidcProvider::from_toml(text, folder.path(), |_| None).unwrap_err().to_string();
        assert!(refused.contains("google") && refused.contains("chmod 600"), "{refused}");
    }

    #[test]
    fn what_cannot_be_is_said_and_no_secret_with_it() {
        for (text, words) in [
            ("[a]\nissuer = 'http://id.example'\nclient_id = 'c'", "https://"),
            ("[a]\nissuer = 'https://id.example?x=1'\nclient_id = 'c'", "query"),
            ("[a]\nissuer = 'https://u:canary@id.example'\nclient_id = 'c'", "belongs into a file"),
            ("[a]\nissuer = 'id.example'\nclient_id = 'c'", "no URL"),
            ("[a]\nissuer = 'https://id.example'\nclient_id = ''", "client_id"),
            ("['A b']\nissuer = 'https://id.example'\nclient_id = 'c'", "small letters"),
            ("[a]\nissuer = 'https://id.example'\nclient_id = 'c'\nclient_secret_env = 'UNSET'", "UNSET is not set"),
            ("[a]\nissuer = 'https://id.example'\nclient_id = 'c'\nclient_secret = 'canary'", "line 4: unknown field"),
            ("[a]\nissuer = 'https://id.example'\nclient_id = 'c'\nclient_secret_file = 'canary", "line 4"),
        ] {
            let refused = read(text).unwrap_err();
            assert!(refused.contains(words) && !refused.contains("canary"), "{text}: {refused}");
        }
    }

    #[test]
    fn only_a_provider_of_this_machine_is_spoken_to_without_tls() {
        let may = |url: &str, local| may_be_called(&Url::parse(url).unwrap(), local);
        assert!(may("https://id.example/token", false) && may("http://127.0.0.1:1/token", true) && may("http://localhost/token", true));
        assert!(!may("http://127.0.0.1:1/token", false), "a provider elsewhere does not send us to services of this machine");
        assert!(!may("http://id.example/token", true) && !may("file:///etc/passwd", true) && !may("data:,x", true));
    }
}
