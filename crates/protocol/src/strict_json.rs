//! One JSON value, read strictly: no duplicate members at any depth, no nesting past 16, nothing after the end. What
//! two parsers could read differently must not pass the relay that signs off on it.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// How deep objects and arrays may nest; a fetch request needs 2, a batch 4.
pub const MAX_DEPTH: usize = 16;

/// A JSON value whose objects have no duplicate members. Text is borrowed from the input where it has no escapes.
#[derive(Clone, Debug, PartialEq)]
pub enum StrictValue<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// Any number.
    Number(serde_json::Number),
    /// A string.
    String(Cow<'a, str>),
    /// An array.
    Array(Vec<StrictValue<'a>>),
    /// An object, members in the order of the input.
    Object(Vec<(Cow<'a, str>, StrictValue<'a>)>),
}

/// The bytes are not one strict JSON value. The text says what and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct MalformedJson(String);

impl<'a> StrictValue<'a> {
    /// Reads one value.
    ///
    /// # Errors
    /// Anything that is not exactly one JSON value, a duplicate member, or nesting deeper than [`MAX_DEPTH`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, MalformedJson> {
        let mut deserializer = serde_json::Deserializer::from_slice(bytes);
        let malformed = |error: serde_json::Error| MalformedJson(error.to_string());
        let value = Strict { depth: 0 }.deserialize(&mut deserializer).map_err(malformed)?;
        deserializer.end().map_err(malformed)?;
        Ok(value)
    }

    /// What kind of value it is, in the words of JSON.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::String(_) => "a string",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
        }
    }
}

#[derive(Clone, Copy)]
struct Strict {
    depth: usize,
}

impl Strict {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return Err(E::custom(format_args!("nesting deeper than {MAX_DEPTH}")));
        }
        Ok(Self { depth: self.depth + 1 })
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = StrictValue<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = StrictValue<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(StrictValue::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(StrictValue::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(StrictValue::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(StrictValue::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Self::Value, E> {
        serde_json::Number::from_f64(value).map(StrictValue::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(StrictValue::String(Cow::Owned(value.to_owned())))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(StrictValue::String(Cow::Borrowed(value)))
    }

    fn visit_string<E>(self, value: String) -> Result<Self::Value, E> {
        Ok(StrictValue::String(Cow::Owned(value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut array = Vec::new();
        let inside = self.deeper::<A::Error>()?;
        while let Some(item) = items.next_element_seed(inside)? {
            array.push(item);
        }
        Ok(StrictValue::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        // Past this many members a linear search for duplicates would let a body of 64 KiB cost millions of steps.
        const SEARCHED_LINEARLY: usize = 16;
        let mut object: Vec<(Cow<'de, str>, StrictValue<'de>)> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        let inside = self.deeper::<A::Error>()?;
        while let Some(MemberName(name)) = members.next_key()? {
            if object.len() == SEARCHED_LINEARLY {
                seen.extend(object.iter().map(|(name, _)| name.clone()));
            }
            let duplicate = match object.len() {
                0..SEARCHED_LINEARLY => object.iter().any(|(known, _)| *known == name),
                _ => !seen.insert(name.clone()),
            };
            if duplicate {
                return Err(A::Error::custom(format_args!("duplicate member `{name}`")));
            }
            let value = members.next_value_seed(inside)?;
            object.push((name, value));
        }
        Ok(StrictValue::Object(object))
    }
}

/// A member's name, borrowed where it can be: `Cow`'s own `Deserialize` always copies.
struct MemberName<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for MemberName<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;
        impl<'de> Visitor<'de> for Name {
            type Value = MemberName<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a member's name")
            }

            fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
                Ok(MemberName(Cow::Owned(value.to_owned())))
            }

            fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
                Ok(MemberName(Cow::Borrowed(value)))
            }
        }
        deserializer.deserialize_str(Name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        StrictValue::parse(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn duplicates_are_refused_at_any_depth_and_in_any_spelling() {
        assert!(refusal(r#"{"a":1,"a":1}"#).contains("duplicate member `a`"));
        assert!(refusal(r#"{"x":[{"a":1,"\u0061":2}]}"#).contains("duplicate member `a`"));
        let many: String = (0..100).map(|n| format!("\"m{n}\":1,")).collect();
        assert!(refusal(&format!("{{{many}\"m50\":1}}")).contains("duplicate member `m50`"));
        assert!(refusal(&format!("{{{many}\"m3\":1}}")).contains("duplicate member `m3`"));
        assert!(StrictValue::parse(format!("{{{many}\"last\":1}}").as_bytes()).is_ok());
    }

    #[test]
    fn nesting_ends_at_sixteen() {
        let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(StrictValue::parse(nested(16).as_bytes()).is_ok());
        assert!(refusal(&nested(17)).contains("nesting deeper than 16"));
        assert!(refusal(&nested(60_000)).contains("nesting deeper than 16"));
    }

    #[test]
    fn exactly_one_value() {
        for text in ["", " ", "{} {}", "{}x", "\u{feff}{}", "{'a':1}", "{\"a\":1,}", "NaN", "01", "\"\\ud800\""] {
            assert!(StrictValue::parse(text.as_bytes()).is_err(), "{text}");
        }
        assert!(StrictValue::parse(b"{\"a\":\"\xff\"}").is_err());
    }

    #[test]
    fn text_without_escapes_is_borrowed() {
        let Ok(StrictValue::Object(members)) = StrictValue::parse(br#"{"a":"b"}"#) else { panic!() };
        assert!(matches!(members[0], (Cow::Borrowed("a"), StrictValue::String(Cow::Borrowed("b")))));
    }
}
