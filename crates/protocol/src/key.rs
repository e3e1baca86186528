//! API keys as the wire sees them: the public id, and the environment that it names.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::clock::UnixMillis;
use crate::secret::{Secret, random_bytes};

/// What a key works on. Jobs, rows, idempotency keys and usage of the two never meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Environment {
    /// The real thing.
    Live,
    /// For trying out.
    Test,
}

impl Environment {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
        }
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Environment {
    type Err = InvalidEnvironment;

    fn from_str(text: &str) -> Result<Self, InvalidEnvironment> {
        match text {
            "live" => Ok(Self::Live),
            "test" => Ok(Self::Test),
            _ => Err(InvalidEnvironment),
        }
    }
}

/// A text that names no environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected `live` or `test`")]
pub struct InvalidEnvironment;

/// The public id of an API key: `lp_live_` or `lp_test_`, then 16 to 64 of `[A-Za-z0-9]` (`docs/protocol.md`, headers).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(String);

#[cfg(feature = "schema")]
impl schemars::JsonSchema for KeyId {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "KeyId".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "pattern": "^lp_(live|test)_[A-Za-z0-9]{16,64}$", "description": "The public id of an API key."})
    }
}

/// A text that is no key id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected `lp_live_` or `lp_test_`, then 16 to 64 letters and digits")]
pub struct InvalidKeyId;

impl KeyId {
    /// A new id with 128 random bits.
    #[must_use]
    pub fn generate(environment: Environment) -> Self {
        // Base32 keeps to letters and digits; 16 bytes are 26 characters of it.
        let tail = data_encoding::BASE32_NOPAD.encode(&random_bytes::<16>()).to_ascii_lowercase();
        Self(format!("lp_{environment}_{tail}"))
    }

    /// The written form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The environment that the prefix names.
    #[must_use]
    pub fn environment(&self) -> Environment {
        if self.0.starts_with("lp_live_") { Environment::Live } else { Environment::Test }
    }

    /// Whether `text` is on the grammar, without making an id of it.
    #[must_use]
    pub fn is_valid(text: &str) -> bool {
        text.strip_prefix("lp_live_")
            .or_else(|| text.strip_prefix("lp_test_"))
            .is_some_and(|tail| (16..=64).contains(&tail.len()) && tail.bytes().all(|b| b.is_ascii_alphanumeric()))
    }
}

impl FromStr for KeyId {
    type Err = InvalidKeyId;

    fn from_str(text: &str) -> Result<Self, InvalidKeyId> {
        if Self::is_valid(text) { Ok(Self(text.to_owned())) } else { Err(InvalidKeyId) }
    }
}

impl std::borrow::Borrow<str> for KeyId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for KeyId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for KeyId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

/// `POST /api/device/keys`: the desktop made the id and the secret, the relay gets the secret this once and seals it.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewKey {
    /// The public id; its prefix names the environment.
    pub key_id: KeyId,
    /// The secret.
    #[serde(with = "exposed")]
    #[cfg_attr(feature = "schema", schemars(with = "String", length(min = 24, max = 256)))]
    pub secret: Secret,
    /// What people call the key: 1 to 100 characters, no control characters.
    pub label: String,
}

/// A key in the inventory. Never its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct KeyInfo {
    /// The public id.
    pub key_id: KeyId,
    /// What people call the key.
    pub label: String,
    /// What it works on.
    pub environment: Environment,
    /// When it was made.
    pub created_at: UnixMillis,
    /// When it was revoked; a revoked key stays in the list, so that nothing brings it back.
    pub revoked_at: Option<UnixMillis>,
}

/// `GET /api/device/keys`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct KeyList {
    /// Every key of the account, newest first, revoked ones included.
    pub keys: Vec<KeyInfo>,
}

/// `GET /api/links/verify`: what a signed no-op tells its caller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Verified {
    /// The key that signed.
    pub key_id: KeyId,
    /// What people call it.
    pub label: String,
    /// What it works on.
    pub environment: Environment,
    /// The account's plan.
    pub plan: String,
    /// Fetches left this month, by the calendar in UTC; absent when the plan has no such limit.
    pub quota_remaining: Option<u64>,
    /// When the quota renews.
    pub quota_renews_at: UnixMillis,
}

/// Writes a secret in the clear: for the one message that carries it.
mod exposed {
    use super::{Deserialize, Deserializer, Secret, Serializer};

    pub(super) fn serialize<S: Serializer>(secret: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(secret.expose())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
        String::deserialize(deserializer).map(Secret::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_ids_are_on_the_grammar() {
        for environment in [Environment::Live, Environment::Test] {
            let id = KeyId::generate(environment);
            assert!(KeyId::is_valid(id.as_str()));
            assert_eq!(id.environment(), environment);
        }
    }

    #[test]
    fn off_grammar_ids_are_refused() {
        for text in ["", "lp_live_", "lp_live_short", "lp_prod_0123456789abcdef", "lp_live_0123456789abcde_", "LP_LIVE_0123456789abcdef"] {
            assert!(!KeyId::is_valid(text), "{text}");
        }
        assert!(!KeyId::is_valid(&format!("lp_live_{}", "a".repeat(65))));
        assert!(KeyId::is_valid(&format!("lp_live_{}", "a".repeat(64))));
    }
}
