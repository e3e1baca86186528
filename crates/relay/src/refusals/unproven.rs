//! The last requests that claimed to be somebody's and could not prove it: in memory only, and bounded. What their mistake
//! was is worked out when somebody looks, not when they come: a flood of them costs no more than what arrives.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use domain::audit::Received;
use protocol::signature::mistakes::{self, Attempt};
use protocol::signature::{CallerHeaders, SignedTarget};
use protocol::{AccountId, UnixMillis};

/// Requests that are kept, of all accounts: 8 MiB of bodies at worst.
const MOST: usize = 1_024;
/// Requests that are kept of one account.
const MOST_OF_ONE: usize = 32;
/// Bytes of a body that is kept to look for the mistake in; of a longer one only length and hash are.
const BODY_BYTES: usize = 8 * 1_024;
/// Whose requests are that name a key which nobody has.
pub(super) const NOBODY: AccountId = AccountId::from_bytes([0; 16]);

/// A request whose signature is not that of the key which it names, or that was signed at another time.
#[derive(Debug)]
pub(crate) struct Unproven {
    pub(crate) at: UnixMillis,
    pub(crate) key_id: String,
    /// Method, and path with query.
    pub(crate) target: (String, String),
    timestamp: String,
    pub(crate) nonce: String,
    signature: [u8; 32],
    pub(crate) received: Received,
    body: Option<Bytes>,
    is_stale: bool,
}

impl Unproven {
    pub(crate) fn new(
        at: UnixMillis,
        headers: &CallerHeaders<'_>,
        (method, target): (&str, &str),
        body: &Bytes,
        received: Received,
    ) -> Self {
        Self {
            at,
            key_id: headers.key_id.to_owned(),
            target: (method.to_owned(), target.to_owned()),
            timestamp: headers.timestamp.to_owned(),
            nonce: headers.nonce.to_owned(),
            signature: headers.signature,
            received,
            // Of its own: the bytes that arrived belong to a buffer which is counted elsewhere.
            body: (body.len() <= BODY_BYTES).then(|| Bytes::copy_from_slice(body)),
            is_stale: false,
        }
    }

    /// The signature is right, and the timestamp off the window.
    pub(crate) fn stale(self) -> Self {
        Self { is_stale: true, ..self }
    }

    /// Whether its key, target, nonce, timestamp or the hash of its body have this in them.
    pub(crate) fn is_about(&self, text: &str) -> bool {
        let hash = self.received.body_sha256.to_string();
        [&self.key_id, &self.target.0, &self.target.1, &self.nonce, &self.timestamp, &hash].iter().any(|known| known.contains(text))
    }

    /// How the parts were joined.
    pub(crate) fn base(&self) -> &'static str {
        SignedTarget::of(&self.target.0, &self.target.1).recipe()
    }

    /// What was probably done wrong.
    /// `verify`: whether the key has signed this; none: nobody has such a key now.
    pub(crate) fn likely_mistake<V>(&self, verify: Option<V>) -> String
    where
        V: Fn(SignedTarget<'_>, &CallerHeaders<'_>, &[u8]) -> bool,
    {
        if self.is_stale {
            return "The signature is right; its timestamp is too far from the relay's clock. Set the sender's clock, or sign each try anew."
                .to_owned();
        }
        let Some(verify) = verify else { return "The key was revoked since.".to_owned() };
        let Some(body) = &self.body else { return "The body is too long to look for the mistake in; compare its hash.".to_owned() };
        let attempt = Attempt {
            method: self.target.0.clone(),
            target: self.target.1.clone(),
            timestamp: self.timestamp.clone(),
            nonce: self.nonce.clone(),
            body: body.to_vec(),
        };
        let fits = |attempt: &Attempt, target: SignedTarget<'_>| {
            let (timestamp, nonce, signature) = (attempt.timestamp.as_str(), attempt.nonce.as_str(), self.signature);
            verify(target, &CallerHeaders { key_id: &self.key_id, timestamp, nonce, signature }, &attempt.body)
        };
        if fits(&attempt, attempt.signed_target()) {
            return "The signature is right, and the key's terms are not met: it has run out, or lists other addresses.".to_owned();
        }
        match mistakes::explain(&attempt, fits) {
            Some(words) => format!("Very likely {words}."),
            None => {
                "No known mistake explains it: another secret, most often. `link-peeler sign --check` shows what should have been signed."
                    .to_owned()
            }
        }
    }
}

/// The last ones, oldest first.
#[derive(Debug, Default)]
pub(super) struct Ring(VecDeque<(AccountId, Arc<Unproven>)>);

impl Ring {
    pub(super) fn add(&mut self, account: AccountId, unproven: Unproven) {
        let mut of_account = self.0.iter().enumerate().filter(|(_, (owner, _))| *owner == account);
        let oldest = of_account.next().map(|(place, _)| place);
        // A flood at one account pushes out its own, and nobody else's.
        if of_account.count() + 1 >= MOST_OF_ONE {
            oldest.and_then(|place| self.0.remove(place));
        } else if self.0.len() >= MOST {
            self.0.pop_front();
        }
        self.0.push_back((account, Arc::new(unproven)));
    }

    pub(super) fn of(&self, account: AccountId) -> Vec<Arc<Unproven>> {
        self.0.iter().rev().filter(|(owner, _)| *owner == account).map(|(_, unproven)| Arc::clone(unproven)).collect()
    }
}

#[cfg(test)]
mod tests {
    use protocol::Secret;
    use protocol::signature::{UnsignedRequest, VerifyingSecret, sign};

    use super::*;

    fn account(n: u32) -> AccountId {
        let mut bytes = [9; 16];
        bytes[..4].copy_from_slice(&n.to_be_bytes());
        AccountId::from_bytes(bytes)
    }

    /// Signed over `signed`, received with `received`.
    fn unproven(secret: &Secret, signed: &[u8], received: &[u8]) -> Unproven {
        let key_id = "lp_live_0123456789abcdef".parse().unwrap();
        let request = UnsignedRequest {
            target: SignedTarget::Fetch,
            body: signed,
            timestamp_seconds: 1_779_753_600,
            nonce: "aaaaaaaaaaaaaaaa".into(),
        };
        let signature = sign(&key_id, secret, &request).signature().to_owned();
        let mut bytes = [0; 32];
        bytes.copy_from_slice(&data_encoding::HEXLOWER.decode(signature.as_bytes()).unwrap());
        let headers = CallerHeaders { key_id: key_id.as_str(), timestamp: "1779753600", nonce: "aaaaaaaaaaaaaaaa", signature: bytes };
        Unproven::new(
            UnixMillis(0),
            &headers,
            ("POST", "/api/links/fetch"),
            &Bytes::copy_from_slice(received),
            Received::new(received, 1_779_753_600),
        )
    }

    #[test]
    fn the_mistake_is_found_without_the_secret_in_the_clear() {
        let secret = Secret::generate();
        let verifying = VerifyingSecret::new(&secret);
        let verify = |target: SignedTarget<'_>, headers: &CallerHeaders<'_>, body: &[u8]| verifying.verify(target, headers, body).is_ok();
        let said = |signed: &[u8], received: &[u8]| unproven(&secret, signed, received).likely_mistake(Some(&verify));
        assert!(said(b"{}\n", b"{}").contains("with a line feed after it"));
        assert!(said(b"{\"a\": 1}", b"{\"a\":1}").contains("written anew"));
        assert!(said(b"something else", b"{}").contains("another secret"));
        assert!(said(b"x", &[b'x'; BODY_BYTES + 1]).contains("too long"));
        assert!(said(b"{}", b"{}").contains("terms are not met"));
        let nobody = Some(&verify).filter(|_| false);
        assert!(unproven(&secret, b"{}", b"{}").likely_mistake(nobody).contains("revoked"));
    }

    #[test]
    fn the_ring_is_bounded_for_each_and_in_all() {
        let (mut ring, secret) = (Ring::default(), Secret::generate());
        for n in 0..3 * u32::try_from(MOST_OF_ONE).unwrap() {
            ring.add(account(1), unproven(&secret, b"{}", format!("{n}").as_bytes()));
        }
        ring.add(account(2), unproven(&secret, b"{}", b"x"));
        assert_eq!((ring.of(account(1)).len(), ring.of(account(2)).len()), (MOST_OF_ONE, 1));
        assert_eq!(ring.of(account(1))[0].received.body_bytes, 2, "the newest is first");
        for n in 0..2 * u32::try_from(MOST).unwrap() {
            ring.add(account(n), unproven(&secret, b"{}", b"x"));
        }
        assert!(ring.0.len() <= MOST);
    }
}
