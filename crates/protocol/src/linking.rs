//! How a desktop is linked to an account, in the shape of the OAuth 2.0 device grant (RFC 8628): the desktop shows a
//! short code, an operator approves it, the code works once.

use serde::{Deserialize, Serialize};

use crate::ids::{AccountId, DeviceId};

/// `POST /api/device/link`, the one device request that no device key has signed yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LinkRequest {
    /// The desktop's Ed25519 public key: 64 hexadecimal digits. The private key never leaves the desktop.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = r"^[0-9a-fA-F]{64}$")))]
    pub public_key: String,
    /// What people call the machine: 1 to 100 characters, no control characters.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 100), regex(pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")))]
    pub name: String,
    /// Operating system and processor: 1 to 100 characters, no control characters.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 100), regex(pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")))]
    pub platform: String,
}

/// What a desktop shows and polls with (RFC 8628, section 3.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct LinkStarted {
    /// What the desktop polls with; nobody else sees it.
    pub device_code: String,
    /// What the operator types: eight letters in two groups.
    pub user_code: String,
    /// Where the operator types it.
    pub verification_uri: String,
    /// The same with the code filled in.
    pub verification_uri_complete: String,
    /// Seconds that the codes live.
    pub expires_in: u32,
    /// Seconds between two polls.
    pub interval: u32,
}

/// `POST /api/device/link/token`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LinkPoll {
    /// From [`LinkStarted`].
    pub device_code: String,
}

/// The device has been made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Linked {
    /// Its id, the `keyid` of its signatures.
    pub device_id: DeviceId,
    /// The account that it works for.
    pub account: AccountId,
}
