//! What a provider says of itself (OpenID Connect Discovery 1.0, section 3), checked before any of it is used.

use jsonwebtoken::Algorithm;
use serde::Deserialize;
use url::Url;

use super::settings::{is_local, may_be_called};

/// Algorithms that an ID token may be signed with: with a key that only the provider has. `none` is no signature, and HMAC
/// would make everybody who knows the client secret a provider.
const KNOWN: &[Algorithm] = &[
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// The document.
#[derive(Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    userinfo_endpoint: Option<String>,
    #[serde(default)]
    id_token_signing_alg_values_supported: Vec<String>,
    code_challenge_methods_supported: Option<Vec<String>>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

/// What is used of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Metadata {
    /// Where people sign in.
    pub(super) authorization: Url,
    /// Where a code becomes an ID token.
    pub(super) token: Url,
    /// Where its keys are.
    pub(super) keys: Url,
    /// Where claims are that are in no ID token.
    pub(super) userinfo: Option<Url>,
    /// What its ID tokens are signed with.
    pub(super) algorithms: Vec<Algorithm>,
    /// Whether the client secret goes into the form, since the provider does not take it in a header.
    pub(super) secret_in_form: bool,
    /// Whether its answers say whose they are (RFC 9207): then those that do not are not its.
    pub(super) names_itself: bool,
}

/// Where the document of an issuer is.
pub(super) fn place_of(issuer: &str) -> Option<Url> {
    Url::parse(&format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'))).ok()
}

/// Reads the document of the provider with this issuer.
///
/// # Errors
/// What is wrong with it.
pub(super) fn read(text: &[u8], issuer: &str) -> Result<Metadata, String> {
    let document: Document = serde_json::from_slice(text).map_err(|error| format!("its discovery document cannot be read: {error}"))?;
    if document.issuer != issuer {
        return Err(format!("its discovery document is of the issuer {:?}: set exactly that, if it is the right one", document.issuer));
    }
    let provider_is_local = Url::parse(issuer).is_ok_and(|issuer| is_local(&issuer));
    let endpoint = |name: &str, text: &str| {
        let url = Url::parse(text).ok().filter(|url| may_be_called(url, provider_is_local));
        url.ok_or_else(|| format!("its {name} is no https:// URL"))
    };
    if document.code_challenge_methods_supported.is_some_and(|methods| !methods.iter().any(|method| method == "S256")) {
        return Err("it does not know PKCE with S256".to_owned());
    }
    let announced = &document.id_token_signing_alg_values_supported;
    let algorithms: Vec<_> = KNOWN.iter().copied().filter(|known| announced.contains(&format!("{known:?}"))).collect();
    if algorithms.is_empty() {
        return Err(format!("it signs ID tokens with none of the algorithms {KNOWN:?}"));
    }
    // Whoever says nothing takes a header (section 3).
    let methods = document.token_endpoint_auth_methods_supported.unwrap_or_else(|| vec!["client_secret_basic".to_owned()]);
    Ok(Metadata {
        authorization: endpoint("authorization_endpoint", &document.authorization_endpoint)?,
        token: endpoint("token_endpoint", &document.token_endpoint)?,
        keys: endpoint("jwks_uri", &document.jwks_uri)?,
        userinfo: document.userinfo_endpoint.map(|text| endpoint("userinfo_endpoint", &text)).transpose()?,
        algorithms,
        secret_in_form: !methods.iter().any(|method| method == "client_secret_basic"),
        names_itself: document.authorization_response_iss_parameter_supported,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const ISSUER: &str = "https://id.example";

    fn document() -> Value {
        json!({
            "issuer": ISSUER, "authorization_endpoint": "https://id.example/auth?x=1", "token_endpoint": "https://id.example/token",
            "jwks_uri": "https://keys.example/", "id_token_signing_alg_values_supported": ["none", "HS256", "ES256", "RS256"],
        })
    }

    fn with(name: &str, value: Value) -> Result<Metadata, String> {
        let mut document = document();
        document[name] = value;
        read(document.to_string().as_bytes(), ISSUER)
    }

    #[test]
    fn a_document_says_where_to_go_and_how_tokens_are_signed() {
        let metadata = read(document().to_string().as_bytes(), ISSUER).unwrap();
        assert_eq!(metadata.algorithms, [Algorithm::RS256, Algorithm::ES256], "never none, never HMAC");
        assert!(!metadata.secret_in_form && !metadata.names_itself && metadata.userinfo.is_none());
        assert!(with("token_endpoint_auth_methods_supported", json!(["client_secret_post"])).unwrap().secret_in_form);
        assert!(with("authorization_response_iss_parameter_supported", json!(true)).unwrap().names_itself);
    }

    #[test]
    fn a_document_that_lies_or_lacks_is_refused() {
        for (name, value, words) in [
            ("issuer", json!("https://id.example/"), "of the issuer"),
            ("issuer", json!("https://evil.example"), "of the issuer"),
            ("token_endpoint", json!("http://id.example/token"), "token_endpoint"),
            ("token_endpoint", json!("http://127.0.0.1/token"), "token_endpoint"),
            ("jwks_uri", json!("file:///etc/passwd"), "jwks_uri"),
            ("authorization_endpoint", json!("javascript:alert(1)"), "authorization_endpoint"),
            ("userinfo_endpoint", json!("x"), "userinfo_endpoint"),
            ("id_token_signing_alg_values_supported", json!(["HS256", "none"]), "none of the algorithms"),
            ("code_challenge_methods_supported", json!(["plain"]), "S256"),
            ("jwks_uri", Value::Null, "cannot be read"),
        ] {
            let refused = with(name, value.clone()).unwrap_err();
            assert!(refused.contains(words), "{name} {value}: {refused}");
        }
    }

    #[test]
    fn the_document_is_below_the_issuer() {
        assert_eq!(place_of("https://a.example").unwrap().as_str(), "https://a.example/.well-known/openid-configuration");
        assert_eq!(place_of("https://a.example/t/v2/").unwrap().as_str(), "https://a.example/t/v2/.well-known/openid-configuration");
    }
}
