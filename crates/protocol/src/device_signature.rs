//! Signatures of a desktop's requests: HTTP Message Signatures (RFC 9421) with Ed25519 over `@method`, `@target-uri`
//! and `content-digest` (RFC 9530), in one fixed profile. Fixed means that the relay accepts exactly the serialisation
//! that this module writes: there is no choice of components to get wrong.

use std::fmt;

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

use crate::clock::UnixMillis;
use crate::ids::DeviceId;
use crate::secret::random_bytes;

/// Seconds that `created` may lie from the relay's clock, either way.
pub const FRESHNESS_SECONDS: i64 = 60;
/// The digest of the body.
pub const DIGEST_HEADER: &str = "Content-Digest";
/// What is signed, and when, by whom.
pub const INPUT_HEADER: &str = "Signature-Input";
/// The signature.
pub const SIGNATURE_HEADER: &str = "Signature";

const LABEL: &str = "link-peeler";
const COMPONENTS: &str = r#"("@method" "@target-uri" "content-digest")"#;

/// The private key of a desktop.
#[derive(Clone)]
pub struct DeviceKey(SigningKey);

/// The public key of a desktop, all that the relay keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DevicePublicKey(VerifyingKey);

/// A text or bytes that are no Ed25519 public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an Ed25519 public key in 64 hexadecimal digits")]
pub struct InvalidPublicKey;

impl DeviceKey {
    /// A new key.
    #[must_use]
    pub fn generate() -> Self {
        Self(SigningKey::from_bytes(&random_bytes()))
    }

    /// The key that a keychain kept as these 32 bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(bytes))
    }

    /// The 32 bytes for a keychain.
    #[must_use]
    pub fn to_bytes(&self) -> zeroize::Zeroizing<[u8; 32]> {
        zeroize::Zeroizing::new(self.0.to_bytes())
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> DevicePublicKey {
        DevicePublicKey(self.0.verifying_key())
    }
}

impl fmt::Debug for DeviceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeviceKey(…)")
    }
}

impl DevicePublicKey {
    /// # Errors
    /// When the bytes are no point of the curve, or a weak one.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, InvalidPublicKey> {
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| InvalidPublicKey)?;
        if key.is_weak() { Err(InvalidPublicKey) } else { Ok(Self(key)) }
    }

    /// # Errors
    /// When the text is not 64 hexadecimal digits of a usable key.
    pub fn from_hex(text: &str) -> Result<Self, InvalidPublicKey> {
        let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(text.as_bytes()).map_err(|_| InvalidPublicKey)?;
        Self::from_bytes(&bytes.try_into().map_err(|_| InvalidPublicKey)?)
    }

    /// The 32 bytes that storage keeps.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// 64 lower-case hexadecimal digits.
    #[must_use]
    pub fn to_hex(&self) -> String {
        data_encoding::HEXLOWER.encode(self.0.as_bytes())
    }
}

/// The three headers of a device's request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceHeaders {
    digest: String,
    input: String,
    signature: String,
}

impl DeviceHeaders {
    /// Name and value of each header.
    #[must_use]
    pub fn pairs(&self) -> [(&'static str, &str); 3] {
        [(DIGEST_HEADER, &self.digest), (INPUT_HEADER, &self.input), (SIGNATURE_HEADER, &self.signature)]
    }
}

/// Signs a request of this moment. `target_uri` is the absolute URI that the request is sent to.
#[must_use]
pub fn sign(key: &DeviceKey, device: DeviceId, now: UnixMillis, method: &str, target_uri: &str, body: &[u8]) -> DeviceHeaders {
    let nonce = data_encoding::BASE64URL_NOPAD.encode(&random_bytes::<16>());
    sign_with_nonce(key, device, now, &nonce, method, target_uri, body)
}

fn sign_with_nonce(
    key: &DeviceKey,
    device: DeviceId,
    now: UnixMillis,
    nonce: &str,
    method: &str,
    target_uri: &str,
    body: &[u8],
) -> DeviceHeaders {
    let digest = content_digest(body);
    let params = format!(r#"{COMPONENTS};created={};nonce="{nonce}";keyid="{device}";alg="ed25519""#, now.seconds());
    let signature = key.0.sign(base(method, target_uri, &digest, &params).as_bytes());
    DeviceHeaders {
        signature: format!("{LABEL}=:{}:", data_encoding::BASE64.encode(&signature.to_bytes())),
        input: format!("{LABEL}={params}"),
        digest,
    }
}

/// The signature base of RFC 9421, section 2.5.
fn base(method: &str, target_uri: &str, digest: &str, params: &str) -> String {
    format!("\"@method\": {method}\n\"@target-uri\": {target_uri}\n\"content-digest\": {digest}\n\"@signature-params\": {params}")
}

fn content_digest(body: &[u8]) -> String {
    format!("sha-256=:{}:", data_encoding::BASE64.encode(&Sha256::digest(body)))
}

/// The three headers read: who claims to have signed, when, under which nonce. Says nothing yet about whether it is so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimedSignature<'a> {
    /// The device that claims to have signed.
    pub device: DeviceId,
    /// When, in unix seconds.
    pub created: i64,
    /// One-time value.
    pub nonce: &'a str,
    digest: &'a str,
    params: &'a str,
    signature: [u8; 64],
}

/// Why a device's request is not what it claims to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeviceSignatureFault {
    /// A header is absent, repeated or not as this profile writes it.
    #[error("{0}: missing, repeated or not of this profile")]
    Header(&'static str),
    /// The digest is not that of the body.
    #[error("Content-Digest does not match the body")]
    Digest,
    /// The signature is not that of the key over these components.
    #[error("the signature does not match")]
    Mismatch,
    /// `created` is too far from the clock.
    #[error("`created` is more than {FRESHNESS_SECONDS} s from the relay's clock")]
    Stale,
}

impl<'a> ClaimedSignature<'a> {
    /// Reads the three headers through `value_of`, which gives the single value of the named header, if there is one.
    ///
    /// # Errors
    /// The first header that is not exactly as this profile writes it.
    pub fn read(value_of: impl Fn(&'static str) -> Option<&'a str>) -> Result<Self, DeviceSignatureFault> {
        let fault = DeviceSignatureFault::Header;
        let digest = value_of(DIGEST_HEADER).ok_or(fault(DIGEST_HEADER))?;
        let params = value_of(INPUT_HEADER).and_then(|text| text.strip_prefix(LABEL)?.strip_prefix('=')).ok_or(fault(INPUT_HEADER))?;
        let (created, nonce, device) = read_params(params).ok_or(fault(INPUT_HEADER))?;
        let signature = value_of(SIGNATURE_HEADER)
            .and_then(|text| text.strip_prefix(LABEL)?.strip_prefix("=:")?.strip_suffix(':'))
            .and_then(|text| data_encoding::BASE64.decode(text.as_bytes()).ok()?.try_into().ok())
            .ok_or(fault(SIGNATURE_HEADER))?;
        Ok(Self { device, created, nonce, digest, params, signature })
    }

    /// Checks the claim with the device's public key: [`Self::verify_head`], then [`Self::verify_body`].
    ///
    /// # Errors
    /// When signature or digest do not match, or `created` is too far from `now`.
    pub fn verify(
        &self,
        key: &DevicePublicKey,
        now: UnixMillis,
        method: &str,
        target_uri: &str,
        body: &[u8],
    ) -> Result<(), DeviceSignatureFault> {
        self.verify_head(key, now, method, target_uri)?;
        self.verify_body(body)
    }

    /// Checks everything but the body. The signature covers the body's digest, so that whoever has no key is known before
    /// a byte of the body is read.
    ///
    /// # Errors
    /// When the signature does not match, or `created` is too far from `now`.
    pub fn verify_head(&self, key: &DevicePublicKey, now: UnixMillis, method: &str, target_uri: &str) -> Result<(), DeviceSignatureFault> {
        let base = base(method, target_uri, self.digest, self.params);
        let signature = Signature::from_bytes(&self.signature);
        key.0.verify_strict(base.as_bytes(), &signature).map_err(|_| DeviceSignatureFault::Mismatch)?;
        if now.seconds().abs_diff(self.created) > FRESHNESS_SECONDS.unsigned_abs() {
            return Err(DeviceSignatureFault::Stale);
        }
        Ok(())
    }

    /// Checks that the body is the one whose digest was signed. Says nothing about by whom.
    ///
    /// # Errors
    /// When the digest is another.
    pub fn verify_body(&self, body: &[u8]) -> Result<(), DeviceSignatureFault> {
        if self.digest == content_digest(body) { Ok(()) } else { Err(DeviceSignatureFault::Digest) }
    }
}

fn read_params(params: &str) -> Option<(i64, &str, DeviceId)> {
    let rest = params.strip_prefix(COMPONENTS)?.strip_prefix(";created=")?;
    let (created, rest) = rest.split_once(";nonce=\"")?;
    let (nonce, rest) = rest.split_once("\";keyid=\"")?;
    let device = rest.strip_suffix("\";alg=\"ed25519\"")?;
    let digits = (1..=12).contains(&created.len()) && created.bytes().all(|b| b.is_ascii_digit());
    let nonce_fits = (16..=64).contains(&nonce.len()) && nonce.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if !digits || !nonce_fits {
        return None;
    }
    Some((created.parse().ok()?, nonce, device.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_779_753_600_000);
    const URI: &str = "https://relay.example/api/device/pull";

    fn verify(
        headers: &DeviceHeaders,
        key: &DevicePublicKey,
        now: UnixMillis,
        uri: &str,
        body: &[u8],
    ) -> Result<DeviceId, DeviceSignatureFault> {
        let pairs = headers.pairs();
        let claim = ClaimedSignature::read(|name| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| *value))?;
        claim.verify(key, now, "POST", uri, body).map(|()| claim.device)
    }

    #[test]
    fn what_is_signed_verifies_and_nothing_else() {
        let key = DeviceKey::generate();
        let device = DeviceId::random(NOW);
        let headers = sign(&key, device, NOW, "POST", URI, b"{}");
        assert_eq!(verify(&headers, &key.public(), NOW, URI, b"{}"), Ok(device));
        assert_eq!(verify(&headers, &key.public(), NOW, URI, b"{ }"), Err(DeviceSignatureFault::Digest));
        assert_eq!(
            verify(&headers, &key.public(), NOW, "https://relay.example/api/device/report", b"{}"),
            Err(DeviceSignatureFault::Mismatch)
        );
        assert_eq!(verify(&headers, &DeviceKey::generate().public(), NOW, URI, b"{}"), Err(DeviceSignatureFault::Mismatch));
        assert_eq!(verify(&headers, &key.public(), NOW.plus_seconds(61), URI, b"{}"), Err(DeviceSignatureFault::Stale));
        assert_eq!(verify(&headers, &key.public(), NOW.plus_seconds(-61), URI, b"{}"), Err(DeviceSignatureFault::Stale));
    }

    #[test]
    fn ed25519_and_the_base_agree_with_rfc_9421_appendix_b_2_6() {
        // Key `test-key-ed25519` and the signature of B.2.6; the base is the RFC's own text.
        let secret = data_encoding::BASE64URL_NOPAD.decode(b"n4Ni-HpISpVObnQMW0wOhCKROaIKqKtW_2ZYb2p9KcU").unwrap();
        let key = DeviceKey::from_bytes(&secret.try_into().unwrap());
        let base = "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n\"@method\": POST\n\"@path\": /foo\n\"@authority\": example.com\n\"content-type\": application/json\n\"content-length\": 18\n\"@signature-params\": (\"date\" \"@method\" \"@path\" \"@authority\" \"content-type\" \"content-length\");created=1618884473;keyid=\"test-key-ed25519\"";
        assert_eq!(
            data_encoding::BASE64.encode(&key.0.sign(base.as_bytes()).to_bytes()),
            "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw=="
        );
    }

    #[test]
    fn other_profiles_are_refused_by_header() {
        let headers = sign(&DeviceKey::generate(), DeviceId::random(NOW), NOW, "POST", URI, b"");
        let with = |name: &'static str, value: String| {
            let value: &str = Box::leak(value.into_boxed_str());
            let pairs: [(&str, &str); 3] =
                headers.pairs().map(|(known, old)| (known, if known == name { value } else { Box::leak(old.to_owned().into_boxed_str()) }));
            ClaimedSignature::read(move |wanted| pairs.iter().find(|(known, _)| *known == wanted).map(|(_, value)| *value)).err()
        };
        assert_eq!(with(INPUT_HEADER, headers.input.replace("\"@target-uri\" ", "")), Some(DeviceSignatureFault::Header(INPUT_HEADER)));
        assert_eq!(with(INPUT_HEADER, headers.input.replace("ed25519", "hmac-sha256")), Some(DeviceSignatureFault::Header(INPUT_HEADER)));
        assert_eq!(with(SIGNATURE_HEADER, "link-peeler=:AAAA:".to_owned()), Some(DeviceSignatureFault::Header(SIGNATURE_HEADER)));
        assert_eq!(with(DIGEST_HEADER, headers.digest.clone()), None);
    }
}
