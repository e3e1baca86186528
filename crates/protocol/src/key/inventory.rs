//! The messages about API keys: what a desktop hands in, and what it hears of them. A secret travels once, from the desktop
//! that made it to the relay that seals it, and never back.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{AddressRange, Environment, KeyId, Scopes};
use crate::clock::UnixMillis;
use crate::ids::DeviceId;
use crate::secret::Secret;

/// Characters of a label.
pub const MAX_LABEL_CHARS: usize = 100;
/// Ranges of source addresses of one key: more would belong into a firewall, and each is looked at for every request.
pub const MAX_ADDRESS_RANGES: usize = 32;
/// Keys of one account, revoked ones included: their ids are remembered for good, and the whole list is one answer.
pub const MAX_KEYS: usize = 5_000;
/// Bytes of a secret: at least 128 bits in any encoding, at most what a header line holds.
pub const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=256;
/// Seconds that the old secret of a rotated key may go on signing: a month. A longer one is a second key.
pub const MAX_OVERLAP_SECONDS: u32 = 31 * 86_400;

/// Who may do what with a key, and until when.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct KeyTerms {
    /// What the key may do; all of it unless told otherwise.
    #[serde(default)]
    pub scopes: Scopes,
    /// Where requests may come from, at most [`MAX_ADDRESS_RANGES`]; empty: from anywhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<AddressRange>,
    /// When it stops signing by itself; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<UnixMillis>,
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
    /// What people call the key: 1 to [`MAX_LABEL_CHARS`] characters, no control characters.
    pub label: String,
    /// As in [`KeyTerms`]; its members one by one, since an unknown one must not get lost among them.
    #[serde(default)]
    pub scopes: Scopes,
    /// As in [`KeyTerms`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<AddressRange>,
    /// As in [`KeyTerms`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<UnixMillis>,
}

impl NewKey {
    /// A key on these terms, to be handed in.
    #[must_use]
    pub fn new(key_id: KeyId, secret: Secret, label: String, terms: KeyTerms) -> Self {
        let KeyTerms { scopes, addresses, expires_at } = terms;
        Self { key_id, secret, label, scopes, addresses, expires_at }
    }

    /// Who may do what with it.
    #[must_use]
    pub fn terms(&self) -> KeyTerms {
        KeyTerms { scopes: self.scopes, addresses: self.addresses.clone(), expires_at: self.expires_at }
    }
}

/// `POST /api/device/keys/{keyId}/rotate`: the key gets another secret; the old one signs on for a while.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RotateKey {
    /// The new secret.
    #[serde(with = "exposed")]
    #[cfg_attr(feature = "schema", schemars(with = "String", length(min = 24, max = 256)))]
    pub secret: Secret,
    /// The number that [`KeyInfo::rotation`] has afterwards. The very same again is harmless; two desktops that rotate a key
    /// at the same time cannot both win.
    pub rotation: u32,
    /// Seconds that both secrets sign, at most [`MAX_OVERLAP_SECONDS`]; 0: the old one stops at once.
    pub overlap_seconds: u32,
}

/// `POST /api/device/keys/{keyId}/rename`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RenameKey {
    /// What people call the key from now on.
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
    /// Who may do what with it.
    #[serde(flatten)]
    pub terms: KeyTerms,
    /// When it was made.
    pub created_at: UnixMillis,
    /// The desktop that handed it in, and whose keychain has the secret; null when that is not known.
    #[serde(default)]
    pub made_by: Option<DeviceId>,
    /// When it was last used, to within a few minutes; null: not yet.
    #[serde(default)]
    pub last_used_at: Option<UnixMillis>,
    /// How often it got another secret.
    #[serde(default)]
    pub rotation: u32,
    /// When the secret before this one stops, or has stopped, signing; null when the key was never rotated.
    #[serde(default)]
    pub previous_ends_at: Option<UnixMillis>,
    /// When it was revoked; a revoked key stays in the list, so that nothing brings it back.
    pub revoked_at: Option<UnixMillis>,
}

impl KeyInfo {
    /// Whether the key can sign at `now`.
    #[must_use]
    pub fn is_live(&self, now: UnixMillis) -> bool {
        self.revoked_at.is_none() && self.terms.expires_at.is_none_or(|end| now < end)
    }
}

/// `GET /api/device/keys`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct KeyList {
    /// Grows with every change of the inventory; the answer to a pull tells it as `keysVersion`.
    #[serde(default)]
    pub version: u64,
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
    /// What it may do.
    #[serde(default)]
    pub scopes: Scopes,
    /// When it stops signing by itself; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<UnixMillis>,
    /// When the secret that signed this stops signing, since the key was rotated; absent: it is the key's present one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ends_at: Option<UnixMillis>,
    /// The account's plan.
    pub plan: String,
    /// Fetches left this month, by the calendar in UTC; absent when the plan has no such limit.
    pub quota_remaining: Option<u64>,
    /// When the quota renews.
    pub quota_renews_at: UnixMillis,
}

/// Writes a secret in the clear: for the messages that carry one.
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
    fn a_key_of_an_older_relay_may_do_everything() {
        let text = r#"{"keyId":"lp_live_0123456789abcdef","label":"a","environment":"live","createdAt":"2026-05-26T00:00:00.000Z","revokedAt":null}"#;
        let info: KeyInfo = serde_json::from_str(text).unwrap();
        assert_eq!((info.terms, info.rotation, info.made_by), (KeyTerms::default(), 0, None));
    }
}
