//! API keys as the wire sees them: the public id and the environment that it names; in `scope` what a key may do, in
//! `address_range` where it may come from, in `inventory` the messages about keys.

mod address_range;
mod inventory;
mod scope;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

pub use address_range::{AddressRange, InvalidAddressRange};
pub use inventory::{
    KeyInfo, KeyList, KeyTerms, MAX_ADDRESS_RANGES, MAX_KEYS, MAX_LABEL_CHARS, MAX_OVERLAP_SECONDS, NewKey, RenameKey, RotateKey,
    SECRET_BYTES, Verified,
};
pub use scope::{InvalidScope, Scope, Scopes};

use crate::secret::random_bytes;

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
