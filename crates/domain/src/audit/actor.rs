//! Who did it.

use std::fmt;
use std::str::FromStr;

use protocol::{DeviceId, KeyId};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// Who did something. Written as one or two words: `key lp_live_…`, `device dev_…`, `operator …`, `machine`, `relay`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Actor {
    /// A caller, by the key that it signed with.
    Key(KeyId),
    /// A desktop.
    Device(DeviceId),
    /// A person in the console, by their id.
    Operator(String),
    /// Whoever may use a shell on the relay's own machine.
    Machine,
    /// The relay, because time has passed.
    Relay,
}

/// The text names nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected `key …`, `device …`, `operator …`, `machine` or `relay`")]
pub struct UnknownActor;

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(id) => write!(f, "key {id}"),
            Self::Device(id) => write!(f, "device {id}"),
            Self::Operator(id) => write!(f, "operator {id}"),
            Self::Machine => f.write_str("machine"),
            Self::Relay => f.write_str("relay"),
        }
    }
}

impl FromStr for Actor {
    type Err = UnknownActor;

    fn from_str(text: &str) -> Result<Self, UnknownActor> {
        match text.split_once(' ') {
            Some(("key", id)) => id.parse().map(Self::Key).map_err(|_| UnknownActor),
            Some(("device", id)) => id.parse().map(Self::Device).map_err(|_| UnknownActor),
            Some(("operator", id)) => Ok(Self::Operator(id.to_owned())),
            None if text == "machine" => Ok(Self::Machine),
            None if text == "relay" => Ok(Self::Relay),
            _ => Err(UnknownActor),
        }
    }
}

impl Serialize for Actor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Actor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_actor_has_one_written_form() {
        let actors = [
            Actor::Key("lp_live_0123456789abcdef".parse().unwrap()),
            Actor::Device(DeviceId::from_bytes([3; 16])),
            Actor::Operator("anna@example.com".to_owned()),
            Actor::Machine,
            Actor::Relay,
        ];
        for actor in actors {
            assert_eq!(actor.to_string().parse(), Ok(actor));
        }
        assert!("caller".parse::<Actor>().is_err());
    }
}
