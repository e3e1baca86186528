//! Ids: UUIDv7 (RFC 9562) behind a prefixed newtype a kind, so that ids of different things cannot be mixed up in code
//! or in a ticket, and sort by the time they were made.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use uuid::Uuid;

use crate::clock::UnixMillis;

/// A text that is no id of the expected kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected `{prefix}` and 32 lower-case hexadecimal digits")]
pub struct InvalidId {
    prefix: &'static str,
}

macro_rules! prefixed_ids {
    ($($(#[doc = $doc:literal])* $name:ident = $prefix:literal;)*) => {$(
        $(#[doc = $doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// What the written form begins with.
            pub const PREFIX: &'static str = $prefix;

            /// A new id. `random` comes from the caller, so that tests can repeat themselves.
            #[must_use]
            pub fn new(now: UnixMillis, random: [u8; 10]) -> Self {
                let millis = u64::try_from(now.0).unwrap_or(0);
                Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
            }

            /// A new id with the operating system's randomness.
            #[must_use]
            pub fn random(now: UnixMillis) -> Self {
                Self::new(now, crate::secret::random_bytes())
            }

            /// The time that the id was made at.
            #[must_use]
            pub fn made_at(&self) -> UnixMillis {
                let [a, b, c, d, e, f, ..] = *self.as_bytes();
                UnixMillis(i64::from_be_bytes([0, 0, a, b, c, d, e, f]))
            }

            /// The 16 bytes that storage keeps.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// The id that storage kept as these bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }
        }

        #[cfg(feature = "schema")]
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({"type": "string", "pattern": concat!("^", $prefix, "[0-9a-f]{32}$"), "description": concat!($($doc),*).trim()})
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut digits = [0; uuid::fmt::Simple::LENGTH];
                f.write_str($prefix)?;
                f.write_str(self.0.simple().encode_lower(&mut digits))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let invalid = InvalidId { prefix: $prefix };
                let digits = text.strip_prefix($prefix).ok_or(invalid)?;
                // One id has one written form: Uuid would also take upper case and hyphens.
                if digits.len() != 32 || !digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
                    return Err(invalid);
                }
                Uuid::try_parse(digits).map(Self).map_err(|_| invalid)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(D::Error::custom)
            }
        }
    )*};
}

prefixed_ids! {
    /// One durable wish to resolve one tracking URL.
    JobId = "job_";
    /// Who owns keys, devices, rows and quota.
    AccountId = "acc_";
    /// One linked installation of the desktop.
    DeviceId = "dev_";
    /// A person in the console.
    OperatorId = "op_";
    /// One operator's being signed in, in one browser.
    SessionId = "ses_";
    /// The offer of a place in an account to whoever has an email address.
    InvitationId = "inv_";
    /// One pull of one desktop; the same again returns the same leases.
    PollId = "poll_";
    /// One HTTP request to the relay, for logs and problems.
    RequestId = "req_";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_one_written_form() {
        let id = JobId::new(UnixMillis(1_779_753_600_000), [7; 10]);
        assert_eq!(id.to_string().parse::<JobId>(), Ok(id));
        assert_eq!(id.made_at(), UnixMillis(1_779_753_600_000));
        assert!(id.to_string().starts_with("job_019e61"));
        assert!(id.to_string().to_uppercase().parse::<JobId>().is_err());
        assert!(id.to_string().parse::<DeviceId>().is_err());
        assert!("job_0199-0000".parse::<JobId>().is_err());
    }

    #[test]
    fn ids_sort_by_time() {
        assert!(JobId::new(UnixMillis(1), [255; 10]) < JobId::new(UnixMillis(2), [0; 10]));
    }
}
