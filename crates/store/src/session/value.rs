//! A parameter of a statement.

use domain::{Month, Role};
use protocol::{AccountId, DeviceId, Environment, InvitationId, JobId, OperatorId, PollId, SessionId, UnixMillis};

/// What storage knows: 64-bit integers (times and booleans too), text and bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'a> {
    Null,
    Int(i64),
    Text(&'a str),
    Bytes(&'a [u8]),
}

impl From<i64> for Value<'_> {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<u32> for Value<'_> {
    fn from(value: u32) -> Self {
        Self::Int(value.into())
    }
}

impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Self::Int(value.into())
    }
}

impl From<UnixMillis> for Value<'_> {
    fn from(value: UnixMillis) -> Self {
        Self::Int(value.0)
    }
}

impl From<Environment> for Value<'_> {
    fn from(value: Environment) -> Self {
        Self::Int(match value {
            Environment::Live => 0,
            Environment::Test => 1,
        })
    }
}

impl From<Role> for Value<'_> {
    fn from(value: Role) -> Self {
        Self::Int(value.number())
    }
}

impl From<Month> for Value<'_> {
    fn from(value: Month) -> Self {
        Self::Int(value.number())
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(value: &'a str) -> Self {
        Self::Text(value)
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(value: &'a String) -> Self {
        Self::Text(value)
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(value: &'a [u8]) -> Self {
        Self::Bytes(value)
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Value<'a> {
    fn from(value: &'a [u8; N]) -> Self {
        Self::Bytes(value)
    }
}

impl<'a, T: Into<Self>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

macro_rules! ids {
    ($($id:ty),*) => {$(
        impl<'a> From<&'a $id> for Value<'a> {
            fn from(value: &'a $id) -> Self {
                Self::Bytes(value.as_bytes())
            }
        }
    )*};
}

ids!(AccountId, DeviceId, InvitationId, JobId, OperatorId, PollId, SessionId);
