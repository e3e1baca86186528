//! An OpenID provider that does as a test tells it to: honest, unless something of it is changed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::KeyPair;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{CLIENT_ID, CLIENT_SECRET};
use crate::stage::NOW;

pub(super) struct Liar {
    pub(super) issuer: String,
    said: Shared,
    server: tokio::task::JoinHandle<()>,
}

type Shared = Arc<Mutex<Said>>;

/// What it says, and what it was asked.
pub(super) struct Said {
    /// Of itself.
    pub(super) discovery: Value,
    /// In ID tokens; the nonce is added if it is absent.
    pub(super) claims: Value,
    /// When it is asked who somebody is.
    pub(super) userinfo: Value,
    /// In ID tokens' headers.
    pub(super) header: Header,
    /// What signs.
    pub(super) signer: EncodingKey,
    /// The keys that it shows, and how often it was asked for them.
    pub(super) keys: Vec<Value>,
    pub(super) asked_for_keys: usize,
    /// Codes count as often as they come.
    pub(super) forgets_codes: bool,
    /// What the token endpoint answers instead of tokens.
    pub(super) token_answer: Option<(StatusCode, &'static str, Vec<u8>)>,
    /// The code that waits, with its challenge and nonce.
    code: Option<(String, String, String)>,
    codes: usize,
}

impl Drop for Liar {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// A new key that signs, and how it is shown.
pub(super) fn new_key(id: &str) -> (EncodingKey, Value) {
    let pair = KeyPair::generate().unwrap();
    // An uncompressed point: 4, x, y.
    let point = pair.public_key_raw();
    let (x, y) = point[1..].split_at(32);
    let [x, y] = [x, y].map(|part| BASE64URL_NOPAD.encode(part));
    (EncodingKey::from_ec_der(&pair.serialize_der()), json!({"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": id, "use": "sig"}))
}

impl Liar {
    /// Everybody is bea, whose address is verified.
    pub(super) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let (signer, key) = new_key("first");
        let at = |path: &str| format!("{issuer}{path}");
        let said = Said {
            discovery: json!({
                "issuer": issuer, "authorization_endpoint": at("/auth"), "token_endpoint": at("/token"), "jwks_uri": at("/keys"),
                "userinfo_endpoint": at("/userinfo"), "id_token_signing_alg_values_supported": ["ES256"],
                "authorization_response_iss_parameter_supported": true,
            }),
            claims: json!({
                "iss": issuer, "sub": "sub-bea", "aud": CLIENT_ID, "iat": NOW.seconds(), "exp": NOW.seconds() + 300,
                "email": "bea@company.example", "email_verified": true, "name": "Bea",
            }),
            userinfo: json!({"sub": "sub-bea", "email": "bea@company.example", "email_verified": true, "name": "Bea"}),
            header: Header { kid: Some("first".to_owned()), ..Header::new(Algorithm::ES256) },
            signer,
            keys: vec![key],
            asked_for_keys: 0,
            forgets_codes: false,
            token_answer: None,
            code: None,
            codes: 0,
        };
        let said = Arc::new(Mutex::new(said));
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(async |State(said): State<Shared>| said.lock().unwrap().discovery.to_string()))
            .route("/keys", get(keys))
            .route("/userinfo", get(async |State(said): State<Shared>| said.lock().unwrap().userinfo.to_string()))
            .route("/token", post(token))
            .with_state(Arc::clone(&said));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { issuer, said, server }
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Said)) {
        change(&mut self.said.lock().unwrap());
    }

    pub(super) fn asked_for_keys(&self) -> usize {
        self.said.lock().unwrap().asked_for_keys
    }

    /// Lets somebody sign in who was sent with this: a code for it.
    pub(super) fn sign_in(&self, asked: &BTreeMap<String, String>) -> String {
        assert_eq!((asked["response_type"].as_str(), asked["code_challenge_method"].as_str()), ("code", "S256"));
        assert_eq!((asked["client_id"].as_str(), asked["scope"].as_str()), (CLIENT_ID, "openid email profile"));
        let mut said = self.said.lock().unwrap();
        said.codes += 1;
        let code = format!("code-{}", said.codes);
        said.code = Some((code.clone(), asked["code_challenge"].clone(), asked["nonce"].clone()));
        code
    }
}

async fn keys(State(said): State<Shared>) -> String {
    let mut said = said.lock().unwrap();
    said.asked_for_keys += 1;
    json!({ "keys": said.keys }).to_string()
}

/// As a good provider does it: the client, the code and its verifier are asked for, and a code counts once.
async fn token(State(said): State<Shared>, headers: HeaderMap, body: String) -> Response {
    let mut said = said.lock().unwrap();
    if let Some((status, name, value)) = said.token_answer.clone() {
        return if name == "body" {
            (status, value).into_response()
        } else {
            (status, [(name, String::from_utf8(value).unwrap())], Body::empty()).into_response()
        };
    }
    let fields: BTreeMap<String, String> = reqwest::Url::parse(&format!("http://x/?{body}")).unwrap().query_pairs().into_owned().collect();
    let basic = headers.get(header::AUTHORIZATION).unwrap().to_str().unwrap().strip_prefix("Basic ").unwrap();
    let basic = String::from_utf8(BASE64.decode(basic.as_bytes()).unwrap()).unwrap();
    let (id, secret) = basic.split_once(':').unwrap();
    let decoded = |text: &str| reqwest::Url::parse(&format!("http://x/?x={text}")).unwrap().query_pairs().next().unwrap().1.into_owned();
    assert_eq!((decoded(id).as_str(), decoded(secret).as_str()), (CLIENT_ID, CLIENT_SECRET));
    assert!(fields["redirect_uri"].ends_with("/sign-in/provider/callback"), "{fields:?}");
    let refused = || (StatusCode::BAD_REQUEST, r#"{"error": "invalid_grant"}"#).into_response();
    let challenge = BASE64URL_NOPAD.encode(&Sha256::digest(&fields["code_verifier"]));
    let known = said.code.clone().filter(|(code, known, _)| *code == fields["code"] && *known == challenge);
    let Some((_, _, nonce)) = known else { return refused() };
    if !said.forgets_codes {
        said.code = None;
    }
    let mut claims = said.claims.clone();
    claims.as_object_mut().unwrap().entry("nonce").or_insert(nonce.into());
    let token = match said.header.alg {
        // A secret that everybody has whom the provider has given one.
        Algorithm::HS256 => jsonwebtoken::encode(&said.header, &claims, &EncodingKey::from_secret(CLIENT_SECRET.as_bytes())),
        _ => jsonwebtoken::encode(&said.header, &claims, &said.signer),
    };
    json!({"access_token": "an access token", "token_type": "Bearer", "id_token": token.unwrap()}).to_string().into_response()
}
