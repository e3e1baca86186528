//! What a key's terms say about a request that its secret has signed. The caller hears the same answer as for a wrong
//! signature; why, is the business of the account's owner.

use std::net::IpAddr;

use protocol::UnixMillis;

use crate::keys::CachedKey;

/// Why a signed request is not taken, as its key's owner may know it. Whoever it comes from holds the secret: noting it is
/// no write on a stranger's behalf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CredentialFault {
    /// The key's time was over.
    Expired(UnixMillis),
    /// It came from an address that is not on the key's list.
    Address(IpAddr),
}

impl CredentialFault {
    /// A stable word for records.
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::Expired(_) => "key_expired",
            Self::Address(_) => "address_not_allowed",
        }
    }
}

/// Judges the key's terms.
pub(crate) fn check(key: &CachedKey, from: IpAddr, now: UnixMillis) -> Result<(), CredentialFault> {
    if let Some(end) = key.terms.expires_at.filter(|end| *end <= now) {
        return Err(CredentialFault::Expired(end));
    }
    let addresses = &key.terms.addresses;
    let is_listed = || addresses.iter().any(|range| range.contains(from));
    if addresses.is_empty() || is_listed() { Ok(()) } else { Err(CredentialFault::Address(from)) }
}

/// Tells the account's owner what the caller is not told.
pub(crate) fn note(key: &CachedKey, fault: CredentialFault) {
    let (key_id, account) = (&key.key_id, key.account);
    tracing::info!(key.id = %key_id, account.id = %account, reason = fault.reason(), ?fault, "a signed request was refused for its key's terms");
}
