//! Email addresses, as names of operators: compared, shown, never written to. Not the whole of RFC 5321: what two systems
//! could read as two different addresses is refused, since an invitation is worth an account.

use std::fmt;
use std::str::FromStr;

/// Bytes of an address (RFC 5321, section 4.5.3.1.3, less the brackets).
const MAX_BYTES: usize = 254;
/// Bytes before the `@` (RFC 5321, section 4.5.3.1.1).
const MAX_LOCAL_BYTES: usize = 64;

/// An address in the one form that is stored and compared: lower case, no blanks around it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EmailAddress(String);

/// The text is no address that an operator can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an email address such as name@company.example, in plain letters, digits and signs")]
pub struct InvalidEmail;

impl EmailAddress {
    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before the `@`: a name until a person gives another.
    #[must_use]
    pub fn local_part(&self) -> &str {
        self.0.split_once('@').map_or("", |(local, _)| local)
    }
}

impl FromStr for EmailAddress {
    type Err = InvalidEmail;

    fn from_str(text: &str) -> Result<Self, InvalidEmail> {
        // ASCII alone: letters that only look alike, or turn into others in lower case, make strangers of friends.
        let text = text.trim().to_ascii_lowercase();
        let (local, domain) = text.split_once('@').ok_or(InvalidEmail)?;
        let is_atom = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
        let is_label = |label: &str| {
            let ends_well = !label.starts_with('-') && !label.ends_with('-');
            (1..=63).contains(&label.len()) && ends_well && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        };
        let local_is_good = (1..=MAX_LOCAL_BYTES).contains(&local.len())
            && local.chars().all(is_atom)
            && !local.starts_with('.')
            && !local.ends_with('.')
            && !local.contains("..");
        let domain_is_good = domain.split('.').all(is_label);
        if local_is_good && domain_is_good && text.len() <= MAX_BYTES { Ok(Self(text)) } else { Err(InvalidEmail) }
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_one_form() {
        for (text, expected) in [
            ("ada@company.example", Some("ada@company.example")),
            ("  Ada.L+ads@Company.EXAMPLE\n", Some("ada.l+ads@company.example")),
            ("me@localhost", Some("me@localhost")),
            ("", None),
            ("ada", None),
            ("@company.example", None),
            ("ada@", None),
            ("ada@company..example", None),
            ("ada@-company.example", None),
            ("a da@company.example", None),
            ("ada@evil.example@company.example", None),
            ("ada\0@company.example", None),
            (".ada@company.example", None),
            ("a..da@company.example", None),
            ("\u{131}da@company.example", None),
            ("\"a b\"@company.example", None),
            ("ada@[127.0.0.1]", None),
        ] {
            assert_eq!(text.parse::<EmailAddress>().ok().as_ref().map(EmailAddress::as_str), expected, "{text:?}");
        }
        assert!(format!("{}@company.example", "a".repeat(65)).parse::<EmailAddress>().is_err());
        assert!(format!("a@{}", "b.".repeat(130) + "example").parse::<EmailAddress>().is_err());
    }
}
