//! What an operator may do in an account. Pure: who asks and whom it concerns in, decision out.

use std::fmt;
use std::str::FromStr;

/// What an operator may do in one account. Each role may do all that the one before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Sees everything, changes nothing.
    Viewer,
    /// Runs the account: links and revokes desktops, manages keys, rows and jobs.
    Operator,
    /// Decides over people and plans too.
    Owner,
}

/// No role has this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected owner, operator or viewer")]
pub struct UnknownRole;

impl Role {
    /// Every role, the least first.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Operator, Self::Owner];

    /// Its name, on pages and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Owner => "owner",
        }
    }

    /// What it means, in a few words for a person who chooses one.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Viewer => "sees everything, changes nothing",
            Self::Operator => "links desktops, manages keys, rows and jobs",
            Self::Owner => "decides over people too",
        }
    }

    /// The number that storage keeps; never changed for a role that exists.
    #[must_use]
    pub const fn number(self) -> i64 {
        match self {
            Self::Viewer => 0,
            Self::Operator => 1,
            Self::Owner => 2,
        }
    }

    /// The role that storage kept as this number.
    #[must_use]
    pub fn of_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.number() == number)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::ALL.into_iter().find(|role| role.name() == text).ok_or(UnknownRole)
    }
}

/// What is to become of a member of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberChange {
    /// Another role.
    Role(Role),
    /// Out of the account.
    Removal,
}

/// Whether a change of a member leaves the account with somebody who can decide over people. `owners`: how many the account
/// has before the change; `current`: the role of the member whom it concerns.
#[must_use]
pub const fn keeps_an_owner(owners: u64, current: Role, change: MemberChange) -> bool {
    let takes_an_owner = matches!(current, Role::Owner) && !matches!(change, MemberChange::Role(Role::Owner));
    !takes_an_owner || owners > 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_in_order_and_have_one_name_and_number_each() {
        assert!(Role::Viewer < Role::Operator && Role::Operator < Role::Owner);
        for role in Role::ALL {
            assert_eq!(role.name().parse(), Ok(role));
            assert_eq!(Role::of_number(role.number()), Some(role));
        }
        assert_eq!("admin".parse::<Role>(), Err(UnknownRole));
        assert_eq!(Role::of_number(3), None);
    }

    #[test]
    fn the_last_owner_stays() {
        use MemberChange::{Removal, Role as To};
        for (owners, current, change, allowed) in [
            (1, Role::Owner, Removal, false),
            (1, Role::Owner, To(Role::Operator), false),
            (1, Role::Owner, To(Role::Owner), true),
            (2, Role::Owner, Removal, true),
            (2, Role::Owner, To(Role::Viewer), true),
            (1, Role::Operator, Removal, true),
            (1, Role::Viewer, To(Role::Owner), true),
        ] {
            assert_eq!(keeps_an_owner(owners, current, change), allowed, "{owners} {current} {change:?}");
        }
    }
}
