//! A provider's signing keys (RFC 7517): read leniently, since a set may hold keys of kinds that we do not know, and chosen
//! strictly.

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Header};
use serde::Deserialize;
use serde_json::Value;

/// Keys of one set that are looked at: providers have two or three.
const MOST: usize = 64;

/// The keys that sign ID tokens, each with its id.
#[derive(Clone)]
pub(super) struct Keys(Vec<Jwk>);

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

impl Keys {
    /// # Errors
    /// When it is no key set.
    pub(super) fn read(text: &[u8]) -> Result<Self, String> {
        let document: Document = serde_json::from_slice(text).map_err(|error| format!("its keys cannot be read: {error}"))?;
        let signing = |key: &Jwk| !matches!(key.common.public_key_use, Some(PublicKeyUse::Encryption | PublicKeyUse::Other(_)));
        let keys = document.keys.into_iter().take(MOST).filter_map(|key| serde_json::from_value(key).ok()).filter(signing);
        Ok(Self(keys.collect()))
    }

    /// The key that a token with this header was signed with. `None`: there is none, or it cannot be told which.
    pub(super) fn find(&self, header: &Header) -> Option<DecodingKey> {
        let fits = |key: &&Jwk| match &header.kid {
            Some(id) => key.common.key_id.as_ref() == Some(id) && is_for(key, header.alg),
            None => is_for(key, header.alg),
        };
        let mut fitting = self.0.iter().filter(fits);
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => DecodingKey::from_jwk(key).ok(),
            _ => None,
        }
    }
}

/// Whether a key is one of this algorithm's. An octet key is never: that would be HMAC.
fn is_for(key: &Jwk, algorithm: Algorithm) -> bool {
    let kind_fits = match (&key.algorithm, algorithm) {
        (
            AlgorithmParameters::RSA(_),
            Algorithm::RS256 | Algorithm::RS384 | Algorithm::RS512 | Algorithm::PS256 | Algorithm::PS384 | Algorithm::PS512,
        ) => true,
        (AlgorithmParameters::EllipticCurve(key), Algorithm::ES256) => key.curve == EllipticCurve::P256,
        (AlgorithmParameters::EllipticCurve(key), Algorithm::ES384) => key.curve == EllipticCurve::P384,
        (AlgorithmParameters::OctetKeyPair(key), Algorithm::EdDSA) => key.curve == EllipticCurve::Ed25519,
        _ => false,
    };
    let named = key.common.key_algorithm.as_ref().map(|named| format!("{named:?}"));
    kind_fits && named.is_none_or(|named| named == format!("{algorithm:?}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn header(algorithm: Algorithm, id: Option<&str>) -> Header {
        Header { kid: id.map(str::to_owned), ..Header::new(algorithm) }
    }

    #[test]
    fn a_key_is_found_by_its_id_and_for_its_algorithm_alone() {
        let x = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
        let y = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";
        let ec = |id: &str| json!({"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": id, "use": "sig"});
        let set = json!({"keys": [
            ec("a"), ec("b"), {"kty": "oct", "k": "c2VjcmV0", "kid": "h"}, {"kty": "AKP", "kid": "post-quantum"}, 7,
            {"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": "e", "use": "enc"},
            {"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": "n", "alg": "ES384"},
        ]});
        let keys = Keys::read(set.to_string().as_bytes()).unwrap();
        assert!(keys.find(&header(Algorithm::ES256, Some("a"))).is_some());
        for (algorithm, id) in [
            (Algorithm::ES256, Some("unknown")),
            (Algorithm::ES256, None),
            (Algorithm::ES384, Some("a")),
            (Algorithm::RS256, Some("a")),
            (Algorithm::ES256, Some("e")),
            (Algorithm::ES256, Some("n")),
            (Algorithm::HS256, Some("h")),
            (Algorithm::HS256, Some("a")),
        ] {
            assert!(keys.find(&header(algorithm, id)).is_none(), "{algorithm:?} {id:?}");
        }
        let alone = Keys::read(json!({"keys": [ec("a")]}).to_string().as_bytes()).unwrap();
        assert!(alone.find(&header(Algorithm::ES256, None)).is_some(), "the only one that it can be");
        assert!(Keys::read(b"[]").is_err());
    }
}
