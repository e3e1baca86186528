//! What a key may do. Closed and small: a scope is a promise to whoever hands a key out.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// One thing that a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Ask for links to be resolved, one by one or in batches.
    Submit,
    /// Read jobs, rows and what else the account has.
    Read,
    /// Cancel jobs.
    Cancel,
}

impl Scope {
    /// Every scope, in the order in which they are written.
    pub const ALL: [Self; 3] = [Self::Submit, Self::Read, Self::Cancel];

    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Submit => "submit",
            Self::Read => "read",
            Self::Cancel => "cancel",
        }
    }

    const fn bit(self) -> u8 {
        match self {
            Self::Submit => 1,
            Self::Read => 2,
            Self::Cancel => 4,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no scope, or a list without any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected one or more of `submit`, `read` and `cancel`")]
pub struct InvalidScope;

impl FromStr for Scope {
    type Err = InvalidScope;

    fn from_str(text: &str) -> Result<Self, InvalidScope> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text).ok_or(InvalidScope)
    }
}

/// The scopes of a key: at least one. A key that may do nothing is a revoked one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Scopes(u8);

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Scopes {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Scopes".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "array", "items": generator.subschema_for::<Scope>(), "minItems": 1, "description": "What a key may do."})
    }
}

impl Scopes {
    /// All of them: what a key has unless told otherwise.
    pub const ALL: Self = Self(7);

    /// These scopes; `None` when there is none. Naming one twice is harmless.
    #[must_use]
    pub fn of(scopes: &[Scope]) -> Option<Self> {
        Self::from_bits(scopes.iter().fold(0, |bits, scope| bits | scope.bit()))
    }

    /// Whether `scope` is among them.
    #[must_use]
    pub const fn allow(self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }

    /// The scopes, in their usual order.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.allow(*scope))
    }

    /// The number that storage keeps: submit 1, read 2, cancel 4.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// The scopes that storage kept as this number.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Option<Self> {
        if bits == 0 || bits > Self::ALL.0 { None } else { Some(Self(bits)) }
    }
}

impl Default for Scopes {
    fn default() -> Self {
        Self::ALL
    }
}

/// `submit, read`
impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, scope) in self.iter().enumerate() {
            write!(f, "{}{scope}", if index == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scopes({self})")
    }
}

impl Serialize for Scopes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Scopes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let scopes = Vec::<Scope>::deserialize(deserializer)?;
        Self::of(&scopes).ok_or_else(|| D::Error::custom(InvalidScope))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_a_set_with_one_written_form() {
        let scopes = Scopes::of(&[Scope::Cancel, Scope::Submit, Scope::Submit]).unwrap();
        assert!(scopes.allow(Scope::Submit) && scopes.allow(Scope::Cancel) && !scopes.allow(Scope::Read));
        assert_eq!(serde_json::to_string(&scopes).unwrap(), r#"["submit","cancel"]"#);
        assert_eq!(serde_json::from_str::<Scopes>(r#"["cancel","submit"]"#).unwrap(), scopes);
        assert_eq!(Scopes::from_bits(scopes.bits()), Some(scopes));
        assert_eq!(Scopes::ALL.iter().count(), Scope::ALL.len());
    }

    #[test]
    fn no_scope_at_all_is_refused() {
        assert_eq!(Scopes::of(&[]), None);
        assert!(Scopes::from_bits(0).is_none() && Scopes::from_bits(8).is_none());
        assert!(serde_json::from_str::<Scopes>("[]").is_err());
        assert!(serde_json::from_str::<Scopes>(r#"["admin"]"#).is_err());
    }
}
