//! Whether an ID token says who somebody is (OpenID Connect Core 1.0, section 3.1.3.7): signed by the provider in a way that
//! it has announced, about this sign-in, for this relay, now. Pure but for the key that it is given.

use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};
use protocol::UnixMillis;
use serde::Deserialize;
use serde_json::Value;

use super::fault::SignInFault;

/// Seconds that the provider's clock and ours may differ.
const SKEW_SECONDS: i64 = 120;
/// Bytes of a token: what fits into nobody's cookie is no token of a sign-in.
const MAX_BYTES: usize = 32 * 1_024;
/// Characters of a subject (OpenID Connect Core 1.0, section 2).
const SUBJECT_CHARS: std::ops::RangeInclusive<usize> = 1..=255;

/// What an ID token says that matters here.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Claims {
    iss: String,
    pub(super) sub: String,
    aud: Audience,
    azp: Option<String>,
    exp: Seconds,
    iat: Seconds,
    nbf: Option<Seconds>,
    nonce: Option<String>,
    #[serde(flatten)]
    pub(super) person: Person,
}

/// Who somebody is: in the ID token, or told by the provider when asked.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Person {
    pub(super) email: Option<String>,
    #[serde(default)]
    email_verified: Value,
    pub(super) name: Option<String>,
}

impl Person {
    /// Whether the provider says that the address is theirs. Some write it as text (Amazon Cognito, Apple).
    pub(super) fn email_is_verified(&self) -> bool {
        match &self.email_verified {
            Value::Bool(is_verified) => *is_verified,
            Value::String(text) => text == "true",
            _ => false,
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// A time in seconds; fractions are allowed (RFC 7519, section 2).
#[derive(Clone, Copy, Debug, Deserialize)]
struct Seconds(f64);

/// What a token must be about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected<'e> {
    pub(super) issuer: &'e str,
    pub(super) client_id: &'e str,
    pub(super) nonce: &'e str,
    /// When this sign-in was begun: no token of it is older.
    pub(super) began_at: UnixMillis,
    pub(super) now: UnixMillis,
}

/// The header of a token, which says how it is signed. Nothing in it is believed yet.
///
/// # Errors
/// When the token has none, or its algorithm is not one of these.
pub(super) fn header(token: &str, algorithms: &[Algorithm]) -> Result<Header, SignInFault> {
    if token.len() > MAX_BYTES {
        return Err(SignInFault::BadToken);
    }
    // An algorithm that is not known at all, `none` among them, is no header either.
    let header = jsonwebtoken::decode_header(token).map_err(|_| SignInFault::BadSignature)?;
    // Extensions that must be understood are not (RFC 7515, section 4.1.11).
    let is_plain = header.crit.is_none();
    if is_plain && algorithms.contains(&header.alg) { Ok(header) } else { Err(SignInFault::BadSignature) }
}

/// What a token says, if this key has signed it.
///
/// # Errors
/// When it has not, or the token lacks something.
pub(super) fn claims(token: &str, header: &Header, key: &DecodingKey) -> Result<Claims, SignInFault> {
    let mut validation = Validation::new(header.alg);
    // What it says is looked at in `check`, by our own clock.
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let decoded = jsonwebtoken::decode::<Claims>(token, key, &validation);
    decoded.map(|decoded| decoded.claims).map_err(|error| match error.kind() {
        jsonwebtoken::errors::ErrorKind::Json(_) => SignInFault::BadToken,
        _ => SignInFault::BadSignature,
    })
}

/// Whether claims are about this sign-in.
///
/// # Errors
/// When they are not.
pub(super) fn check(claims: &Claims, expected: Expected<'_>) -> Result<(), SignInFault> {
    if claims.iss != expected.issuer {
        return Err(SignInFault::WrongIssuer);
    }
    let is_us = |id: &String| id == expected.client_id;
    let is_for_us = match &claims.aud {
        Audience::One(audience) => is_us(audience) && claims.azp.as_ref().is_none_or(is_us),
        Audience::Many(audiences) => {
            let azp_is_given = claims.azp.is_some() || audiences.len() == 1;
            audiences.iter().any(is_us) && azp_is_given && claims.azp.as_ref().is_none_or(is_us)
        }
    };
    if !is_for_us {
        return Err(SignInFault::WrongAudience);
    }
    #[allow(clippy::cast_precision_loss, reason = "seconds of this era are exact")]
    let (now, began, skew) = (expected.now.seconds() as f64, expected.began_at.seconds() as f64, SKEW_SECONDS as f64);
    let Seconds(issued) = claims.iat;
    let is_timely = claims.exp.0 > now - skew && (began - skew..=now + skew).contains(&issued);
    if !is_timely || claims.nbf.is_some_and(|Seconds(from)| from > now + skew) {
        return Err(SignInFault::WrongTime);
    }
    if claims.nonce.as_deref() != Some(expected.nonce) {
        return Err(SignInFault::WrongNonce);
    }
    if SUBJECT_CHARS.contains(&claims.sub.len()) && claims.sub.is_ascii() { Ok(()) } else { Err(SignInFault::BadToken) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: UnixMillis = UnixMillis(1_779_753_600_000);

    fn checked(change: impl FnOnce(&mut Value)) -> Result<(), SignInFault> {
        let now = NOW.seconds();
        let mut claims = json!({"iss": "https://id.example", "sub": "s", "aud": "us", "exp": now + 300, "iat": now, "nonce": "n"});
        change(&mut claims);
        let claims: Claims = serde_json::from_value(claims).map_err(|_| SignInFault::BadToken)?;
        let began_at = NOW.plus_seconds(-60);
        check(&claims, Expected { issuer: "https://id.example", client_id: "us", nonce: "n", began_at, now: NOW })
    }

    #[test]
    fn a_token_about_this_sign_in_is_believed() {
        let now = NOW.seconds();
        assert_eq!(checked(|_| ()), Ok(()));
        assert_eq!(checked(|claims| claims["aud"] = json!(["us"])), Ok(()));
        assert_eq!(checked(|claims| claims["exp"] = json!(now - 60)), Ok(()), "clocks differ");
        assert_eq!(checked(|claims| claims["iat"] = json!(f64::from(i32::try_from(now).unwrap()) + 0.5)), Ok(()));
        let two = |claims: &mut Value| (claims["aud"], claims["azp"]) = (json!(["us", "them"]), json!("us"));
        assert_eq!(checked(two), Ok(()));
    }

    #[test]
    fn one_about_anything_else_is_not() {
        let now = NOW.seconds();
        for (name, value, fault) in [
            ("iss", json!("https://id.example/"), SignInFault::WrongIssuer),
            ("iss", json!("https://evil.example"), SignInFault::WrongIssuer),
            ("aud", json!("them"), SignInFault::WrongAudience),
            ("aud", json!([]), SignInFault::WrongAudience),
            ("aud", json!(["us", "them"]), SignInFault::WrongAudience),
            ("azp", json!("them"), SignInFault::WrongAudience),
            ("exp", json!(now - 121), SignInFault::WrongTime),
            ("iat", json!(now - 60 - 121), SignInFault::WrongTime),
            ("iat", json!(now + 121), SignInFault::WrongTime),
            ("nbf", json!(now + 121), SignInFault::WrongTime),
            ("nonce", json!("m"), SignInFault::WrongNonce),
            ("nonce", Value::Null, SignInFault::WrongNonce),
            ("sub", json!(""), SignInFault::BadToken),
            ("sub", json!("s".repeat(256)), SignInFault::BadToken),
            ("sub", Value::Null, SignInFault::BadToken),
            ("exp", Value::Null, SignInFault::BadToken),
            ("iat", Value::Null, SignInFault::BadToken),
        ] {
            assert_eq!(checked(|claims| claims[name] = value.clone()), Err(fault), "{name} {value}");
        }
    }

    #[test]
    fn an_address_is_verified_only_if_it_says_so() {
        for (value, expected) in [
            (json!(true), true),
            (json!("true"), true),
            (json!(false), false),
            (json!("false"), false),
            (json!(1), false),
            (Value::Null, false),
        ] {
            let person: Person = serde_json::from_value(json!({"email": "a@b.example", "email_verified": value})).unwrap();
            assert_eq!(person.email_is_verified(), expected, "{value}");
        }
        assert!(!serde_json::from_value::<Person>(json!({"email": "a@b.example"})).unwrap().email_is_verified());
    }

    #[test]
    fn how_a_token_is_signed_is_the_provider_s_announcement_and_never_its_own() {
        let token = |header: Value| {
            let encode = |value: &Value| data_encoding::BASE64URL_NOPAD.encode(value.to_string().as_bytes());
            format!("{}.{}.AAAA", encode(&header), encode(&json!({})))
        };
        let announced = [Algorithm::ES256];
        assert!(super::header(&token(json!({"alg": "ES256", "kid": "a"})), &announced).is_ok());
        for bad in
            [json!({"alg": "none"}), json!({"alg": "HS256"}), json!({"alg": "RS256"}), json!({"alg": "ES256", "crit": ["b64"]}), json!({})]
        {
            assert!(super::header(&token(bad.clone()), &announced).is_err(), "{bad}");
        }
        assert!(super::header("", &announced).is_err());
        assert!(super::header(&"a".repeat(MAX_BYTES + 1), &announced).is_err());
    }
}
