//! What a desktop polls with while it is being linked: a token that says all that an operator needs to see, sealed, so that
//! nobody but a relay of this installation can make or read one. Any of them can open it, none has to remember it, and
//! asking for one writes nothing.

use data_encoding::BASE64URL_NOPAD;
use protocol::device_signature::DevicePublicKey;
use protocol::secret::random_bytes;
use protocol::{Secret, UnixMillis};
use serde::{Deserialize, Serialize};
use store::Sealing;

/// A token of another purpose is no code.
const PURPOSE: &str = "linking code";
/// Characters of a user code's alphabet: no vowels, so that it spells nothing, and none that look alike (RFC 8628, section 6.1).
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";

/// A desktop that asks to be linked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LinkCode {
    /// What the desktop shows: eight letters in two groups.
    pub(crate) user_code: String,
    /// What its requests will be signed with.
    pub(crate) public_key: DevicePublicKey,
    /// What people call the machine.
    pub(crate) name: String,
    /// Operating system and processor.
    pub(crate) platform: String,
    /// Where it asked from.
    pub(crate) address: String,
    /// Until when somebody may decide.
    pub(crate) expires_at: UnixMillis,
}

/// As it is sealed.
#[derive(Serialize, Deserialize)]
struct Content(String, String, String, String, String, i64);

/// What the desktop polls with; `None`: it cannot be sealed.
pub(super) fn seal(sealing: &Sealing, code: &LinkCode) -> Option<String> {
    let LinkCode { user_code, public_key, name, platform, address, expires_at } = code.clone();
    let content = Content(user_code, public_key.to_hex(), name, platform, address, expires_at.0);
    let sealed = sealing.seal_token(PURPOSE, &Secret::new(serde_json::to_string(&content).ok()?)).ok()?;
    Some(BASE64URL_NOPAD.encode(&sealed))
}

/// What a relay of this installation has sealed.
pub(super) fn open(sealing: &Sealing, device_code: &str) -> Option<LinkCode> {
    let content = sealing.open_token(PURPOSE, &BASE64URL_NOPAD.decode(device_code.as_bytes()).ok()?)?;
    let Content(user_code, public_key, name, platform, address, expires_at) = serde_json::from_str(content.expose()).ok()?;
    let public_key = DevicePublicKey::from_hex(&public_key).ok()?;
    Some(LinkCode { user_code, public_key, name, platform, address, expires_at: UnixMillis(expires_at) })
}

/// A new user code: 34 bits, for minutes, and whoever tries one is an operator who is signed in.
pub(super) fn new_user_code() -> String {
    // 32 random bits a letter: the bias over 20 letters is nothing.
    let letter = || char::from(LETTERS[(u32::from_le_bytes(random_bytes()) % 20) as usize]);
    let group = || (0..4).map(|_| letter()).collect::<String>();
    format!("{}-{}", group(), group())
}

/// The one form of a user code: people type it in lower case, and with or without the hyphen. `None`: it cannot be one.
pub(crate) fn canonical(user_code: &str) -> Option<String> {
    let letters: String = user_code.chars().filter(char::is_ascii_alphabetic).collect::<String>().to_ascii_uppercase();
    let is_code = letters.len() == 8 && letters.bytes().all(|letter| LETTERS.contains(&letter));
    is_code.then(|| format!("{}-{}", &letters[..4], &letters[4..]))
}

/// Where an operator decides about a code, and the same with the code filled in.
pub(super) fn verification_uris(public_url: &str, user_code: &str) -> (String, String) {
    let uri = format!("{public_url}/link");
    (uri.clone(), format!("{uri}?code={user_code}"))
}

#[cfg(test)]
mod tests {
    use protocol::device_signature::DeviceKey;
    use store::SealingKey;

    use super::*;

    #[test]
    fn a_code_opens_with_the_key_of_its_installation_alone_and_only_whole() {
        let code = LinkCode {
            user_code: new_user_code(),
            public_key: DeviceKey::generate().public(),
            name: "ädas desk \u{1F5A5}".to_owned(),
            platform: "linux x86_64".to_owned(),
            address: "192.0.2.7".to_owned(),
            expires_at: UnixMillis(7),
        };
        let with = |byte| Sealing::with(SealingKey::new(&[byte; 32]));
        let sealed = seal(&with(7), &code).unwrap();
        assert_ne!(sealed, seal(&with(7), &code).unwrap());
        assert_eq!(open(&with(7), &sealed), Some(code), "another relay");
        assert_eq!(open(&with(8), &sealed), None);
        for broken in [&sealed[..sealed.len() - 1], &sealed[1..], "", "AAAA", "!"] {
            assert_eq!(open(&with(7), broken), None, "{broken}");
        }
        for at in [3, 20, 60] {
            let mut turned = sealed.clone().into_bytes();
            turned[at] = if turned[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(open(&with(7), std::str::from_utf8(&turned).unwrap()), None, "{at}");
        }
        let other = with(7).seal_token("another", &Secret::new("x".to_owned())).unwrap();
        assert_eq!(open(&with(7), &BASE64URL_NOPAD.encode(&other)), None);
    }

    #[test]
    fn a_user_code_has_one_form() {
        for text in ["BCDF-GHJK", "bcdf-ghjk", "bcdfghjk", " bcdf ghjk "] {
            assert_eq!(canonical(text).as_deref(), Some("BCDF-GHJK"), "{text}");
        }
        for text in ["", "BCDF", "BCDF-GHJA", "BCDF-GHJKL"] {
            assert_eq!(canonical(text), None, "{text}");
        }
    }
}
